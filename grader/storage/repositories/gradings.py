"""Gradings by persons: of those for the same submission, item and people, the newest that is not withdrawn holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import aliased

from grader.domain.ids import Owner, PersonId
from grader.domain.rubric import Grading
from grader.storage.database import Work
from grader.storage.models import (
    GradebookEntryRow,
    GradingClaimRow,
    GradingRow,
    PersonRow,
    TeamRow,
)


class HeldBy(NamedTuple):
    """Who has an item of a submission before them, until when."""

    person: PersonId
    name: str
    until: datetime


class Piece(NamedTuple):
    """A submission that counts, as far as one item of it is concerned; `graded_by` and `claimed_by` are names.

    `received_at` and `submission` make an order that does not follow names.
    """

    submission: UUID
    owner: Owner
    received_at: datetime
    graded_by: str | None
    claimed_by: str | None
    claimed_by_id: PersonId | None
    answers_sha256: str | None


class Follower(NamedTuple):
    """Somebody for whom a submission counts."""

    person: PersonId
    name: str


def holding(work: Work, submissions: Sequence[UUID]) -> dict[UUID, list[Grading]]:
    """Those that hold for these submissions, oldest first."""
    row, maker, member = GradingRow, aliased(PersonRow), aliased(PersonRow)
    key = (row.submission_id, row.item, row.person_id)
    newest = (
        select(row.id)
        .where(row.submission_id.in_(submissions), row.withdrawn_at.is_(None))
        .ext(distinct_on(*key))
        .order_by(*key, row.id.desc())
    )
    query = (
        select(row, maker.name, member.name)
        .join(maker, maker.id == row.made_by)
        .outerjoin(member, member.id == row.person_id)
        .where(row.id.in_(newest))
        .order_by(row.id)
    )
    found: dict[UUID, list[Grading]] = {submission: [] for submission in submissions}
    for one, made_by, whose in work.session.execute(query):
        found[one.submission_id].append(_grading(one, made_by, whose))
    return found


def history(work: Work, submission: UUID, item: str) -> list[tuple[Grading, bool]]:
    """Every grading of an item, newest first, and whether it was withdrawn."""
    row, maker, member = GradingRow, aliased(PersonRow), aliased(PersonRow)
    query = (
        select(row, maker.name, member.name)
        .join(maker, maker.id == row.made_by)
        .outerjoin(member, member.id == row.person_id)
        .where(row.submission_id == submission, row.item == item)
        .order_by(row.id.desc())
    )
    return [
        (_grading(one, made_by, whose), one.withdrawn_at is not None)
        for one, made_by, whose in work.session.execute(query)
    ]


def add(
    work: Work,
    *,
    assignment: int,
    submission: UUID,
    item: str,
    person: PersonId | None,
    applied: Sequence[str],
    free_points: float,
    comment: str,
    made_by: PersonId,
) -> int:
    """Its id."""
    values = {
        "assignment_id": assignment, "submission_id": submission, "item": item, "person_id": person,
        "applied": list(applied), "free_points": free_points, "comment": comment, "made_by": made_by,
    }  # fmt: skip
    return work.session.execute(insert(GradingRow).values(values).returning(GradingRow.id)).scalar_one()


def withdraw(work: Work, submission: UUID, item: str, person: PersonId | None) -> None:
    """Withdraw all for these people: an older one does not come back to life with the newest gone."""
    row = GradingRow
    statement = (
        update(row)
        .where(
            row.submission_id == submission,
            row.item == item,
            row.person_id.is_not_distinct_from(person),
            row.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=func.clock_timestamp())
    )
    work.session.execute(statement, execution_options={"synchronize_session": False})


def followers(work: Work, submission: UUID) -> list[Follower]:
    """For whom this submission counts, in an order that does not follow names."""
    query = (
        select(PersonRow.id, PersonRow.name)
        .join(GradebookEntryRow, GradebookEntryRow.person_id == PersonRow.id)
        .where(or_(GradebookEntryRow.submission_id == submission, GradebookEntryRow.own_submission_id == submission))
        .order_by(PersonRow.id)
    )
    return [Follower(PersonId(person), name) for person, name in work.session.execute(query)]


def pieces(work: Work, assignment: int, item: str, part: str) -> list[Piece]:
    """Every submission that counts for somebody and has a score, with who graded the item of it and who has it now.

    Where a team's members hand some parts in alone, only what is about the item's part.
    """
    rows = work.session.execute(
        text("""
            SELECT s.id, s.owner, s.received_at, maker.name AS graded_by, holder.name AS claimed_by, c.person_id,
                s.answers_sha256
            FROM submissions s
            LEFT JOIN LATERAL (
                SELECT made_by FROM gradings g WHERE g.submission_id = s.id AND g.item = :item
                AND g.person_id IS NULL AND g.withdrawn_at IS NULL ORDER BY g.id DESC LIMIT 1
            ) newest ON true
            LEFT JOIN people maker ON maker.id = newest.made_by
            LEFT JOIN grading_claims c ON c.submission_id = s.id AND c.item = :item AND c.until > clock_timestamp()
            LEFT JOIN people holder ON holder.id = c.person_id
            WHERE s.id IN (SELECT r.submission_id FROM gradebook_entries e
                           JOIN assignments a ON a.id = e.assignment_id
                           JOIN memberships m ON m.course_id = a.course_id AND m.person_id = e.person_id
                                AND m.role = 'student' AND m.left_at IS NULL
                           JOIN runs r ON r.id IN (e.run_id, e.own_run_id)
                           WHERE e.assignment_id = :assignment AND r.score IS NOT NULL
                                AND (r.parts IS NULL OR r.parts @> to_jsonb(CAST(:part AS text))))
            ORDER BY md5(s.id::text)
        """),
        {"assignment": assignment, "item": item, "part": part},
    )
    return [
        Piece(row[0], Owner(row[1]), row[2], row[3], row[4], None if row[5] is None else PersonId(row[5]), row[6])
        for row in rows
    ]


def claim(work: Work, submission: UUID, item: str, person: PersonId, lasts: timedelta) -> HeldBy:
    """Take the item of a submission, unless somebody else has it; who has it now."""
    row = GradingClaimRow
    until = func.clock_timestamp() + lasts
    statement = (
        upsert(row)
        .values(submission_id=submission, item=item, person_id=person, until=until)
        .on_conflict_do_update(
            index_elements=["submission_id", "item"],
            set_={"person_id": person, "until": until},
            where=(row.until <= func.clock_timestamp()) | (row.person_id == person),
        )
    )
    work.session.execute(statement)
    query = (
        select(row.person_id, PersonRow.name, row.until)
        .join(PersonRow, PersonRow.id == row.person_id)
        .where(row.submission_id == submission, row.item == item)
    )
    found = work.session.execute(query).one()
    return HeldBy(PersonId(found[0]), found[1], found[2])


def give_back(work: Work, submission: UUID, item: str, person: PersonId) -> None:
    work.session.execute(
        text("DELETE FROM grading_claims WHERE submission_id = :s AND item = :item AND person_id = :person"),
        {"s": submission, "item": item, "person": person},
    )


def graders(work: Work, assignment: int) -> dict[str, list[tuple[str, int]]]:
    """Item to (name, how many submissions that count they graded), most first; by the grading that holds."""
    rows = work.session.execute(
        text("""
            SELECT g.item, p.name, count(*) FROM (
                SELECT DISTINCT ON (submission_id, item) submission_id, item, made_by FROM gradings
                WHERE assignment_id = :assignment AND person_id IS NULL AND withdrawn_at IS NULL
                ORDER BY submission_id, item, id DESC
            ) g JOIN people p ON p.id = g.made_by
            WHERE g.submission_id IN (SELECT r.submission_id FROM gradebook_entries e
                                      JOIN runs r ON r.id IN (e.run_id, e.own_run_id)
                                      WHERE e.assignment_id = :assignment AND r.score IS NOT NULL)
            GROUP BY g.item, p.id, p.name ORDER BY g.item, count(*) DESC, p.name
        """),
        {"assignment": assignment},
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for item, name, many in rows:
        found.setdefault(item, []).append((name, many))
    return found


def team_of(work: Work, owner: Owner) -> str | None:
    """A team's name; None where the owner is a person."""
    if not owner.startswith("t"):
        return None
    return work.session.scalar(select(TeamRow.name).where(TeamRow.id == int(owner[1:])))


def _grading(row: GradingRow, made_by: str, member: str | None) -> Grading:
    return Grading(
        id=row.id,
        item=row.item,
        applied=tuple(str(key) for key in row.applied),
        free_points=row.free_points,
        comment=row.comment,
        made_at=row.made_at,
        made_by=made_by,
        member=member,
        member_id=None if row.person_id is None else PersonId(row.person_id),
    )
