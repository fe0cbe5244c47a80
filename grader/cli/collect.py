"""From the FILE arguments to hand-ins.

A file is one hand-in, whatever its name. A folder is

1. one unpacked hand-in, if no zip file lies in it and a file lies in it that the assignment asks for beside the code
   (such as the report): it is zipped on the fly under the folder's name;
2. else a folder of hand-ins: every .zip, .ipynb and .py file directly in it is one, sorted by name;
3. and if there is none, the same two rules are applied to each of its own folders, as a download from Moodle has them.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.domain.assignment import Assignment, Limits
from grader.domain.errors import BadArguments, InputError
from grader.intake.archive import refuse_large
from grader.intake.paths import is_litter
from grader.kit.text import one_line

_SUFFIXES = (".zip", ".ipynb", ".py")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandIn:
    """One hand-in on this disk. `label` tells it from the others of the same command."""

    label: str
    path: Path
    unpacked: bool = False

    @property
    def upload_name(self) -> str:
        return f"{self.path.resolve().name}.zip" if self.unpacked else self.path.name

    def read(self, limits: Limits) -> bytes:
        """Its bytes.

        Raises:
            InputError: it is not there, not a file, or too large to be read at all.

        """
        try:
            if self.unpacked:
                return _zipped(self.path, limits)
            if not self.path.is_file():
                words = "is not an ordinary file" if self.path.exists() else "does not exist"
                raise BadArguments(f"{one_line(str(self.path))} {words}.")
            refuse_large(self.path.name, self.path.stat().st_size, limits)
            return self.path.read_bytes()
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            raise InputError(f"{one_line(str(self.path))} cannot be read: {reason}.") from error


def collect(paths: Sequence[Path], assignment: Assignment) -> list[HandIn]:
    """The hand-ins, in the order given.

    Raises:
        BadArguments: a folder holds none.

    """
    found = [hand_in for path in paths for hand_in in _at(path, assignment)]
    if not found:
        raise BadArguments("No file was given.")
    return found


def _at(path: Path, assignment: Assignment) -> list[HandIn]:
    if not path.is_dir():
        return [HandIn(label=str(path), path=path)]
    found = _in_folder(path, assignment)
    if not found:
        folders = sorted(inner for inner in path.iterdir() if inner.is_dir() and not is_litter(inner.name))
        found = [hand_in for folder in folders for hand_in in _in_folder(folder, assignment)]
    if not found:
        raise BadArguments(f"The folder {one_line(str(path))} holds no .zip, .ipynb or .py file.")
    return found


def _in_folder(folder: Path, assignment: Assignment) -> list[HandIn]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and not is_litter(path.name))
    candidates = [path for path in files if path.suffix.lower() in _SUFFIXES]
    zips = [path for path in candidates if path.suffix.lower() == ".zip"]
    asked_for = [rule for rule in assignment.files.file if rule.role != "code"]
    beside = [path for path in files if any(re.fullmatch(rule.pattern, path.name, re.IGNORECASE) for rule in asked_for)]
    if candidates and not zips and beside:
        return [HandIn(label=str(folder), path=folder, unpacked=True)]
    return [HandIn(label=str(path), path=path) for path in candidates]


def _zipped(folder: Path, limits: Limits) -> bytes:
    stream = io.BytesIO()
    left = limits.expanded_bytes
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, path in enumerate(_files_under(folder)):
            left -= path.stat().st_size
            if left < 0 or number >= limits.entries:
                raise InputError(f"The folder {one_line(str(folder))} holds more than a hand-in may; leave out data.")
            # A fixed time keeps the same folder the same bytes.
            archive.writestr(
                zipfile.ZipInfo(path.relative_to(folder).as_posix(), (2020, 1, 1, 0, 0, 0)),
                path.read_bytes(),
                zipfile.ZIP_DEFLATED,
            )
    return stream.getvalue()


def _files_under(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not is_litter(path.relative_to(folder).as_posix()):
            yield path
