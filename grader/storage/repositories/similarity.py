"""Fingerprints of submissions, and the pairs that a comparison found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, text

from grader.domain.ids import CourseId, Slug, SubmissionId
from grader.domain.similarity import (
    Compared,
    Comparison,
    Fingerprint,
    Match,
    Pair,
    Piece,
    Print,
    Side,
    SimilarPair,
)
from grader.storage.database import Work


class Unread(NamedTuple):
    """A submission without a fingerprint of this making."""

    submission: UUID
    assignment: int
    file: str
    sha256: str


def unread(work: Work, assignments: Sequence[int], making: str, *, again: bool) -> list[Unread]:
    """Oldest first; with `again` also what could not be read. What retention has emptied can no longer be."""
    rows = work.session.execute(
        text("""
            SELECT s.id, s.assignment_id, s.file_name, s.sha256 FROM submissions s
            LEFT JOIN fingerprints f ON f.submission_id = s.id AND f.making = :making
                AND (f.problem = '' OR NOT :again)
            WHERE s.assignment_id = ANY(:assignments) AND s.removed_at IS NULL AND f.submission_id IS NULL
            ORDER BY s.received_at, s.id
        """),
        {"assignments": list(assignments), "making": making, "again": again},
    )
    return [Unread(*row) for row in rows]


def keep(work: Work, submission: UUID, found: Fingerprint, making: str) -> None:
    """In place of an older one; nothing if the submission has gone meanwhile, or its bytes have."""
    pieces = [
        {
            "path": piece.path,
            "cell": piece.cell,
            "text": piece.text,
            "prints": [part for one in piece.prints for part in one],
        }
        for piece in found.pieces
    ]
    work.session.execute(
        text("""
            INSERT INTO fingerprints (submission_id, making, pieces, hashes, problem, is_cut)
            SELECT id, :making, CAST(:pieces AS jsonb), CAST(:hashes AS bigint[]), :problem, :is_cut
            FROM submissions WHERE id = :submission AND removed_at IS NULL FOR SHARE
            ON CONFLICT (submission_id) DO UPDATE SET making = excluded.making, pieces = excluded.pieces,
                hashes = excluded.hashes, problem = excluded.problem, is_cut = excluded.is_cut,
                made_at = clock_timestamp()
        """),
        {
            "submission": submission, "making": making, "pieces": json.dumps(pieces), "hashes": sorted(found.values),
            "problem": found.problem, "is_cut": found.is_cut,
        },
    )  # fmt: skip


def compared(work: Work, assignments: Sequence[int], making: str, *, here: int) -> list[Compared]:
    """Every submission that could be read, with whose work it is: of a team also of those who have left it."""
    rows = work.session.execute(
        text("""
            SELECT s.id, s.owner, s.assignment_id, f.hashes, CASE WHEN s.owner LIKE 'p%'
                   THEN ARRAY[CAST(substr(s.owner, 2) AS integer)]
                   ELSE ARRAY(SELECT m.person_id FROM memberships m WHERE 't' || m.team_id = s.owner)
                        || ARRAY(SELECT e.person_id FROM gradebook_entries e WHERE e.submission_id = s.id)
                        || s.person_id END
            FROM fingerprints f JOIN submissions s ON s.id = f.submission_id
            WHERE s.assignment_id = ANY(:assignments) AND f.making = :making AND f.problem = ''
            ORDER BY s.received_at, s.id
        """),
        {"assignments": list(assignments), "making": making},
    )
    return [
        Compared(
            submission=SubmissionId(str(identity)),
            owner=owner,
            people=frozenset(people),
            is_here=assignment == here,
            values=frozenset(hashes),
        )
        for identity, owner, assignment, hashes, people in rows
    ]


def count_unread(work: Work, assignment: int, making: str) -> int:
    """Submissions of an assignment that could not be read, or are no longer kept."""
    query = text("""SELECT count(*) FROM submissions s LEFT JOIN fingerprints f ON f.submission_id = s.id
                    AND f.making = :making AND f.problem = ''
                    WHERE s.assignment_id = :assignment AND f.submission_id IS NULL""")
    return int(work.session.execute(query, {"assignment": assignment, "making": making}).scalar_one())


def pieces_of(work: Work, submission: SubmissionId) -> tuple[Piece, ...]:
    """Empty for one without a fingerprint."""
    query = text("SELECT pieces FROM fingerprints WHERE submission_id = :submission")
    found = work.session.execute(query, {"submission": UUID(submission)}).scalar_one_or_none()
    return tuple(_piece(piece) for piece in found or ())


def replace(
    work: Work, assignment: int, pairs: Iterable[tuple[Pair, Sequence[Match]]], *, submissions: int, earlier: int,
    unread: int,
) -> None:  # fmt: skip
    """These pairs instead of those of the comparison before."""
    work.session.execute(text("SELECT pg_advisory_xact_lock(8, :assignment)"), {"assignment": assignment})
    work.session.execute(text("DELETE FROM similar_pairs WHERE assignment_id = :a"), {"a": assignment})
    work.session.execute(
        text("""
            INSERT INTO comparisons (assignment_id, submissions, earlier, unread)
            VALUES (:assignment, :submissions, :earlier, :unread)
            ON CONFLICT (assignment_id) DO UPDATE SET submissions = excluded.submissions, earlier = excluded.earlier,
                unread = excluded.unread, made_at = clock_timestamp()
        """),
        {"assignment": assignment, "submissions": submissions, "earlier": earlier, "unread": unread},
    )
    values = [
        {
            "assignment": assignment, "one": UUID(pair.one), "other": UUID(pair.other), "shared": pair.shared,
            "one_total": pair.one_total, "other_total": pair.other_total, "matches": json.dumps(found),
        }
        for pair, found in pairs
    ]  # fmt: skip
    if values:
        work.session.execute(
            text("""
                INSERT INTO similar_pairs (assignment_id, one_id, other_id, shared, one_total, other_total, matches)
                VALUES (:assignment, :one, :other, :shared, :one_total, :other_total, CAST(:matches AS jsonb))
            """),
            values,
        )


def comparison(work: Work, assignment: int) -> Comparison | None:
    query = text("SELECT made_at, submissions, earlier, unread FROM comparisons WHERE assignment_id = :assignment")
    found = work.session.execute(query, {"assignment": assignment}).one_or_none()
    return None if found is None else Comparison(
        made_at=found[0], submissions=found[1], earlier=found[2], unread=found[3]
    )  # fmt: skip


_SIDE = """
    {side}.id AS {side}_id, {side}.number AS {side}_number, {side}.file_name AS {side}_file,
    coalesce({side}_team.name, {side}_person.name) AS {side}_who, {side}.received_at AS {side}_at,
    {side}_assignment.slug AS {side}_slug, {side}_assignment.title AS {side}_title,
    {side}_course.id AS {side}_course, {side}_course.title AS {side}_course_title, {side}_course.term AS {side}_term
"""
_OF_SIDE = """
    JOIN submissions {side} ON {side}.id = pairs.{side}_id
    JOIN people {side}_person ON {side}_person.id = {side}.person_id
    LEFT JOIN teams {side}_team ON 't' || {side}_team.id = {side}.owner
    JOIN assignments {side}_assignment ON {side}_assignment.id = {side}.assignment_id
    JOIN courses {side}_course ON {side}_course.id = {side}_assignment.course_id
"""
# Made of our own words alone.
_PAIRS = " ".join(
    (
        "SELECT pairs.id, pairs.shared, pairs.one_total, pairs.other_total, pairs.matches,",
        f"{_SIDE.format(side='one')}, {_SIDE.format(side='other')} FROM similar_pairs pairs",
        _OF_SIDE.format(side="one"),
        _OF_SIDE.format(side="other"),
        "WHERE pairs.assignment_id = :assignment",
    )
)


def pairs(work: Work, assignment: int) -> list[SimilarPair]:
    """The greatest share first."""
    order = "ORDER BY pairs.shared::float / least(pairs.one_total, pairs.other_total) DESC, pairs.shared DESC, pairs.id"
    rows = work.session.execute(text(f"{_PAIRS} {order}"), {"assignment": assignment}).mappings()
    return [_pair(row) for row in rows]


def pair(work: Work, assignment: int, identity: int) -> tuple[SimilarPair, tuple[Match, ...]] | None:
    query = text(f"{_PAIRS} AND pairs.id = :identity")
    found = work.session.execute(query, {"assignment": assignment, "identity": identity}).mappings().one_or_none()
    return None if found is None else (_pair(found), tuple(Match(*match) for match in found["matches"]))


def _pair(row: RowMapping) -> SimilarPair:
    return SimilarPair(id=row["id"], shared=row["shared"], one=_side(row, "one"), other=_side(row, "other"))


def _side(row: RowMapping, side: str) -> Side:
    received_at: datetime = row[f"{side}_at"]
    return Side(
        submission=SubmissionId(str(row[f"{side}_id"])),
        number=row[f"{side}_number"],
        who=row[f"{side}_who"],
        file=row[f"{side}_file"],
        received_at=received_at,
        assignment=Slug(row[f"{side}_slug"]),
        assignment_title=row[f"{side}_title"],
        course_id=CourseId(row[f"{side}_course"]),
        course_title=row[f"{side}_course_title"],
        term=row[f"{side}_term"],
        total=row[f"{side}_total"],
    )


def _piece(raw: dict[str, Any]) -> Piece:
    flat = raw["prints"]
    prints = tuple(Print(*flat[start : start + 3]) for start in range(0, len(flat), 3))
    return Piece(path=raw["path"], cell=raw["cell"], text=raw["text"], prints=prints)
