"""What an upload looks like from its first bytes. Nothing here decodes or parses; it only says a name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

Kind = Literal["zip", "ipynb", "py"]

ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")

# Longest first where one is the start of another.
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip or tar.gz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"PK\x07\x08", "one piece of a split zip file"),
    (b"%PDF-", "a PDF document"),
    (b"{\\rtf", "a rich text document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x7fELF", "a Linux program"),
    (b"MZ", "a Windows program"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
)
_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<?xml")
_TAR_MAGIC_AT = 257
# Enough to step over white space before the first word.
_HEAD = 512


def look(content: bytes) -> str:
    """A phrase such as "a RAR archive" for content that is certainly not code; empty if nothing is recognised."""
    for start, phrase in _STARTS:
        # A Python file may begin with the letters of a magic number; it has no zero bytes.
        if content.startswith(start) and not (start.isalnum() and looks_like_text(content)):
            return phrase
    if content[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
        return "a tar archive"
    if _text_head(content).lower().startswith(_PAGE_STARTS):
        return "a web page"
    return ""


def office_document(paths: Collection[str]) -> str:
    """A phrase if a zip file with these paths is a document that happens to be packed as one; else empty."""
    if "[Content_Types].xml" in paths:
        return "a Microsoft Office document"
    if "mimetype" in paths and "content.xml" in paths:
        return "an OpenDocument file"
    return "a Java archive" if "META-INF/MANIFEST.MF" in paths else ""


def is_zip(content: bytes) -> bool:
    return content.startswith(ZIP_STARTS)


def looks_like_notebook(content: bytes) -> bool:
    """Whether it starts as JSON does and speaks of cells somewhere; the sandbox finds out whether that is so."""
    return _text_head(content).startswith(b"{") and b'"cells"' in content


def looks_like_text(content: bytes) -> bool:
    return b"\x00" not in content[: 64 * 1024]


def _text_head(content: bytes) -> bytes:
    return content[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
