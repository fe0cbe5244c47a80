"""Regrade requests: a student asks about what counts, staff answer, and both see what was said.

A student asks about what they may see alone: a hidden check is, for a request, a check that does not exist.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from grader.domain.adjustment import Target
from grader.domain.course import Course, Reader, Scope
from grader.domain.errors import (
    AlreadyAnswered,
    AlreadyExists,
    BadRequest,
    NeedsRole,
    NotYours,
    RegradeClosed,
    UnknownThing,
)
from grader.domain.grading import GradingRun, OfferedAssignment, RunState
from grader.domain.ids import AssignmentId, CourseId, Slug
from grader.domain.notices import NoticeKind
from grader.domain.regrade import (
    LONGEST_ANSWER,
    LONGEST_REASON,
    MOST_DAYS,
    MOST_REQUESTS,
    RegradeRequest,
    RegradeState,
    closes_at,
)
from grader.domain.submission import Submission
from grader.kit.text import one_line, plain
from grader.service import adjustments, assignments, audit, notices, submissions, visibility
from grader.service.adjustments import Choice
from grader.service.deciding import require_grading
from grader.service.overrides import subject_of
from grader.service.shown_items import ShownItem, reads_items
from grader.storage.database import Work
from grader.storage.repositories import adjustments as adjusted
from grader.storage.repositories import assignments as assignment_rows
from grader.storage.repositories import courses, entries, regrades, stages
from grader.storage.repositories import submissions as rows
from grader.storage.repositories.regrades import After, RegradeFilter

MOST_LINES = 200
# PostgreSQL's integer.
_LARGEST_ID = 2**31
_NO_REQUEST = "There is no such regrade request."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How a submission stands for its student: what may be asked about, or why nothing may (`refusal`)."""

    closes_at: datetime | None = None
    refusal: str = ""
    choices: tuple[Choice, ...] = ()

    @property
    def may_ask(self) -> bool:
        return not self.refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class RegradeQuery:
    """Filters of a list; empty means any. `cursor` is what the page before gave; `limit` is at most 200."""

    course: str = ""
    assignment: str = ""
    submission: str = ""
    state: str = ""
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RegradePage:
    """Open ones first, then the oldest."""

    requests: tuple[RegradeRequest, ...]
    next_cursor: str


def asking(
    work: Work, reader: Reader, assignment: OfferedAssignment, submission: Submission, run: GradingRun
) -> Asking:
    """What the reader may ask about a submission; `run` was cut to what they may see (`submissions.latest_run`)."""
    if reader.is_staff(submission.course_id):
        return Asking(refusal="Students ask; staff change the points themselves.")
    line = adjusted.line_of(work, assignment.id, reader.id, own=submission.is_own)
    if line is None or line.submission != UUID(submission.id):
        return Asking(refusal="Only the submission that counts may be asked about.")
    if assignment.regrade_days == 0:
        return Asking(refusal="This assignment takes no regrade requests; ask your instructor.")
    if run.state not in (RunState.GRADED, RunState.REJECTED) or run.finished_at is None:
        return Asking(refusal="There is no result yet that could be asked about.")
    shown = (visibility.shown_from(assignment), assignment.items_released_at)
    until = closes_at(run.finished_at, assignment.regrade_days, *shown)
    if until is None or stages.now(work) > until:
        days = "day" if assignment.regrade_days == 1 else "days"
        return Asking(closes_at=until, refusal=f"The {assignment.regrade_days} {days} to ask in are over.")
    if regrades.count(work, assignment.id, submission.owner) >= MOST_REQUESTS:
        return Asking(closes_at=until, refusal=f"You have asked {MOST_REQUESTS} times, which is all there is.")
    graded = [item for item in _items(work, reader, assignment, submission, run) if item.is_graded]
    return Asking(closes_at=until, choices=tuple(adjustments.choices(assignment, run.checks, graded)))


def ask(work: Work, reader: Reader, submission: Submission, *, target: Target, reason: str) -> RegradeRequest:
    """Ask staff to look again at a check, a part, an item or the whole. Its students, with scope submit. Audited.

    Raises:
        NeedsScope; NeedsRole: staff change points themselves.
        RegradeClosed: it does not count, has no result, the window is over, or there were too many requests.
        UnknownThing: there is no such part, check or graded item, or not for the student's eyes.
        AlreadyExists: a request about the same is open.
        BadRequest: no reason, or one that is too long.

    """
    reader.require_scope(Scope.SUBMIT)
    if reader.is_staff(submission.course_id):
        raise NeedsRole("Only students ask for a regrade; staff change the points themselves.")
    because = _words(reason, LONGEST_REASON, "Say why it should be looked at again.")
    assignment = assignments.offered(work, reader, submission.assignment)
    # Two at once would both be the tenth.
    entries.lock(work, AssignmentId(assignment.id), submission.owner)
    found = asking(work, reader, assignment, submission, submissions.latest_run(work, reader, submission))
    if not found.may_ask:
        raise RegradeClosed(found.refusal)
    choice = next((one for one in found.choices if one.target == target), None)
    if choice is None:
        raise UnknownThing("There is no such check, part or graded item that you could ask about.")
    made = regrades.add(work, submission, reader.id, target=target, title=choice.words, reason=because)
    if made is None:
        raise AlreadyExists("You have asked about this already; wait for the answer, or withdraw that request.")
    audit.note(work, reader, "ask for regrade", subject_of(assignment, reader.id), f"request {made}, {choice.words}")
    return _got(work, made)


def withdraw(work: Work, reader: Reader, identity: int) -> None:
    """Take an open request back. Whoever asked, with scope submit. Audited.

    Raises:
        NeedsScope, NotYours; NeedsRole: somebody else asked.
        AlreadyAnswered: it is not open any more.

    """
    reader.require_scope(Scope.SUBMIT)
    request = find(work, reader, identity)
    if request.person.id != reader.id:
        raise NeedsRole("Only whoever asked may withdraw the request.")
    _close(work, request, RegradeState.WITHDRAWN, reader)
    assignment = assignments.offered(work, reader, request.assignment)
    audit.note(work, reader, "withdraw regrade request", subject_of(assignment, reader.id), f"request {identity}")


def answer(
    work: Work,
    reader: Reader,
    identity: int,
    *,
    granted: bool,
    words: str,
    points: float | None = None,
    for_member: bool = False,
) -> RegradeRequest:
    """Answer a request, and with `points` adjust what was asked about in the same transaction. Audited.

    An item takes none: it is graded again by whoever grades it.

    The adjustment's reason is the answer; it is for the whole team whose work it is, unless `for_member`: then for
    whoever asked alone. Staff with scope grade.

    Raises:
        NotYours, NeedsRole, NeedsScope.
        AlreadyAnswered: somebody answered or withdrew it first.
        BadRequest: no words, points for a request that is declined, or what `adjustments.adjust` refuses.
        UnknownThing: whoever asked has left the course, or what counts has no such check any more.

    """
    request = find(work, reader, identity)
    assignment = assignments.offered(work, reader, request.assignment)
    require_grading(reader, assignment)
    said = _words(words, LONGEST_ANSWER, "An answer needs words, which the student reads.")
    if points is not None and not granted:
        raise BadRequest("A request that is declined changes no points; grant it, or leave the points out.")
    if not request.is_open:
        raise AlreadyAnswered(f"The request is {request.state} already.")
    made = None
    if points is not None:
        both = [adjusted.line_of(work, assignment.id, request.person.id, own=own) for own in (False, True)]
        if request.owner not in {line.owner for line in both if line is not None}:
            raise BadRequest("The work that was asked about counts no longer; answer without points.")
        made = adjustments.adjust(
            work, reader, assignment, request.person.id, target=request.target, points=points, reason=said,
            for_member=for_member,
        )  # fmt: skip
    state = RegradeState.GRANTED if granted else RegradeState.DECLINED
    _close(work, request, state, reader, answer=said, adjustment=made)
    verb = "grant regrade" if granted else "decline regrade"
    audit.note(
        work, reader, verb, subject_of(assignment, request.person.id), f"request {identity}, {request.title}: {said}"
    )
    notices.tell(
        work, NoticeKind.REGRADE_ANSWERED,
        course=CourseId(assignment.course_id), assignment=AssignmentId(assignment.id),
        submission=request.submission, person=request.person.id, about={"regrade": identity, "state": state.value},
    )  # fmt: skip
    return _got(work, identity)


def find(work: Work, reader: Reader, identity: int) -> RegradeRequest:
    """A request of one's own or one's team, or as staff of the course. Raises NotYours, in the same words for none."""
    found = regrades.get(work, identity)
    if found is None:
        raise NotYours(_NO_REQUEST)
    try:
        submissions.find(work, reader, found.submission)
    except NotYours as error:
        raise NotYours(_NO_REQUEST) from error
    return _for(reader, found)


def list_requests(work: Work, reader: Reader, query: RegradeQuery) -> RegradePage:
    """A student's own (and their team's); for staff, their courses'. Open ones first, then the oldest.

    Raises:
        NeedsScope.
        UnknownThing, UnknownAssignment: of what the filters name.
        BadRequest: a state or a cursor that is none.

    """
    reader.require_scope(Scope.READ)
    if query.state and query.state not in set(RegradeState):
        raise BadRequest(f"There is no state {query.state[:40]!r}; use one of {', '.join(RegradeState)}.")
    limit = max(1, min(query.limit, MOST_LINES))
    is_admin = reader.person.is_admin
    wanted = RegradeFilter(
        owned=rows.owned_by(work, reader.id),
        within=None if is_admin else list(reader.roles),
        staff_of=None if is_admin else [course for course, role in reader.roles.items() if role.is_staff],
        course=_course(work, reader, query.course) if query.course else None,
        assignment=assignments.offered(work, reader, query.assignment).id if query.assignment else None,
        submission=UUID(submissions.find(work, reader, query.submission).id) if query.submission else None,
        state=query.state or None,
        after=_place(query.cursor),
    )
    found = regrades.select_page(work, wanted, limit + 1)
    shown = found[:limit]
    return RegradePage(
        requests=tuple(_for(reader, request) for request in shown),
        next_cursor=_cursor(shown[-1]) if len(found) > limit else "",
    )


def count_open(work: Work, reader: Reader, course: Course) -> int:
    """How many requests of a course wait for an answer. Staff."""
    reader.require_staff(course.id)
    return regrades.count_open(work, course.id)


def set_window(work: Work, reader: Reader, assignment: OfferedAssignment, *, days: int) -> None:
    """Let an assignment's results be asked about for so many days; 0 takes no request. Instructors. Audited.

    Raises:
        NeedsRole, NeedsScope.
        BadRequest: it is no number of days from 0 to 366.

    """
    reader.require_instructor(CourseId(assignment.course_id))
    reader.require_scope(Scope.MANAGE)
    if not 0 <= days <= MOST_DAYS:
        raise BadRequest(f"The window is a number of days from 0 to {MOST_DAYS}; with 0 nobody may ask.")
    assignment_rows.set_regrade_days(work, assignment.id, days)
    audit.note(work, reader, "set regrade window", f"assignment:{assignment.id}", f"{days} days")


def _items(
    work: Work, reader: Reader, assignment: OfferedAssignment, submission: Submission, run: GradingRun
) -> tuple[ShownItem, ...]:
    if not reads_items(assignment, reader):
        return ()
    return adjustments.shown_with(work, reader, assignment, submission, run).items


def _close(
    work: Work,
    request: RegradeRequest,
    state: RegradeState,
    reader: Reader,
    *,
    answer: str = "",
    adjustment: int | None = None,
) -> None:
    if not regrades.close(work, request.id, state, by=reader.id, answer=answer, adjustment=adjustment):
        now = regrades.get(work, request.id)
        raise AlreadyAnswered(f"The request is {request.state if now is None else now.state} already.")


def _got(work: Work, identity: int) -> RegradeRequest:
    found = regrades.get(work, identity)
    assert found is not None
    return found


def _for(reader: Reader, request: RegradeRequest) -> RegradeRequest:
    """What one member was given is theirs to read, and not their team's."""
    if not request.for_member or reader.is_staff(CourseId(request.course_id)) or request.person.id == reader.id:
        return request
    return replace(request, answer="", points=None)


def _words(text: str, limit: int, missing: str) -> str:
    # Forms send two characters for the end of a line.
    told = plain(text.replace("\r\n", "\n"), limit=limit + 1).strip()
    if not told:
        raise BadRequest(missing)
    if len(told) > limit:
        raise BadRequest(f"That is longer than {limit} characters; say it shorter.")
    return told


def _course(work: Work, reader: Reader, slug: str) -> int:
    found = courses.by_slug(work, Slug(slug))
    if found is None or not reader.is_member(CourseId(found.id)):
        raise UnknownThing(f"There is no course called {one_line(slug, limit=80)}.")
    return found.id


def _cursor(last: RegradeRequest) -> str:
    place = json.dumps([not last.is_open, last.asked_at.isoformat(), last.id])
    return base64.urlsafe_b64encode(place.encode()).decode()


def _place(cursor: str) -> After | None:
    if not cursor:
        return None
    try:
        plain_place = json.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
        return _after(*plain_place)
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise BadRequest("The cursor is not one that a page before gave; begin without one.") from error


def _after(is_closed: object, moment: object, identity: object) -> After:
    """Raises ValueError when no page can have given it."""
    asked_at = datetime.fromisoformat(str(moment))
    if not isinstance(is_closed, bool) or not isinstance(identity, int) or asked_at.tzinfo is None:
        raise ValueError("no place in the list")
    if not 0 < identity < _LARGEST_ID:
        raise ValueError("no request's id")
    return After(is_closed, asked_at, identity)
