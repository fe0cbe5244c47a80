"""Sheets of a submission as the API writes them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from grader.api.schemas.common import Answer, Time
from grader.domain.assignment import Assignment
from grader.domain.sheets import KeptPicture, Sheet, SubmissionSheets, opens_at


class SheetPictureAnswer(Answer):
    """`GET /sheet-pictures/{id}` gives its bytes; the sides are in pixels."""

    id: str = Field(examples=["0198c0de-8a11-7f52-8a3e-6a1f0c9be27d"])
    kind: Literal["png", "jpeg"]
    width: int = Field(examples=[1000])
    height: int = Field(examples=[1414])


class SheetOutputAnswer(Answer):
    """A text or a picture; `is_note` marks words of the service in place of what is not shown."""

    text: str
    is_note: bool
    picture: SheetPictureAnswer | None


class SheetAnswer(Answer):
    """A page of a report, or a cell or file. `place` is the number of the page or cell from 1, 0 for a whole file."""

    kind: Literal["page", "text", "code"]
    path: str = Field(examples=["report.pdf"])
    place: int = Field(examples=[2])
    text: str
    outputs: list[SheetOutputAnswer]


class OpensAnswer(Answer):
    """Where a manual item is answered: the number of a sheet, from 0."""

    item: str
    sheet: int


class SheetsAnswer(Answer):
    """`state` is null where nobody wants any; `failure` says why there are none, `note` why not everything is there."""

    submission: str
    state: Literal["wanted", "making", "made", "failed"] | None
    failure: str
    note: str
    wanted_at: Time | None
    made_at: Time | None
    sheets: list[SheetAnswer]
    opens: list[OpensAnswer]


def sheets_answer(found: SubmissionSheets, definition: Assignment) -> SheetsAnswer:
    pictures = {picture.number: picture for picture in found.pictures}
    places = ((item.id, opens_at(found.sheets, item.look)) for part in definition.part for item in part.manual)
    return SheetsAnswer(
        submission=found.submission,
        state=None if found.state is None else found.state.value,
        failure=found.problem,
        note=found.note,
        wanted_at=found.wanted_at,
        made_at=found.made_at,
        sheets=[_sheet(sheet, pictures) for sheet in found.sheets],
        opens=[OpensAnswer(item=item, sheet=place) for item, place in places if place is not None],
    )


def _sheet(sheet: Sheet, pictures: dict[int, KeptPicture]) -> SheetAnswer:
    outputs = []
    for output in sheet.outputs:
        kept = None if output.picture is None else pictures.get(output.picture)
        outputs.append(
            SheetOutputAnswer(
                text=output.text, is_note=output.is_note, picture=None if kept is None else _picture(kept)
            )
        )
    return SheetAnswer(kind=sheet.kind.value, path=sheet.path, place=sheet.place, text=sheet.text, outputs=outputs)


def _picture(kept: KeptPicture) -> SheetPictureAnswer:
    return SheetPictureAnswer.model_validate(
        {"id": kept.id, "kind": kept.kind, "width": kept.width, "height": kept.height}
    )
