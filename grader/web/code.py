"""What was handed in, as staff read it: a list of entries, and the text of an upload that is one text file.

The invariant is intake's: nothing is parsed or unpacked here. A zip file is listed and no more; a notebook is shown as
the text that it is. The accepted gap: a Python file is coloured by Pygments, whose expressions run over its text;
it runs no code, and what it gets is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from grader.domain.assignment import Assignment
from grader.domain.errors import InputError
from grader.intake.archive import Listing, list_upload
from grader.intake.files import match
from grader.kit.text import plain
from grader.web.facts import Claim

SHOWN_BYTES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """An entry of the upload; `role` is what the file rules take it for, `claim` what the sandbox said of it."""

    path: str
    size_bytes: int
    role: str
    claim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Handin:
    """`code` is markup of escaped text with colours, or None where the upload is not one text file."""

    kind: str
    files: tuple[FileLine, ...]
    notes: tuple[str, ...]
    code: Markup | None
    is_cut: bool


def handin_of(name: str, content: bytes, definition: Assignment, claims: Iterable[Claim]) -> Handin:
    """List an upload. `claims` is what loading said of each file."""
    try:
        listing = list_upload(name, content, definition.limits)
    except InputError as error:
        # Taken in under wider limits than the assignment has now.
        return Handin(kind="unknown", files=(), notes=(str(error),), code=None, is_cut=False)
    roles = _roles(listing, definition)
    said = {claim.path: f"{claim.status}: {claim.note}" if claim.note else claim.status for claim in claims}
    lines = tuple(
        FileLine(
            path=plain(entry.path, limit=300),
            size_bytes=entry.size,
            role=roles.get(entry.path, "other"),
            claim=said.get(entry.path, ""),
        )
        for entry in listing.entries
    )
    code = _text(content, listing.kind) if listing.kind in ("py", "ipynb") else None
    return Handin(kind=listing.kind, files=lines, notes=listing.notes, code=code, is_cut=len(content) > SHOWN_BYTES)


def without_names(handin: Handin) -> Handin:
    """The same without names of files, which may be a student's, nor words that may repeat them."""
    files = tuple(
        FileLine(path=f"File {number}{_suffix(one.path)}", size_bytes=one.size_bytes, role=one.role, claim="")
        for number, one in enumerate(handin.files, 1)
    )
    return Handin(kind=handin.kind, files=files, notes=(), code=handin.code, is_cut=handin.is_cut)


def _suffix(path: str) -> str:
    name, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return f".{suffix}" if name and dot and suffix.isalnum() and len(suffix) <= 5 else ""


def _roles(listing: Listing, definition: Assignment) -> dict[str, str]:
    try:
        entries = match(listing, definition.files).entries
    except InputError:
        return {}
    return {entry["path"]: entry["role"] for entry in entries}


def _text(content: bytes, kind: str) -> Markup:
    text = plain(content[:SHOWN_BYTES].decode("utf-8", "replace"), limit=SHOWN_BYTES)
    if kind != "py":
        return escape(text)
    return coloured(text)


def coloured(text: str) -> Markup:
    """Python in colours; at most SHOWN_BYTES of it for one page."""
    marked = highlight(text, PythonLexer(stripnl=False, ensurenl=False), HtmlFormatter(nowrap=True))
    # Pygments escapes the text it is given; a test holds it to that.
    return Markup(marked)  # noqa: S704  # markup of our own around escaped text
