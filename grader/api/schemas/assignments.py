"""Assignments as the API writes and reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from grader.answers.asked import AskedQuestion, Kind
from grader.api.access import Words
from grader.api.schemas.common import Answer, Request, Time
from grader.api.schemas.late import LatePolicyAnswer, late_policy_answer
from grader.domain.assignment import Assignment
from grader.domain.grading import OfferedAssignment
from grader.service.assignments import AssignmentForStudent

CountingName = Literal["last", "best", "chosen"]
StateName = Literal["waiting", "grading", "graded", "rejected", "failed"]


class FilesAnswer(Answer):
    """Names as the assignment asks for them."""

    archive_example: str = Field(examples=["ada_lovelace_p2.zip"])
    examples: list[str] = Field(examples=[["practical2.ipynb", "report.pdf"]])


class PartOfAssignment(Answer):
    id: str = Field(examples=["A"])
    title: str = Field(examples=["Convolution"])
    points: float = Field(examples=[10.0])
    individual: bool = Field(default=False, description="Whether each member of a team hands it in alone.")


class MemberWithDays(Answer):
    """Somebody of the team whose late days an upload now would go beyond."""

    name: str = Field(examples=["Ada Lovelace"])
    days_left: int = Field(examples=[1])


class Standing(Answer):
    """How the assignment stands for the student who asks. `score` and `state` are of the submission that counts."""

    is_open: bool
    days_left: int = Field(description="Late days left in the term.")
    due_at: Time | None = Field(
        description="The due date that holds for the student: later than everybody's by an extension."
    )
    late_days_now: int = Field(description="Started days that an upload now would be late.")
    days_used_now: int = Field(description="How many of `days_left` an upload now would use.")
    beyond_now: int = Field(description="Late days of an upload now that no late days cover.")
    penalty_now: float = Field(description="Share of the points, 0 to 1, that an upload now would lose.")
    short: list[MemberWithDays] = Field(description="Members of the team who have too few late days left for it.")
    uploads_left: int = Field(description="Uploads left today.")
    next_upload_at: Time | None
    submissions: int
    state: StateName | None
    score: float | None


class AssignmentAnswer(Answer):
    """`standing` is null for staff."""

    slug: str = Field(examples=["cmp784-practical2"])
    title: str = Field(examples=["Colourisation"])
    course: str = Field(examples=["cmp784"], description="The course's slug.")
    spec: str = Field(examples=["cmp784-practical2"])
    spec_version: str = Field(examples=["0f3a5a1f6a10"])
    due_at: Time | None
    time_zone: str = Field(examples=["Europe/Istanbul"])
    uploads_per_day: int = Field(examples=[20])
    counting: CountingName
    regrade_days: int = Field(examples=[7], description="For how many days a result may be asked about; 0: not at all.")
    max_score: float = Field(examples=[40.0])
    late: LatePolicyAnswer
    files: FilesAnswer
    parts: list[PartOfAssignment]
    contribution: bool = Field(default=False, description="Whether a team is asked who did what.")
    standing: Standing | None


class QuestionAnswer(Answer):
    """A question to be answered in writing. `wanted` says what may be written; `names` what a formula may hold."""

    id: str = Field(examples=["A3.weights"])
    title: str = Field(examples=["How many weights does the network have?"])
    kind: Kind
    wanted: str = Field(examples=["a formula such as 9*NF*NC + 2*NF^2"])
    names: list[str] = Field(examples=[["NF", "NC", "NIC"]])
    individual: bool = Field(default=False, description="Whether each member of a team answers it alone.")


class Offer(Request):
    """What is left out stays as it is. The spec is read from the server's folder of specs."""

    spec: Annotated[Words, Field(min_length=1, max_length=80, examples=["cmp784-practical2"])]
    due_at: Annotated[AwareDatetime, Field(examples=["2026-03-02T20:59:59Z"])] | None = None
    uploads_per_day: Annotated[int, Field(strict=True, ge=1, le=1000, examples=[20])] | None = None
    counting: CountingName | None = None


def assignment_answer(assignment: OfferedAssignment, standing: AssignmentForStudent | None) -> AssignmentAnswer:
    definition = assignment.spec.definition
    return AssignmentAnswer(
        slug=assignment.slug,
        title=assignment.title,
        course=assignment.course_slug,
        spec=assignment.spec.spec_slug,
        spec_version=assignment.spec.version,
        due_at=assignment.due_at,
        time_zone=assignment.time_zone,
        uploads_per_day=assignment.uploads_per_day,
        counting=assignment.counting.value,
        regrade_days=assignment.regrade_days,
        max_score=definition.full_points,
        late=late_policy_answer(assignment),
        files=FilesAnswer(
            archive_example=definition.files.archive_example, examples=[rule.example for rule in definition.files.file]
        ),
        parts=[
            PartOfAssignment(id=part.id, title=part.title, points=part.points, individual=part.individual)
            for part in definition.part
        ],
        contribution=definition.contribution,
        standing=None if standing is None else _standing(standing),
    )


def question_answer(question: AskedQuestion, definition: Assignment) -> QuestionAnswer:
    return QuestionAnswer(
        id=question.id,
        title=question.title,
        kind=question.kind,
        wanted=question.wanted,
        names=list(question.names) if question.kind == "formula" else [],
        individual=definition.is_individual(question.id),
    )


def _standing(standing: AssignmentForStudent) -> Standing:
    return Standing(
        is_open=standing.is_open,
        days_left=standing.days_left,
        due_at=standing.due_at,
        late_days_now=standing.late_days_now,
        days_used_now=standing.days_used_now,
        beyond_now=standing.beyond_now,
        penalty_now=standing.penalty_now,
        short=[MemberWithDays(name=name, days_left=left) for name, left in standing.short],
        uploads_left=standing.uploads_left,
        next_upload_at=standing.next_upload_at,
        submissions=standing.submissions,
        state=_state_for_student(standing.state),
        score=standing.score,
    )


def _state_for_student(state: str | None) -> StateName | None:
    """A failed run is our fault: the student reads that it is still being graded."""
    match state:
        case "failed" | "grading":
            return "grading"
        case "waiting" | "graded" | "rejected":
            return state
        case _:
            return None
