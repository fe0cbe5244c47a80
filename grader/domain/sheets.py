"""What graders look at: the pages of a report and the cells of a notebook. Pure.

Everything in here was made by a sandbox of what a student handed in: pictures that were encoded anew, and text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from grader.domain.assignment import Assignment
from grader.domain.ids import Sha256, SubmissionId

# A manual item that is read in the report looks there; any other words are looked for in cells and pages.
LOOK_AT_REPORT = "report"


class SheetKind(StrEnum):
    """A page of a report, a markdown cell or a text file, a code cell or a Python file."""

    PAGE = "page"
    TEXT = "text"
    CODE = "code"


class SheetsState(StrEnum):
    """How far the sheets of a submission are."""

    WANTED = "wanted"
    MAKING = "making"
    MADE = "made"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Encoded by us from checked pixels; `kind` is "png" or "jpeg", the sides are in pixels."""

    kind: str
    width: int
    height: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a cell showed, or a page looks like: a text, or the number of a picture (from 0).

    `is_note` marks words of ours in place of what is not shown.
    """

    text: str = ""
    picture: int | None = None
    is_note: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One page, cell or file. `place` is the number of the page or cell from 1, 0 for a whole file."""

    kind: SheetKind
    path: str
    place: int
    text: str
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheets:
    """What a sandbox made of a submission.

    `problem` says why there is nothing; `note` why there is not everything.
    """

    sheets: tuple[Sheet, ...] = ()
    pictures: tuple[Picture, ...] = ()
    problem: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPicture:
    """A picture in the blob store. Sides in pixels."""

    id: str
    number: int
    kind: str
    width: int
    height: int
    sha256: Sha256
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionSheets:
    """The sheets of a submission as they are kept; `state` None says that nobody wants any."""

    submission: SubmissionId
    state: SheetsState | None = None
    problem: str = ""
    note: str = ""
    sheets: tuple[Sheet, ...] = ()
    pictures: tuple[KeptPicture, ...] = ()
    wanted_at: datetime | None = None
    made_at: datetime | None = None

    def picture(self, number: int | None) -> KeptPicture | None:
        """None for one that is not there."""
        return next((one for one in self.pictures if one.number == number), None)


def wants_sheets(definition: Assignment) -> bool:
    """Whether a person reads something of what is handed in, so that sheets are made of it without being asked for."""
    return any(part.manual for part in definition.part)


def opens_at(sheets: Sequence[Sheet], look: str) -> int | None:
    """The number (from 0) of the sheet that a manual item's `look` names; None where there is none.

    Words are looked for in the text of cells and files, whatever their case and spaces, then in that of pages.
    """
    if not look.strip():
        return None
    if look.strip().casefold() == LOOK_AT_REPORT:
        return next((number for number, sheet in enumerate(sheets) if sheet.kind is SheetKind.PAGE), None)
    wanted = _folded(look)
    found = [number for number, sheet in enumerate(sheets) if wanted in _folded(sheet.text)]
    return min(found, key=lambda number: (sheets[number].kind is SheetKind.PAGE, number), default=None)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
