"""Sheets of a submission, laid out for the template: a list to jump, pages and cells in a column. Pure.

The texts are students'; they stay text, and the template escapes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup, escape

from grader.domain.assignment import Assignment
from grader.domain.sheets import KeptPicture, Output, Sheet, SheetKind, SubmissionSheets, opens_at
from grader.kit.text import one_line
from grader.web.code import SHOWN_BYTES, coloured

_ANONYMOUS = "Not everything can be shown here; the download holds it all."
_KINDS = {SheetKind.PAGE.value: "Report", SheetKind.CODE.value: "Python file", SheetKind.TEXT.value: "File"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownOutput:
    text: str
    picture: KeptPicture | None
    is_note: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSheet:
    """`name` is "page 2" or "cell 3", empty for a whole file; `heading` the first words of a cell, for the list.

    `code` is markup of escaped text with colours.
    """

    anchor: str
    name: str
    heading: str
    kind: str
    code: Markup
    text: str
    outputs: tuple[ShownOutput, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A question that a person reads, and the anchor of the sheet it is answered on; empty where nothing says so."""

    item: str
    title: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetsView:
    """What `_sheets.html` takes. `state` is "none" where nobody wants any; `opens_at` an anchor, or empty."""

    submission: str
    state: str
    problem: str
    note: str
    files: tuple[tuple[str, tuple[ShownSheet, ...]], ...]
    looks: tuple[Look, ...]
    opens_at: str

    @property
    def sheets(self) -> tuple[ShownSheet, ...]:
        return tuple(sheet for _, sheets in self.files for sheet in sheets)


def sheets_view(
    found: SubmissionSheets, definition: Assignment, *, item: str = "", is_blind: bool = False
) -> SheetsView:
    """The sheets by file, in their order. `item` is the id of the manual item that is read; it says where to open.

    With `is_blind` files are called what they are: students write their names into those of their files.
    """
    pictures = {picture.number: picture for picture in found.pictures}
    room = SHOWN_BYTES
    files: dict[str, list[ShownSheet]] = {}
    for number, sheet in enumerate(found.sheets):
        room -= len(sheet.text)
        files.setdefault(sheet.path, []).append(_shown(number, sheet, pictures, in_colours=room > 0))
    looks = tuple(
        Look(item=one.id, title=one.title, anchor=_anchor(opens_at(found.sheets, one.look)))
        for part in definition.part
        for one in part.manual
    )
    return SheetsView(
        submission=found.submission,
        state="none" if found.state is None else found.state.value,
        # What is told there names files.
        problem=_ANONYMOUS if is_blind and found.problem else found.problem,
        note=_ANONYMOUS if is_blind and found.note else found.note,
        files=tuple(zip(_called(files, is_blind=is_blind), map(tuple, files.values()), strict=True)),
        looks=looks,
        opens_at=next((look.anchor for look in looks if look.item == item), ""),
    )


def _called(files: dict[str, list[ShownSheet]], *, is_blind: bool) -> list[str]:
    if not is_blind:
        return list(files)
    found: list[str] = []
    for path, sheets in files.items():
        kind = "Notebook" if path.lower().endswith(".ipynb") else _KINDS[sheets[0].kind]
        number = 1 + sum(one.startswith(kind) for one in found)
        found.append(kind if number == 1 else f"{kind} {number}")
    return found


def _anchor(number: int | None) -> str:
    return "" if number is None else f"sheet-{number}"


def _shown(number: int, sheet: Sheet, pictures: dict[int, KeptPicture], *, in_colours: bool) -> ShownSheet:
    word = "page" if sheet.kind is SheetKind.PAGE else "cell"
    is_code = sheet.kind is SheetKind.CODE
    first = next((line for line in sheet.text.split("\n") if line.strip()), "")
    return ShownSheet(
        anchor=_anchor(number),
        name=f"{word} {sheet.place}" if sheet.place else "",
        heading="" if sheet.kind is SheetKind.PAGE else one_line(first.strip("# "), limit=60),
        kind=sheet.kind.value,
        code=coloured(sheet.text) if is_code and in_colours else escape(sheet.text),
        text=sheet.text,
        outputs=tuple(_output(output, pictures) for output in sheet.outputs),
    )


def _output(output: Output, pictures: dict[int, KeptPicture]) -> ShownOutput:
    picture = None if output.picture is None else pictures.get(output.picture)
    return ShownOutput(text=output.text, picture=picture, is_note=output.is_note)
