"""A person's change to the points of a check, a part or the whole: with a reason, audited, never edited.

The student reads points and reason beside what they are about; never of a check that they may not see. What one member
of a team was given is theirs to read, and not their team's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

from grader.domain.adjustment import (
    WHOLE,
    Adjustment,
    Target,
    TargetKind,
    WhatCounts,
    difference_of,
    target_of,
    what_counts,
)
from grader.domain.check import CheckResult
from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.grading import GradingRun, OfferedAssignment
from grader.domain.ids import AssignmentId, CourseId, Owner, PersonId
from grader.domain.late import penalised, penalty
from grader.domain.rubric import ByPersons
from grader.domain.run import Mark
from grader.domain.score import mark_with
from grader.domain.submission import Submission
from grader.kit.text import one_line
from grader.service import audit, gradebook, lateness, visibility
from grader.service.counting import given_by_persons
from grader.service.deciding import reason_of, require_grading, require_student
from grader.service.overrides import subject_of
from grader.service.shown_items import ShownItem, reads_items, shown_items
from grader.storage.database import Work
from grader.storage.repositories import adjustments, entries, given_marks, overrides, runs, stages, submissions
from grader.storage.repositories.adjustments import Held, Line
from grader.storage.repositories.given_marks import GivenMark

_NO_REASON = "An adjustment needs a reason, which the student reads; say why in a few words."


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """What a reader sees of a submission's adjustments; nothing where it does not count, or nothing holds.

    `score` and `mark` are what counts of it, an override (then `is_overridden`) or the adjusted score; None where that
    is the run's own, or may not be shown. `counts` has the points of checks and parts after adjusting. `items` are what
    persons gave, for a student once it is released; `max_score` is with theirs, None where it is the run's.
    """

    adjustments: tuple[Adjustment, ...] = ()
    counts: WhatCounts | None = None
    score: float | None = None
    mark: Mark | None = None
    is_overridden: bool = False
    max_score: float | None = None
    items: tuple[ShownItem, ...] = ()
    mark_given: GivenMark | None = None


class Choice(NamedTuple):
    """Something that can be adjusted or asked about, in words."""

    target: Target
    words: str

    @property
    def value(self) -> str:
        """As a form names it; `target_from` reads it."""
        return f"{self.target.kind}:{self.target.id}"


def target_from(value: str) -> Target:
    """The target that a form named. Raises BadRequest for what is none."""
    kind, _, identity = value.partition(":")
    return target_of(kind, identity)


def adjust(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    person: PersonId,
    *,
    target: Target,
    points: float,
    reason: str,
    for_member: bool = False,
) -> int:
    """Change what counts of a student's work by a difference in points; the id of the adjustment.

    For all of a team whose work it is, unless it is `for_member` alone. It takes the place of the one that holds for
    the same target and the same people. Staff with scope grade; a reason is required, and the student reads it.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: nobody of this id is a student of the course, or there is no such check or part.
        BadRequest: no reason, a difference that is none, nothing has a score yet, or a check without points.

    """
    require_grading(reader, assignment)
    because = reason_of(reason, _NO_REASON)
    difference = difference_of(points)
    line = _line(work, assignment, person, target)
    entries.lock(work, AssignmentId(assignment.id), line.owner)
    title = title_of(work, assignment, line, target)
    member = person if for_member and line.owner.startswith("t") else None
    identity = adjustments.add(
        work, assignment=assignment.id, owner=line.owner, person=member, target=target, title=title,
        points=difference, reason=because, made_by=reader.id,
    )  # fmt: skip
    gradebook.refresh(work, AssignmentId(assignment.id), line.owner)
    _note(work, reader, assignment, line.owner, member, "adjust points", f"{difference:+g} for {title}: {because}")
    return identity


def withdraw(
    work: Work, reader: Reader, assignment: OfferedAssignment, person: PersonId, adjustment: int, *, reason: str
) -> None:
    """Take an adjustment back; none that it superseded comes to life again. Audited.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: nobody of this id is a student of the course, or no such adjustment holds for them.
        BadRequest: no reason.

    """
    require_grading(reader, assignment)
    because = reason_of(reason, _NO_REASON)
    _line(work, assignment, person, needs_score=False)
    for line in _lines(work, assignment, person):
        entries.lock(work, AssignmentId(assignment.id), line.owner)
        held = adjustments.holding(work, assignment.id, line.owner)
        found = next((one for one in held if one.adjustment.id == adjustment and one.person in (None, person)), None)
        if found is not None:
            break
    else:
        raise UnknownThing("There is no such adjustment, or it no longer holds.")
    one = found.adjustment
    adjustments.withdraw(work, assignment.id, line.owner, one.target, found.person)
    gradebook.refresh(work, AssignmentId(assignment.id), line.owner)
    _note(
        work, reader, assignment, line.owner, found.person, "withdraw adjustment",
        f"{one.points:+g} for {one.title} withdrawn: {because}",
    )  # fmt: skip


def of_line(work: Work, reader: Reader, assignment: OfferedAssignment, person: PersonId) -> tuple[Adjustment, ...]:
    """What holds for one student, their team's with it, oldest first. Staff with scope read.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: nobody of this id is a student of the course.

    """
    reader.require_staff(CourseId(assignment.course_id))
    reader.require_scope(Scope.READ)
    require_student(work, assignment, person)
    held = [
        one for line in _lines(work, assignment, person) for one in adjustments.holding(work, assignment.id, line.owner)
    ]
    return tuple(one.adjustment for one in held if one.person in (None, person))


def shown_of(
    work: Work, reader: Reader, assignment: OfferedAssignment, person: PersonId, target: Target
) -> tuple[Adjustment, ...]:
    """What holds for a student already of the same target: another one takes its place. Staff.

    Empty for somebody who has left the course.
    """
    if not overrides.is_student(work, assignment.course_id, person):
        return ()
    return tuple(one for one in of_line(work, reader, assignment, person) if one.target == target)


def targets_of(work: Work, reader: Reader, assignment: OfferedAssignment, person: PersonId) -> list[Choice]:
    """What of a student's work can be adjusted: the whole, the document's parts, checks with points. Staff.

    Empty where nothing has a score yet.
    """
    reader.require_staff(CourseId(assignment.course_id))
    judged = [line.run for line in _lines(work, assignment, person) if line.run is not None and line.score is not None]
    results = runs.results_of(work, judged)
    return choices(assignment, [one for run in judged for one in results[run]]) if judged else []


def choices(
    assignment: OfferedAssignment, results: Iterable[CheckResult], items: Sequence[ShownItem] = ()
) -> list[Choice]:
    """The whole, the document's parts, of these results those with points, and these items."""
    found = [Choice(WHOLE, "The whole")]
    for part in assignment.spec.definition.part:
        found.append(Choice(Target(kind=TargetKind.PART, id=part.id), f"Part {part.id}: {part.title}"))
        found += [
            Choice(Target(kind=TargetKind.CHECK, id=str(result.id)), f"{result.title} ({result.id})")
            for result in results
            if result.part == part.id and result.max_points
        ]
        found += [
            Choice(Target(kind=TargetKind.ITEM, id=item.id), f"{item.title} ({item.id})")
            for item in items
            if item.part == part.id
        ]
    return found


def shown_with(
    work: Work, reader: Reader, assignment: OfferedAssignment, submission: Submission, run: GradingRun
) -> Adjusted:
    """What stands beside a submission's run, which was cut to what this reader may see (`visibility.shown_run`)."""
    if not run.state.is_final:
        return Adjusted()
    is_staff = reader.is_staff(submission.course_id)
    whose = _whose(submission) if is_staff else reader.id
    line = None if whose is None else adjustments.line_of(work, assignment.id, whose, own=submission.is_own)
    if not is_staff and (line is None or line.submission != UUID(submission.id)):
        return Adjusted()
    if is_staff and not _counts(work, submission):
        return Adjusted()
    held = adjustments.holding(work, assignment.id, submission.owner)
    seen = tuple(held) if is_staff else _for_student(work, held, reader, assignment, run)
    # An override sets the whole, which is more than a submission of some parts.
    override = None if whose is None or run.parts is not None else overrides.holding(work, assignment.id, whose)
    late = lateness.charge_of(work, whose or submission.person.id, submission.course_id, submission.id)
    by_person = given_by_persons(work, AssignmentId(assignment.id), submission.owner, UUID(submission.id), run.parts)
    is_read = reads_items(assignment, reader)
    adjusted = _laid_out(
        run, assignment, seen, override, penalty(assignment.late, late.beyond),
        by_person.of(whose) if is_read else None, by_person.mark_of(whose),
    )  # fmt: skip
    mark_given = given_marks.for_person(list(by_person.marks), whose)
    return replace(
        adjusted,
        items=shown_items(by_person, whose, with_names=is_staff) if is_read else (),
        mark_given=mark_given if mark_given is None or is_staff else mark_given._replace(made_by=""),
    )


def title_of(work: Work, assignment: OfferedAssignment, line: Line, target: Target) -> str:
    """The target in words, as the counting run or the assignment names it.

    Raises:
        UnknownThing: there is no such check or part.
        BadRequest: the check has no points that could change, or it is an item.

    """
    if target.kind is TargetKind.WHOLE:
        return "the whole"
    if target.kind is TargetKind.PART:
        parts = {part.id: part.title for part in assignment.spec.definition.part}
        if target.id not in parts:
            raise UnknownThing(f"The assignment has no part {one_line(target.id, limit=80)}.")
        return f"{target.id} {parts[target.id]}"
    if target.kind is TargetKind.ITEM:
        raise BadRequest("A person gives an item's points: grade the item again, or change its part or the whole.")
    results = [] if line.run is None else runs.results_of(work, [line.run])[line.run]
    found = next((result for result in results if result.id == target.id), None)
    if found is None:
        raise UnknownThing(f"What counts has no check {one_line(target.id, limit=80)}.")
    if not found.max_points:
        raise BadRequest("This check has no points; change its part or the whole.")
    return found.title


def _lines(work: Work, assignment: OfferedAssignment, person: PersonId) -> list[Line]:
    """The team's or their own work that counts for them; then, if it is another, what of it they hand in alone."""
    both = [adjustments.line_of(work, assignment.id, person, own=own) for own in (False, True)]
    found = {line.owner: line for line in both if line is not None}
    return list(found.values())


def _line(
    work: Work, assignment: OfferedAssignment, person: PersonId, target: Target = WHOLE, *, needs_score: bool = True
) -> Line:
    """Whose work it is of which a target's points are: the whole goes with the team's."""
    require_student(work, assignment, person)
    lines = _lines(work, assignment, person)
    is_own = target.kind is not TargetKind.WHOLE and assignment.spec.definition.is_individual(f"{target.id}.")
    line = lines[-1 if is_own and len(lines) > 1 else 0] if lines else None
    if line is None or (needs_score and line.score is None):
        raise BadRequest("Nothing of theirs has a score yet, so there are no points to change; override the score.")
    return line


def _note(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    owner: Owner,
    member: PersonId | None,
    action: str,
    detail: str,
) -> None:
    """In the trail of everybody for whom it counts."""
    people = adjustments.followers(work, assignment.id, owner) if member is None else [member]
    for person in people:
        audit.note(work, reader, action, subject_of(assignment, person), detail)


def _whose(submission: Submission) -> PersonId | None:
    """The one person whose work it is; None for a team's."""
    return PersonId(int(submission.owner[1:])) if submission.owner.startswith("p") else None


def _counts(work: Work, submission: Submission) -> bool:
    identity = UUID(submission.id)
    return identity in submissions.counting(work, [submission.assignment_id], [identity])


def _for_student(
    work: Work, held: Sequence[Held], reader: Reader, assignment: OfferedAssignment, run: GradingRun
) -> tuple[Held, ...]:
    """Theirs alone, without who made it, and of no check that is kept from them."""
    now = stages.now(work)
    return tuple(
        Held(None, replace(one.adjustment, made_by=None, member=None))
        for one in held
        if one.person in (None, reader.id)
        and (
            one.adjustment.target.kind is not TargetKind.CHECK
            or visibility.may_see_check(run, one.adjustment.target.id, assignment, reader, now)
        )
    )


def _laid_out(
    run: GradingRun,
    assignment: OfferedAssignment,
    seen: Sequence[Held],
    override: float | None,
    lost: float,
    given: ByPersons | None,
    mark_given: float | None,
) -> Adjusted:
    """`lost` is the share of the score that late days cost, `given` what persons gave, None where it is not shown."""
    for_all = [(one.adjustment.target, one.adjustment.points) for one in seen if one.person is None]
    items = [] if given is None else list(given.points.values())
    is_changed = bool(for_all or items or mark_given is not None)
    counts = what_counts(run.checks, for_all, override, items=items) if is_changed and run.checks else None
    if counts is not None:
        # A sum of what is shown would read as the part's points.
        judged = {result.id for result in run.checks}
        kept_back = {str(check.part) for check in run.plan if check.id not in judged}
        counts = replace(counts, parts={part: sum_ for part, sum_ in counts.parts.items() if part not in kept_back})
    score = None
    # A score that is kept from the reader is not told by what it was changed to.
    if run.score is not None:
        score = override if override is not None else _left_of(counts, lost)
    full = assignment.spec.definition.full_points if override is not None else run.max_score
    waiting = 0.0
    if given is not None:
        full = round(run.max_score + given.full, 2)
        waiting = given.waiting_points if override is None else 0.0
    scale = assignment.spec.definition.scale
    return Adjusted(
        adjustments=tuple(one.adjustment for one in seen),
        counts=counts,
        score=score,
        mark=None if score is None else mark_with(scale, score, full - waiting, mark_given),
        is_overridden=score is not None and override is not None,
        max_score=None if full == run.max_score else full,
    )


def _left_of(counts: WhatCounts | None, lost: float) -> float | None:
    return None if counts is None or counts.score is None else penalised(counts.score, lost)
