"""Grading an item of a submission by a person: one question over everybody, with claims so that nobody does it twice.

While an assignment is blind, nothing here says whose work it is: no name, no e-mail address, no team, no file name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from grader.domain.course import Reader, Scope
from grader.domain.errors import AlreadyGraded, BadRequest, UnknownThing
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import AssignmentId, CourseId, PersonId, SubmissionId
from grader.domain.rubric import Grading, Item, free_points_of, points_of
from grader.kit.text import one_line
from grader.service import audit, gradebook, items
from grader.service.deciding import require_grading
from grader.service.overrides import subject_of
from grader.storage.database import Work
from grader.storage.repositories import entries, gradings
from grader.storage.repositories import items as item_rows
from grader.storage.repositories.gradings import Piece

# Longer than anybody reads one answer; short enough that what somebody walked away from comes back the same hour.
CLAIM_LASTS = timedelta(minutes=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody for whom a piece of work counts; `name` is a number while grading is blind."""

    person: PersonId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceOfWork:
    """One submission, as far as one item of it is concerned, for whoever grades.

    `number` of `total` is its place in an order that follows nothing about the student; `previous` and `following` are
    its neighbours. `whose` is empty while grading is blind. `gradings` are those that hold, `earlier` what they
    took the place of. `points` is what everybody's comes to, None while it waits. `newest` is the newest grading's id
    for all of the owner's people, 0 without one. `claimed_by` is somebody else who has it now. `answers_sha256` names
    the written answers that came beside the file.
    """

    submission: SubmissionId
    item: Item
    number: int
    total: int
    previous: SubmissionId | None
    following: SubmissionId | None
    whose: str
    members: tuple[Member, ...]
    gradings: tuple[Grading, ...]
    earlier: tuple[Grading, ...]
    points: float | None
    claimed_by: str | None
    answers_sha256: str | None

    @property
    def held(self) -> Grading | None:
        """What holds for everybody."""
        return next((one for one in self.gradings if one.member_id is None), None)

    @property
    def newest(self) -> int:
        return 0 if self.held is None else self.held.id

    @property
    def is_team(self) -> bool:
        return len(self.members) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemProgress:
    """How far an item is: pieces of work that count, graded ones, by whom, and how many somebody has now."""

    item: Item
    total: int
    graded: int
    claimed: int
    by: tuple[tuple[str, int], ...]

    @property
    def waiting(self) -> int:
        return self.total - self.graded


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceLine:
    """A piece of work in a list; `whose` is empty while grading is blind."""

    submission: SubmissionId
    number: int
    whose: str
    graded_by: str | None
    claimed_by: str | None


def progress(work: Work, reader: Reader, assignment: OfferedAssignment) -> tuple[ItemProgress, ...]:
    """Every item of the document. Staff with scope read. Raises NeedsRole, NeedsScope."""
    found = items.of_assignment(work, reader, assignment)
    by = gradings.graders(work, assignment.id)
    lines = {item.id: gradings.pieces(work, assignment.id, item.id, item.part) for item in found}
    return tuple(
        ItemProgress(
            item=item,
            total=len(lines[item.id]),
            graded=sum(one.graded_by is not None for one in lines[item.id]),
            claimed=sum(one.claimed_by is not None for one in lines[item.id]),
            by=tuple(by.get(item.id, ())),
        )
        for item in found
    )


def list_pieces(work: Work, reader: Reader, assignment: OfferedAssignment, item: str) -> tuple[PieceLine, ...]:
    """Everybody's work for an item. Staff with scope read. Raises NeedsRole, NeedsScope, UnknownThing."""
    _require_reading(reader, assignment)
    found = items.find(work, assignment, item)
    return tuple(
        PieceLine(
            submission=SubmissionId(str(piece.submission)),
            number=number,
            whose=_whose(work, assignment, piece),
            graded_by=piece.graded_by,
            claimed_by=piece.claimed_by,
        )
        for number, piece in enumerate(gradings.pieces(work, assignment.id, found.id, found.part), 1)
    )


def take_next(
    work: Work, reader: Reader, assignment: OfferedAssignment, item: str, *, after: str = ""
) -> PieceOfWork | None:
    """The next piece of work that nobody has graded or has before them, claimed; None when none is left.

    `after` is the submission to go on from. Staff with scope grade.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: the assignment has no such item.

    """
    require_grading(reader, assignment)
    found = items.find(work, assignment, item)
    every = gradings.pieces(work, assignment.id, found.id, found.part)
    start = next((place + 1 for place, one in enumerate(every) if str(one.submission) == after), 0)
    for piece in [*every[start:], *every[:start]]:
        if piece.graded_by is not None or piece.claimed_by_id not in (None, reader.id):
            continue
        held = gradings.claim(work, piece.submission, found.id, reader.id, CLAIM_LASTS)
        if held.person == reader.id:
            return _piece_of_work(work, reader, assignment, found, str(piece.submission))
    return None


def open_piece(
    work: Work, reader: Reader, assignment: OfferedAssignment, item: str, submission: str, *, claim: bool = False
) -> PieceOfWork:
    """One piece of work; with `claim`, before this reader from now on unless it is before somebody else.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: there is no such item, or this submission counts for nobody or has no score.

    """
    if claim:
        require_grading(reader, assignment)
    else:
        _require_reading(reader, assignment)
    found = items.find(work, assignment, item)
    _piece(gradings.pieces(work, assignment.id, found.id, found.part), submission)
    if claim:
        gradings.claim(work, UUID(submission), found.id, reader.id, CLAIM_LASTS)
    return _piece_of_work(work, reader, assignment, found, submission)


def give_back(work: Work, reader: Reader, assignment: OfferedAssignment, item: str, submission: str) -> None:
    """Let others take what this reader has before them. Raises as `open_piece` does."""
    require_grading(reader, assignment)
    found = items.find(work, assignment, item)
    piece = _piece(gradings.pieces(work, assignment.id, found.id, found.part), submission)
    gradings.give_back(work, piece.submission, found.id, reader.id)


def grade(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    item: str,
    submission: str,
    *,
    applied: Sequence[str] = (),
    free_points: float = 0.0,
    comment: str = "",
    member: PersonId | None = None,
    newest: int | None = None,
) -> int:
    """Give what an item comes to: lines of the rubric, free points, a comment. The id of the grading.

    It takes the place of the one that holds for the same people: all of the owner's, or one `member`. `newest` is the
    id of that one as the grader saw it, 0 for none; None does not care. The gradebook follows in this transaction.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: there is no such item, piece of work, line or member.
        BadRequest: points that are none, or for an item without points; a comment that is too long.
        AlreadyGraded: somebody else graded it meanwhile, or has it before them.

    """
    require_grading(reader, assignment)
    free, said = free_points_of(free_points), items.comment_of(comment)
    item_rows.lock(work, assignment.id)
    found = items.find(work, assignment, item)
    piece = _piece(gradings.pieces(work, assignment.id, found.id, found.part), submission)
    _require_fitting(found, applied, free)
    if member is not None and member not in {one.person for one in gradings.followers(work, piece.submission)}:
        raise UnknownThing("This work does not count for anybody of this id.")
    entries.lock(work, AssignmentId(assignment.id), piece.owner)
    held = gradings.claim(work, piece.submission, found.id, reader.id, CLAIM_LASTS)
    if held.person != reader.id:
        raise AlreadyGraded(f"{held.name} has this before them; go on with the next one.")
    before = _newest_for(work, piece, found, member)
    if newest is not None and newest != before:
        raise AlreadyGraded("Somebody graded this meanwhile; look at what they gave before you change it.")
    made = gradings.add(
        work, assignment=assignment.id, submission=piece.submission, item=found.id, person=member,
        applied=list(dict.fromkeys(applied)), free_points=free, comment=said, made_by=reader.id,
    )  # fmt: skip
    gradings.give_back(work, piece.submission, found.id, reader.id)
    gradebook.refresh(work, AssignmentId(assignment.id), piece.owner)
    worth = f"{points_of(found, applied, free):g} of {found.points:g}" if found.counts else "read"
    _note(work, reader, assignment, piece, member, "grade item", f"{found.id}: {worth}")
    return made


def withdraw(
    work: Work, reader: Reader, assignment: OfferedAssignment, item: str, submission: str, grading: int, *, reason: str
) -> None:
    """Take a grading back, so that the item waits again; a member's then has what everybody was given. Audited.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: there is no such item or piece of work, or no such grading holds.
        BadRequest: no reason.

    """
    require_grading(reader, assignment)
    because = one_line(reason, limit=1000).strip()
    if not because:
        raise BadRequest("Say why it is taken back in a few words.")
    item_rows.lock(work, assignment.id)
    found = items.find(work, assignment, item)
    piece = _piece(gradings.pieces(work, assignment.id, found.id, found.part), submission)
    entries.lock(work, AssignmentId(assignment.id), piece.owner)
    held = gradings.holding(work, [piece.submission])[piece.submission]
    one = next((one for one in held if one.id == grading and one.item == found.id), None)
    if one is None:
        raise UnknownThing("There is no such grading, or it no longer holds.")
    gradings.withdraw(work, piece.submission, found.id, one.member_id)
    gradebook.refresh(work, AssignmentId(assignment.id), piece.owner)
    _note(work, reader, assignment, piece, one.member_id, "withdraw grading", f"{found.id}: {because}")


def _require_reading(reader: Reader, assignment: OfferedAssignment) -> None:
    reader.require_staff(CourseId(assignment.course_id))
    reader.require_scope(Scope.READ)


def _require_fitting(item: Item, applied: Sequence[str], free_points: float) -> None:
    keys = {line.key for line in item.rubric}
    unknown = [key for key in applied if key not in keys]
    if unknown:
        raise UnknownThing(f"The rubric has no line {one_line(unknown[0], limit=80)}.")
    if free_points and not item.counts:
        raise BadRequest("This item has no points; write a comment.")


def _newest_for(work: Work, piece: Piece, item: Item, member: PersonId | None) -> int:
    held = gradings.holding(work, [piece.submission])[piece.submission]
    return next((one.id for one in held if one.item == item.id and one.member_id == member), 0)


def _piece(every: Sequence[Piece], submission: str) -> Piece:
    found = next((one for one in every if str(one.submission) == submission), None)
    if found is None:
        raise UnknownThing("There is no such submission that counts and has a score.")
    return found


def _piece_of_work(
    work: Work, reader: Reader, assignment: OfferedAssignment, item: Item, submission: str
) -> PieceOfWork:
    every = gradings.pieces(work, assignment.id, item.id, item.part)
    piece = _piece(every, submission)
    place = every.index(piece)
    members = _members(work, assignment, piece)
    names = {one.person: one.name for one in members}
    held = gradings.holding(work, [piece.submission])[piece.submission]
    told = tuple(_told(one, assignment, names) for one in held if one.item == item.id)
    holding = {one.id for one in told}
    every_one = gradings.history(work, piece.submission, item.id)
    for_all = next((one for one in told if one.member_id is None), None)
    return PieceOfWork(
        submission=SubmissionId(submission),
        item=item,
        number=place + 1,
        total=len(every),
        previous=SubmissionId(str(every[place - 1].submission)) if place else None,
        following=SubmissionId(str(every[place + 1].submission)) if place + 1 < len(every) else None,
        whose=_whose(work, assignment, piece),
        members=members,
        gradings=told,
        earlier=tuple(_told(one, assignment, names) for one, _ in every_one if one.id not in holding),
        points=None if for_all is None else points_of(item, for_all.applied, for_all.free_points),
        claimed_by=None if piece.claimed_by_id in (None, reader.id) else piece.claimed_by,
        answers_sha256=piece.answers_sha256,
    )


def _told(one: Grading, assignment: OfferedAssignment, names: dict[PersonId, str]) -> Grading:
    if one.member_id is None or not assignment.is_blind:
        return one
    return replace(one, member=names.get(one.member_id, "a member"))


def _members(work: Work, assignment: OfferedAssignment, piece: Piece) -> tuple[Member, ...]:
    found = gradings.followers(work, piece.submission)
    return tuple(
        Member(person=one.person, name=f"Member {number}" if assignment.is_blind else one.name)
        for number, one in enumerate(found, 1)
    )


def _whose(work: Work, assignment: OfferedAssignment, piece: Piece) -> str:
    if assignment.is_blind:
        return ""
    team = gradings.team_of(work, piece.owner)
    return team or ", ".join(one.name for one in gradings.followers(work, piece.submission))


def _note(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    piece: Piece,
    member: PersonId | None,
    action: str,
    detail: str,
) -> None:
    """In the trail of everybody for whom it counts."""
    people = [one.person for one in gradings.followers(work, piece.submission)] if member is None else [member]
    for person in people:
        audit.note(work, reader, action, subject_of(assignment, person), detail)
