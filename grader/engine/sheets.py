"""Sheets of a hand-in, made in a sandbox of its own: the trusted side's half.

The invariant: what comes back is held against a closed form before anything is made of it, and only pixels of a checked
shape become a picture, encoded here. Who breaks out of the reading could show a grader another picture or text than
what was handed in, and nothing else.
"""

from __future__ import annotations

import io
import os
import select
import time
import zipfile
from collections.abc import Callable
from typing import Any

from grader.domain.assignment import FileRules, Limits
from grader.domain.ending import EndingReason
from grader.domain.errors import InputError, NoSandbox, SandboxLost
from grader.domain.sheets import Output, Picture, Sheet, SheetKind, Sheets
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile
from grader.engine.wire.frames import FrameLimits, FramePipe, WireError, WireTimeout
from grader.engine.wire.messages import Kind, Message, receive, send
from grader.engine.wire.values import TensorData, ValueLimits
from grader.intake.archive import list_upload
from grader.intake.files import match
from grader.kit.text import one_line, plain

# Sheets of another making are made again when somebody asks for it: change it with grader.engine.probe.sheets.
MAKING = "sheets-1"
PATIENCE_S = 90.0
SHEETS, PICTURES, OUTPUTS, CHARACTERS = 700, 200, 60, 2_500_000
SIDE, ENCODED_BYTES = 1500, 128 * 2**20
_PLACES = 100_000
_TEXT = 50_000
# A picture of fewer bytes stays exact; of a larger one, a photograph, JPEG shows the same.
_EXACT_BYTES = 400_000
_QUALITY = 85
_LOOK_S = 0.5
_ROLES, _PICTURES = ("code", "report", "text"), (".png", ".jpg", ".jpeg")
_PROFILE = SandboxProfile(
    memory_bytes=1024 * 2**20, scratch_bytes=768 * 2**20, processes=8, cpu_s=75, warm=False,
    program="from grader.engine.probe.sheets import serve; serve()",
)  # fmt: skip
_FRAMES = FrameLimits(header_bytes=8 * 2**20, payload_bytes=10 * 3 * SIDE * SIDE)
_SHEET = ValueLimits(depth=5, entries=1000, text=_TEXT + 100, dimensions=3)
# Readers of PDF put the table of places together themselves where it is missing.
_EMPTY_PAGE = b"""%PDF-1.4
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj
3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >> endobj
trailer << /Root 1 0 R >>
%%EOF
"""
_UNUSABLE = "Reading it gave an answer that cannot be used."
_LOST = "The sandbox was lost while sheets were made."
_ENDED = {
    EndingReason.OUT_OF_MEMORY: "Reading it took too much memory.",
    EndingReason.CPU_LIMIT: "Reading it took too long.",
    EndingReason.TIMED_OUT: "Reading it took too long.",
    EndingReason.CRASHED: "Reading it ended in a crash.",
}
_REST = "The rest is not shown: "


def make(
    backend: SandboxBackend, name: str, content: bytes, *, limits: Limits, rules: FileRules,
    goes_on: Callable[[], bool] = lambda: True,
) -> Sheets | None:  # fmt: skip
    """The sheets of one upload; what makes that impossible is their `problem`.

    `goes_on` is asked about twice a second; once it says no, all is let go and None returned.

    Raises:
        NoSandbox, SandboxLost: ours.

    """
    try:
        listing = list_upload(name, content, limits)
        entries = match(listing, rules).entries
    except InputError as error:
        return Sheets(problem=one_line(str(error)))
    wanted = [dict(one) for one in entries if one["role"] in _ROLES or one["path"].lower().endswith(_PICTURES)]
    body = {"archive": content, "name": listing.name, "kind": listing.kind, "entries": wanted}
    sandbox = backend.start(_PROFILE)
    try:
        return _made(sandbox, body, goes_on)
    finally:
        sandbox.kill()


def require_maker(backend: SandboxBackend) -> None:
    """Make sheets of something harmless first: an image that cannot would be every submission's problem, for good.

    Raises:
        NoSandbox: these sandboxes cannot make sheets.
        SandboxLost: ours.

    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("one.py", "one = 1\n")
        archive.writestr("report.pdf", _EMPTY_PAGE)
    made = make(backend, "report.zip", packed.getvalue(), limits=Limits(), rules=FileRules())
    if made is None or not made.pictures:
        raise NoSandbox(
            f"The {backend.name} sandboxes here cannot make pictures of reports; if they are made from an image, build "
            "it again (docker/build-images.sh)."
        )


def _made(sandbox: Sandbox, body: dict[str, Any], goes_on: Callable[[], bool]) -> Sheets | None:
    pipe = FramePipe(os.dup(sandbox.read_fd), os.dup(sandbox.write_fd), _FRAMES)
    found = _Found({entry["path"] for entry in body["entries"]})
    deadline = time.monotonic() + PATIENCE_S
    try:
        send(pipe, Kind.LOAD, 1, body, deadline=deadline)
        while not found.is_over:
            if not goes_on():
                return None
            is_there = select.select([pipe], [], [], _LOOK_S)[0]
            if is_there or time.monotonic() > deadline:
                found.take(receive(pipe, deadline=deadline, limits=_SHEET))
    except WireTimeout:
        sandbox.kill(EndingReason.TIMED_OUT)
        found.cut(_ENDED[EndingReason.TIMED_OUT])
    except WireError as error:
        reason = sandbox.ending().reason
        if reason is EndingReason.LOST:
            raise SandboxLost(_LOST) from error
        found.cut(_ENDED.get(reason, _UNUSABLE))
    finally:
        pipe.close()
    return found.sheets()


class _Found:
    """What came from a sandbox so far, each sheet checked when it comes."""

    def __init__(self, paths: set[str]) -> None:
        self.is_over = False
        self._paths = paths
        self._sheets: list[Sheet] = []
        self._pictures: list[Picture] = []
        self._characters = self._bytes = 0
        self._note = ""

    def take(self, message: Message) -> None:
        """Raises WireError for what is not of the form it has to have."""
        if message.serial != 1 or message.kind not in (Kind.EVENT, Kind.OK):
            raise WireError("this is no sheet")
        if message.kind is Kind.OK:
            note = message.body.get("note")
            if set(message.body) != {"note"} or type(note) is not str:
                raise WireError("sheets end with a note")
            self._note, self.is_over = one_line(note, limit=1000), True
            return
        if len(self._sheets) == SHEETS:
            raise WireError("there are too many sheets")
        # Pictures are encoded once the whole sheet is known to be one.
        sheet, tensors = _sheet(message.body, self._paths, len(self._pictures))
        self._characters += len(sheet.text) + sum(len(output.text) for output in sheet.outputs)
        if self._characters > CHARACTERS or len(self._pictures) + len(tensors) > PICTURES:
            raise WireError("there is too much in the sheets")
        pictures = [encoded(tensor) for tensor in tensors]
        self._bytes += sum(len(picture.content) for picture in pictures)
        if self._bytes > ENCODED_BYTES:
            raise WireError("there are too many pictures")
        self._pictures += pictures
        self._sheets.append(sheet)

    def cut(self, why: str) -> None:
        self._note = f"{_REST}{why[0].lower()}{why[1:]}"
        if not self._sheets:
            self._note = why

    def sheets(self) -> Sheets:
        """Pages first, whatever came first; a submission of which nothing came is a problem."""
        kept = sorted(self._sheets, key=lambda sheet: sheet.kind is not SheetKind.PAGE)
        if not kept:
            return Sheets(problem=self._note or "There is nothing in it that can be shown.")
        return Sheets(sheets=tuple(kept), pictures=tuple(self._pictures), note=self._note)


def _sheet(raw: dict[str, Any], paths: set[str], first: int) -> tuple[Sheet, list[TensorData]]:
    """A sheet whose pictures are numbered from `first`, and their pixels. Raises WireError."""
    if set(raw) != {"kind", "path", "place", "text", "outputs"}:
        raise WireError("a sheet has other parts than it should")
    kind, path, place, text, outputs = (raw[name] for name in ("kind", "path", "place", "text", "outputs"))
    if kind not in tuple(SheetKind) or type(path) is not str or path not in paths:
        raise WireError("a sheet is of no kind or file that there is")
    if type(place) is not int or not 0 <= place <= _PLACES or type(text) is not str or type(outputs) is not list:
        raise WireError("a sheet is not described as it should be")
    if len(outputs) > OUTPUTS:
        raise WireError("a sheet has too many outputs")
    tensors: list[TensorData] = []
    shown = [_output(one, first, tensors) for one in outputs]
    sheet = Sheet(
        kind=SheetKind(kind), path=one_line(path), place=place, text=plain(text, limit=_TEXT), outputs=tuple(shown)
    )
    return sheet, tensors


def _output(raw: object, first: int, tensors: list[TensorData]) -> Output:
    if type(raw) is not dict:
        raise WireError("an output is not described by a dictionary")
    if set(raw) == {"picture"}:
        tensors.append(_checked(raw["picture"]))
        return Output(picture=first + len(tensors) - 1)
    if set(raw) != {"text", "is_note"} or type(raw["text"]) is not str or type(raw["is_note"]) is not bool:
        raise WireError("an output is neither text nor a picture")
    return Output(text=plain(raw["text"], limit=_TEXT), is_note=raw["is_note"])


def _checked(raw: object) -> TensorData:
    """Raises WireError for what is not H x W x 3 of uint8, each side from 1 to SIDE."""
    if type(raw) is not TensorData or raw.dtype != "uint8" or len(raw.shape) != 3 or raw.shape[2] != 3:
        raise WireError("a picture is not made of pixels")
    if not all(1 <= side <= SIDE for side in raw.shape[:2]):
        raise WireError("a picture has an impossible size")
    return raw


def encoded(pixels: TensorData) -> Picture:
    """A picture of checked pixels, H x W x 3 of uint8."""
    from PIL import Image

    height, width, _ = pixels.shape
    image = Image.frombytes("RGB", (width, height), bytes(pixels.data))
    packed = io.BytesIO()
    image.save(packed, "PNG")
    if packed.tell() > _EXACT_BYTES:
        smaller = io.BytesIO()
        image.save(smaller, "JPEG", quality=_QUALITY)
        if smaller.tell() < packed.tell() // 2:
            return Picture(kind="jpeg", width=width, height=height, content=smaller.getvalue())
    return Picture(kind="png", width=width, height=height, content=packed.getvalue())
