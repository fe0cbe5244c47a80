"""What a trial would change: the two runs of each submission side by side, and what would count for its people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from grader.domain.assignment import Scale
from grader.domain.check import CheckResult
from grader.domain.grading import Counting, GradingRun, OfferedAssignment
from grader.domain.ids import AssignmentId, Owner, PersonId, SubmissionId
from grader.domain.run import Mark
from grader.domain.score import mark_of
from grader.domain.trial import (
    CheckChange,
    Direction,
    PersonChange,
    RunOutcome,
    SubmissionChange,
    Trial,
    TrialReport,
    TrialScope,
    TrialState,
    check_changes,
    check_totals,
    direction_of,
    totals_of,
)
from grader.service import gradebook
from grader.service.sides import Side
from grader.storage.database import Work
from grader.storage.repositories import assignments, runs, trials
from grader.storage.repositories.trials import CountedNow, Line


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where people's lines are worked out: before and after by these scales."""

    assignment: OfferedAssignment
    trial: Trial
    scale: Scale
    now: Mapping[PersonId, CountedNow]


def report_of(work: Work, assignment: OfferedAssignment, trial: Trial) -> TrialReport:
    """The report of a trial as it stands; whoever calls this has looked at the reader's role."""
    found = trials.lines(work, trial)
    identities = [run for line in found for run in (line.before, line.after) if run is not None]
    rows = runs.of_ids(work, identities)
    judged = {UUID(run.id): run for run in runs.without_results(rows, runs.versions(work, rows))}
    results = runs.results_of(work, identities)
    lines = [_line(line, judged, results) for line in found]
    if trial.state is TrialState.OPEN:
        tried = assignments.spec_called(work, trial.spec_slug, trial.spec_version).definition
        now = trials.counted_now(work, assignment.id)
        lines = _with_people(work, _Place(assignment=assignment, trial=trial, scale=tried.scale, now=now), found, lines)
    return TrialReport(
        trial=trial,
        progress=trials.progress(work, trial.id),
        totals=totals_of(lines),
        checks=check_totals(lines),
        lines=tuple(lines),
        notes=tuple(_notes(work, assignment, trial)),
    )


def _line(
    line: Line, judged: Mapping[UUID, GradingRun], results: Mapping[UUID, Sequence[CheckResult]]
) -> SubmissionChange:
    before = None if line.before is None else judged[line.before]
    after = None if line.after is None else judged[line.after]
    changes: tuple[CheckChange, ...] = ()
    if line.before and line.after and before and after and before.score is not None and after.score is not None:
        changes = check_changes(results[line.before], results[line.after])
    then, now = _outcome(before), _outcome(after)
    return SubmissionChange(
        submission=SubmissionId(str(line.submission)),
        number=line.number,
        owner=line.name,
        counts=line.counts,
        direction=direction_of(then, now, changes),
        before=then,
        after=now,
        checks=changes,
    )


def _outcome(run: GradingRun | None) -> RunOutcome | None:
    if run is None:
        return None
    return RunOutcome(state=run.state, score=run.score, max_score=run.max_score, mark=run.mark, message=run.message)


def _with_people(
    work: Work, place: _Place, found: Sequence[Line], lines: Sequence[SubmissionChange]
) -> list[SubmissionChange]:
    """For each owner, on the line of the submission that counts now, what counts and what would."""
    # Whom the trial changes nothing for keeps what counts: that need not be worked out.
    changed = {one.owner for one, line in zip(found, lines, strict=True) if not _is_same(line)}
    told: set[Owner] = set()
    # Where members hand some parts in alone, what counts for one is on two lines.
    shown: set[PersonId] = set()
    with_people = []
    for one, line in zip(found, lines, strict=True):
        if not one.counts or one.owner in told or one.owner not in changed:
            with_people.append(line)
            continue
        told.add(one.owner)
        shares = gradebook.foresee(
            work, AssignmentId(place.assignment.id), one.owner, place.trial.id, place.scale
        )  # fmt: skip
        people = [change for share in shares for change in _people(place, share, shown)]
        with_people.append(replace(line, people=tuple(sorted(people, key=lambda person: person.name))))
    return with_people


def _is_same(line: SubmissionChange) -> bool:
    if line.direction in (Direction.PENDING, Direction.MISSING):
        return True
    before, after = line.before, line.after
    return bool(
        before and after and not line.checks and (before.max_score, before.mark) == (after.max_score, after.mark)
    )


def _people(place: _Place, share: Side, shown: set[PersonId]) -> Iterator[PersonChange]:
    after = share.counted
    for person in share.people:
        now = place.now.get(person)
        if now is None or person in shown:
            continue
        shown.add(person)
        override = now.override
        if override is not None:
            by = place.assignment.spec.definition
            yield PersonChange(
                name=now.name, before=override, before_mark=mark_of(by.scale, override, now.max_score),
                after=override, after_mark=mark_of(place.scale, override, after.max_score), is_overridden=True,
            )  # fmt: skip
            continue
        yield PersonChange(
            name=now.name, before=now.score, before_mark=_mark(now.mark_value, now.mark_label), after=after.score,
            after_mark=_mark(None if after.score is None else after.mark_value, after.mark_label),
        )  # fmt: skip


def _mark(value: float | None, label: str | None) -> Mark | None:
    return None if value is None else Mark(value=value, label=label or "")


def _notes(work: Work, assignment: OfferedAssignment, trial: Trial) -> Iterable[str]:
    if trial.state is not TrialState.OPEN:
        return
    tried = assignments.spec_called(work, trial.spec_slug, trial.spec_version).definition
    if assignment.spec.version != trial.before_version:
        yield (
            f"The assignment has moved to spec version {assignment.spec.version} since this trial began, so it can "
            "only be dropped."
        )
    if assignment.set_late is None and tried.late != assignment.spec.definition.late:
        yield "The tried version has another late policy; late days are worked out by it when it is published."
    if assignment.counting is Counting.BEST and trial.scope is TrialScope.COUNTING:
        yield (
            "The best submission counts, and only those that count now were tried: by the tried version another may be "
            "better. Try all to know."
        )
