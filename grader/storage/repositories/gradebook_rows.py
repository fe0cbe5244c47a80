"""A gradebook's rows: a student each, read from one entry each, however many submissions there are.

The order of a page is (missing or not, sort key, person): whoever lacks the key comes last in either direction, and the
person's id makes the order total, so that a page begins exactly after the one before.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from grader.domain.assignment import Scale
from grader.domain.course import Role
from grader.domain.gradebook import GradebookQuery, GradebookRow, GradebookSort
from grader.domain.grading import OfferedAssignment, RunState
from grader.domain.ids import PersonId, RunId, SubmissionId
from grader.domain.run import Mark
from grader.domain.score import mark_with
from grader.storage.database import Work
from grader.storage.models import GradebookEntryRow, MembershipRow, OverrideRow, PersonRow, TeamRow
from grader.storage.repositories.people import name_order, person_of

SortKey = str | float | int | datetime | None


class After(NamedTuple):
    """The row that the page before ended with."""

    key: SortKey
    person: PersonId


class KeyedRow(NamedTuple):
    row: GradebookRow
    key: SortKey


def page(
    work: Work, assignment: OfferedAssignment, query: GradebookQuery, after: After | None, limit: int | None
) -> list[KeyedRow]:
    """Rows that match, in the query's order, after this one; `limit` None means all."""
    overrides = _overrides(assignment.id)
    score = func.coalesce(overrides.c.score, GradebookEntryRow.score)
    key = _key(query.sort, score)
    statement = (
        _matching(
            assignment,
            query,
            select(
                PersonRow,
                MembershipRow.section,
                TeamRow.name.label("team"),
                GradebookEntryRow,
                overrides.c.score.label("override"),
                key.label("key"),
            ),
        )
        .outerjoin(TeamRow, TeamRow.id == MembershipRow.team_id)
        .outerjoin(overrides, overrides.c.person_id == PersonRow.id)
        .order_by(key.is_(None), key.desc() if query.descending else key.asc(), PersonRow.id)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    if after is not None:
        statement = statement.where(_comes_after(key, after, descending=query.descending))
    scale = assignment.spec.definition.scale
    max_score = assignment.spec.definition.full_points
    return [
        KeyedRow(_row(row.PersonRow, row, row.GradebookEntryRow, scale=scale, max_score=max_score), row.key)
        for row in work.session.execute(statement)
    ]


def count(work: Work, assignment: OfferedAssignment, query: GradebookQuery) -> int:
    """How many rows match, on whichever page."""
    return int(work.session.execute(_matching(assignment, query, select(func.count(PersonRow.id)))).scalar_one())


def _matching(assignment: OfferedAssignment, query: GradebookQuery, selected: Select[Any]) -> Select[Any]:
    statement = (
        selected.select_from(MembershipRow)
        .join(PersonRow, PersonRow.id == MembershipRow.person_id)
        .outerjoin(
            GradebookEntryRow,
            and_(GradebookEntryRow.assignment_id == assignment.id, GradebookEntryRow.person_id == PersonRow.id),
        )
        .where(
            MembershipRow.course_id == assignment.course_id,
            MembershipRow.role == Role.STUDENT.value,
            MembershipRow.left_at.is_(None),
        )
    )
    if query.section:
        statement = statement.where(MembershipRow.section == query.section)
    if query.state == "missing":
        statement = statement.where(GradebookEntryRow.state.is_(None))
    elif query.state:
        statement = statement.where(GradebookEntryRow.state == query.state)
    if query.search:
        named_by = (PersonRow.name, PersonRow.email, PersonRow.student_number)
        statement = statement.where(or_(*(column.icontains(query.search, autoescape=True) for column in named_by)))
    return statement


def _overrides(assignment: int) -> Any:
    """The one override of each person that holds."""
    return (
        select(OverrideRow.person_id, OverrideRow.score)
        .where(OverrideRow.assignment_id == assignment, OverrideRow.withdrawn_at.is_(None))
        .ext(distinct_on(OverrideRow.person_id))
        .order_by(OverrideRow.person_id, OverrideRow.id.desc())
        .subquery()
    )


def _key(sort: GradebookSort, score: ColumnElement[Any]) -> ColumnElement[Any]:
    keys: dict[GradebookSort, ColumnElement[Any]] = {
        GradebookSort.NAME: name_order(),
        GradebookSort.EMAIL: PersonRow.__table__.c.email,
        GradebookSort.SCORE: score,
        GradebookSort.RECEIVED: GradebookEntryRow.__table__.c.received_at,
        GradebookSort.SUBMISSIONS: func.coalesce(GradebookEntryRow.submissions, 0),
    }
    return keys[sort]


def _comes_after(key: ColumnElement[Any], after: After, *, descending: bool) -> ColumnElement[bool]:
    later_person = PersonRow.id > after.person
    if after.key is None:
        return and_(key.is_(None), later_person)
    beyond = key < after.key if descending else key > after.key
    return or_(beyond, and_(key == after.key, later_person), key.is_(None))


def _row(
    person: PersonRow, row: Any, entry: GradebookEntryRow | None, *, scale: Scale, max_score: float
) -> GradebookRow:
    override: float | None = row.override
    possible = max_score if entry is None else entry.max_score
    given = None if entry is None else entry.given_mark
    return GradebookRow(
        person=person_of(person),
        section=row.section,
        team=row.team,
        submission=None if entry is None else SubmissionId(str(entry.submission_id)),
        run=None if entry is None or entry.run_id is None else RunId(str(entry.run_id)),
        state=None if entry is None else RunState(entry.state),
        score=override if override is not None else None if entry is None else entry.score,
        max_score=possible,
        mark=_mark(entry) if override is None else mark_with(scale, override, possible, given),
        is_overridden=override is not None,
        is_adjusted=entry is not None and entry.is_adjusted,
        late_days=0 if entry is None else entry.late_days,
        submissions=0 if entry is None else entry.submissions,
        received_at=None if entry is None else entry.received_at,
        beyond_days=0 if entry is None else entry.beyond_days,
        penalty=0.0 if entry is None else entry.penalty,
        items_points=None if entry is None else entry.items_points,
        items_waiting=0 if entry is None else entry.items_waiting,
        given_mark=given,
        own_submission=None
        if entry is None or entry.own_submission_id is None
        else SubmissionId(str(entry.own_submission_id)),
    )


def _mark(entry: GradebookEntryRow | None) -> Mark | None:
    if entry is None or entry.mark_value is None:
        return None
    return Mark(value=entry.mark_value, label=entry.mark_label or "")
