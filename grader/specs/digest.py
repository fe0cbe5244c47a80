"""The spec version: a fingerprint of everything in a spec folder that can change a score."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from grader.kit.digest import sha256_of_named

# What proves a spec, or was computed from it, judges nobody.
LEFT_OUT = frozenset({"__pycache__", "mutants", "variants", "cache", ".cache", ".ipynb_checkpoints"})
# Twelve hexadecimal digits: two of a thousand specs agree with a chance of one in half a billion.
VERSION_LENGTH = 12


def spec_version(folder: Path) -> str:
    """The version of the spec in `folder`: twelve hexadecimal digits over the names and contents of its files."""
    return sha256_of_named((path.relative_to(folder).as_posix(), path.read_bytes()) for path in _files(folder))[
        :VERSION_LENGTH
    ]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_OUT or path.name.startswith(".") or path.suffix == ".pyc":
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path
