"""What a trial would change, as CSV: a line for each check that differs, or one for a submission in which none does."""

from __future__ import annotations

from collections.abc import Iterator

from grader.domain.trial import CheckChange, RunOutcome, SubmissionChange, TrialReport
from grader.formats.cells import Cell, to_text

_COLUMNS = (
    "submission", "student", "number", "counts", "direction", "state_before", "score_before", "mark_before",
    "state_after", "score_after", "mark_after", "max_score_after", "message", "check", "title", "fate", "status_before",
    "points_before", "status_after", "points_after", "counts_for", "counted_before", "counted_mark_before",
    "counted_after", "counted_mark_after",
)  # fmt: skip


def to_trial_csv(report: TrialReport) -> str:
    """Cells are empty where there is nothing: never a 0 for what came to no score."""
    return to_text(_COLUMNS, _rows(report))


def _rows(report: TrialReport) -> Iterator[tuple[Cell, ...]]:
    for line in report.lines:
        for check in line.checks or (None,):
            yield (*_submission(line), *_check(check), *_people(line))


def _submission(line: SubmissionChange) -> tuple[Cell, ...]:
    after = line.after
    return (
        line.submission, line.owner, line.number, "yes" if line.counts else "", line.direction.value,
        *_run(line.before), *_run(after), None if after is None else after.max_score,
        "" if after is None else after.message,
    )  # fmt: skip


def _run(run: RunOutcome | None) -> tuple[Cell, Cell, Cell]:
    if run is None:
        return "", None, None
    return run.state.value, run.score, None if run.mark is None else run.mark.value


def _check(check: CheckChange | None) -> tuple[Cell, ...]:
    if check is None:
        return ("", "", "", "", None, "", None)
    before, after = check.before, check.after
    return (
        check.id, check.title, check.fate.value,
        "" if before is None else before.status.value, None if before is None else before.points,
        "" if after is None else after.status.value, None if after is None else after.points,
    )  # fmt: skip


def _people(line: SubmissionChange) -> tuple[Cell, ...]:
    """Of a team in which different scores count, each member's, in one cell."""
    people = line.people
    if len(people) == 1:
        (one,) = people
        before, after = one.before_mark, one.after_mark
        return (
            one.name, one.before, None if before is None else before.value, one.after,
            None if after is None else after.value,
        )  # fmt: skip
    told = [
        [one.name for one in people],
        ["" if one.before is None else f"{one.before:g}" for one in people],
        ["" if one.before_mark is None else f"{one.before_mark.value:g}" for one in people],
        ["" if one.after is None else f"{one.after:g}" for one in people],
        ["" if one.after_mark is None else f"{one.after_mark.value:g}" for one in people],
    ]
    return tuple("; ".join(cells) for cells in told)
