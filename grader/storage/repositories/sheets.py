"""Sheets of submissions: who wants some, who makes them, what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text

from grader.domain.assignment import Assignment
from grader.domain.ids import Sha256, SubmissionId
from grader.domain.sheets import KeptPicture, Output, Sheet, SheetKind, Sheets, SheetsState, SubmissionSheets
from grader.storage.database import Work


class Wanted(NamedTuple):
    """Sheets that a worker has taken on: `lease` says that they are its own, `attempt` counts from 1."""

    submission: UUID
    lease: UUID
    attempt: int
    file: str
    sha256: Sha256
    definition: Assignment


class PictureToKeep(NamedTuple):
    """A picture whose bytes are in the blob store already. Sides in pixels."""

    kind: str
    width: int
    height: int
    sha256: str
    size_bytes: int


def want(work: Work, submissions: Sequence[UUID], *, again: bool = False) -> int:
    """How many are wanted now that were not. With `again` also what was made or failed; never what is under way."""
    found = work.session.execute(
        text("""
            INSERT INTO submission_sheets (submission_id)
            SELECT id FROM submissions WHERE id = ANY(:submissions) AND removed_at IS NULL
            ORDER BY received_at, id FOR KEY SHARE
            ON CONFLICT (submission_id) DO UPDATE
            SET state = 'wanted', attempts = 0, problem = '', wanted_at = clock_timestamp(),
                not_before = clock_timestamp()
            WHERE :again AND submission_sheets.state IN ('made', 'failed')
            RETURNING submission_id
        """),
        {"submissions": list(submissions), "again": again},
    )
    return len(found.all())


def without(work: Work, assignment: int, making: str, *, again: bool) -> list[UUID]:
    """Submissions of an assignment that have no sheets of this making.

    Those that failed are among them with `again`, and those of this making too; those under way never are.
    """
    rows = work.session.execute(
        text("""
            SELECT s.id FROM submissions s LEFT JOIN submission_sheets m ON m.submission_id = s.id
            WHERE s.assignment_id = :assignment AND s.removed_at IS NULL
              AND (m.state IS NULL OR (m.state = 'made' AND (:again OR m.making <> :making))
                   OR (:again AND m.state = 'failed'))
            ORDER BY s.received_at, s.id
        """),
        {"assignment": assignment, "making": making, "again": again},
    )
    return list(rows.scalars())


def claim(work: Work, *, worker: str, lease_s: float, assignment: int | None = None) -> Wanted | None:
    """The oldest that are wanted, or that a worker which fell silent had; None when there are none."""
    found = work.session.execute(
        text("""
            UPDATE submission_sheets SET state = 'making', attempts = attempts + 1, lease_id = :lease, worker = :worker,
                lease_until = clock_timestamp() + make_interval(secs => :lease_s)
            WHERE submission_id = (
                SELECT m.submission_id FROM submission_sheets m JOIN submissions s ON s.id = m.submission_id
                WHERE (m.state = 'wanted' AND m.not_before <= clock_timestamp()
                       OR m.state = 'making' AND m.lease_until < clock_timestamp())
                  AND (CAST(:assignment AS integer) IS NULL OR s.assignment_id = :assignment)
                ORDER BY m.wanted_at, m.submission_id LIMIT 1 FOR UPDATE OF m SKIP LOCKED)
            RETURNING submission_id, attempts
        """),
        {"lease": (lease := uuid4()), "worker": worker, "lease_s": lease_s, "assignment": assignment},
    ).one_or_none()
    if found is None:
        return None
    row = work.session.execute(
        text("""SELECT s.file_name, s.sha256, v.definition FROM submissions s
                JOIN assignments a ON a.id = s.assignment_id JOIN spec_versions v ON v.id = a.spec_version_id
                WHERE s.id = :submission"""),
        {"submission": found.submission_id},
    ).one()
    return Wanted(
        submission=found.submission_id,
        lease=lease,
        attempt=found.attempts,
        file=row.file_name,
        sha256=Sha256(row.sha256),
        definition=Assignment.model_validate(row.definition),
    )


def finish(work: Work, wanted: Wanted, made: Sheets, pictures: Sequence[PictureToKeep], making: str) -> bool:
    """In place of what was there before; False, and nothing, if the lease is no longer the worker's."""
    state = SheetsState.FAILED if made.problem else SheetsState.MADE
    is_ours = work.session.execute(
        text("""UPDATE submission_sheets SET state = :state, problem = :problem, note = :note, making = :making,
                sheets = CAST(:sheets AS jsonb), lease_id = NULL, lease_until = NULL, made_at = clock_timestamp()
                WHERE submission_id = :submission AND lease_id = :lease RETURNING 1"""),
        {
            "state": state.value, "problem": made.problem, "note": made.note, "making": making,
            "sheets": json.dumps([_to_plain(sheet) for sheet in made.sheets]),
            "submission": wanted.submission, "lease": wanted.lease,
        },
    ).one_or_none()  # fmt: skip
    if is_ours is None:
        return False
    work.session.execute(
        text("DELETE FROM sheet_pictures WHERE submission_id = :submission"), {"submission": wanted.submission}
    )
    values = [
        {"id": uuid4(), "submission": wanted.submission, "number": number, **picture._asdict()}
        for number, picture in enumerate(pictures)
    ]
    if values:
        work.session.execute(
            text("""INSERT INTO sheet_pictures
                    (id, submission_id, number, kind, width, height, blob_sha256, size_bytes)
                    VALUES (:id, :submission, :number, :kind, :width, :height, :sha256, :size_bytes)"""),
            values,
        )
    return True


def put_back(work: Work, wanted: Wanted, *, problem: str, delay_s: float, attempts: int) -> None:
    """Wanted again, after so many seconds; nothing if the lease is no longer the worker's."""
    work.session.execute(
        text("""UPDATE submission_sheets SET state = 'wanted', problem = :problem, attempts = :attempts,
                lease_id = NULL, lease_until = NULL, not_before = clock_timestamp() + make_interval(secs => :delay_s)
                WHERE submission_id = :submission AND lease_id = :lease"""),
        {
            "problem": problem, "attempts": attempts, "delay_s": delay_s, "submission": wanted.submission,
            "lease": wanted.lease,
        },
    )  # fmt: skip


def of_submission(work: Work, submission: SubmissionId) -> SubmissionSheets:
    values = {"submission": UUID(submission)}
    found = work.session.execute(
        text("""SELECT state, problem, note, sheets, wanted_at, made_at FROM submission_sheets
                WHERE submission_id = :submission"""),
        values,
    ).one_or_none()
    if found is None:
        return SubmissionSheets(submission=submission)
    rows = work.session.execute(
        text("""SELECT id, number, kind, width, height, blob_sha256, size_bytes FROM sheet_pictures
                WHERE submission_id = :submission ORDER BY number"""),
        values,
    )
    pictures = tuple(
        KeptPicture(
            id=str(row.id), number=row.number, kind=row.kind, width=row.width, height=row.height,
            sha256=Sha256(row.blob_sha256), size_bytes=row.size_bytes,
        )
        for row in rows
    )  # fmt: skip
    return SubmissionSheets(
        submission=submission,
        state=SheetsState(found.state),
        problem=found.problem,
        note=found.note,
        sheets=tuple(_from_plain(sheet) for sheet in found.sheets),
        pictures=pictures,
        wanted_at=found.wanted_at,
        made_at=found.made_at,
    )


def picture(work: Work, identity: UUID) -> tuple[UUID, str, Sha256] | None:
    """(submission, kind, digest) of a picture."""
    found = work.session.execute(
        text("SELECT submission_id, kind, blob_sha256 FROM sheet_pictures WHERE id = :id"), {"id": identity}
    ).one_or_none()
    return None if found is None else (found[0], found[1], Sha256(found[2]))


def keeps_waiting(work: Work, queues: Sequence[str], over_s: float) -> bool:
    """Whether a stage that could be claimed has waited longer than that."""
    query = text("""SELECT EXISTS (SELECT FROM run_stages WHERE queue = ANY(:queues) AND state = 'waiting'
                    AND greatest(created_at, not_before) < clock_timestamp() - make_interval(secs => :over_s))""")
    return bool(work.session.execute(query, {"queues": list(queues), "over_s": over_s}).scalar_one())


def counts(work: Work, assignment: int) -> dict[SheetsState, int]:
    """How many submissions of an assignment have sheets in each state."""
    rows = work.session.execute(
        text("""SELECT m.state, count(*) FROM submission_sheets m JOIN submissions s ON s.id = m.submission_id
                WHERE s.assignment_id = :assignment GROUP BY m.state"""),
        {"assignment": assignment},
    )
    found = {SheetsState(state): count for state, count in rows}
    return {state: found.get(state, 0) for state in SheetsState}


def _to_plain(sheet: Sheet) -> dict[str, Any]:
    outputs = [{"text": output.text, "picture": output.picture, "is_note": output.is_note} for output in sheet.outputs]
    return {
        "kind": sheet.kind.value, "path": sheet.path, "place": sheet.place, "text": sheet.text, "outputs": outputs,
    }  # fmt: skip


def _from_plain(raw: dict[str, Any]) -> Sheet:
    return Sheet(
        kind=SheetKind(raw["kind"]),
        path=raw["path"],
        place=raw["place"],
        text=raw["text"],
        outputs=tuple(Output(**output) for output in raw["outputs"]),
    )
