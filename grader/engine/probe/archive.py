"""Unpacking a submission inside the sandbox: only the entries asked for, streamed, under limits.

Intake has listed the archive already, on the trusted side, without reading it. Here its bytes are read for the first
time, by code that may crash safely. What cannot be unpacked costs itself and leaves a sentence.
"""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

FILE_BYTES = 256 * 2**20
TOTAL_BYTES = 512 * 2**20
CHUNK_BYTES = 2**20
# Besides its own error zipfile lets through what its parts raise: a place in the file beyond 2**63 is an OverflowError.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError,
    OverflowError,
)  # fmt: skip
# What other programs leave in archives; editors' copies of a notebook would stand for it.
_DEBRIS = ("__MACOSX", ".ipynb_checkpoints", "__pycache__", ".git", ".idea", ".vscode")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """One entry that was asked for: its path in the submission, where it lies (None: it could not be unpacked)."""

    path: str
    role: str
    place: Path | None
    note: str = ""


def is_debris(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return any(part in _DEBRIS for part in parts) or (bool(parts) and parts[-1].startswith("._"))


def unpack(body: dict[str, Any], root: Path) -> list[Unpacked]:
    """The entries of a LOAD request, laid out under `root`. Never raises."""
    content: bytes = body.get("archive") or b""
    name = str(body.get("name") or "submission")
    entries = [(str(entry["path"]), str(entry.get("role", "other"))) for entry in body.get("entries") or []]
    root.mkdir(parents=True, exist_ok=True)
    if body.get("kind") == "zip":
        return _unpack_zip(content, [entry for entry in entries if not is_debris(entry[0])], root)
    path, role = entries[0] if entries else (PurePosixPath(name).name, "code")
    place = _place(root, path)
    if place is None:
        place = root / f"submission.{body.get('kind') or 'py'}"
    return [_written(Unpacked(path, role, place), io.BytesIO(content), [TOTAL_BYTES])]


def _unpack_zip(content: bytes, entries: list[tuple[str, str]], root: Path) -> list[Unpacked]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = _by_every_name(archive)
            room = [TOTAL_BYTES]
            return [_unpack_one(archive, members, path, role, root, room) for path, role in entries]
    except _DAMAGED as error:
        note = f"The archive cannot be unpacked ({error}); zip it again and hand it in again."
        return [Unpacked(path, role, None, note) for path, role in entries]


def _by_every_name(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Members by each spelling that their name may have on the trusted side.

    Names that are not marked as UTF-8 are code page 437 by the standard, and in truth whatever the student's
    computer spoke.
    """
    found: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        for name in _spellings(member):
            found[_normal(name)] = member
    return found


def _spellings(member: zipfile.ZipInfo) -> list[str]:
    spellings = [member.filename]
    if not member.flag_bits & 0x800:
        try:
            raw = member.orig_filename.encode("cp437")
        except UnicodeEncodeError:
            return spellings
        for encoding in ("utf-8", "cp1254", "cp1252", "gbk"):
            try:
                spellings.append(raw.decode(encoding))
            except UnicodeDecodeError:
                continue
    return spellings


def _normal(path: str) -> str:
    return str(PurePosixPath(path.replace("\\", "/")))


def _unpack_one(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], path: str, role: str, root: Path, room: list[int]
) -> Unpacked:
    member = members.get(_normal(path))
    place = _place(root, path)
    if member is None or place is None:
        return Unpacked(path, role, None, "It is not in the archive under this name.")
    if member.is_dir() or stat.S_ISLNK(member.external_attr >> 16):
        return Unpacked(path, role, None, "It is a link or a folder, not a file.")
    if member.flag_bits & 0x1:
        return Unpacked(path, role, None, "It is encrypted; hand in an archive without a password.")
    try:
        with archive.open(member) as stream:
            return _written(Unpacked(path, role, place), stream, room)
    except _DAMAGED as error:
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)
        return Unpacked(path, role, None, f"It is damaged in the archive ({error}).")


def _written(wanted: Unpacked, stream: Any, room: list[int]) -> Unpacked:
    """Copy a stream to its place; `room` is what the whole submission may still take."""
    assert wanted.place is not None
    limit = min(FILE_BYTES, room[0])
    written = 0
    try:
        wanted.place.parent.mkdir(parents=True, exist_ok=True)
        with wanted.place.open("wb") as target:
            while chunk := stream.read(CHUNK_BYTES):
                written += len(chunk)
                if written > limit:
                    break
                target.write(chunk)
    except OSError as error:
        return Unpacked(wanted.path, wanted.role, None, f"It cannot be written ({error.strerror or error}).")
    room[0] -= min(written, limit)
    if written > limit:
        wanted.place.unlink()
        return Unpacked(wanted.path, wanted.role, None, f"It unpacks to more than {limit // 2**20} MB.")
    return wanted


def _place(root: Path, path: str) -> Path | None:
    """Where an entry lies; None for a path that would leave the submission's folder."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    if not parts or any(part in ("..", "/") or "\0" in part for part in parts):
        return None
    return root.joinpath(*parts)
