"""Scores back to a learning platform: real HTTP, real signatures, a platform that checks both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from grader.domain.check import Visibility
from grader.domain.errors import BadRequest, NeedsRole
from grader.domain.lti import STOP_AFTER, scores_address
from grader.domain.notices import Channel, DeliveryState
from grader.service import adjustments, erasure, gradebook, notices, overrides, personal
from grader.service.lti import keys, scores
from grader.storage.models import AssignmentRow, DeliveryRow
from grader.storage.repositories import care
from tests import builders
from tests.web.lti_meeting import ADA, ADMIN, BOB, INES, LOOPBACK, lti_server, meeting
from worker.postman import Postman
from worker.scores import ScoreSender
from worker.webhooks import WebhookSender

__all__ = ["lti_server", "meeting"]


class Book:
    """A bound link, two students whom the platform knows, and the sweep's postman."""

    def __init__(self, meeting):
        self.meeting, self.campus = meeting, meeting.campus
        meeting.register(trusts_email=True)
        self.link = meeting.link()
        meeting.launch(user="u-ada", email="ada.lovelace@example.org")
        meeting.launch(user="u-bob", email="bob.noyce@example.org")
        self.ada = meeting.scene.people[ADA].id
        self.sender = ScoreSender(meeting.database, meeting.keys, LOOPBACK)
        self.postman = Postman(meeting.database, WebhookSender(), scores=self.sender, scores_every_s=0)

    def go_round(self):
        while self.postman.go_round():
            pass
        return [(one["userId"], one.get("scoreGiven"), one.get("scoreMaximum")) for one in self.campus.scores]

    def hand_in_and_grade(self, name=ADA):
        self.meeting.scene.hand_in(name)
        self.meeting.scene.grade()

    def score(self, points):
        """As a grading, an adjustment or another late policy leaves it."""
        with self.meeting.database.begin() as work:
            work.session.execute(text("UPDATE gradebook_entries SET score = :points"), {"points": points})

    def later(self):
        """What waits is due; the platform is no longer left alone."""
        self.sender._away.clear()
        with self.meeting.database.begin() as work:
            work.session.execute(update(DeliveryRow).values(not_before=datetime.now(UTC) - timedelta(seconds=1)))

    def log(self):
        with self.meeting.database.begin() as work:
            return notices.log(work, self.meeting.reader(INES), self.meeting.course())


@pytest.fixture
def book(meeting):
    made = Book(meeting)
    with made.postman:
        yield made


def test_what_counts_is_sent_once_and_again_when_it_changes(book, meeting):
    assert book.go_round() == []
    book.hand_in_and_grade()
    assert book.go_round() == [("u-ada", 5.0, 5.0)]
    assert book.go_round() == [("u-ada", 5.0, 5.0)]
    sent = book.campus.scores[0]
    assert (sent["activityProgress"], sent["gradingProgress"], sent["comment"]) == ("Completed", "FullyGraded", "")
    reader, work_of = meeting.reader(INES), meeting.scene.assignment
    with meeting.database.begin() as work:
        whole = adjustments.target_from("whole:")
        adjustments.adjust(work, reader, work_of, book.ada, target=whole, points=-1.5, reason="Copied.")
    assert book.go_round()[1:] == [("u-ada", 3.5, 5.0)]
    with meeting.database.begin() as work:
        overrides.override(work, reader, work_of, book.ada, score=6, reason="Brilliant.")
    assert book.go_round()[2:] == [("u-ada", 6.0, 5.0)]
    with meeting.database.begin() as work:
        overrides.withdraw_override(work, reader, work_of, book.ada, reason="Not so brilliant.")
    assert book.go_round()[3:] == [("u-ada", 3.5, 5.0)]
    times = [one["timestamp"] for one in book.campus.scores]
    assert times == sorted(set(times))
    assert book.campus.token_requests == 1
    assert {(one.channel, one.state) for one in book.log()} == {(Channel.LTI, DeliveryState.DELIVERED)}


def test_a_late_penalty_is_part_of_what_is_sent(book, meeting):
    book.hand_in_and_grade()
    book.go_round()
    with meeting.database.begin() as work:
        work.session.execute(update(AssignmentRow).values(due_at=datetime.now(UTC) - timedelta(hours=30)))
        work.session.execute(
            text("INSERT INTO late_policies (assignment_id, policy, reason, made_by) VALUES (:a, :p, 'x', :m)"),
            {
                "a": meeting.scene.assignment.id, "m": meeting.scene.people[INES].id,
                "p": '{"extension_days_per_term": 0, "beyond": "penalise", "penalty_per_day": 0.1}',
            },
        )  # fmt: skip
        gradebook.work_out_anew(work, meeting.scene.assignment.id)
    assert book.go_round()[1:] == [("u-ada", 4.0, 5.0)]


def test_nothing_is_sent_before_the_student_may_see_it(book, meeting):
    with meeting.database.begin() as work:
        work.session.execute(
            text("""UPDATE spec_versions SET plan = jsonb_set(plan, '{1,visibility}', '"after_due"')""")
        )
    book.hand_in_and_grade()
    assert book.go_round() == []
    with meeting.database.begin() as work:
        work.session.execute(update(AssignmentRow).values(due_at=datetime.now(UTC) - timedelta(days=30)))
    assert [user for user, _, _ in book.go_round()] == ["u-ada"]
    assert Visibility.AFTER_DUE


def test_a_platform_that_is_away_gets_it_when_it_is_back(book):
    book.hand_in_and_grade()
    book.hand_in_and_grade(BOB)
    book.campus.answers = [503] * 9
    assert book.go_round() == []
    tried = book.campus.tried
    assert 1 <= tried <= 2
    assert book.go_round() == [] and book.campus.tried == tried
    waiting = [one for one in book.log() if one.state is DeliveryState.WAITING]
    assert len(waiting) == 2 and all("503" in one.problem for one in waiting)
    book.score(4.0)
    book.campus.answers = []
    book.later()
    # What counts by then, and once.
    assert sorted(book.go_round()) == [("u-ada", 4.0, 5.0), ("u-bob", 4.0, 5.0)]
    book.later()
    assert len(book.go_round()) == 2


def test_a_token_that_the_platform_forgot_is_asked_for_anew(book):
    book.hand_in_and_grade()
    book.go_round()
    book.campus._tokens.clear()
    book.score(1.0)
    assert book.go_round()[1:] == [("u-ada", 1.0, 5.0)]
    assert book.campus.token_requests == 2


def test_what_is_refused_for_good_is_given_up_and_staff_read_it(book):
    book.hand_in_and_grade()
    book.campus.answers = [422]
    assert book.go_round() == []
    (only,) = book.log()
    assert (only.state, only.person, only.problem) == (
        DeliveryState.GIVEN_UP, "ada.lovelace@example.org", "The platform answered 422."
    )  # fmt: skip
    book.later()
    assert book.go_round() == [] and book.campus.tried == 1
    with book.meeting.database.begin() as work:
        assert notices.trouble(work, book.meeting.reader(INES), book.meeting.course()).given_up == 1


def test_after_some_refusals_in_a_row_the_link_is_stopped_until_staff_send_all_again(book, meeting):
    book.hand_in_and_grade()
    book.campus.answers = [403] * STOP_AFTER
    for points in range(STOP_AFTER + 2):
        book.score(float(points) / 2)
        book.go_round()
    assert book.campus.tried == STOP_AFTER
    shown = meeting.browser(INES).get("/courses/deep/lti").text
    assert "stopped" in shown and "The platform answered 403." in shown
    with pytest.raises(NeedsRole), meeting.database.begin() as work:
        scores.resend(work, meeting.reader("Tina Assistant"), meeting.course())
    with meeting.database.begin() as work:
        assert scores.resend(work, meeting.reader(INES), meeting.course()) == 1
    assert book.go_round() == [("u-ada", 3.0, 5.0)]


def test_sending_all_again_sends_what_has_not_changed(book, meeting):
    book.hand_in_and_grade()
    book.hand_in_and_grade(BOB)
    book.go_round()
    with meeting.database.begin() as work:
        assert scores.resend(work, meeting.reader(INES), meeting.course()) == 2
    assert len(book.go_round()) == 4


def test_a_line_item_that_was_made_anew_gets_every_score(book, meeting):
    book.hand_in_and_grade()
    book.go_round()
    meeting.launch(user="u-bob")
    assert len(book.go_round()) == 1
    book.campus.item = "8"
    meeting.launch(user="u-bob")
    assert len(book.go_round()) == 2
    assert book.campus.paths[-1].startswith("/items/8/scores")


def test_nothing_can_be_sent_again_where_no_link_takes_scores(meeting):
    with pytest.raises(BadRequest, match="No link"), meeting.database.begin() as work:
        scores.resend(work, meeting.reader(INES), meeting.course())


def test_after_a_rotation_the_platform_takes_the_new_key(book):
    keys.rotate(book.meeting.keys)
    book.hand_in_and_grade()
    assert len(book.go_round()) == 1


def test_an_override_without_work_is_sent_and_taken_back(book, meeting):
    reader, work_of = meeting.reader(INES), meeting.scene.assignment
    with meeting.database.begin() as work:
        overrides.override(work, reader, work_of, book.ada, score=2, reason="By hand.")
    assert book.go_round() == [("u-ada", 2.0, 5.0)]
    with meeting.database.begin() as work:
        overrides.withdraw_override(work, reader, work_of, book.ada, reason="Wrong line.")
    assert book.go_round()[1:] == [("u-ada", None, None)]
    assert book.campus.scores[1]["gradingProgress"] == "NotReady"


def test_what_retention_lets_go_stays_on_the_platform(book, meeting):
    book.hand_in_and_grade()
    book.go_round()
    with meeting.database.begin() as work:
        chosen = list(work.session.execute(text("SELECT id FROM submissions")).scalars())
        care.delete_overrides_of(work, chosen)
        care.delete(work, chosen)
        assert work.session.execute(text("SELECT count(*) FROM lti_scores")).scalar() == 0
    assert len(book.go_round()) == 1


def test_a_person_reads_what_is_known_of_them_and_may_be_forgotten(book, meeting):
    book.hand_in_and_grade()
    book.go_round()
    with meeting.database.begin() as work:
        rows = personal.collect(work, "ada.lovelace@example.org")
    assert [(one["platform"], one["subject"], one["how"]) for one in rows["lti_people"]] == [
        ("Campus", "u-ada", "e-mail")
    ]
    assert [(one["assignment"], one["sent_score"]) for one in rows["lti_scores"]] == [("tiny", 5.0)]
    with meeting.database.begin() as work:
        erasure.erase(work, "ada.lovelace@example.org", reason="Asked for.")
    with meeting.database.begin() as work:
        for table in ("lti_people", "lti_scores"):
            query = text(f"SELECT count(*) FROM {table} WHERE person_id = :person")
            assert work.session.execute(query, {"person": book.ada}).scalar() == 0, table


def test_staff_and_whoever_left_get_no_score(book, meeting):
    book.hand_in_and_grade()
    with meeting.database.begin() as work:
        work.session.execute(text("UPDATE memberships SET left_at = now() WHERE person_id = :id"), {"id": book.ada})
    assert book.go_round() == []


def test_a_link_that_is_bound_anew_sends_nothing_of_before(book, meeting):
    book.hand_in_and_grade()
    with meeting.database.begin() as work:
        scores.look(work)
        other = builders.an_assignment(work, meeting.scene.course, slug="other-work")
        from grader.service.lti import links

        links.bind(work, meeting.reader(ADMIN), meeting.course(), book.link, other.slug)
    assert book.go_round() == []
    assert [one.state for one in book.log()] == [DeliveryState.DROPPED]


@pytest.mark.parametrize(
    ("line_item", "address"),
    [
        ("https://x.example/items/1", "https://x.example/items/1/scores"),
        ("https://x.example/items/1/", "https://x.example/items/1/scores"),
        ("https://x.example/items/1/lineitem?type_id=4", "https://x.example/items/1/lineitem/scores?type_id=4"),
    ],
)
def test_where_scores_go(line_item, address):
    assert scores_address(line_item) == address
