"""The spec version: a fingerprint of everything in a spec folder that can change a score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from grader.kit.digest import sha256_of_named

# What proves a spec, or was computed from it, judges nobody.
LEFT_OUT = frozenset({"__pycache__", "mutants", "variants", "cache", ".cache", ".ipynb_checkpoints"})
# Twelve hexadecimal digits: two of a thousand specs agree with a chance of one in half a billion.
VERSION_LENGTH = 12


def spec_version(folder: Path) -> str:
    """The version of the spec in `folder`: twelve hexadecimal digits over the names and contents of its files."""
    return version_of((path.relative_to(folder).as_posix(), path.read_bytes()) for path in spec_files(folder))


def version_of(files: Iterable[tuple[str, bytes]]) -> str:
    """The version that these files, by path inside the spec folder, make up."""
    return sha256_of_named(files)[:VERSION_LENGTH]


def spec_files(folder: Path) -> Iterator[Path]:
    """Every file that counts, sorted within its folder."""
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_OUT or path.name.startswith(".") or path.suffix == ".pyc":
            continue
        if path.is_dir():
            yield from spec_files(path)
        elif path.is_file():
            yield path
