"""The spec version: a fingerprint of everything that can change a score.

That is the spec's own folder and the packages of `common/` that it names. In the tree of specs `common/` lies beside
the spec folders; a packed spec carries its part of it inside, and has the same version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from grader.kit.digest import sha256_of_named

# What proves a spec, or was computed from it, judges nobody.
COMMON = "common"
LEFT_OUT = frozenset({"__pycache__", "mutants", "variants", "cache", ".cache", ".ipynb_checkpoints"})
# Twelve hexadecimal digits: two of a thousand specs agree with a chance of one in half a billion.
VERSION_LENGTH = 12


def spec_version(folder: Path, common: Iterable[str] = ()) -> str:
    """The version of the spec in `folder`: twelve hexadecimal digits over the names and contents of its files."""
    return version_of((name, path.read_bytes()) for name, path in named_files(folder, common).items())


def common_folder(folder: Path) -> Path:
    """Where the packages that specs share lie for the spec in `folder`."""
    return folder / COMMON if (folder / COMMON).is_dir() else folder.parent / COMMON


def named_files(folder: Path, common: Iterable[str] = ()) -> dict[str, Path]:
    """Every file that counts, by its path in the packed spec; `common` names the shared packages."""
    files = {path.relative_to(folder).as_posix(): path for path in spec_files(folder)}
    shared = common_folder(folder)
    for package in common:
        for path in spec_files(shared / package):
            files[f"{COMMON}/{path.relative_to(shared).as_posix()}"] = path
    return files


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
