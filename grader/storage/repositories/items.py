"""Items as they stand: the document's, with what staff made of their rubrics, and the comments kept for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on

from grader.domain.assignment import Part
from grader.domain.ids import PersonId
from grader.domain.rubric import Item, RubricItem, items_of
from grader.storage.database import Work
from grader.storage.models import AssignmentRow, CommentRow, PersonRow, RubricRow, SpecVersionRow


class Comment(NamedTuple):
    """A comment kept for an item."""

    id: int
    text: str
    made_by: str


def lock(work: Work, assignment: int, *, alone: bool = False) -> None:
    """Let nobody change the rubrics while this transaction grades by them, and (`alone`) nobody grade while it does."""
    key = func.hashtextextended(f"rubric:{assignment}", 0)
    taken = func.pg_advisory_xact_lock(key) if alone else func.pg_advisory_xact_lock_shared(key)
    work.session.execute(select(taken))


def of_assignment(work: Work, assignment: int) -> tuple[Item, ...]:
    """In the document's order, by the spec version that judges the assignment now."""
    parts = work.session.execute(
        select(SpecVersionRow.definition["part"])
        .join(AssignmentRow, AssignmentRow.spec_version_id == SpecVersionRow.id)
        .where(AssignmentRow.id == assignment)
    ).scalar_one()
    read = [Part.model_validate(part) for part in parts or () if part.get("manual")]
    return items_of(read, _changed(work, assignment)) if read else ()


def _changed(work: Work, assignment: int) -> Mapping[tuple[str, str], RubricItem | None]:
    row = RubricRow
    key = (row.item, row.key)
    newest = select(row.id).where(row.assignment_id == assignment).ext(distinct_on(*key)).order_by(*key, row.id.desc())
    # In the order in which they were first made, whatever was changed since.
    first = select(row.item, row.key, func.min(row.id).label("first")).where(row.assignment_id == assignment)
    first_of = first.group_by(row.item, row.key).subquery()
    query = (
        select(row)
        .join(first_of, (first_of.c.item == row.item) & (first_of.c.key == row.key))
        .where(row.id.in_(newest))
        .order_by(first_of.c.first)
    )
    return {
        (found.item, found.key): None
        if found.is_removed
        else RubricItem(key=found.key, label=found.label, points=found.points)
        for found in work.session.scalars(query)
    }


def next_key(work: Work, assignment: int, item: str) -> str:
    """A key that no line of the item ever had; call it under the lock, alone."""
    query = select(func.count(RubricRow.key.distinct())).where(
        RubricRow.assignment_id == assignment, RubricRow.item == item, RubricRow.key.regexp_match(r"^r\d+$")
    )
    return f"r{int(work.session.execute(query).scalar_one()) + 1}"


def put(
    work: Work, *, assignment: int, item: str, line: RubricItem, made_by: PersonId, is_removed: bool = False
) -> None:
    """Let the line be this from now on."""
    values: dict[str, Any] = {
        "assignment_id": assignment, "item": item, "key": line.key, "label": line.label, "points": line.points,
        "is_removed": is_removed, "made_by": made_by,
    }  # fmt: skip
    work.session.execute(insert(RubricRow).values(values))


def owners_with(work: Work, assignment: int, item: str, key: str) -> list[str]:
    """Whose gradings that hold have this line applied."""
    rows = work.session.execute(
        text("""SELECT DISTINCT s.owner FROM gradings g JOIN submissions s ON s.id = g.submission_id
                WHERE g.assignment_id = :assignment AND g.item = :item AND g.withdrawn_at IS NULL
                  AND g.applied @> to_jsonb(CAST(:key AS text)) ORDER BY s.owner"""),
        {"assignment": assignment, "item": item, "key": key},
    )
    return list(rows.scalars())


def comments(work: Work, assignment: int, item: str) -> list[Comment]:
    """The bank of an item, oldest first."""
    query = (
        select(CommentRow.id, CommentRow.text, PersonRow.name)
        .join(PersonRow, PersonRow.id == CommentRow.made_by)
        .where(CommentRow.assignment_id == assignment, CommentRow.item == item, CommentRow.removed_at.is_(None))
        .order_by(CommentRow.id)
    )
    return [Comment(*found) for found in work.session.execute(query)]


def keep_comment(work: Work, assignment: int, item: str, words: str, made_by: PersonId) -> int:
    values = {"assignment_id": assignment, "item": item, "text": words, "made_by": made_by}
    return work.session.execute(insert(CommentRow).values(values).returning(CommentRow.id)).scalar_one()


def remove_comment(work: Work, assignment: int, item: str, comment: int) -> bool:
    """Whether it was there."""
    row = CommentRow
    statement = (
        update(row)
        .where(row.id == comment, row.assignment_id == assignment, row.item == item, row.removed_at.is_(None))
        .values(removed_at=func.clock_timestamp())
        .returning(row.id)
    )
    found = work.session.execute(statement, execution_options={"synchronize_session": False})
    return found.one_or_none() is not None
