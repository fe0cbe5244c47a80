"""Items that persons grade: their rubrics, the comments kept for them, and how an assignment is graded by hand."""

from __future__ import annotations

from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import AssignmentId, CourseId, Owner
from grader.domain.rubric import LONGEST_COMMENT, LONGEST_LABEL, Item, RubricItem, free_points_of
from grader.kit.text import one_line, plain
from grader.service import audit, gradebook, notices
from grader.service.deciding import require_grading
from grader.storage.database import Work
from grader.storage.repositories import assignments
from grader.storage.repositories import items as rows
from grader.storage.repositories.items import Comment

MOST_LINES = 40
MOST_COMMENTS = 200


def of_assignment(work: Work, reader: Reader, assignment: OfferedAssignment) -> tuple[Item, ...]:
    """The document's items with their rubrics as they stand. Staff with scope read. Raises NeedsRole, NeedsScope."""
    reader.require_staff(CourseId(assignment.course_id))
    reader.require_scope(Scope.READ)
    return rows.of_assignment(work, AssignmentId(assignment.id))


def find(work: Work, assignment: OfferedAssignment, item: str) -> Item:
    """Raises UnknownThing."""
    found = next((one for one in rows.of_assignment(work, AssignmentId(assignment.id)) if one.id == item), None)
    if found is None:
        raise UnknownThing("The assignment has no such item for a person to grade.")
    return found


def add_line(
    work: Work, reader: Reader, assignment: OfferedAssignment, item: str, *, label: str, points: float
) -> RubricItem:
    """A new line of an item's rubric. Staff with scope grade. Audited.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: the assignment has no such item.
        BadRequest: no words, points that are none, or there are 40 lines already.

    """
    require_grading(reader, assignment)
    words, worth = _words(label), free_points_of(points)
    rows.lock(work, assignment.id, alone=True)
    found = find(work, assignment, item)
    if len(found.rubric) >= MOST_LINES:
        raise BadRequest(f"A rubric holds {MOST_LINES} lines; change one that is there.")
    line = RubricItem(key=rows.next_key(work, assignment.id, found.id), label=words, points=worth)
    rows.put(work, assignment=assignment.id, item=found.id, line=line, made_by=reader.id)
    _note(work, reader, assignment, "add rubric line", f"{found.id} {line.key}: {line.points:+g} {line.label}")
    return line


def change_line(
    work: Work, reader: Reader, assignment: OfferedAssignment, item: str, key: str, *, label: str, points: float
) -> int:
    """Let a line say and give something else; everybody it was applied to is scored anew. For how many owners.

    Raises as `add_line` does; UnknownThing also when there is no such line.
    """
    require_grading(reader, assignment)
    words, worth = _words(label), free_points_of(points)
    rows.lock(work, assignment.id, alone=True)
    found = find(work, assignment, item)
    before = _line(found, key)
    after = RubricItem(key=before.key, label=words, points=worth)
    if after == before:
        return 0
    rows.put(work, assignment=assignment.id, item=found.id, line=after, made_by=reader.id)
    many = _score_anew(work, assignment, found, key)
    change = f"{before.points:+g} {before.label} -> {after.points:+g} {after.label}"
    _note(work, reader, assignment, "change rubric line", f"{found.id} {key}: {change}; scored anew: {many}")
    return many


def remove_line(work: Work, reader: Reader, assignment: OfferedAssignment, item: str, key: str) -> int:
    """Take a line away; it gives nothing any more to those it was applied to. For how many owners.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: there is no such item or line.

    """
    require_grading(reader, assignment)
    rows.lock(work, assignment.id, alone=True)
    found = find(work, assignment, item)
    line = _line(found, key)
    rows.put(work, assignment=assignment.id, item=found.id, line=line, made_by=reader.id, is_removed=True)
    many = _score_anew(work, assignment, found, key)
    detail = f"{found.id} {key}: {line.points:+g} {line.label}; scored anew: {many}"
    _note(work, reader, assignment, "remove rubric line", detail)
    return many


def comments(work: Work, reader: Reader, assignment: OfferedAssignment, item: str) -> list[Comment]:
    """What is kept to be said again of an item. Staff. Raises NeedsRole, NeedsScope, UnknownThing."""
    reader.require_staff(CourseId(assignment.course_id))
    reader.require_scope(Scope.READ)
    return rows.comments(work, assignment.id, find(work, assignment, item).id)


def keep_comment(work: Work, reader: Reader, assignment: OfferedAssignment, item: str, words: str) -> int:
    """Keep a comment for an item; the same words are kept once. Its id. Staff with scope grade.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: the assignment has no such item.
        BadRequest: no words, or 200 comments are kept already.

    """
    require_grading(reader, assignment)
    said = comment_of(words)
    if not said:
        raise BadRequest("A comment to keep needs words.")
    found = find(work, assignment, item)
    rows.lock(work, assignment.id, alone=True)
    kept = rows.comments(work, assignment.id, found.id)
    same = next((one.id for one in kept if one.text == said), None)
    if same is not None:
        return same
    if len(kept) >= MOST_COMMENTS:
        raise BadRequest(f"{MOST_COMMENTS} comments are kept for this item; remove one first.")
    return rows.keep_comment(work, assignment.id, found.id, said, reader.id)


def remove_comment(work: Work, reader: Reader, assignment: OfferedAssignment, item: str, comment: int) -> None:
    """Keep a comment no longer; where it was written it stays. Raises NeedsRole, NeedsScope, UnknownThing."""
    require_grading(reader, assignment)
    if not rows.remove_comment(work, assignment.id, find(work, assignment, item).id, comment):
        raise UnknownThing("There is no such comment kept for this item.")


def set_grading(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    *,
    is_blind: bool | None = None,
    is_released: bool | None = None,
) -> None:
    """Whether graders see whose work they grade, and whether students read what was given. Instructors. Audited.

    Raises:
        NeedsRole, NeedsScope.
        BadRequest: neither is said.

    """
    reader.require_instructor(CourseId(assignment.course_id))
    reader.require_scope(Scope.MANAGE)
    if is_blind is None and is_released is None:
        raise BadRequest("Say whether grading is blind, or whether what was given is released.")
    was_released = assignment.items_released_at is not None
    blind = assignment.is_blind if is_blind is None else is_blind
    released = was_released if is_released is None else is_released
    assignments.set_grading(work, assignment.id, is_blind=blind, is_released=released)
    if blind != assignment.is_blind:
        _note(work, reader, assignment, "set blind grading", "on" if blind else "off")
    if released and not was_released:
        notices.tell_released(work, AssignmentId(assignment.id))
    if released != was_released:
        _note(work, reader, assignment, "release items" if released else "take items back", "")


def comment_of(words: str) -> str:
    """A comment as it is kept. Raises BadRequest for one that is too long."""
    said = plain(words, limit=LONGEST_COMMENT + 1).strip()
    if len(said) > LONGEST_COMMENT:
        raise BadRequest(f"A comment has at most {LONGEST_COMMENT} characters.")
    return said


def trail(work: Work, reader: Reader, assignment: OfferedAssignment) -> list[tuple[str, str, str, str]]:
    """Who changed rubrics and settings, when and how, newest first. Staff."""
    reader.require_staff(CourseId(assignment.course_id))
    return audit.trail(work, reader, _subject(assignment))


def _line(item: Item, key: str) -> RubricItem:
    found = next((line for line in item.rubric if line.key == key), None)
    if found is None:
        raise UnknownThing("The rubric has no such line.")
    return found


def _score_anew(work: Work, assignment: OfferedAssignment, item: Item, key: str) -> int:
    owners = rows.owners_with(work, assignment.id, item.id, key)
    for owner in owners:
        gradebook.refresh(work, AssignmentId(assignment.id), Owner(owner))
    return len(owners)


def _words(label: str) -> str:
    words = one_line(label, limit=LONGEST_LABEL).strip()
    if not words:
        raise BadRequest("A line of a rubric says in a few words what it is for.")
    return words


def _subject(assignment: OfferedAssignment) -> str:
    return f"rubric:{assignment.id}"


def _note(work: Work, reader: Reader, assignment: OfferedAssignment, action: str, detail: str) -> None:
    audit.note(work, reader, action, _subject(assignment), detail)
