"""A gradebook as CSV: in our own words, and as Canvas, Moodle and Gradescope read and write it.

What we cannot know stays empty (Canvas' own ids); their import asks the teacher to match columns. A student whose work
is missing or has no score yet has an empty cell, never a 0: an import would otherwise make it one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from grader.domain.course import Person
from grader.domain.gradebook import GradebookRow
from grader.domain.grading import RunState
from grader.formats.cells import Cell, to_text

_OURS = (
    "email", "name", "student_number", "section", "team", "score", "max_score", "mark", "late_days",
    "beyond_days", "penalty", "submissions", "received_at", "state", "overridden", "adjusted",
    "items_points", "items_waiting", "given_mark",
)  # fmt: skip
_GRADESCOPE = (
    "First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points", "Status", "Submission ID",
    "Submission Time", "Lateness (H:M:S)", "Submission Count",
)  # fmt: skip
_HOURS_OF_A_DAY = 24


class Name(NamedTuple):
    first: str
    last: str


def to_gradebook_csv(rows: Iterable[GradebookRow]) -> str:
    """Everything a row holds; times are RFC 3339 in UTC, `state` is a run's state or "missing"."""
    return to_text(_OURS, (_our_row(row) for row in rows))


def to_canvas_csv(rows: Iterable[GradebookRow], *, title: str, max_score: float) -> str:
    """For Canvas' gradebook import: `title` names the assignment's column, `max_score` its points possible."""
    header = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", title)
    return to_text(header, _canvas_rows(rows, max_score))


def to_moodle_csv(rows: Iterable[GradebookRow], *, title: str) -> str:
    """For Moodle's grade import, which maps people by e-mail address or id number, and a grade by its column."""
    header = ("First name", "Last name", "ID number", "Email address", title)
    return to_text(header, (_moodle_row(row) for row in rows))


def to_gradescope_csv(rows: Iterable[GradebookRow]) -> str:
    """As Gradescope writes the scores of one assignment. Lateness is in the started days that were charged."""
    return to_text(_GRADESCOPE, (_gradescope_row(row) for row in rows))


def _our_row(row: GradebookRow) -> tuple[Cell, ...]:
    return (
        row.person.email, row.person.name, row.person.student_number or "", row.section, row.team or "",
        number(row.score), number(row.max_score), None if row.mark is None else number(row.mark.value),
        row.late_days, row.beyond_days, number(row.penalty), row.submissions,
        None if row.received_at is None else time_of(row.received_at, "T", "Z"),
        "missing" if row.state is None else row.state.value, "yes" if row.is_overridden else "no",
        "yes" if row.is_adjusted else "no", number(row.items_points), row.items_waiting, number(row.given_mark),
    )  # fmt: skip


def _canvas_rows(rows: Iterable[GradebookRow], max_score: float) -> Iterator[tuple[Cell, ...]]:
    # Canvas tells this line from a student by its words.
    yield ("    Points Possible", "", "", "", "", number(max_score))
    for row in rows:
        person = row.person
        number_of = person.student_number or ""
        yield (canvas_name(person), "", number_of, person.email, row.section, number(row.score))


def canvas_name(person: Person) -> str:
    name = name_of(person)
    return f"{name.last}, {name.first}" if name.first else name.last


def _moodle_row(row: GradebookRow) -> tuple[Cell, ...]:
    name = name_of(row.person)
    return (name.first, name.last, row.person.student_number or "", row.person.email, number(row.score))


def _gradescope_row(row: GradebookRow) -> tuple[Cell, ...]:
    name = name_of(row.person)
    return (
        name.first, name.last, row.person.student_number or "", row.person.email, row.section, number(row.score),
        number(row.max_score), _gradescope_status(row), row.submission or "",
        "" if row.received_at is None else time_of(row.received_at, " ", " +0000"),
        "" if row.received_at is None else lateness(row.late_days), row.submissions,
    )  # fmt: skip


def lateness(days: int) -> str:
    """Hours, minutes and seconds, as Gradescope writes it."""
    return f"{days * _HOURS_OF_A_DAY:02d}:00:00"


def _gradescope_status(row: GradebookRow) -> str:
    if row.score is not None:
        return "Graded"
    # An upload in which nothing could be graded is not ungraded work that waits for somebody.
    return "Missing" if row.state in (None, RunState.REJECTED) else "Ungraded"


def name_of(person: Person) -> Name:
    """The last word is the last name, as good a guess as any; a single word is a last name."""
    first, _, last = person.name.strip().rpartition(" ")
    return Name(first.strip(), last)


def number(value: float | None) -> Cell:
    """Whole numbers without a point, others to a hundredth: no 0.30000000000000004 in a gradebook."""
    if value is None:
        return None
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def time_of(moment: datetime, between: str, zone: str) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}{between}{moment.astimezone(UTC):%H:%M:%S}{zone}"
