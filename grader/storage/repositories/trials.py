"""Trials and their runs: the only place that reads runs that are nobody's but a trial's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.orm import aliased

from grader.domain.assignment import Assignment
from grader.domain.grading import RunState
from grader.domain.ids import Owner, PersonId
from grader.domain.trial import Trial, TrialProgress, TrialScope, TrialState
from grader.storage.database import Work
from grader.storage.models import PersonRow, RunRow, SpecVersionRow, TrialRow
from grader.storage.plain_text import keepable
from grader.storage.repositories import reruns

_EVERY = "s.assignment_id = :assignment AND s.removed_at IS NULL"
_NOT_TRIED = "NOT EXISTS (SELECT FROM runs t WHERE t.submission_id = s.id AND t.trial_id = :trial)"
# A run that speaks for a submission: the newest that its student reads, else the newest.
_SPEAKS = """
    SELECT r.id FROM runs r WHERE r.submission_id = s.id AND NOT r.is_trial AND r.trial_id IS DISTINCT FROM :trial
    AND (CAST(:ended AS timestamptz) IS NULL OR r.created_at < :ended)
    ORDER BY r.state IN ('graded', 'rejected') DESC, r.created_at DESC, r.id LIMIT 1
"""


class Line(NamedTuple):
    """A submission of a trial, or one that it misses: `before` speaks for it, `after` is the trial's run."""

    submission: UUID
    number: int
    owner: Owner
    name: str
    counts: bool
    before: UUID | None
    after: UUID | None


class Published(NamedTuple):
    run: UUID
    submission: UUID
    owner: Owner
    state: RunState


class CountedNow(NamedTuple):
    """What counts for a person before anybody's override, and the override that holds."""

    name: str
    score: float | None
    max_score: float
    mark_value: float | None
    mark_label: str | None
    override: float | None


def those_of(scope: TrialScope) -> str:
    """The condition on a submission `s` to be tried."""
    return reruns.CHOSEN if scope is TrialScope.COUNTING else _EVERY


def add(
    work: Work, *, assignment: int, version: int, before: int, scope: TrialScope, is_fresh: bool, reason: str,
    begun_by: PersonId,
) -> TrialRow:  # fmt: skip
    row = TrialRow(
        assignment_id=assignment, spec_version_id=version, before_version_id=before, scope=scope.value,
        is_fresh=is_fresh, reason=keepable(reason), begun_by=begun_by,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    return row


def get(work: Work, assignment: int, identity: int) -> Trial | None:
    found = _read(work, TrialRow.assignment_id == assignment, TrialRow.id == identity)
    return found[0] if found else None


def of_assignment(work: Work, assignment: int) -> list[Trial]:
    """Newest first."""
    return _read(work, TrialRow.assignment_id == assignment)


def open_of(work: Work, assignment: int) -> Trial | None:
    found = _read(work, TrialRow.assignment_id == assignment, TrialRow.state == TrialState.OPEN.value)
    return found[0] if found else None


def _read(work: Work, *conditions: ColumnElement[bool]) -> list[Trial]:
    before, by, ender = aliased(SpecVersionRow), aliased(PersonRow), aliased(PersonRow)
    query = (
        select(TrialRow, SpecVersionRow.spec_slug, SpecVersionRow.version, before.version, by.name, ender.name)
        .join(SpecVersionRow, SpecVersionRow.id == TrialRow.spec_version_id)
        .join(before, before.id == TrialRow.before_version_id)
        .join(by, by.id == TrialRow.begun_by)
        .outerjoin(ender, ender.id == TrialRow.ended_by)
        .where(*conditions)
        .order_by(TrialRow.id.desc())
    )
    return [
        Trial(
            id=row.id, assignment_id=row.assignment_id, spec_slug=slug, spec_version=version, before_version=older,
            scope=TrialScope(row.scope), is_fresh=row.is_fresh, state=TrialState(row.state), reason=row.reason,
            begun_by=begun_by, begun_at=row.begun_at, ended_by=ended_by, ended_at=row.ended_at,
            ended_reason=row.ended_reason,
        )
        for row, slug, version, older, begun_by, ended_by in work.session.execute(query)
    ]  # fmt: skip


def lock(work: Work, identity: int) -> TrialRow:
    """The trial as the newest commit left it, that nobody else ends before this transaction does."""
    query = select(TrialRow).where(TrialRow.id == identity).with_for_update()
    return work.session.scalars(query.execution_options(populate_existing=True)).one()


def end(work: Work, identity: int, state: TrialState, *, by: PersonId, reason: str) -> None:
    values = {
        "state": state.value,
        "ended_by": by,
        "ended_at": func.clock_timestamp(),
        "ended_reason": keepable(reason),
    }
    work.session.execute(
        update(TrialRow).where(TrialRow.id == identity).values(**values),
        execution_options={"synchronize_session": "fetch"},
    )


def progress(work: Work, identity: int) -> TrialProgress:
    states = select(RunRow.state, func.count().label("runs")).where(RunRow.trial_id == identity).group_by(RunRow.state)
    counted = {row.state: row.runs for row in work.session.execute(states)}
    results = text("""
        SELECT count(c.reused_from), count(*) FROM runs r JOIN check_results c ON c.run_id = r.id
        WHERE r.trial_id = :trial
    """)
    reused, every = work.session.execute(results, {"trial": identity}).one()
    return TrialProgress(reused=reused, judged=every - reused, **counted)


def lines(work: Work, trial: Trial) -> list[Line]:
    """What the trial has runs of, and while it is open what it misses; by whose it is and number."""
    missed = f"OR ({those_of(trial.scope)} AND {_NOT_TRIED})" if trial.state is TrialState.OPEN else ""
    query = text(f"""
        SELECT s.id, s.number, s.owner, coalesce(team.name, p.name),
               EXISTS (SELECT FROM gradebook_entries e WHERE s.id IN (e.submission_id, e.own_submission_id)),
               ({_SPEAKS}), tried.id
        FROM submissions s JOIN people p ON p.id = s.person_id
        LEFT JOIN teams team ON 't' || team.id = s.owner
        LEFT JOIN runs tried ON tried.submission_id = s.id AND tried.trial_id = :trial
        WHERE s.assignment_id = :assignment AND (tried.id IS NOT NULL {missed})
        ORDER BY coalesce(team.name, p.name), s.owner, s.number
    """)  # noqa: S608  # of these modules' own words alone
    values = {"trial": trial.id, "assignment": trial.assignment_id, "ended": trial.ended_at}
    return [Line(*row) for row in work.session.execute(query, values)]


def counted_now(work: Work, assignment: int) -> dict[PersonId, CountedNow]:
    """Everybody who is in the assignment's gradebook."""
    query = text("""
        SELECT e.person_id, p.name, e.score, e.max_score, e.mark_value, e.mark_label,
               (SELECT o.score FROM overrides o WHERE o.assignment_id = e.assignment_id AND o.person_id = e.person_id
                AND o.withdrawn_at IS NULL ORDER BY o.id DESC LIMIT 1)
        FROM gradebook_entries e JOIN people p ON p.id = e.person_id WHERE e.assignment_id = :assignment
    """)
    rows = work.session.execute(query, {"assignment": assignment})
    return {PersonId(row[0]): CountedNow(*row[1:]) for row in rows}


def add_missing(work: Work, trial: TrialRow, *, definition: Assignment, by: PersonId) -> list[UUID]:
    """Ordinary runs by the tried version of what the trial would have taken and has no run of."""
    tried = f"SELECT FROM runs t WHERE t.submission_id = s.id AND t.trial_id = {trial.id:d}"
    those = f"{those_of(TrialScope(trial.scope))} AND NOT EXISTS ({tried})"
    return reruns.add_chosen(
        work, those, assignment_id=trial.assignment_id, spec_version_id=trial.spec_version_id, definition=definition,
        requested_by=by, is_fresh=trial.is_fresh,
    )  # fmt: skip


def make_real(work: Work, identity: int) -> list[Published]:
    """Let a trial's runs be like any other, made now: the newest of their submissions."""
    rows = work.session.execute(
        text("""
            UPDATE runs r SET is_trial = false, created_at = clock_timestamp() FROM submissions s
            WHERE r.trial_id = :trial AND r.is_trial AND s.id = r.submission_id
            RETURNING r.id, s.id, s.owner, r.state
        """),
        {"trial": identity},
    ).all()
    work.session.expire_all()
    return [Published(row[0], row[1], Owner(row[2]), RunState(row[3])) for row in rows]


def stop(work: Work, identity: int, problem: str) -> None:
    """End what waits and what is being graded: whoever grades it has no lease any more."""
    values = {"trial": identity, "problem": problem}
    for statement in (
        """UPDATE run_stages SET state = 'failed', lease_id = NULL, lease_until = NULL, problem = :problem
           WHERE run_id IN (SELECT id FROM runs WHERE trial_id = :trial) AND state IN ('waiting', 'leased')""",
        """UPDATE runs SET state = 'failed', message = :problem, finished_at = clock_timestamp()
           WHERE trial_id = :trial AND state IN ('waiting', 'grading')""",
    ):
        work.session.execute(text(statement), values)
    work.session.expire_all()


def dropped_runs(work: Work) -> list[UUID]:
    """Runs of dropped trials, which nobody reads any more."""
    query = select(RunRow.id).join(TrialRow, TrialRow.id == RunRow.trial_id)
    return list(work.session.scalars(query.where(RunRow.is_trial, TrialRow.state == TrialState.DROPPED.value)))


def forget(work: Work, runs: Sequence[UUID]) -> set[str]:
    """Delete these runs with all that came of them; the blobs that they named."""
    values = {"runs": list(runs)}
    drawn = text("DELETE FROM artifacts WHERE run_id = ANY(:runs) RETURNING blob_sha256")
    digests = set(work.session.execute(drawn, values).scalars())
    for table, column in (
        ("progress_events", "run_id"),
        ("check_results", "run_id"),
        ("run_stages", "run_id"),
        ("runs", "id"),
    ):
        work.session.execute(text(f"DELETE FROM {table} WHERE {column} = ANY(:runs)"), values)  # noqa: S608
    return digests
