"""Sheets of a submission: what a grader looks at. Runs in place of the probe, and runs nothing of the submission.

A page of a report becomes pixels and its text, a cell of a notebook its source and what it showed. Each sheet is sent
as soon as it is made, so that a page that ends this process costs what comes after it. What is cheap to read comes
first: cells before pages. Markup is never passed on as markup, and pictures only as pixels.
"""

from __future__ import annotations

import base64
import html
import io
import os
import re
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.engine.probe.archive import Unpacked, unpack
from grader.engine.probe.document import read_document
from grader.engine.probe.notebook import ANSI, cells_in, decoded, joined, source_of
from grader.engine.wire.frames import FrameLimits, FramePipe
from grader.engine.wire.messages import Kind, receive, send
from grader.engine.wire.values import TensorData, ValueLimits

SHEETS = 600
PAGES = 80
PICTURES = 120
OUTPUTS = 24
PICTURES_OF_A_SHEET = 8
PICTURE_FILES = 24
TEXT = 40_000
PAGE_TEXT = 8_000
TOTAL_TEXT = 1_500_000
# A sheet of A4 at 120 dots an inch: small print can be read, and a page is 4 MB of pixels.
WIDTH, HEIGHT = 1000, 1414
LARGEST_SCALE = 2.0
SOURCE_PIXELS = 36_000_000
ENCODED = 24 * 2**20
# Then no further page is begun; the host's own limit is for one that does not end.
PAGES_S = 40.0
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
_DATA_PICTURE = re.compile(r"data:image/[a-z.+-]{1,20};base64,([A-Za-z0-9+/=\s]{1,33000000})", re.IGNORECASE)
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]{0,2000}>", re.DOTALL | re.IGNORECASE)
_NOT_SHOWN = {
    "image/svg+xml": "A drawing (SVG) is not shown.",
    "application/javascript": "JavaScript is not shown.",
    "application/pdf": "A PDF inside the notebook is not shown.",
    "video/mp4": "A video is not shown.",
    "audio/wav": "A sound is not shown.",
}
_UNREADABLE = "A picture cannot be read."
# Notebooks of format 3 name what they hold without its type.
_OLD_NAMES = {
    "png": "image/png", "jpeg": "image/jpeg", "text": "text/plain", "html": "text/html", "latex": "text/latex",
    "svg": "image/svg+xml", "javascript": "application/javascript",
}  # fmt: skip


def serve() -> None:
    """Answer one request with an EVENT for each sheet and OK with {"note"} at the end."""
    from grader.engine.probe.__main__ import move_descriptors

    moved = move_descriptors()
    pipe = FramePipe(moved.requests, moved.replies, FrameLimits(header_bytes=2**31, payload_bytes=0))
    request = receive(pipe, limits=ValueLimits(depth=8, entries=200_000, text=2**30))
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        maker = Maker(request.body, Path(folder))
        for sheet in maker.sheets():
            send(pipe, Kind.EVENT, request.serial, sheet)
        send(pipe, Kind.OK, request.serial, {"note": maker.note})
    os._exit(0)


class Maker:
    """Makes the sheets of one request; `note` says what was left out."""

    def __init__(self, body: dict[str, Any], folder: Path) -> None:
        self.note = ""
        self._body = body
        self._folder = folder
        self._sheets, self._pages, self._pictures, self._text = SHEETS, PAGES, PICTURES, TOTAL_TEXT

    def sheets(self) -> Iterator[dict[str, Any]]:
        """Bodies of EVENTs: {"kind", "path", "place", "text", "outputs": [{"text", "is_note"} or {"picture"}]}."""
        files = unpack(self._body, self._folder)
        yield from self._of_code(files)
        yield from self._of_texts(files)
        yield from self._of_picture_files(files)
        for one in files:
            if one.place is None:
                yield from self._sheet("text", one.path, 0, "", [_noted(one.note)])
        for one in sorted(files, key=lambda file: file.path):
            if one.role == "report" and one.place is not None:
                yield from self._of_report(one)

    def _of_code(self, files: list[Unpacked]) -> Iterator[dict[str, Any]]:
        for one in files:
            if one.role != "code" or one.place is None:
                continue
            content = one.place.read_bytes()
            if one.path.lower().endswith(".ipynb") or self._body.get("kind") == "ipynb":
                yield from self._of_notebook(one.path, content)
            else:
                yield from self._sheet("code", one.path, 0, decoded(content[: 8 * TEXT])[0], [])

    def _of_texts(self, files: list[Unpacked]) -> Iterator[dict[str, Any]]:
        for one in files:
            if one.role == "text" and one.place is not None:
                with one.place.open("rb") as stream:
                    text = decoded(stream.read(8 * TEXT))[0]
                yield from self._sheet("text", one.path, 0, text, [])

    def _of_picture_files(self, files: list[Unpacked]) -> Iterator[dict[str, Any]]:
        found = [one for one in files if one.path.lower().endswith(PICTURE_SUFFIXES)]
        for one in found[:PICTURE_FILES]:
            if one.place is not None and one.role == "other":
                with one.place.open("rb") as stream:
                    yield from self._sheet("text", one.path, 0, "", [self._picture(stream.read(ENCODED + 1))])
        if len(found) > PICTURE_FILES:
            self._left_out(f"Of {len(found):,} picture files only the first {PICTURE_FILES} are shown.")

    def _of_notebook(self, path: str, content: bytes) -> Iterator[dict[str, Any]]:
        cells, note = cells_in(content)
        if cells is None:
            yield from self._sheet("code", path, 0, "", [_noted(note)])
            return
        for number, cell in enumerate(cells, 1):
            if not self._sheets:
                self._left_out(f"Only the first {SHEETS} cells and files are shown.")
                return
            if isinstance(cell, dict):
                is_code = cell.get("cell_type") == "code"
                source, inside = _without_pictures(source_of(cell))
                outputs = self._outputs(cell.get("outputs")) if is_code else self._attached(cell, inside)
                if source.strip() or outputs:
                    yield from self._sheet("code" if is_code else "text", path, number, source, outputs)

    def _sheet(
        self, kind: str, path: str, place: int, text: str, outputs: list[dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        if not self._sheets:
            self._left_out(f"Only the first {SHEETS} cells and files are shown.")
            return
        self._sheets -= 1
        yield {"kind": kind, "path": path, "place": place, "text": self._cut(text, TEXT), "outputs": outputs}

    def _cut(self, text: str, most: int) -> str:
        kept = text[: min(most, self._text)]
        self._text -= len(kept)
        return kept if len(kept) == len(text) else f"{kept}\n[...]"

    def _left_out(self, note: str) -> None:
        if note not in self.note:
            self.note = f"{self.note} {note}".strip()

    def _outputs(self, outputs: Any) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = []
        room = PICTURES_OF_A_SHEET
        for output in outputs if isinstance(outputs, list) else []:
            if len(shown) >= OUTPUTS:
                shown.append(_noted(f"Of {len(outputs)} outputs only the first are shown."))
                break
            for one in self._shown(output) if isinstance(output, dict) else ():
                if "picture" in one:
                    room -= 1
                shown.append(one if room >= 0 or "picture" not in one else _noted("Further pictures are left out."))
        return shown

    def _shown(self, output: dict[str, Any]) -> list[dict[str, Any]]:
        if output.get("output_type") in ("error", "pyerr"):
            trace = joined(output.get("traceback"))[-TEXT:]
            text = trace or f"{_word(output.get('ename'))}: {_word(output.get('evalue'))}"
            return [self._written(text)]
        data = output.get("data")
        if not isinstance(data, dict):
            data = {_OLD_NAMES[name]: output[name] for name in _OLD_NAMES if name in output}
        for name in ("image/png", "image/jpeg"):
            if name in data:
                return [self._encoded_picture(joined(data[name]))]
        notes = [_noted(words) for name, words in _NOT_SHOWN.items() if name in data]
        for name in ("text/plain", "text/markdown", "text/latex"):
            if name in data:
                return [self._written(joined(data[name])), *notes]
        if "text/html" in data:
            text = html.unescape(_TAG.sub(" ", joined(data["text/html"])[: 4 * TEXT]))
            return [_noted("HTML, shown as its text:"), self._written(re.sub(r"\s*\n\s*", "\n", text)), *notes]
        return notes

    def _attached(self, cell: dict[str, Any], inside: list[str]) -> list[dict[str, Any]]:
        """Pictures that a text holds: pasted into the cell, or written into its source."""
        found = list(inside)
        attachments = cell.get("attachments")
        for held in attachments.values() if isinstance(attachments, dict) else ():
            if isinstance(held, dict):
                found += [joined(held[name]) for name in ("image/png", "image/jpeg") if name in held]
        return [self._encoded_picture(encoded) for encoded in found[:PICTURES_OF_A_SHEET]]

    def _written(self, text: str) -> dict[str, Any]:
        return {"text": self._cut(ANSI.sub("", text[: 4 * TEXT]), TEXT), "is_note": False}

    def _encoded_picture(self, encoded: str) -> dict[str, Any]:
        try:
            # Four characters are three bytes.
            return self._picture(base64.b64decode(encoded[: 2 * ENCODED], validate=False))
        except ValueError:
            return _noted(_UNREADABLE)

    def _picture(self, content: bytes) -> dict[str, Any]:
        if not self._pictures:
            return _noted(f"Only the first {PICTURES} pictures are shown.")
        if len(content) > ENCODED:
            return _noted("A picture is too large to be shown.")
        try:
            pixels = _pixels(content)
        except Exception:
            # A decoder raises what it likes for bytes that are none of its kind.
            return _noted(_UNREADABLE)
        self._pictures -= 1
        return {"picture": pixels}

    def _of_report(self, one: Unpacked) -> Iterator[dict[str, Any]]:
        assert one.place is not None
        with one.place.open("rb") as stream:
            is_pdf = b"%PDF-" in stream.read(1024)
        if not is_pdf:
            facts = read_document(self._folder, one.path)
            yield from self._sheet("text", one.path, 0, facts["text"], [_noted(facts["note"])] if facts["note"] else [])
            return
        import pypdfium2

        try:
            document = pypdfium2.PdfDocument(one.place)
            count = len(document)
        except pypdfium2.PdfiumError:
            note = "The PDF cannot be opened: it is damaged, or protected by a password."
            yield from self._sheet("text", one.path, 0, "", [_noted(note)])
            return
        until = time.monotonic() + PAGES_S
        for number in range(count):
            if time.monotonic() > until or not self._pages:
                self._left_out(f"Of {one.path} only the first {number} pages of {count:,} are shown.")
                return
            self._pages -= 1
            yield self._of_page(one.path, document, number)

    def _of_page(self, path: str, document: Any, number: int) -> dict[str, Any]:
        text = ""
        try:
            page = document[number]
            text = _page_text(page)
            shown: dict[str, Any] = {"picture": _page_pixels(page)}
            page.close()
        except Exception:
            shown = _noted("The page cannot be shown.")
        text = self._cut(text, PAGE_TEXT)
        return {"kind": "page", "path": path, "place": number + 1, "text": text, "outputs": [shown]}


def _noted(words: str) -> dict[str, Any]:
    return {"text": words[:400], "is_note": True}


def _word(value: Any) -> str:
    return value[:2000] if isinstance(value, str) else ""


def _without_pictures(source: str) -> tuple[str, list[str]]:
    """A source without the pictures written into it, and those."""
    if "base64," not in source:
        return source, []
    return _DATA_PICTURE.sub("picture", source), _DATA_PICTURE.findall(source)


def _page_text(page: Any) -> str:
    text = page.get_textpage()
    return str(text.get_text_range(0, min(text.count_chars(), PAGE_TEXT))).replace("\r\n", "\n")


def _page_pixels(page: Any) -> TensorData:
    width, height = page.get_size()
    scale = min(LARGEST_SCALE, WIDTH / max(width, 1.0), HEIGHT / max(height, 1.0))
    picture = page.render(scale=scale, rev_byteorder=True).to_pil().convert("RGB")
    return _tensor(picture)


def _pixels(content: bytes) -> TensorData:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as opened:
        if opened.width * opened.height > SOURCE_PIXELS:
            raise ValueError("too many pixels")
        # A JPEG is made smaller while it is decoded.
        opened.draft("RGB", (WIDTH, HEIGHT))
        picture: Any = ImageOps.exif_transpose(opened)
        if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
            picture = Image.alpha_composite(white, picture)
        return _tensor(picture.convert("RGB"))


def _tensor(picture: Any) -> TensorData:
    """H x W x 3, uint8, at most HEIGHT x WIDTH."""
    picture.thumbnail((WIDTH, HEIGHT))
    return TensorData("uint8", (picture.height, picture.width, 3), picture.tobytes(), "array")
