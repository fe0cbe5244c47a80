"""Names of files inside an archive: which are refused, which are litter, which would be one file on some disk."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from grader.domain.errors import BadArchive
from grader.kit.text import one_line

# Left by operating systems, editors and git; never looked into.
_LITTER_FOLDERS = frozenset({"__macosx", ".ipynb_checkpoints", ".git", "__pycache__", ".idea", ".vscode", ".venv"})
_LITTER_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
# Characters that turn the direction in which what follows is shown: "nb.\u202eyp.exe" reads as "nb.exe.py".
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_DRIVE = re.compile(r"^[A-Za-z]:")
# The longest name that common file systems take, in bytes, and a path well under their limit.
_NAME_BYTES = 255
_PATH_BYTES = 1024


def parts_of(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part not in ("", "."))


def is_litter(path: str) -> bool:
    """Whether the file was left by a system or a tool rather than put there by a person."""
    parts = [part.casefold() for part in parts_of(path)]
    if not parts:
        return True
    return parts[-1] in _LITTER_FILES or parts[-1].startswith("._") or not _LITTER_FOLDERS.isdisjoint(parts)


def refuse_unsafe(path: str, *, depth: int) -> None:
    """Refuse a path that could leave the folder it is unpacked into, or that no folder could hold.

    Raises:
        BadArchive: with the path, made safe to show.
    """
    shown = one_line(path, limit=80)
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        words = f"The zip file holds a name with control characters ({shown}); rename the file and zip again."
        raise BadArchive(words, trick="a name with control characters")
    if not _TURNS.isdisjoint(path):
        words = f"The zip file holds a name that shows as another one ({shown}); rename the file and zip again."
        raise BadArchive(words, trick="a name that shows as another one")
    if "\\" in path:
        raise BadArchive(
            f"The zip file holds a name with a backslash ({shown}); make the zip file with your system's own tool."
        )
    if path.startswith("/") or _DRIVE.match(path):
        raise BadArchive(
            f"The zip file holds a path from the root of a disk ({shown}); zip the folder itself, without full paths.",
            trick="a path from the root of a disk",
        )
    if ".." in path.split("/"):
        raise BadArchive(
            f"The zip file holds a path that leads out of its folder ({shown}); remove it and zip again.",
            trick="a path that leads out of its folder",
        )
    parts = parts_of(path)
    if not parts:
        raise BadArchive("The zip file holds an entry without a name; make the zip file again.")
    encoded = [len(part.encode()) for part in parts]
    if max(encoded) > _NAME_BYTES or sum(encoded) + len(parts) > _PATH_BYTES:
        raise BadArchive(f"The zip file holds a name that is too long ({shown}); shorten it and zip again.")
    if len(parts) - 1 > depth:
        raise BadArchive(
            f"The zip file holds folders nested more than {depth} deep ({shown}); move your files further up."
        )


def refuse_collisions(paths: Iterable[str]) -> None:
    """Refuse two paths that some file system would store in one place.

    Raises:
        BadArchive: naming both.
    """
    files: dict[tuple[str, ...], str] = {}
    for path in paths:
        key = tuple(unicodedata.normalize("NFC", part).casefold() for part in parts_of(path))
        if key in files:
            raise BadArchive(_collision(files[key], path), trick="two files that are one")
        files[key] = path
    for key, path in files.items():
        for length in range(1, len(key)):
            if key[:length] in files:
                words = _collision(files[key[:length]], path)
                raise BadArchive(words, trick="a file that is a folder too")


def _collision(first: str, second: str) -> str:
    one, two = one_line(first, limit=80), one_line(second, limit=80)
    if first == second:
        return f"The zip file holds {one} twice; keep one of them and zip again."
    return f"The zip file holds {one} and {two}, which are the same file on some systems; rename one and zip again."
