"""Scores for learning platforms: what counts in the gradebook, once its student may see it.

The invariant: nothing announces that a score has changed. What counts now is compared with what was asked to be sent,
so that gradings, adjustments, overrides, late policies, and due dates that pass all come to the same thing. What is
sent is worked out at the moment of sending.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from grader.domain.course import Course, Person, Reader, Role, Scope
from grader.domain.errors import BadRequest
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import PersonId
from grader.domain.lti import STOP_AFTER, ScoreToSend
from grader.domain.notices import GIVE_UP_AFTER
from grader.kit.text import one_line
from grader.service import audit, lateness, quota, visibility
from grader.storage.database import Work
from grader.storage.repositories import assignments, entries, lti_scores, stages
from grader.storage.repositories.lti_scores import Standing


def look(work: Work) -> int:
    """Put what has changed into the outbox; how many scores. Of several at once, one looks."""
    if not lti_scores.lock(work):
        return 0
    released = _Released(work)
    found = 0
    for one in lti_scores.standing(work):
        if one.is_waiting or not _differs(one) or not released(one):
            continue
        lti_scores.ask(work, one, one.score, released.max_score(one), GIVE_UP_AFTER)
        found += 1
    return found


def to_send(work: Work, link: int, person: PersonId) -> ScoreToSend | None:
    """What is to be sent now; None where nothing is any more."""
    line = lti_scores.line(work, link, person)
    one = next(iter(lti_scores.standing(work, link=link, person=person)), None)
    released = _Released(work)
    if line is None or one is None or line.is_stopped or not released(one):
        return None
    lti_scores.set_asked(work, link, person, one.score, released.max_score(one))
    return ScoreToSend(
        link=link, platform=line.platform, line_item=line.line_item, person=person, subject=line.subject,
        score=one.score, max_score=released.max_score(one), at=lti_scores.next_time(work, link, person),
    )  # fmt: skip


def taken(work: Work, sent: ScoreToSend) -> None:
    """The platform has it."""
    lti_scores.taken(work, sent.link, sent.person, sent.score, sent.max_score, sent.at)


def refused(work: Work, sent: ScoreToSend, problem: str) -> None:
    """The platform will never take it. After some in a row nothing more is sent to this link, which staff read."""
    said = one_line(problem, limit=300)
    if lti_scores.refused(work, sent.link, said, STOP_AFTER):
        audit.note(work, None, "stop sending scores", f"link:{sent.link}", said)


def resend(work: Work, reader: Reader, course: Course) -> int:
    """Have every released score of the course sent once more, to links that were stopped, too; how many were before.

    Instructors with scope manage. Audited.

    Raises:
        NeedsRole, NeedsScope.
        BadRequest: no link of the course takes scores.

    """
    reader.require_instructor(course.id)
    reader.require_scope(Scope.MANAGE)
    if not lti_scores.takes_scores(work, course.id):
        raise BadRequest("No link of this course takes scores; bind one that the platform gave a line item.")
    again = lti_scores.forget_asked(work, course.id)
    audit.note(work, reader, "resend scores", f"course:{course.id}", f"{again} students")
    return again


class _Released:
    """Whether a student may see what counts for them; assignments are looked up once."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._now: datetime = stages.now(work)
        self._assignments: dict[str, OfferedAssignment] = {}

    def __call__(self, one: Standing) -> bool:
        offered = self._offered(one)
        reader = Reader(person=Person(id=one.person, email="", name=""), roles={one.course: Role.STUDENT})
        theirs = replace(offered, due_at=self._due_at(offered, one.person))
        if not visibility.shows_score(offered.spec.plan, theirs, reader, self._now):
            return False
        entry = entries.of_person(self._work, one.assignment_id, one.person)
        return entry is None or visibility.shows_score(entry.judged, theirs, reader, self._now)

    def max_score(self, one: Standing) -> float:
        return one.max_score if one.max_score is not None else self._offered(one).spec.definition.max_points

    def _due_at(self, offered: OfferedAssignment, person: PersonId) -> datetime | None:
        owner = quota.owner_for(self._work, person, offered)
        return lateness.held(self._work, offered, owner).due_at

    def _offered(self, one: Standing) -> OfferedAssignment:
        if one.assignment not in self._assignments:
            found = assignments.by_slug(self._work, one.assignment)
            assert found is not None
            self._assignments[one.assignment] = found
        return self._assignments[one.assignment]


def _differs(one: Standing) -> bool:
    if one.score is None:
        # An override that was withdrawn is taken back. What retention has let go here, the platform keeps.
        return one.was_overridden and one.sent_score is not None and one.asked_score is not None
    # Less than nothing marks what is to be sent once more.
    if one.asked_max is None or one.asked_max < 0:
        return True
    return one.score != one.asked_score or (one.max_score is not None and one.max_score != one.asked_max)
