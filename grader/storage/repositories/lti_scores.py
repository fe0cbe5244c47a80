"""Scores for platforms: what each student's is now, what was asked to be sent, what was taken."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from grader.domain.ids import CourseId, PersonId
from grader.domain.lti import Platform
from grader.domain.notices import NoticeKind
from grader.storage.database import Work
from grader.storage.models import LtiPlatformRow, LtiScoreRow
from grader.storage.repositories.lti import platform_of

# One row for each student of a bound link whom the platform knows. What counts is an override, else the entry.
_STANDING = """
    SELECT l.id AS link, a.slug AS assignment, a.id AS assignment_id, x.course_id AS course, u.person_id AS person,
           coalesce(o.score, e.score) AS score, e.max_score,
           s.asked_score, s.asked_max, s.sent_score,
           EXISTS (SELECT FROM overrides v WHERE v.assignment_id = a.id AND v.person_id = u.person_id
                   AND v.withdrawn_at IS NOT NULL) AS was_overridden,
           EXISTS (SELECT FROM deliveries d JOIN notices n ON n.id = d.notice_id
                   WHERE d.channel = 'lti' AND d.state = 'waiting' AND d.person_id = u.person_id
                     AND n.about ->> 'link' = CAST(l.id AS text)) AS is_waiting
    FROM lti_links l
    JOIN lti_contexts x ON x.id = l.context_id
    JOIN assignments a ON a.id = l.assignment_id AND a.course_id = x.course_id
    JOIN lti_people u ON u.platform_id = x.platform_id
    JOIN people p ON p.id = u.person_id AND p.disabled_at IS NULL
    JOIN memberships m ON m.course_id = x.course_id AND m.person_id = u.person_id AND m.role = 'student'
         AND m.left_at IS NULL
    LEFT JOIN gradebook_entries e ON e.assignment_id = a.id AND e.person_id = u.person_id
    LEFT JOIN LATERAL (SELECT v.score FROM overrides v WHERE v.assignment_id = a.id AND v.person_id = u.person_id
                       AND v.withdrawn_at IS NULL ORDER BY v.id DESC LIMIT 1) o ON true
    LEFT JOIN lti_scores s ON s.link_id = l.id AND s.person_id = u.person_id
    WHERE l.line_item <> '' AND l.stopped_at IS NULL AND (CAST(:link AS integer) IS NULL OR l.id = :link)
      AND (CAST(:person AS integer) IS NULL OR u.person_id = :person)
    ORDER BY a.id, u.person_id, l.id
"""
_ASK = """
    WITH told AS (
        INSERT INTO notices (id, kind, course_id, assignment_id, person_id, mails, about, expanded_at)
        VALUES (gen_random_uuid(), :kind, :course, :assignment, :person, false,
                jsonb_build_object('link', CAST(:link AS integer)), clock_timestamp())
        RETURNING id, created_at)
    INSERT INTO deliveries (id, notice_id, channel, person_id, until)
    SELECT gen_random_uuid(), id, 'lti', :person, created_at + CAST(:give_up AS interval) FROM told
"""


class Standing(NamedTuple):
    """A student's line for one link: what counts now, what was last put into the outbox, what the platform took.

    `asked_max` is None where nothing was ever asked to be sent, and negative where it is to be sent once more.
    """

    link: int
    assignment: str
    assignment_id: int
    course: CourseId
    person: PersonId
    score: float | None
    max_score: float | None
    asked_score: float | None
    asked_max: float | None
    sent_score: float | None
    was_overridden: bool
    is_waiting: bool


class Line(NamedTuple):
    """Where a score goes."""

    platform: Platform
    line_item: str
    subject: str
    is_stopped: bool


def standing(work: Work, *, link: int | None = None, person: PersonId | None = None) -> list[Standing]:
    rows = work.session.execute(text(_STANDING), {"link": link, "person": person})
    return [Standing(**row) for row in rows.mappings()]


def lock(work: Work) -> bool:
    """One at a time looks for what has changed; False when somebody else does."""
    query = text("SELECT pg_try_advisory_xact_lock(hashtextextended('lti scores', 0))")
    return bool(work.session.execute(query).scalar_one())


def ask(work: Work, one: Standing, score: float | None, max_score: float, give_up: timedelta) -> None:
    """Put the score into the outbox."""
    work.session.execute(
        text(_ASK),
        {
            "kind": NoticeKind.SCORE_CHANGED.value, "course": one.course, "assignment": one.assignment_id,
            "person": one.person, "link": one.link, "give_up": give_up,
        },
    )  # fmt: skip
    set_asked(work, one.link, one.person, score, max_score)


def set_asked(work: Work, link: int, person: PersonId, score: float | None, max_score: float) -> None:
    asked = {"asked_score": score, "asked_max": max_score}
    values = insert(LtiScoreRow).values(link_id=link, person_id=person, **asked)
    work.session.execute(values.on_conflict_do_update(index_elements=["link_id", "person_id"], set_=asked))


def line(work: Work, link: int, person: PersonId) -> Line | None:
    """None when the link, its platform or the person's name there is gone."""
    row = work.session.execute(
        text("""SELECT x.platform_id, l.line_item, u.subject, l.stopped_at IS NOT NULL AS is_stopped
                FROM lti_links l JOIN lti_contexts x ON x.id = l.context_id
                JOIN lti_people u ON u.platform_id = x.platform_id AND u.person_id = :person WHERE l.id = :link"""),
        {"link": link, "person": person},
    ).one_or_none()
    if row is None:
        return None
    platform = work.session.get_one(LtiPlatformRow, row.platform_id)
    return Line(platform_of(platform), row.line_item, row.subject, row.is_stopped)


def next_time(work: Work, link: int, person: PersonId) -> datetime:
    """The timestamp for a score that is about to be sent: now, and later than that of the one before."""
    found: datetime = work.session.execute(
        text("""SELECT greatest(clock_timestamp(), max(sent_at) + interval '1 millisecond') FROM lti_scores
                WHERE link_id = :link AND person_id = :person"""),
        {"link": link, "person": person},
    ).scalar_one()
    return found


def taken(work: Work, link: int, person: PersonId, score: float | None, max_score: float, at: datetime) -> None:
    work.session.execute(
        text("""UPDATE lti_scores SET sent_score = :score, sent_max = :max, sent_at = :at
                WHERE link_id = :link AND person_id = :person AND (sent_at IS NULL OR sent_at < :at)"""),
        {"link": link, "person": person, "score": score, "max": max_score, "at": at},
    )
    work.session.execute(text("UPDATE lti_links SET refused = 0 WHERE id = :link AND refused > 0"), {"link": link})


def refused(work: Work, link: int, problem: str, stop_after: int) -> bool:
    """Count a refusal; whether the link was stopped for it now."""
    row = work.session.execute(
        text("""UPDATE lti_links SET refused = refused + 1, problem = :problem,
                stopped_at = CASE WHEN refused + 1 >= :most THEN coalesce(stopped_at, clock_timestamp()) END
                WHERE id = :link AND stopped_at IS NULL RETURNING stopped_at IS NOT NULL"""),
        {"link": link, "problem": problem, "most": stop_after},
    ).one_or_none()
    return bool(row is not None and row[0])


def forget_asked(work: Work, course: CourseId) -> int:
    """Let every score of the course's links be asked for anew, stopped links included; how many students."""
    values = {"course": course}
    work.session.execute(
        text("""UPDATE lti_links SET refused = 0, stopped_at = NULL, problem = '' WHERE context_id IN
                (SELECT id FROM lti_contexts WHERE course_id = :course)"""),
        values,
    )
    gone = work.session.execute(
        text("""UPDATE lti_scores SET asked_max = -1 WHERE link_id IN (
                    SELECT l.id FROM lti_links l JOIN lti_contexts x ON x.id = l.context_id
                    WHERE x.course_id = :course) RETURNING 1"""),
        values,
    )
    return len(gone.all())


def takes_scores(work: Work, course: CourseId) -> bool:
    """Whether a bound link of the course has a line item."""
    query = """SELECT EXISTS (SELECT FROM lti_links l JOIN lti_contexts x ON x.id = l.context_id
               WHERE x.course_id = :course AND l.assignment_id IS NOT NULL AND l.line_item <> '')"""
    return bool(work.session.execute(text(query), {"course": course}).scalar_one())
