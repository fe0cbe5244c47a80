"""What was uploaded: kind, digest and a list of files, under limits. LIST, NEVER PARSE.

The invariant: no byte of a submission is inflated, decoded or parsed on the trusted side. Only the table of contents
of a zip file is read (`central.py`), and an upload is recognised by its first bytes (`recognise.py`).
"""

from __future__ import annotations

import contextlib
import stat
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from grader.domain.assignment import Limits
from grader.domain.errors import BadArchive, InputError
from grader.domain.ids import Sha256
from grader.intake.central import ENCRYPTED, PATCHED, Record, read_table
from grader.intake.paths import is_litter, parts_of, refuse_collisions, refuse_unsafe
from grader.intake.recognise import Kind, is_zip, look, looks_like_notebook, looks_like_text, office_document
from grader.kit.digest import sha256_of
from grader.kit.text import one_line

_STORED, _DEFLATED = 0, 8
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd", 99: "AES encryption"}
# A small file may shrink a thousandfold and harm nobody; the ratio is held against archives larger than this.
_RATIO_FROM_BYTES = 2**20
# What a browser or a mail program may hang behind the real suffix.
_EXTRA_SUFFIXES = (".txt", ".json", ".download")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of an upload. `path` names it inside the archive, exactly as Python's `zipfile` does; sizes in bytes."""

    path: str
    size: int
    compressed: int

    @property
    def base_name(self) -> str:
        """The last part of the path as the student sees it.

        macOS writes names in UTF-8 without saying so; they then read as another alphabet until decoded again.
        """
        last = parts_of(self.path)[-1]
        with contextlib.suppress(UnicodeError):
            last = last.encode("cp437").decode("utf-8")
        return unicodedata.normalize("NFC", last)

    @property
    def depth(self) -> int:
        return len(parts_of(self.path)) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """An upload that is within the limits. `entries` leaves out folders and litter; `notes` are for the student."""

    name: str
    kind: Kind
    sha256: Sha256
    size: int
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


def list_upload(name: str, content: bytes, limits: Limits) -> Listing:
    """List what was uploaded under `name`.

    Raises:
        BadArchive: a zip file that is damaged, hostile or over the limits.
        InputError: anything else that is not a zip file, a notebook or a Python file within the limits.
    """
    shown = _shown_name(name)
    if not content:
        raise BadArchive(f"The uploaded file {shown} is empty; check the file on your side and upload it again.")
    refuse_large(shown, len(content), limits)
    kind, note = _kind_of(shown, content)
    entries, notes = _zip_entries(shown, content, limits) if kind == "zip" else ((_single(shown, content, limits),), ())
    return Listing(
        name=shown, kind=kind, sha256=Sha256(sha256_of(content)), size=len(content), entries=entries,
        notes=((note,) if note else ()) + notes,
    )  # fmt: skip


def _shown_name(name: str) -> str:
    shown = one_line(PurePosixPath(name.replace("\\", "/")).name, limit=200)
    # A name of dots alone is none: it would be the folder it lies in.
    return shown if shown.strip(".") else "upload"


def refuse_large(name: str, size: int, limits: Limits) -> None:
    """Refuse an upload by its size alone, before anybody reads it.

    Raises:
        BadArchive: it is larger than the assignment allows.

    """
    if size > limits.archive_bytes:
        raise BadArchive(_too_large(f"The uploaded file {one_line(name, limit=200)}", size, limits.archive_bytes, name))


def _kind_of(name: str, content: bytes) -> tuple[Kind, str]:
    suffix = _suffix_of(name)
    if is_zip(content):
        return "zip", "" if suffix == ".zip" else f"{name} is a zip file whatever its name says, and was read as one."
    looks_like = look(content)
    if looks_like:
        raise InputError(f"{name} is {looks_like}; hand in a zip file, a notebook (.ipynb) or a Python file (.py).")
    if suffix == ".ipynb":
        return "ipynb", ""
    if suffix == ".py":
        return "py", ""
    if looks_like_notebook(content):
        return "ipynb", f"{name} looks like a notebook whatever its name says, and was read as one."
    if suffix == ".zip":
        raise BadArchive(
            f"{name} is not a zip file, only named like one; make the zip file again and upload it once more."
        )
    hint = "text" if looks_like_text(content) else "something the grader does not know"
    raise InputError(f"{name} looks like {hint}; hand in a zip file, a notebook (.ipynb) or a Python file (.py).")


def _suffix_of(name: str) -> str:
    path = PurePosixPath(name.casefold().strip())
    if path.suffix in _EXTRA_SUFFIXES and PurePosixPath(path.stem).suffix in (".ipynb", ".py"):
        path = PurePosixPath(path.stem)
    # A name such as ".py" is all suffix to a student and all stem to pathlib.
    return path.suffix or (path.name if path.name.startswith(".") else "")


def _single(name: str, content: bytes, limits: Limits) -> Entry:
    if len(content) > limits.file_bytes:
        raise InputError(_too_large(name, len(content), limits.file_bytes, name))
    return Entry(path=name, size=len(content), compressed=len(content))


def _zip_entries(name: str, content: bytes, limits: Limits) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    records = read_table(content, max_entries=limits.entries)
    document = office_document({record.path for record in records})
    if document:
        raise InputError(f"{name} is {document}; hand in a zip file, a notebook (.ipynb) or a Python file (.py).")
    for record in records:
        _refuse_record(record, limits)
    _refuse_bomb(records, len(content), limits)
    files = [record for record in records if not record.path.endswith("/")]
    wanted = [record for record in files if not is_litter(record.path)]
    if not wanted:
        raise BadArchive("The zip file is empty; put your notebook and your report into it and upload it again.")
    refuse_collisions(record.path for record in wanted)
    litter = len(files) - len(wanted)
    notes = (
        (f"{litter} file{'s' * (litter > 1)} left by the system or by tools in the zip file were ignored.",)
        if litter
        else ()
    )
    return tuple(Entry(path=record.path, size=record.size, compressed=record.compressed) for record in wanted), notes


def _refuse_record(record: Record, limits: Limits) -> None:
    refuse_unsafe(record.path, depth=limits.depth)
    shown = one_line(record.path, limit=80)
    if record.flags & ENCRYPTED or record.method == 99:
        raise BadArchive("The zip file is protected by a password; make it again without one.")
    if record.method not in (_STORED, _DEFLATED) or record.flags & PATCHED:
        method = _METHODS.get(record.method, f"number {record.method}")
        raise BadArchive(
            f"{shown} is packed by a method the grader does not read ({method}); make an ordinary zip file (Deflate)."
        )
    kind = stat.S_IFMT(record.mode)
    if kind == stat.S_IFLNK:
        raise BadArchive(f"{shown} in the zip file is a link; put the file itself into it.", trick="links")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadArchive(
            f"{shown} in the zip file is not an ordinary file; remove it and zip again.", trick="devices or pipes"
        )
    if (kind == stat.S_IFDIR) != record.path.endswith("/") and kind:
        raise BadArchive(
            f"{shown} in the zip file is said to be both a file and a folder; make the zip file again.",
            trick="a file that is a folder too",
        )
    if (record.path.endswith("/") and record.size) or (record.method == _STORED and record.size != record.compressed):
        raise BadArchive(f"The zip file gives a wrong size for {shown}; make the zip file again.", trick="wrong sizes")
    if record.size > limits.file_bytes:
        raise BadArchive(_too_large(f"{shown} in the zip file", record.size, limits.file_bytes, record.path))


def _refuse_bomb(records: Iterable[Record], archive_bytes: int, limits: Limits) -> None:
    expanded = sum(record.size for record in records)
    if expanded > limits.expanded_bytes:
        raise BadArchive(
            f"The zip file would unpack to {_megabytes(expanded)}, more than the {_megabytes(limits.expanded_bytes)} "
            "that are allowed; leave out data, checkpoints and outputs."
        )
    if expanded > _RATIO_FROM_BYTES and expanded > limits.ratio * archive_bytes:
        raise BadArchive(
            f"The zip file would unpack to {expanded / archive_bytes:.0f} times its size, more than the "
            f"{limits.ratio:g} times that are allowed; hand in only your code and your report.",
            trick="a file that grows when it is unpacked",
        )


def _too_large(what: str, size: int, limit: int, path: str) -> str:
    remedy = "leave out data, checkpoints and outputs"
    if _suffix_of(path) == ".ipynb":
        remedy = "clear the outputs of the notebook (Edit, Clear All Outputs), save it"
    return f"{what} is {_megabytes(size)}, more than the {_megabytes(limit)} that are allowed; {remedy} and try again."


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MB" if size >= 10 * 2**20 else f"{size / 2**20:,.1f} MB"
