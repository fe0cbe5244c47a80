"""DOCUMENT: a report as the sandbox can read it. Reading never raises; what cannot be read says why."""

from __future__ import annotations

import html
import logging
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

from grader.engine.probe.execution import TooSlow, budget
from grader.engine.probe.notebook import decoded

TEXT_CHARACTERS = 20_000
PAGES = 200
READ_S = 15.0
_TEXT = (".txt", ".md", ".markdown", ".rst", ".tex", ".csv", ".toml")


def read_document(root: Path, path: str) -> dict[str, Any]:
    """The answer to a DOCUMENT request: kind, whether it can be read, pages, text."""
    place = _find(root, path)
    if place is None:
        return _facts("missing", note=f"There is no file {path} in the submission.")
    try:
        with budget(READ_S), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(place)
    except TooSlow:
        return _facts(place.suffix.lstrip("."), note="The document takes too long to read.")
    except BaseException as error:
        return _facts(place.suffix.lstrip("."), note=f"The document cannot be read ({type(error).__name__}).")


def _facts(kind: str, **known: Any) -> dict[str, Any]:
    return {"kind": kind, "readable": False, "pages": 0, "encrypted": False, "text": "", "note": ""} | known


def _find(root: Path, path: str) -> Path | None:
    exact = root / path
    if exact.is_file() and ".." not in Path(path).parts:
        return exact
    name = Path(path).name.lower()
    return next((place for place in sorted(root.rglob("*")) if place.is_file() and place.name.lower() == name), None)


def _read(place: Path) -> dict[str, Any]:
    with place.open("rb") as stream:
        head = stream.read(1024)
    if not head:
        return _facts("empty", note="The file is empty.")
    if b"%PDF-" in head:
        return _pdf(place)
    if head.startswith(b"PK"):
        return _word(place)
    if place.suffix.lower() == ".pdf":
        return _facts("unknown", note="The file is named .pdf but is not a PDF; export the report as PDF again.")
    if place.suffix.lower() in (".html", ".htm"):
        text = re.sub(r"<(script|style)\b.*?</\1\s*>|<[^>]+>", " ", _text(place), flags=re.DOTALL | re.IGNORECASE)
        return _facts("html", readable=True, pages=1, text=html.unescape(text)[:TEXT_CHARACTERS])
    if place.suffix.lower() in _TEXT:
        return _facts("text", readable=True, pages=1, text=_text(place)[:TEXT_CHARACTERS])
    return _facts(place.suffix.lstrip(".").lower() or "unknown", note="The file is of a kind that is not read here.")


def _text(place: Path) -> str:
    with place.open("rb") as stream:
        return decoded(stream.read(4 * 2**20))[0]


def _pdf(place: Path) -> dict[str, Any]:
    import pypdf

    # Old exports are full of small faults that do not matter to a reader.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        document = pypdf.PdfReader(str(place), strict=False)
        encrypted = document.is_encrypted
        if encrypted and not document.decrypt(""):
            return _facts("pdf", encrypted=True, note="The PDF is protected by a password; hand it in without one.")
        pages = len(document.pages)
    except Exception as error:
        note = f"The PDF is damaged and cannot be opened ({type(error).__name__}); export it again."
        return _facts("pdf", note=note)
    text, unread = _pages(document, pages)
    note = f"The text of {unread} pages could not be read." if unread else ""
    if not text.strip() and pages:
        note = "The PDF holds no text that can be read; it seems to consist of pictures."
    return _facts("pdf", readable=pages > 0, pages=pages, encrypted=encrypted, text=text[:TEXT_CHARACTERS], note=note)


def _pages(document: Any, count: int) -> tuple[str, int]:
    parts: list[str] = []
    unread = 0
    for number in range(min(count, PAGES)):
        try:
            parts.append(document.pages[number].extract_text() or "")
        except Exception:
            unread += 1
        if sum(map(len, parts)) >= TEXT_CHARACTERS:
            break
    return "\n".join(parts), unread


def _word(place: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(place) as package, package.open("word/document.xml") as stream:
            xml = stream.read(16 * 2**20).decode("utf-8", "replace")
    except (KeyError, zipfile.BadZipFile):
        return _facts("zip", note="The file is an archive of a kind that is not read here.")
    text = re.sub(r"<[^>]+>", "", re.sub(r"</w:p>", "\n", xml))
    return _facts("docx", readable=True, pages=1, text=html.unescape(text)[:TEXT_CHARACTERS])
