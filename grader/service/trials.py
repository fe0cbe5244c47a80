"""Trials: a spec version tried on what an assignment's students handed in, then published or dropped.

The invariant: until it is published a trial's runs are read here and nowhere else. They reach no student, gradebook,
notice, statistic, export or event, and what they came to becomes real in one transaction, without running anything
again.
"""

from __future__ import annotations

from grader.domain.course import Reader, Scope
from grader.domain.errors import AlreadyExists, BadRequest, ConflictError, UnknownThing
from grader.domain.grading import OfferedAssignment, ProgressKind, Queue, SpecVersion
from grader.domain.ids import AssignmentId, CourseId
from grader.domain.trial import (
    FOLDER,
    LONGEST_REASON,
    Direction,
    Trial,
    TrialProgress,
    TrialReport,
    TrialScope,
    TrialState,
)
from grader.service import audit, gradebook
from grader.service.closing import tell_if_published
from grader.service.deciding import require_grading
from grader.service.trial_report import report_of
from grader.storage.database import Work
from grader.storage.models import TrialRow
from grader.storage.repositories import assignments as rows
from grader.storage.repositories import events, reruns, runs, trials
from grader.storage.repositories.submissions import spec_version_id

_WOKEN_AT_ONCE = 20
_DROPPED = "The trial was dropped."


def begin(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    version: SpecVersion,
    *,
    reason: str,
    scope: TrialScope = TrialScope.COUNTING,
    is_fresh: bool = False,
) -> Trial:
    """Try a spec version on what was handed in, behind all other work. Staff with scope grade. Audited.

    Raises:
        NeedsRole, NeedsScope.
        BadRequest: no reason, a version of another spec, or nothing was handed in.
        AlreadyExists: another trial of the assignment is open.

    """
    require_grading(reader, assignment)
    because = _because(reason, "why this version is tried")
    if version.spec_slug != assignment.spec.spec_slug:
        raise BadRequest(f"For {assignment.slug} only versions of the spec {assignment.spec.spec_slug} are tried.")
    # Whoever comes second, as another assistant, finds the first one's trial.
    rows.lock(work, assignment.slug)
    earlier = trials.open_of(work, assignment.id)
    if earlier is not None:
        raise AlreadyExists(
            f"Trial {earlier.id} of {assignment.slug}, begun by {earlier.begun_by}, is open; publish or drop it first."
        )
    row = trials.add(
        work, assignment=assignment.id, version=_id_of(work, version), before=_id_of(work, assignment.spec),
        scope=scope, is_fresh=is_fresh, reason=because, begun_by=reader.id,
    )  # fmt: skip
    made = reruns.add_of_trial(work, row, trials.those_of(scope), definition=version.definition, requested_by=reader.id)
    if not made:
        raise BadRequest("There is nothing to try it on: nobody has handed in anything that is still kept.")
    audit.note(
        work, reader, "begin trial", _subject(assignment),
        f"trial {row.id} of spec {version.version} on {len(made)} submissions: {because}",
    )  # fmt: skip
    for _ in range(min(len(made), _WOKEN_AT_ONCE)):
        work.wake(Queue.RERUN)
    return find(work, reader, assignment, row.id)


def find(work: Work, reader: Reader, assignment: OfferedAssignment, identity: int) -> Trial:
    """A trial of the assignment. Staff. Raises NeedsRole, NeedsScope, UnknownThing."""
    reader.require_scope(Scope.READ)
    reader.require_staff(CourseId(assignment.course_id))
    found = trials.get(work, assignment.id, identity)
    if found is None:
        raise UnknownThing(f"{assignment.slug} has no trial {identity}.")
    return found


def list_trials(work: Work, reader: Reader, assignment: OfferedAssignment) -> list[Trial]:
    """Newest first. Staff."""
    reader.require_scope(Scope.READ)
    reader.require_staff(CourseId(assignment.course_id))
    return trials.of_assignment(work, assignment.id)


def versions(work: Work, reader: Reader, assignment: OfferedAssignment) -> list[SpecVersion]:
    """Every version of the assignment's spec that this service keeps, newest first. Staff."""
    reader.require_staff(CourseId(assignment.course_id))
    return rows.spec_versions(work, assignment.spec.spec_slug)


def version_called(work: Work, reader: Reader, assignment: OfferedAssignment, name: str) -> SpecVersion:
    """A kept version by its name or the beginning of it; without one the version that judges now.

    Raises:
        UnknownThing: there is none, or more than one that begins so.

    """
    if not name:
        return assignment.spec
    found = [one for one in versions(work, reader, assignment) if one.version.startswith(name)]
    if len(found) != 1:
        raise UnknownThing(
            f"{len(found) or 'No'} versions of the spec {assignment.spec.spec_slug} that begin with {name[:40]!r} are "
            f"kept; give one that is, or {FOLDER} for the spec as it lies in the service's folder."
        )
    return found[0]


def progress(work: Work, trial: Trial) -> TrialProgress:
    """How far its runs are; the reader was let to it by `find`."""
    return trials.progress(work, trial.id)


def report(work: Work, reader: Reader, assignment: OfferedAssignment, identity: int) -> TrialReport:
    """What publishing would change, or for a trial that is over what it found. Staff."""
    return report_of(work, assignment, find(work, reader, assignment, identity))


def publish(
    work: Work, reader: Reader, assignment: OfferedAssignment, identity: int, *, reason: str,
    despite_errors: bool = False,
) -> Trial:  # fmt: skip
    """The assignment takes the tried version, and the trial's runs are real from now on; nothing is run again.

    What was handed in since, or has come to count, is queued by the new version. Gradebook, events and notices follow
    in the same transaction. Instructors with the scopes grade and manage. Audited.

    Raises:
        NeedsRole, NeedsScope, UnknownThing.
        BadRequest: no reason.
        ConflictError: it is over, still under way, or found errors and `despite_errors` is not set; or the assignment
            has moved to another version meanwhile.

    """
    require_grading(reader, assignment)
    reader.require_scope(Scope.MANAGE)
    reader.require_instructor(CourseId(assignment.course_id))
    because = _because(reason, "why it is published")
    offered = rows.lock(work, assignment.slug) or assignment
    row = _locked_open(work, reader, offered, identity)
    trial = find(work, reader, offered, identity)
    found = report_of(work, offered, trial)
    _refuse_unready(offered, found, despite_errors=despite_errors)
    version = rows.spec_by_id(work, row.spec_version_id)
    before_late = offered.late
    rows.change(work, offered.slug, spec=version, title=version.definition.title)
    made = trials.make_real(work, row.id)
    later = trials.add_missing(work, row, definition=version.definition, by=reader.id)
    trials.end(work, row.id, TrialState.PUBLISHED, by=reader.id, reason=because)
    here = AssignmentId(offered.id)
    after = rows.lock(work, offered.slug) or offered
    if after.late != before_late:
        gradebook.work_out_anew(work, here)
    else:
        for owner in sorted({one.owner for one in made}):
            gradebook.refresh(work, here, owner)
    for one in sorted(made, key=lambda published: published.submission):
        events.tell(work, one.submission, one.run, [(ProgressKind.RUN, None, {"state": _told(one.state.value)})])
        tell_if_published(work, runs.origin_of(work, one.run), one.state.value)
    events.tell_of_runs(work, later)
    audit.note(
        work, reader, "publish trial", _subject(assignment),
        f"trial {row.id}, spec {trial.spec_version} instead of {trial.before_version}: {found.totals.up} up, "
        f"{found.totals.down} down, {len(later)} to be graded: {because}",
    )  # fmt: skip
    for _ in range(min(len(later), _WOKEN_AT_ONCE)):
        work.wake(Queue.RERUN)
    return find(work, reader, after, identity)


def drop(work: Work, reader: Reader, assignment: OfferedAssignment, identity: int, *, reason: str) -> Trial:
    """Nothing of it becomes real; what still waits is not run. Its runs go with the next retention. Audited.

    Staff with scope grade. Raises NeedsRole, NeedsScope, UnknownThing, BadRequest without a reason, ConflictError when
    it is over.
    """
    require_grading(reader, assignment)
    because = _because(reason, "why it is dropped")
    row = _locked_open(work, reader, assignment, identity)
    trials.stop(work, row.id, _DROPPED)
    trials.end(work, row.id, TrialState.DROPPED, by=reader.id, reason=because)
    audit.note(work, reader, "drop trial", _subject(assignment), f"trial {row.id}: {because}")
    return find(work, reader, assignment, identity)


def _because(reason: str, what: str) -> str:
    because = reason.strip()
    if not because or len(because) > LONGEST_REASON:
        raise BadRequest(f"Say {what}, in at most {LONGEST_REASON} characters.")
    return because


def _locked_open(work: Work, reader: Reader, assignment: OfferedAssignment, identity: int) -> TrialRow:
    row = trials.lock(work, find(work, reader, assignment, identity).id)
    if row.state != TrialState.OPEN.value:
        raise ConflictError(f"Trial {identity} of {assignment.slug} is {row.state} already.")
    return row


def _refuse_unready(assignment: OfferedAssignment, found: TrialReport, *, despite_errors: bool) -> None:
    trial, progress_now = found.trial, found.progress
    if assignment.spec.version != trial.before_version:
        raise ConflictError(
            f"{assignment.slug} has moved to spec version {assignment.spec.version} since trial {trial.id} began; "
            "drop it, and try against that."
        )
    if not progress_now.is_over:
        raise ConflictError(
            f"{progress_now.waiting + progress_now.grading} of {progress_now.runs} submissions are still being tried; "
            "publish when they are done."
        )
    errors = sum(line.direction is Direction.ERROR for line in found.lines)
    if errors and not despite_errors:
        raise ConflictError(
            f"The tried version came to an error for {errors} of {progress_now.runs} submissions; look at the report, "
            "and publish despite errors if that is what it should be."
        )


def _told(state: str) -> str:
    # What a student may watch does not say that a run failed.
    return "grading" if state == "failed" else state


def _id_of(work: Work, version: SpecVersion) -> int:
    return spec_version_id(work, version.spec_slug, version.version)


def _subject(assignment: OfferedAssignment) -> str:
    return f"assignment:{assignment.slug}"
