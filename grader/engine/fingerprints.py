"""Fingerprints of a hand-in, made in a sandbox of its own: the trusted side's half.

The invariant: what comes back is held against a closed form before anything is made of it, numbers and text and nothing
else. Who breaks out of the reading could forge fingerprints: then a pair too many or too few is shown, to a person who
reads both texts.
"""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from grader.domain.assignment import FileRules, Limits
from grader.domain.ending import EndingReason
from grader.domain.errors import InputError, NoSandbox, SandboxLost
from grader.domain.similarity import Fingerprint, Piece, Print
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile
from grader.engine.wire.frames import FrameLimits, FramePipe, WireError, WireTimeout
from grader.engine.wire.messages import Kind, receive, send
from grader.engine.wire.values import ValueLimits
from grader.intake.archive import list_upload
from grader.intake.files import match
from grader.kit.text import one_line, plain

# Fingerprints of another making are not compared with these: change it with grader.engine.probe.fingerprint.
MAKING = "words-1"
PATIENCE_S = 60.0
PIECES, PRINTS, CHARACTERS = 500, 400_000, 2_000_000
_CELLS = 10_000
_LARGEST = 2**48
_PROFILE = SandboxProfile(
    memory_bytes=768 * 2**20, scratch_bytes=768 * 2**20, processes=8, cpu_s=50, warm=False,
    program="from grader.engine.probe.fingerprint import serve; serve()",
)  # fmt: skip
_ANSWER = ValueLimits(depth=6, entries=3 * PRINTS + 10 * PIECES, text=CHARACTERS)
_UNUSABLE = "Reading it gave an answer that cannot be used."
_ENDED = {
    EndingReason.OUT_OF_MEMORY: "Reading it took too much memory.",
    EndingReason.CPU_LIMIT: "Reading it took too long.",
}


def take(backend: SandboxBackend, name: str, content: bytes, *, limits: Limits, rules: FileRules) -> Fingerprint:
    """The fingerprint of one upload; what makes that impossible is its `problem`.

    Raises:
        NoSandbox, SandboxLost: ours.

    """
    try:
        listing = list_upload(name, content, limits)
        entries = [dict(entry) for entry in match(listing, rules).entries if entry["role"] == "code"]
    except InputError as error:
        return Fingerprint(problem=one_line(str(error)))
    body = {"archive": content, "name": listing.name, "kind": listing.kind, "entries": entries, "every": False}
    return _asked(backend, body)


def require_reader(backend: SandboxBackend) -> None:
    """Read something harmless first: else an image without the reader would be every submission's problem, for good.

    Raises:
        NoSandbox: these sandboxes cannot read a submission.
        SandboxLost: ours.

    """
    found = take(backend, "one.py", b"one = 1\n", limits=Limits(), rules=FileRules())
    if len(found.pieces) != 1:
        raise NoSandbox(
            f"The {backend.name} sandboxes here cannot read submissions; if they are made from an image, build it "
            "again (docker/build-images.sh)."
        )


def of_starter(backend: SandboxBackend, folder: Path, suffixes: Iterable[str]) -> Fingerprint:
    """Every fingerprint of what students were given: the files of a spec's `starter/`, if there is one.

    Raises:
        NoSandbox, SandboxLost: ours.

    """
    wanted = {suffix.casefold() for suffix in suffixes} | {".py", ".ipynb"}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.casefold() in wanted)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in files:
            archive.write(path, path.relative_to(folder).as_posix())
    entries = [{"path": path.relative_to(folder).as_posix(), "role": "code"} for path in files]
    body = {"archive": packed.getvalue(), "name": "starter.zip", "kind": "zip", "entries": entries, "every": True}
    return _asked(backend, body) if files else Fingerprint()


def _asked(backend: SandboxBackend, body: dict[str, Any]) -> Fingerprint:
    sandbox = backend.start(_PROFILE)
    try:
        return _answer(sandbox, body)
    finally:
        sandbox.kill()


def _answer(sandbox: Sandbox, body: dict[str, Any]) -> Fingerprint:
    limits = FrameLimits(header_bytes=64 * 2**20, payload_bytes=0)
    pipe = FramePipe(os.dup(sandbox.read_fd), os.dup(sandbox.write_fd), limits)
    deadline = time.monotonic() + PATIENCE_S
    try:
        send(pipe, Kind.LOAD, 1, body, deadline=deadline)
        answer = receive(pipe, deadline=deadline, limits=_ANSWER)
    except WireTimeout:
        sandbox.kill(EndingReason.TIMED_OUT)
        return Fingerprint(problem=_ENDED[EndingReason.CPU_LIMIT])
    except WireError as error:
        reason = sandbox.ending().reason
        if reason is EndingReason.LOST:
            raise SandboxLost("The sandbox was lost while a submission was read.") from error
        return Fingerprint(problem=_ENDED.get(reason, _UNUSABLE))
    finally:
        pipe.close()
    paths = {entry["path"] for entry in body["entries"]}
    found = None if answer.kind is not Kind.OK or answer.serial != 1 else checked(answer.body, paths)
    return found or Fingerprint(problem=_UNUSABLE)


def checked(body: dict[str, Any], paths: set[str]) -> Fingerprint | None:
    """A fingerprint from a sandbox's answer; None if it is not of the form it has to have."""
    raw, is_cut = body.get("pieces"), body.get("is_cut")
    if set(body) != {"pieces", "is_cut"} or type(is_cut) is not bool or type(raw) is not list or len(raw) > PIECES:
        return None
    pieces = [_piece(one, paths) for one in raw]
    known = [piece for piece in pieces if piece is not None]
    prints = sum(len(piece.prints) for piece in known)
    characters = sum(len(piece.text) for piece in known)
    if len(known) != len(raw) or prints > PRINTS or characters > CHARACTERS:
        return None
    return Fingerprint(pieces=tuple(known), is_cut=is_cut)


def _piece(raw: object, paths: set[str]) -> Piece | None:
    if type(raw) is not dict or set(raw) != {"path", "cell", "text", "prints"}:
        return None
    path, cell, text, flat = raw["path"], raw["cell"], raw["text"], raw["prints"]
    if type(path) is not str or path not in paths or type(cell) is not int or not 0 <= cell <= _CELLS:
        return None
    if type(text) is not str or type(flat) is not list or len(flat) % 3 or any(type(part) is not int for part in flat):
        return None
    lines = text.count("\n") + 1
    prints = tuple(Print(*flat[start : start + 3]) for start in range(0, len(flat), 3))
    if any(not (0 <= one.value < _LARGEST and 1 <= one.first <= one.last <= lines) for one in prints):
        return None
    return Piece(path=one_line(path), cell=cell, text=plain(text, limit=CHARACTERS), prints=prints)
