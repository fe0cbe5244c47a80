"""The outbox and its deliveries. Times are the database's own clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import insert, text

from grader.domain.ids import AssignmentId, CourseId, PersonId
from grader.domain.notices import Channel, Delivery, DeliveryState, NoticeKind, Parcel
from grader.storage.database import Work
from grader.storage.models import NoticeRow

_TO_WEBHOOKS = """
    INSERT INTO deliveries (id, notice_id, channel, webhook_id, until)
    SELECT gen_random_uuid(), n.id, 'webhook', w.id, n.created_at + CAST(:give_up AS interval)
    FROM notices n JOIN webhooks w ON w.course_id = n.course_id
    WHERE n.id = ANY(:notices) AND n.kind <> :due_soon AND w.removed_at IS NULL AND w.disabled_at IS NULL
      AND w.created_at <= n.created_at AND (n.webhook_id IS NULL OR n.webhook_id = w.id)
"""
_TO_PEOPLE = """
    INSERT INTO deliveries (id, notice_id, channel, person_id, until)
    SELECT gen_random_uuid(), n.id, 'email', p.id,
           least(n.created_at + CAST(:give_up AS interval), n.expires_at)
    FROM notices n
    LEFT JOIN submissions s ON s.id = n.submission_id
    JOIN memberships m ON m.course_id = n.course_id AND m.left_at IS NULL AND
         CASE WHEN n.person_id IS NOT NULL THEN m.person_id = n.person_id
              ELSE s.owner IN ('p' || m.person_id, 't' || m.team_id) END
    JOIN people p ON p.id = m.person_id AND p.disabled_at IS NULL
    WHERE n.id = ANY(:notices) AND n.mails
      AND NOT EXISTS (SELECT FROM mail_refusals r WHERE r.person_id = p.id AND r.kind = n.kind)
"""
# Whether there is still something to hand in for member m of assignment a: the team's, or what each member does alone.
_MISSING = """
    (NOT EXISTS (SELECT FROM submissions s WHERE s.assignment_id = a.id AND NOT s.is_own
                 AND s.owner IN ('p' || m.person_id, 't' || m.team_id))
     OR (m.team_id IS NOT NULL
         AND EXISTS (SELECT FROM spec_versions v WHERE v.id = a.spec_version_id
                     AND jsonb_path_exists(v.definition, '$.part[*].individual ? (@ == true)'))
         AND NOT EXISTS (SELECT FROM submissions s WHERE s.assignment_id = a.id AND s.is_own
                         AND s.owner = 'p' || m.person_id)))
"""
# Once for each student and assignment: the key is unique. Whoever has handed in, or whose team has, needs none.
# The due date is the one that holds for the student (`grader.service.lateness.due_with`).
_DUE_SOON = """
    INSERT INTO notices (id, kind, course_id, assignment_id, person_id, mails, key, expires_at)
    SELECT gen_random_uuid(), :kind, a.course_id, a.id, m.person_id, true,
           concat('due-soon:', a.id, ':', m.person_id), theirs.due_at
    FROM assignments a
    JOIN courses c ON c.id = a.course_id AND c.archived_at IS NULL
    JOIN memberships m ON m.course_id = a.course_id AND m.role = 'student' AND m.left_at IS NULL
    LEFT JOIN LATERAL (
        SELECT x.due_at, x.extra_days FROM extensions x
        WHERE x.assignment_id = a.id AND x.withdrawn_at IS NULL AND x.owner IN ('p' || m.person_id, 't' || m.team_id)
        ORDER BY x.id DESC LIMIT 1) given ON true
    CROSS JOIN LATERAL (SELECT greatest(a.due_at, coalesce(given.due_at,
        (a.due_at AT TIME ZONE c.time_zone + make_interval(days => coalesce(given.extra_days, 0)))
        AT TIME ZONE c.time_zone)) AS due_at) theirs
    WHERE theirs.due_at > clock_timestamp() AND theirs.due_at <= clock_timestamp() + CAST(:within AS interval)
      AND @MISSING@
      AND NOT EXISTS (SELECT FROM notices n WHERE n.key = concat('due-soon:', a.id, ':', m.person_id))
    ON CONFLICT (key) DO NOTHING
""".replace("@MISSING@", _MISSING)
# For every submission that counts and holds something a person gave. What is released again unchanged is told once: the
# newest grading is in the key.
_RELEASED = """
    INSERT INTO notices (id, kind, course_id, assignment_id, submission_id, mails, key)
    SELECT gen_random_uuid(), :kind, a.course_id, a.id, g.submission_id, true,
           concat('released:', g.submission_id, ':', max(g.id))
    FROM gradings g JOIN assignments a ON a.id = g.assignment_id
    WHERE a.id = :assignment AND g.withdrawn_at IS NULL
      AND g.submission_id IN (SELECT r.submission_id FROM gradebook_entries e
                              JOIN runs r ON r.id IN (e.run_id, e.own_run_id) WHERE e.assignment_id = a.id)
    GROUP BY a.course_id, a.id, g.submission_id
    ON CONFLICT (key) DO NOTHING
"""
# Not more than a few of one receiver at a time, so that one that is slow keeps nobody else waiting.
_CLAIM = """
    WITH due AS (
        SELECT id, webhook_id, not_before FROM deliveries
        WHERE state = 'waiting' AND not_before <= clock_timestamp() AND channel = ANY(:channels)
        ORDER BY not_before LIMIT 500
    ), ranked AS (
        SELECT id, not_before, row_number() OVER (PARTITION BY webhook_id ORDER BY not_before) AS place, webhook_id
        FROM due
    ), chosen AS (
        SELECT d.id FROM deliveries d JOIN ranked ON ranked.id = d.id
        WHERE place <= CASE WHEN ranked.webhook_id IS NULL THEN :mails ELSE :each END
          AND d.state = 'waiting' AND d.not_before <= clock_timestamp()
        ORDER BY ranked.not_before LIMIT :most FOR UPDATE OF d SKIP LOCKED
    )
    UPDATE deliveries SET attempts = attempts + 1, not_before = clock_timestamp() + CAST(:lease AS interval)
    FROM chosen WHERE deliveries.id = chosen.id RETURNING deliveries.id
"""
_PARCELS = """
    SELECT d.id, d.notice_id, n.kind, d.channel, d.attempts, d.until, n.created_at, n.about, c.slug AS course,
           c.title AS course_title, c.time_zone, a.slug AS assignment, a.title AS assignment_title,
           CASE WHEN n.kind = :due_soon THEN n.expires_at ELSE a.due_at END AS due_at,
           n.submission_id, s.received_at, d.webhook_id, w.url, w.secret, d.person_id, p.name, p.email,
           d.until <= clock_timestamp() AS is_over,
           (d.channel = 'webhook' AND (w.removed_at IS NOT NULL OR w.disabled_at IS NOT NULL))
           OR (d.channel = 'lti' AND NOT EXISTS (
               SELECT FROM lti_links l WHERE CAST(l.id AS text) = n.about ->> 'link'
                 AND l.assignment_id = n.assignment_id AND l.stopped_at IS NULL))
           OR (d.channel = 'email' AND (
               p.disabled_at IS NOT NULL
               OR EXISTS (SELECT FROM mail_refusals r WHERE r.person_id = p.id AND r.kind = n.kind)
               OR (n.kind = :due_soon AND NOT EXISTS (
                   SELECT FROM memberships m WHERE m.course_id = n.course_id AND m.person_id = p.id
                   AND m.left_at IS NULL AND @MISSING@)))) AS is_moot
    FROM deliveries d JOIN notices n ON n.id = d.notice_id JOIN courses c ON c.id = n.course_id
    LEFT JOIN assignments a ON a.id = n.assignment_id LEFT JOIN submissions s ON s.id = n.submission_id
    LEFT JOIN webhooks w ON w.id = d.webhook_id LEFT JOIN people p ON p.id = d.person_id
    WHERE d.id = ANY(:deliveries) ORDER BY d.created_at, d.id
""".replace("@MISSING@", _MISSING)
_LOG = """
    SELECT d.id, d.notice_id, n.kind, d.channel, d.state, d.attempts, d.problem, d.created_at, d.ended_at,
           CASE WHEN d.state = 'waiting' THEN d.not_before END AS next_at, a.slug AS assignment, n.submission_id,
           d.webhook_id, p.email AS person
    FROM deliveries d JOIN notices n ON n.id = d.notice_id LEFT JOIN assignments a ON a.id = n.assignment_id
    LEFT JOIN people p ON p.id = d.person_id
    WHERE n.course_id = :course AND (CAST(:state AS text) = '' OR d.state = :state)
      AND (CAST(:webhook AS integer) IS NULL OR d.webhook_id = :webhook)
    ORDER BY d.created_at DESC, d.id LIMIT :limit
"""


class Claimed(NamedTuple):
    """A parcel; `is_over` when its time is, `is_moot` when nobody needs it any more."""

    parcel: Parcel
    is_over: bool
    is_moot: bool


def add(
    work: Work,
    kind: NoticeKind,
    *,
    course: CourseId,
    assignment: int | None = None,
    submission: UUID | None = None,
    person: PersonId | None = None,
    webhook: int | None = None,
    mails: bool = False,
    about: Mapping[str, Any] | None = None,
) -> UUID:
    """Its id, which tells receivers that they had it already."""
    identity = uuid4()
    values = {
        "id": identity, "kind": kind.value, "course_id": course, "assignment_id": assignment,
        "submission_id": submission, "person_id": person, "webhook_id": webhook, "mails": mails,
        "about": dict(about or {}),
    }  # fmt: skip
    work.session.execute(insert(NoticeRow).values(values))
    return identity


def has_receivers(work: Work, course: CourseId) -> bool:
    """Whether a webhook of the course would be told."""
    query = "SELECT EXISTS (SELECT FROM webhooks WHERE course_id = :c AND removed_at IS NULL AND disabled_at IS NULL)"
    return bool(work.session.execute(text(query), {"c": course}).scalar())


def add_due_soon(work: Work, within: timedelta) -> int:
    """Remind students of what is due within this time, once; how many."""
    values = {"kind": NoticeKind.DUE_SOON.value, "within": within}
    return _count(work, _DUE_SOON, values)


def add_released(work: Work, assignment: AssignmentId) -> int:
    """Tell everybody whose items persons graded that they may read it, once for what they were given; how many."""
    return _count(work, _RELEASED, {"kind": NoticeKind.ITEMS_RELEASED.value, "assignment": assignment})


def expand(work: Work, *, give_up: timedelta, with_mail: bool, most: int) -> int:
    """Make deliveries of notices that have none yet; how many notices there were."""
    query = text("""SELECT id FROM notices WHERE expanded_at IS NULL ORDER BY created_at LIMIT :most
                    FOR UPDATE SKIP LOCKED""")
    found = list(work.session.execute(query, {"most": most}).scalars())
    if found:
        values = {"notices": found, "give_up": give_up}
        work.session.execute(text(_TO_WEBHOOKS), values | {"due_soon": NoticeKind.DUE_SOON.value})
        if with_mail:
            work.session.execute(text(_TO_PEOPLE), values)
        done = text("UPDATE notices SET expanded_at = clock_timestamp() WHERE id = ANY(:notices)")
        work.session.execute(done, {"notices": found})
    return len(found)


def claim(
    work: Work, channels: Sequence[Channel], *, lease: timedelta, most: int, each: int, mails: int
) -> list[Claimed]:
    """Deliveries to try now: `each` at most to one webhook, `mails` by e-mail. Each counts as an attempt.

    Whoever claims one and falls silent gives it to the next after `lease`.
    """
    values = {"channels": [one.value for one in channels], "lease": lease, "most": most, "each": each, "mails": mails}
    found = list(work.session.execute(text(_CLAIM), values).scalars())
    if not found:
        return []
    asked = {"deliveries": found, "due_soon": NoticeKind.DUE_SOON.value}
    rows = work.session.execute(text(_PARCELS), asked)
    return [Claimed(_parcel(row), row.is_over, row.is_moot) for row in rows]


def end(work: Work, delivery: UUID, state: DeliveryState, problem: str = "") -> None:
    """One that has ended already stays as it is."""
    work.session.execute(
        text("""UPDATE deliveries SET state = :state, problem = :problem, ended_at = clock_timestamp()
                WHERE id = :id AND state = 'waiting'"""),
        {"id": delivery, "state": state.value, "problem": problem},
    )


def try_again(work: Work, delivery: UUID, *, attempt: int, pause: timedelta, problem: str) -> None:
    """After a pause, unless somebody else has tried it since."""
    work.session.execute(
        text("""UPDATE deliveries SET not_before = clock_timestamp() + CAST(:pause AS interval), problem = :problem
                WHERE id = :id AND state = 'waiting' AND attempts = :attempt"""),
        {"id": delivery, "attempt": attempt, "pause": pause, "problem": problem},
    )


def postpone_all_of(work: Work, webhook: int, pause: timedelta) -> None:
    """What waits for a webhook that has just failed waits for so long at least; what is under way says for itself."""
    work.session.execute(
        text("""UPDATE deliveries
                SET not_before = greatest(not_before, clock_timestamp() + CAST(:pause AS interval))
                WHERE id IN (SELECT id FROM deliveries WHERE webhook_id = :webhook AND state = 'waiting'
                             FOR UPDATE SKIP LOCKED)"""),
        {"webhook": webhook, "pause": pause},
    )


def give_up_late(work: Work) -> int:
    """Those whose time is over and that nobody tries at this moment; how many."""
    return _count(
        work,
        """UPDATE deliveries SET state = 'given_up', ended_at = clock_timestamp(),
           problem = CASE WHEN problem = '' THEN 'Its time was over before it could be tried.' ELSE problem END
           WHERE id IN (SELECT id FROM deliveries WHERE state = 'waiting' AND until <= clock_timestamp()
                        AND not_before <= clock_timestamp() FOR UPDATE SKIP LOCKED)""",
        {},
    )


def give_up_all_of(work: Work, webhook: int, problem: str) -> None:
    work.session.execute(
        text("""UPDATE deliveries SET state = 'given_up', ended_at = clock_timestamp(), problem = :problem
                WHERE webhook_id = :webhook AND state = 'waiting'"""),
        {"webhook": webhook, "problem": problem},
    )


def forget(work: Work, kept: timedelta) -> int:
    """Notices older than this, with their deliveries, once none of those waits."""
    return _count(
        work,
        """DELETE FROM notices WHERE created_at < clock_timestamp() - CAST(:kept AS interval)
           AND expanded_at IS NOT NULL AND NOT EXISTS (
               SELECT FROM deliveries d WHERE d.notice_id = notices.id AND d.state = 'waiting')""",
        {"kept": kept},
    )


def log_of(work: Work, course: CourseId, *, state: str, webhook: int | None, limit: int) -> list[Delivery]:
    """Newest first."""
    values = {"course": course, "state": state, "webhook": webhook, "limit": limit}
    return [
        Delivery(
            id=str(row.id), notice=str(row.notice_id), kind=NoticeKind(row.kind), channel=Channel(row.channel),
            state=DeliveryState(row.state), attempts=row.attempts, problem=row.problem, created_at=row.created_at,
            ended_at=row.ended_at, next_at=row.next_at, assignment=row.assignment,
            submission=None if row.submission_id is None else str(row.submission_id), webhook=row.webhook_id,
            person=row.person,
        )
        for row in work.session.execute(text(_LOG), values)
    ]  # fmt: skip


def given_up(work: Work, course: CourseId, within: timedelta) -> int:
    """How many deliveries of the course were given up within this time."""
    query = """SELECT count(*) FROM deliveries d JOIN notices n ON n.id = d.notice_id
               WHERE n.course_id = :course AND d.state = 'given_up'
                 AND d.ended_at > clock_timestamp() - CAST(:within AS interval)"""
    return int(work.session.execute(text(query), {"course": course, "within": within}).scalar_one())


def refusals(work: Work, person: PersonId) -> set[NoticeKind]:
    rows = work.session.execute(text("SELECT kind FROM mail_refusals WHERE person_id = :person"), {"person": person})
    known = {kind.value for kind in NoticeKind}
    return {NoticeKind(kind) for kind in rows.scalars() if kind in known}


def refuse(work: Work, person: PersonId, kind: NoticeKind) -> None:
    work.session.execute(
        text("INSERT INTO mail_refusals (person_id, kind) VALUES (:person, :kind) ON CONFLICT DO NOTHING"),
        {"person": person, "kind": kind.value},
    )


def accept(work: Work, person: PersonId, kind: NoticeKind) -> None:
    work.session.execute(
        text("DELETE FROM mail_refusals WHERE person_id = :person AND kind = :kind"),
        {"person": person, "kind": kind.value},
    )


def _parcel(row: Any) -> Parcel:
    data = {"course": row.course, "assignment": row.assignment, **row.about}
    if row.submission_id is not None:
        data["submission"] = str(row.submission_id)
    made = Parcel(
        id=row.id, notice=row.notice_id, kind=NoticeKind(row.kind), channel=Channel(row.channel), attempt=row.attempts,
        until=row.until, happened_at=row.created_at, course_title=row.course_title, time_zone=row.time_zone,
        assignment_title=row.assignment_title or "", due_at=row.due_at, received_at=row.received_at, data=data,
    )  # fmt: skip
    if made.channel is Channel.WEBHOOK:
        return replace(made, webhook=row.webhook_id, url=row.url, secret=row.secret)
    return replace(made, person=PersonId(row.person_id), name=row.name, email=row.email)


def _count(work: Work, statement: str, values: Mapping[str, Any]) -> int:
    return len(work.session.execute(text(f"{statement} RETURNING 1"), dict(values)).all())
