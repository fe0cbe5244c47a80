# ruff: noqa: INP001  # a program that is copied into builds, of no package
"""The requirements of some of our extras, a line each: `python3 extras.py server s3 <pyproject.toml`.

An extra that names others of ours, `grader[service]`, brings theirs along.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

_OURS = re.compile(r"grader\[([a-z0-9,]+)\]")


def requirements(project: dict[str, Any], extras: list[str]) -> Iterator[str]:
    """What the project always needs, and what each extra adds."""
    yield from project["dependencies"]
    for extra in extras:
        yield from _of(project, extra)


def _of(project: dict[str, Any], extra: str) -> Iterator[str]:
    for line in project["optional-dependencies"][extra]:
        if ours := _OURS.fullmatch(line):
            for other in ours[1].split(","):
                yield from _of(project, other)
        else:
            yield line


if __name__ == "__main__":
    project = tomllib.load(sys.stdin.buffer)["project"]
    sys.stdout.write("".join(f"{line}\n" for line in sorted(set(requirements(project, sys.argv[1:])))))
