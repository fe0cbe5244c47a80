"""Assignments as courses offer them, and the spec versions that judge them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from grader.domain.assignment import Assignment
from grader.domain.check import CheckDefinition
from grader.domain.course import Course, Reader
from grader.domain.errors import AlreadyExists, BadRequest, BadSpec, UnknownAssignment, UnknownThing
from grader.domain.grading import Counting, OfferedAssignment, RunState, SpecVersion
from grader.domain.ids import AssignmentId, CourseId, Sha256
from grader.kit.text import one_line
from grader.service import gradebook, visibility
from grader.service.quota import allowance, owner_of
from grader.service.shown_items import reads_items
from grader.storage.database import Work
from grader.storage.repositories import assignments, entries, overrides, stages

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,79}")
_MOST_UPLOADS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentForStudent:
    """`due_at` is the due date that holds for the student, `days_left` what is left of the term's late days.

    An upload now would be `late_days_now` late and take `days_used_now` of them; `beyond_now` are covered by none, and
    cost `penalty_now`, a share of the points. `short` are members of the team (name, days left) who have too few; empty
    without a team. `uploads_left` is of today's uploads.

    `next_upload_at` is set when no upload of today is left. `state` is of the submission that counts, and `score` what
    counts: None until there is one that may be shown.
    """

    assignment: OfferedAssignment
    is_open: bool
    days_left: int
    late_days_now: int
    due_at: datetime | None
    days_used_now: int
    beyond_now: int
    penalty_now: float
    short: tuple[tuple[str, int], ...]
    uploads_left: int
    next_upload_at: datetime | None
    submissions: int
    state: str | None
    score: float | None
    max_score: float


def publish_spec(work: Work, *, definition: object, spec_slug: str, version: str, blob: Sha256) -> SpecVersion:
    """Keep a spec version; the one that is there already is kept as it is.

    `definition` is a grader.domain.assignment.Assignment; its bytes are stored. Raises BadSpec when it is none.
    """
    if not isinstance(definition, Assignment):
        raise BadSpec(f"The spec {spec_slug} comes without its assignment.toml.")
    return assignments.add_spec(work, definition=definition, spec_slug=spec_slug, version=version, blob=blob)


def has_blobs(work: Work) -> bool:
    """Whether this service's blob store holds anything: a spec's bytes are the first."""
    return assignments.has_specs(work)


def offer(
    work: Work,
    course: Course,
    spec: SpecVersion,
    *,
    slug: str | None = None,
    due_at: datetime | None = None,
    uploads_per_day: int | None = None,
    counting: Counting | None = None,
) -> OfferedAssignment:
    """Offer an assignment in a course, or (same slug and course) move it to this spec version and change what is given.

    Runs that exist keep their version. A new offer takes the spec's own due date only when it lies ahead: an old term's
    would close the assignment at once. When another submission is to count, or the due date or the late policy is
    another one, the gradebook is rewritten.

    Raises:
        AlreadyExists: another course has this slug.
        BadRequest: a slug, due date or number of uploads that is none.
        UnknownThing: the spec version was not published.

    """
    address = spec.spec_slug if slug is None else slug
    _refuse_bad_offer(address, due_at, uploads_per_day)
    if not assignments.has_spec(work, spec.spec_slug, spec.version):
        raise UnknownThing(f"The spec {spec.spec_slug} has no published version {spec.version}; publish it first.")
    title = spec.definition.title
    is_new = assignments.add(
        work, course=course.id, slug=address, spec=spec, title=title, due_at=_due_ahead(work, spec.definition)
    )
    before = assignments.lock(work, address)
    if before is None or before.course_id != course.id:
        raise AlreadyExists(f"Another course offers an assignment called {address}; choose another slug.")
    given: dict[str, Any] = {"due_at": due_at, "uploads_per_day": uploads_per_day, "counting": counting}
    changed = {name: value for name, value in given.items() if value is not None}
    assignments.change(work, address, spec=spec, title=title, **changed)
    after = assignments.lock(work, address)
    assert after is not None
    if not is_new and _decides(after) != _decides(before):
        gradebook.work_out_anew(work, AssignmentId(after.id))
    return after


def _decides(one: OfferedAssignment) -> tuple[object, ...]:
    """What, besides runs and what persons decided, the gradebook is worked out from."""
    items = [(part.id, part.extra, part.manual) for part in one.spec.definition.part if part.manual]
    return one.counting, one.due_at, one.late, items


def offered(work: Work, reader: Reader, slug: str) -> OfferedAssignment:
    """Raises UnknownAssignment when there is none, or the reader is not in its course: the same words for both."""
    found = assignments.by_slug(work, slug) if _SLUG.fullmatch(slug) else None
    if found is None or not reader.is_member(CourseId(found.course_id)):
        raise UnknownAssignment(f"There is no assignment called {one_line(slug, limit=80)}.")
    return found


def offered_for(work: Work, reader: Reader) -> list[OfferedAssignment]:
    """What the reader's courses offer, by due date; archived courses offer nothing."""
    return assignments.of_courses(work, None if reader.person.is_admin else list(reader.roles))


def for_student(
    work: Work, reader: Reader, assignment: OfferedAssignment, *, own: bool = False
) -> AssignmentForStudent:
    """How the assignment stands for this reader now; with `own` an upload for the parts that are each member's own."""
    now = stages.now(work)
    owner = owner_of(work, reader, assignment, own=own)
    allowed = allowance(work, reader, assignment, owner, now)
    entry = entries.of_person(work, assignment.id, reader.id)
    override = overrides.holding(work, assignment.id, reader.id)
    score, max_score = None, assignment.spec.definition.full_points
    if entry is not None:
        score, max_score = entry.score, entry.max_score
        if not reads_items(assignment, reader):
            score = entry.score if entry.without_items is None else entry.without_items
            max_score = assignment.spec.definition.max_points if entry.run_max is None else entry.run_max
    if override is not None:
        score, max_score = override, assignment.spec.definition.full_points if entry is None else entry.max_score
    judged = () if entry is None else entry.judged
    if not visibility.shows_score(
        (*assignment.spec.plan, *judged), replace(assignment, due_at=allowed.due_at), reader, now
    ):
        score = None
    return AssignmentForStudent(
        assignment=assignment,
        is_open=allowed.is_open,
        days_left=allowed.days_left,
        late_days_now=allowed.late_days,
        due_at=allowed.due_at,
        days_used_now=allowed.charge.used,
        beyond_now=allowed.beyond,
        penalty_now=allowed.penalty,
        short=tuple((one.name, one.days_left) for one in allowed.short) if allowed.is_team else (),
        uploads_left=allowed.uploads_left,
        next_upload_at=allowed.next_upload_at,
        submissions=0 if entry is None else entry.submissions,
        state=None if entry is None else _state_for_student(entry.state),
        score=score,
        max_score=max_score,
    )


def keep_plan(work: Work, *, spec_slug: str, version: str, plan: tuple[CheckDefinition, ...]) -> None:
    """Remember which checks a spec version has, as the first harness that judged by it listed them."""
    assignments.set_plan(work, spec_slug=spec_slug, version=version, plan=plan)


def _refuse_bad_offer(slug: str, due_at: datetime | None, uploads_per_day: int | None) -> None:
    if not _SLUG.fullmatch(slug):
        raise BadRequest("An assignment's slug is letters, digits, dots, dashes and underscores, at most 80 of them.")
    if due_at is not None and due_at.tzinfo is None:
        raise BadRequest("A due date needs its time zone, as in 2026-03-02T23:59:59+03:00.")
    if uploads_per_day is not None and not 1 <= uploads_per_day <= _MOST_UPLOADS:
        raise BadRequest(f"Uploads per day are a number from 1 to {_MOST_UPLOADS}.")


def _due_ahead(work: Work, definition: Assignment) -> datetime | None:
    due_at = definition.due_at
    return due_at if due_at is not None and due_at.tzinfo is not None and due_at > stages.now(work) else None


def _state_for_student(state: str) -> str:
    # A failed run is our fault, and is tried again.
    return RunState.GRADING.value if state == RunState.FAILED.value else state
