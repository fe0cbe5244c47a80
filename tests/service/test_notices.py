"""The outbox on the real database: what is written with what happens, to whom it goes, and how it ends."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text, update

from grader.domain.course import Role, Scope
from grader.domain.errors import BadRequest, NeedsRole, NeedsScope, UnknownThing
from grader.domain.ids import AssignmentId, PersonId
from grader.domain.notices import Channel, DeliveryState, NoticeKind, Outcome, pause_s
from grader.service import accounts, audit, courses, erasure, extensions, notices, personal, webhooks
from grader.storage.models import DeliveryRow, NoticeRow, WebhookRow
from grader.storage.repositories import webhooks as rows
from tests import builders

URL = "https://example.org/hook"
DAY = timedelta(days=1)


class Office:
    """A course with a graded submission, everybody around it, and what the sweep would do."""

    def __init__(self, database):
        self.database = database
        with database.begin() as work:
            self.row, other = builders.a_course(work, slug="nlp"), builders.a_course(work, slug="vision")
            self.people = {
                "student": builders.a_person(work, self.row, name="Ada", email="ada@example.org"),
                "mate": builders.a_person(work, self.row, name="Bob", email="bob@example.org"),
                "ta": builders.a_person(work, self.row, Role.TA),
                "instructor": builders.a_person(work, self.row, Role.INSTRUCTOR),
                "other instructor": builders.a_person(work, other, Role.INSTRUCTOR),
                "admin": builders.a_person(work, is_admin=True),
            }
            self.readers = {n: accounts.reader_for(work, PersonId(p.id)) for n, p in self.people.items()}
            self.course = courses.course_of(work, self.readers["instructor"], "nlp")
            self.assignment = builders.an_assignment(work, self.row)
            self.submission = builders.a_submission(work, self.assignment, self.people["student"])

    def register(self, name="instructor", url=URL):
        with self.database.begin() as work:
            return webhooks.register(work, self.readers[name], self.course, url)

    def tell(self, kind=NoticeKind.GRADED, **values):
        given = {"assignment": AssignmentId(self.assignment.id), "submission": str(self.submission.id)} | values
        with self.database.begin() as work:
            notices.tell(work, kind, course=self.course.id, **given)

    def look(self, *, with_mail=True, due_soon=None):
        with self.database.begin() as work:
            return notices.look(work, with_mail=with_mail, due_soon=due_soon).parcels

    def record(self, *outcomes):
        with self.database.begin() as work:
            notices.record(work, outcomes)

    def log(self, name="ta", **options):
        with self.database.begin() as work:
            return notices.log(work, self.readers[name], self.course, **options)

    def later(self, **by):
        """As if so much time had passed for what waits."""
        with self.database.begin() as work:
            ago = timedelta(**by)
            for column in (DeliveryRow.not_before, DeliveryRow.until, DeliveryRow.created_at):
                work.session.execute(update(DeliveryRow).values({column: column - ago}))
            for column in (NoticeRow.created_at, NoticeRow.expires_at, NoticeRow.expanded_at):
                work.session.execute(update(NoticeRow).values({column: column - ago}))
            work.session.execute(update(WebhookRow).values(failing_since=WebhookRow.failing_since - ago))

    def webhook(self):
        with self.database.begin() as work:
            return webhooks.listed(work, self.readers["instructor"], self.course)[0]

    def count(self, table=NoticeRow):
        with self.database.begin() as work:
            return work.session.scalar(select(func.count()).select_from(table))


@pytest.fixture
def office(database):
    return Office(database)


class TestWhoIsTold:
    def test_a_notice_is_there_exactly_if_what_it_tells_of_is(self, office):
        with pytest.raises(RuntimeError), office.database.begin() as work:
            notices.tell(work, NoticeKind.GRADED, course=office.course.id, submission=str(office.submission.id))
            raise RuntimeError
        assert office.count() == 0
        office.tell()
        assert office.count() == 1

    def test_webhooks_read_ids_and_a_state_and_the_student_a_letter(self, office):
        made = office.register()
        office.tell(about={"run": "r1", "state": "graded"})
        call, letter = sorted(office.look(), key=lambda one: one.channel, reverse=True)
        assert (call.channel, call.url, call.secret) == (Channel.WEBHOOK, URL, made.secret)
        assert call.data == {
            "course": "nlp", "assignment": office.assignment.slug, "submission": str(office.submission.id),
            "run": "r1", "state": "graded",
        }  # fmt: skip
        assert (letter.channel, letter.email, letter.name) == (Channel.EMAIL, "ada@example.org", "Ada")
        assert (letter.secret, call.email) == ("", "")
        assert call.notice == letter.notice and call.id != letter.id

    def test_a_teams_work_is_told_to_all_who_are_in_it(self, office):
        with office.database.begin() as work:
            team = builders.a_team(work, office.row)
            work.session.execute(
                text("UPDATE memberships SET team_id = :team WHERE role = 'student' AND course_id = :course"),
                {"team": team.id, "course": office.row.id},
            )
            ours = builders.a_submission(work, office.assignment, office.people["mate"], owner=f"t{team.id}")
        office.tell(submission=str(ours.id))
        assert {one.email for one in office.look()} == {"ada@example.org", "bob@example.org"}

    def test_a_person_who_is_named_is_told_alone(self, office):
        office.tell(NoticeKind.REGRADE_ANSWERED, person=PersonId(office.people["mate"].id), about={"regrade": 3})
        (letter,) = office.look()
        assert (letter.email, letter.kind, letter.data["regrade"]) == (
            "bob@example.org",
            NoticeKind.REGRADE_ANSWERED,
            3,
        )

    def test_whoever_refused_left_or_is_disabled_gets_no_letter(self, office):
        statements = {
            "refused": None,
            "left": "UPDATE memberships SET left_at = now() WHERE person_id = :person",
            "disabled": "UPDATE people SET disabled_at = now() WHERE id = :person",
        }
        person = office.people["student"].id
        with office.database.begin() as work:
            notices.choose_mail(work, office.readers["student"], {NoticeKind.GRADED: False})
        for name, statement in statements.items():
            with office.database.begin() as work:
                if statement:
                    notices.choose_mail(work, office.readers["student"], {NoticeKind.GRADED: True})
                    work.session.execute(text(statement), {"person": person})
            office.tell()
            assert office.look() == (), name

    def test_without_mail_none_is_made_and_none_comes_later(self, office):
        office.tell()
        assert office.look(with_mail=False) == ()
        assert office.look(with_mail=True) == ()

    def test_a_webhook_is_not_told_what_was_before_it(self, office):
        office.tell()
        office.register()
        assert [one.channel for one in office.look()] == [Channel.EMAIL]

    def test_another_courses_webhook_is_not_told(self, office):
        with office.database.begin() as work:
            vision = courses.course_of(work, office.readers["other instructor"], "vision")
            webhooks.register(work, office.readers["other instructor"], vision, URL)
        office.tell()
        assert [one.channel for one in office.look()] == [Channel.EMAIL]

    def test_words_are_folded_and_cut(self, office):
        office.register()
        office.tell(mails=False, about={"state": "a\nb" * 200})
        (call,) = office.look()
        assert len(call.data["state"]) <= 100 and "\n" not in call.data["state"]

    def test_nothing_is_written_where_nobody_would_read_it(self, office):
        office.tell(mails=False)
        assert office.count() == 0


class TestDueSoon:
    def due_in(self, office, hours):
        with office.database.begin() as work:
            work.session.execute(
                text("UPDATE assignments SET due_at = :due"), {"due": datetime.now(UTC) + timedelta(hours=hours)}
            )

    def test_those_who_have_not_handed_in_are_reminded_once(self, office):
        self.due_in(office, 20)
        (letter,) = office.look(due_soon=DAY)
        assert (letter.email, letter.kind) == ("bob@example.org", NoticeKind.DUE_SOON)
        assert letter.until <= datetime.now(UTC) + timedelta(hours=20)
        assert office.look(due_soon=DAY) == ()
        assert office.count() == 1
        # Not even when the due date moves.
        self.due_in(office, 10)
        assert office.look(due_soon=DAY) == ()

    @pytest.mark.parametrize("hours", [-1, 30])
    def test_neither_too_early_nor_too_late(self, office, hours):
        self.due_in(office, hours)
        assert office.look(due_soon=DAY) == ()

    def test_whose_team_has_handed_in_needs_no_reminder(self, office):
        with office.database.begin() as work:
            team = builders.a_team(work, office.row)
            work.session.execute(
                text("UPDATE memberships SET team_id = :team WHERE person_id = :person"),
                {"team": team.id, "person": office.people["mate"].id},
            )
            builders.a_submission(work, office.assignment, office.people["student"], owner=f"t{team.id}")
        self.due_in(office, 20)
        assert office.look(due_soon=DAY) == ()

    def test_who_has_more_time_is_reminded_of_their_own_due_date(self, office):
        self.due_in(office, 20)
        with office.database.begin() as work:
            extensions.give(
                work, office.readers["ta"], office.assignment, office.people["mate"].id, extra_days=2, reason="Ill."
            )
        assert office.look(due_soon=DAY) == ()
        (letter,) = office.look(due_soon=3 * DAY)
        assert letter.due_at > datetime.now(UTC) + timedelta(hours=60)

    def test_webhooks_are_not_told_who_is_late(self, office):
        office.register()
        self.due_in(office, 20)
        assert [one.channel for one in office.look(due_soon=DAY)] == [Channel.EMAIL]

    def test_who_hands_in_between_two_tries_is_left_alone(self, office):
        self.due_in(office, 20)
        (letter,) = office.look(due_soon=DAY)
        office.record((letter, Outcome(problem="The mail server was away.")))
        with office.database.begin() as work:
            builders.a_submission(work, office.assignment, office.people["mate"])
        office.later(minutes=5)
        assert office.look(due_soon=DAY) == ()
        assert office.log()[0].state is DeliveryState.DROPPED


class TestTryingAgain:
    def test_what_was_delivered_is_over(self, office):
        office.tell()
        (letter,) = office.look()
        office.record((letter, Outcome()))
        office.later(hours=1)
        assert office.look() == ()
        (line,) = office.log()
        assert (line.state, line.attempts, line.problem, line.person) == (
            DeliveryState.DELIVERED,
            1,
            "",
            "ada@example.org",
        )

    def test_what_failed_comes_again_later_under_the_same_ids(self, office):
        office.tell()
        (first,) = office.look()
        office.record((first, Outcome(problem="It was away.")))
        assert office.look() == ()
        office.later(seconds=12)
        (again,) = office.look()
        assert (again.id, again.notice, again.attempt) == (first.id, first.notice, 2)

    def test_whoever_falls_silent_with_a_parcel_loses_it_after_a_while(self, office):
        office.tell()
        (first,) = office.look()
        assert office.look() == ()
        office.later(seconds=notices.LEASE.total_seconds() + 1)
        (second,) = office.look()
        # What the silent one says now does not move what another has.
        office.record((first, Outcome(problem="late")))
        office.record((second, Outcome()))
        assert office.log()[0].state is DeliveryState.DELIVERED

    def test_pauses_grow_and_do_not_end_before_three_days(self):
        pauses = [pause_s(attempt, 0.5) for attempt in range(1, 20)]
        assert pauses == sorted(pauses)
        assert pauses[0] == 10 and pauses[-1] == 36000
        assert pause_s(1, 0.0) < pause_s(1, 1.0) < 12

    def test_it_is_given_up_in_the_end_and_staff_read_why(self, office):
        office.tell()
        (letter,) = office.look()
        office.record((letter, Outcome(problem="It was away.")))
        office.later(days=3)
        assert office.look() == ()
        (line,) = office.log(state="given_up")
        assert line.problem == "It was away."

    def test_what_is_refused_for_good_is_given_up_at_once(self, office):
        office.tell()
        (letter,) = office.look()
        office.record((letter, Outcome(problem="No such mailbox.", is_final=True)))
        assert office.log()[0].state is DeliveryState.GIVEN_UP

    def test_a_webhook_that_is_slow_keeps_no_other_waiting(self, office):
        office.register()
        for _ in range(30):
            office.tell(mails=False)
        office.register(url="https://example.net/other")
        office.tell(mails=False)
        first = office.look()
        assert {one.url for one in first} >= {URL}
        assert sum(one.url == URL for one in first) == 3
        assert sum(one.url != URL for one in first) == 1

    def test_what_waits_for_a_webhook_that_fails_waits_too_and_comes_when_it_is_well(self, office):
        office.register()
        for _ in range(10):
            office.tell(mails=False)
        failed = office.look()
        office.record(*((call, Outcome(problem="It answered 500.")) for call in failed))
        assert office.look() == ()
        office.later(seconds=15)
        office.record(*((call, Outcome()) for call in office.look()))
        seen = []
        while found := office.look():
            seen += found
            office.record(*((call, Outcome()) for call in found))
        assert {line.state for line in office.log()} == {DeliveryState.DELIVERED}

    def test_the_longer_it_fails_the_longer_it_is_left_alone(self, office):
        office.register()
        office.tell(mails=False)
        (first,) = office.look()
        office.record((first, Outcome(problem="It answered 500.")))
        office.later(minutes=40)
        office.tell(mails=False)
        again = office.look()
        office.record(*((call, Outcome(problem="It answered 500.")) for call in again))
        office.tell(mails=False)
        # The newest is free to go at once, and is what finds out whether it is well again.
        (newest,) = office.look()
        office.record((newest, Outcome(problem="It answered 500.")))
        office.later(minutes=9)
        assert office.look() == ()
        office.later(minutes=2)
        assert office.look()

    def test_two_sweeps_that_have_calls_of_one_webhook_do_not_wait_for_each_other_for_ever(self, office):
        office.register()
        for _ in range(2):
            office.tell(mails=False)
        one, other = office.look()
        failed = Outcome(problem="It answered 500.")
        with ThreadPoolExecutor(1) as threads:
            with office.database.begin() as work:
                rows.note_failed(work, one.webhook)
                # The other sweep is in the middle of its own when this one goes on.
                beside = threads.submit(office.record, (other, failed))
                time.sleep(0.5)
                notices.record(work, [(one, failed)])
            beside.result(timeout=20)
        assert [line.problem for line in office.log()] == ["It answered 500."] * 2

    def test_two_sweeps_take_no_parcel_twice(self, office):
        for _ in range(5):
            office.tell()
        with office.database.begin() as one, office.database.begin() as other:
            first = notices.look(one, with_mail=True).parcels
            second = notices.look(other, with_mail=True).parcels
        assert len(first) == 5 and second == ()

    def test_the_log_goes_after_ninety_days(self, office):
        office.tell()
        (letter,) = office.look()
        office.record((letter, Outcome()))
        for days, left in ((89, 1), (2, 0)):
            office.later(days=days)
            with office.database.begin() as work:
                notices.forget_old(work)
            assert office.count() == left
        assert office.count(DeliveryRow) == 0


class TestWebhooks:
    def fail(self, office, outcome, **later):
        office.tell(mails=False)
        (call,) = office.look()
        office.record((call, outcome))
        office.later(**(later or {"seconds": 0}))

    def test_one_that_fails_for_five_days_is_disabled_with_a_mark(self, office):
        office.register()
        self.fail(office, Outcome(problem="It answered 500.", is_final=True), days=4)
        assert office.webhook().failing_since is not None and office.webhook().disabled_at is None
        self.fail(office, Outcome(problem="It answered 500.", is_final=True), days=1, minutes=1)
        self.fail(office, Outcome(problem="It answered 502."))
        found = office.webhook()
        assert found.disabled_at is not None
        assert "5 days" in found.problem and "502" in found.problem
        office.tell(mails=False)
        assert office.look() == ()
        with office.database.begin() as work:
            trail = audit.trail(work, office.readers["instructor"], f"webhook:{found.id}")
            assert trail[0][1:3] == ("the service", "disable webhook")

    def test_a_delivery_between_ends_the_count(self, office):
        office.register()
        self.fail(office, Outcome(problem="It answered 500.", is_final=True), days=4)
        self.fail(office, Outcome(), days=2)
        assert office.webhook().failing_since is None
        self.fail(office, Outcome(problem="It answered 500."))
        assert office.webhook().disabled_at is None

    def test_one_that_is_gone_is_disabled_at_once_and_what_waited_is_given_up(self, office):
        office.register()
        for _ in range(5):
            office.tell(mails=False)
        first, *_ = office.look()
        office.record((first, Outcome(problem="It answered 410.", is_final=True, is_gone=True)))
        assert office.webhook().disabled_at is not None
        assert {line.state for line in office.log()} == {DeliveryState.GIVEN_UP}

    def test_an_instructor_enables_it_again(self, office):
        made = office.register()
        self.fail(office, Outcome(problem="gone", is_final=True, is_gone=True))
        with office.database.begin() as work:
            webhooks.enable(work, office.readers["instructor"], office.course, made.id)
        assert office.webhook().disabled_at is None
        office.tell(mails=False)
        assert len(office.look()) == 1

    def test_one_that_was_removed_is_told_nothing_and_has_no_secret(self, office):
        made = office.register()
        office.tell(mails=False)
        with office.database.begin() as work:
            webhooks.remove(work, office.readers["instructor"], office.course, made.id)
            assert work.session.scalar(select(WebhookRow.secret)) == ""
        assert office.look() == ()
        with office.database.begin() as work, pytest.raises(UnknownThing):
            webhooks.enable(work, office.readers["instructor"], office.course, made.id)

    def test_a_test_goes_to_it_alone(self, office):
        made, _ = office.register(), office.register(url="https://example.net/")
        with office.database.begin() as work:
            webhooks.send_test(work, office.readers["instructor"], office.course, made.id)
        (call,) = office.look()
        assert (call.kind, call.webhook, call.data["state"]) == (NoticeKind.TEST, made.id, "test")

    @pytest.mark.parametrize("name", ["student", "ta", "other instructor"])
    def test_only_instructors_of_the_course_change_them(self, office, name):
        made = office.register()
        reader = office.readers[name]
        with office.database.begin() as work:
            for act in (webhooks.remove, webhooks.enable, webhooks.send_test):
                with pytest.raises(NeedsRole):
                    act(work, reader, office.course, made.id)
        with pytest.raises(NeedsRole):
            office.register(name)

    @pytest.mark.parametrize("name", ["student", "other instructor"])
    def test_only_staff_of_the_course_read_them_and_the_log(self, office, name):
        with office.database.begin() as work, pytest.raises(NeedsRole):
            webhooks.listed(work, office.readers[name], office.course)
        with pytest.raises(NeedsRole):
            office.log(name)

    def test_a_token_needs_its_scope(self, office):
        from dataclasses import replace

        reads = replace(office.readers["instructor"], scopes=frozenset({Scope.READ}))
        with office.database.begin() as work, pytest.raises(NeedsScope):
            webhooks.register(work, reads, office.course, URL)

    def test_assistants_see_the_host_alone_and_nobody_a_secret(self, office):
        office.register(url="https://example.org/a-secret-of-theirs?x=1")
        with office.database.begin() as work:
            (seen,) = webhooks.listed(work, office.readers["ta"], office.course)
            (whole,) = webhooks.listed(work, office.readers["admin"], office.course)
        assert seen.url == "https://example.org/…"
        assert whole.url.endswith("?x=1")
        assert seen.secret is None and whole.secret is None

    @pytest.mark.parametrize("url", ["http://example.org/", "https://10.0.0.1/", "https://localhost/", "x", ""])
    def test_an_address_that_is_not_called_is_refused(self, office, url):
        with pytest.raises(BadRequest):
            office.register(url=url)

    def test_a_course_has_so_many_and_no_more(self, office):
        for _ in range(10):
            office.register()
        with pytest.raises(BadRequest, match="at most 10"):
            office.register()

    def test_what_people_change_is_in_the_trail_without_the_address(self, office):
        made = office.register(url="https://example.org/a-secret-of-theirs")
        with office.database.begin() as work:
            webhooks.send_test(work, office.readers["instructor"], office.course, made.id)
            webhooks.remove(work, office.readers["instructor"], office.course, made.id)
            trail = audit.trail(work, office.readers["instructor"], f"course:{office.course.id}")
        assert [line[2] for line in trail] == ["remove webhook", "test webhook", "add webhook"]
        assert "a-secret-of-theirs" not in str(trail)


class TestPersonalData:
    @pytest.fixture
    def told(self, office):
        office.tell()
        (letter,) = office.look()
        office.record((letter, Outcome(problem="ada@example.org is unknown.", is_final=True)))
        with office.database.begin() as work:
            notices.choose_mail(work, office.readers["student"], {NoticeKind.DUE_SOON: False})
        return office

    def test_a_person_reads_what_was_told_to_them_and_what_they_chose(self, told):
        with told.database.begin() as work:
            found = personal.collect(work, "ada@example.org")
        assert [row["kind"] for row in found["mail_refusals"]] == ["assignment.due_soon"]
        assert [(row["kind"], row["channel"], row["state"]) for row in found["deliveries"]] == [
            ("submission.graded", "email", "given_up")
        ]

    def test_whoever_added_a_webhook_reads_that_and_no_secret(self, office):
        made = office.register()
        with office.database.begin() as work:
            found = personal.collect(work, office.people["instructor"].email)
        assert [(row["course"], row["url"]) for row in found["webhooks"]] == [("nlp", URL)]
        assert made.secret not in str(found)

    def test_nothing_of_it_is_left_when_they_are_erased(self, told):
        with told.database.begin() as work:
            done = erasure.erase(work, "ada@example.org", reason="request 1")
            assert done.submissions == 1
        assert (told.count(), told.count(DeliveryRow)) == (0, 0)
        with told.database.begin() as work:
            assert work.session.execute(text("SELECT count(*) FROM mail_refusals")).scalar() == 0

    def test_nor_of_what_one_course_told_them_when_they_are_erased_from_it(self, told):
        told.tell(NoticeKind.REGRADE_ANSWERED, submission=None, person=PersonId(told.people["student"].id))
        told.look()
        with told.database.begin() as work:
            erasure.erase(work, "ada@example.org", reason="request 1", course="nlp")
            assert (
                work.session.execute(text("SELECT count(*) FROM deliveries WHERE person_id IS NOT NULL")).scalar() == 0
            )
            assert work.session.execute(text("SELECT count(*) FROM notices WHERE person_id IS NOT NULL")).scalar() == 0

    def test_choices_are_ones_own_and_in_the_trail(self, told):
        with told.database.begin() as work:
            mine = notices.mail_choices(work, told.readers["student"])
            assert mine == dict.fromkeys(mine, True) | {NoticeKind.DUE_SOON: False}
            assert all(notices.mail_choices(work, told.readers["mate"]).values())
            trail = audit.trail(work, told.readers["admin"], f"person:{told.people['student'].id}")
        assert trail[0][2:] == ("choose e-mail", "assignment.due_soon off")


def test_a_states_name_that_is_none_is_told(office):
    with pytest.raises(BadRequest, match="state"):
        office.log(state="lost")
