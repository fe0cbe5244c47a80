"""Requests for a second look: who may ask about what until when, and answers that change points in one step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from grader.domain.adjustment import WHOLE, Target, TargetKind
from grader.domain.check import Visibility
from grader.domain.course import Scope
from grader.domain.errors import (
    AlreadyAnswered,
    AlreadyExists,
    BadRequest,
    NeedsRole,
    NeedsScope,
    NotYours,
    RegradeClosed,
    UnknownThing,
)
from grader.domain.regrade import MOST_REQUESTS, closes_at
from grader.service import assignments, audit, regrades, submissions
from grader.service.regrades import RegradeQuery
from grader.storage.models import MembershipRow
from grader.storage.repositories.courses import course_of
from tests import builders
from tests.service.test_adjustments import ONE, PART_A, TWO, Book

NOW = datetime(2026, 3, 2, tzinfo=UTC)


class Desk(Book):
    """The book of test_adjustments, with somebody who asks."""

    def ask(self, target=TWO, reason="The task says otherwise.", *, who="student", submission=None):
        reader = self.readers[who]
        found = submissions.find(self.work, reader, str((submission or self.submission).id))
        return regrades.ask(self.work, reader, found, target=target, reason=reason)

    def answer(self, request, *, who="ta", granted=True, words="You are right.", **more):
        return regrades.answer(self.work, self.readers[who], request.id, granted=granted, words=words, **more)

    def asking(self, who="student"):
        reader = self.readers[who]
        found = submissions.find(self.work, reader, str(self.submission.id))
        offered = assignments.offered(self.work, reader, self.assignment.slug)
        return regrades.asking(self.work, reader, offered, found, submissions.latest_run(self.work, reader, found))

    def listed(self, who, **query):
        return list(regrades.list_requests(self.work, self.readers[who], RegradeQuery(**query)).requests)

    def age(self, days):
        """All that happened, and the due date, were so many days earlier."""
        for statement in (
            "UPDATE runs SET finished_at = finished_at - make_interval(days => :days)",
            "UPDATE assignments SET due_at = due_at - make_interval(days => :days)",
        ):
            self.work.session.execute(text(statement), {"days": days})
        self.work.session.expire_all()


@pytest.fixture
def desk(database):
    with database.begin() as work:
        yield Desk(work)


@pytest.fixture
def team(database):
    with database.begin() as work:
        yield Desk(work, team=True)


@pytest.mark.parametrize(
    ("shown_at", "days", "expected"),
    [
        (None, 7, NOW + timedelta(days=7)),
        (NOW + timedelta(days=3), 7, NOW + timedelta(days=10)),
        (NOW - timedelta(days=3), 7, NOW + timedelta(days=7)),
        (NOW, 0, None),
    ],
)
def test_the_window_is_so_many_days_after_the_result_or_after_all_of_it_was_shown(shown_at, days, expected):
    assert closes_at(NOW, days, shown_at) == expected


def test_the_window_opens_again_with_what_persons_gave():
    assert closes_at(NOW, 7, NOW - timedelta(days=3), NOW + timedelta(days=9)) == NOW + timedelta(days=16)


def test_a_student_asks_and_both_sides_see_what_was_said(desk):
    request = desk.ask(reason="Line one.\nLine two.")
    assert (request.state, request.title, request.reason) == ("open", "Two (A.two)", "Line one.\nLine two.")
    assert [one.id for one in desk.listed("ta")] == [one.id for one in desk.listed("student")] == [request.id]
    answered = desk.answer(request, words="Read again: right.", points=1.5)
    for who in ("ta", "student"):
        seen = regrades.find(desk.work, desk.readers[who], request.id)
        assert seen == answered
        assert (seen.state, seen.answer, seen.points) == ("granted", "Read again: right.", 1.5)
        assert seen.answered_by == desk.readers["ta"].person.name
    assert (desk.row().score, desk.row().is_adjusted) == (4.5, True)
    assert desk.shown("student").adjustments[0].reason == "Read again: right."
    trail = audit.trail(desk.work, desk.readers["ta"], f"gradebook:{desk.assignment.id}:{desk.student.id}")
    assert [entry[2] for entry in trail] == ["grant regrade", "adjust points", "ask for regrade"]


def test_whoever_asked_is_told_of_the_answer_in_its_transaction(desk):
    request = desk.ask()
    assert desk.work.session.execute(text("SELECT count(*) FROM notices WHERE kind = 'regrade.answered'")).scalar() == 0
    desk.answer(request, points=1)
    told = desk.work.session.execute(
        text("SELECT person_id, submission_id, about FROM notices WHERE kind = 'regrade.answered'")
    ).one()
    assert (told.person_id, str(told.submission_id)) == (desk.student.id, str(desk.submission.id))
    assert told.about == {"regrade": request.id, "state": "granted"}


def test_a_declined_request_changes_nothing(desk):
    request = desk.ask(PART_A)
    with pytest.raises(BadRequest, match="declined"):
        desk.answer(request, granted=False, points=1)
    assert desk.answer(request, granted=False, words="No.").state == "declined"
    assert desk.row().score == 3.0


def test_it_may_be_granted_without_points(desk):
    assert desk.answer(desk.ask(WHOLE)).points is None
    assert desk.row().score == 3.0


def test_it_is_answered_once(desk):
    request = desk.ask()
    desk.answer(request, points=1)
    for again in (lambda: desk.answer(request, points=2), lambda: desk.answer(request, granted=False)):
        with pytest.raises(AlreadyAnswered, match="granted"):
            again()
    with pytest.raises(AlreadyAnswered):
        regrades.withdraw(desk.work, desk.readers["student"], request.id)
    assert desk.row().score == 4.0


def test_an_answer_whose_points_are_refused_leaves_it_open(database):
    with database.begin() as work:
        desk = Desk(work)
        request = desk.ask()
    for points, error in ((0.0, BadRequest), (float("nan"), BadRequest)):
        with pytest.raises(error), database.begin() as work:
            desk.work = work
            desk.answer(request, points=points)
    with database.begin() as work:
        desk.work = work
        assert regrades.find(work, desk.readers["ta"], request.id).is_open
        assert desk.row().score == 3.0


def test_of_two_who_answer_at_once_one_is_told_and_changes_nothing(database):
    with database.begin() as work:
        desk = Desk(work)
        request = desk.ask()
    with database.begin() as first:
        desk.work = first
        desk.answer(request, points=1)
    with pytest.raises(AlreadyAnswered), database.begin() as second:
        desk.work = second
        # As if it had been read before the first one's commit.
        regrades._close(second, request, regrades.RegradeState.DECLINED, desk.readers["instructor"], answer="x")
    with database.begin() as work:
        assert regrades.find(work, desk.readers["ta"], request.id).state == "granted"


def test_one_open_request_for_each_thing(desk):
    first = desk.ask()
    with pytest.raises(AlreadyExists, match="asked about this"):
        desk.ask()
    desk.ask(ONE)
    desk.ask(PART_A)
    desk.answer(first, granted=False)
    assert desk.ask().id != first.id


def test_whoever_asked_takes_it_back(team):
    request = team.ask()
    with pytest.raises(NeedsRole, match="whoever asked"):
        regrades.withdraw(team.work, team.readers["mate"], request.id)
    regrades.withdraw(team.work, team.readers["student"], request.id)
    assert regrades.find(team.work, team.readers["student"], request.id).state == "withdrawn"
    with pytest.raises(AlreadyAnswered, match="withdrawn"):
        team.answer(request)


def test_nobody_asks_more_often_than_ten_times(desk):
    for _ in range(MOST_REQUESTS):
        regrades.withdraw(desk.work, desk.readers["student"], desk.ask().id)
    with pytest.raises(RegradeClosed, match="10 times"):
        desk.ask()
    assert not desk.asking().may_ask


class TestTheWindow:
    def test_it_is_open_until_a_week_after_nobody_can_hand_in_any_more(self, desk):
        assert desk.asking().may_ask
        assert desk.asking().closes_at == desk.assignment.due_at + timedelta(days=7)
        desk.age(13)
        assert desk.asking().may_ask
        desk.age(2)
        assert desk.asking().refusal == "The 7 days to ask in are over."
        with pytest.raises(RegradeClosed, match="over"):
            desk.ask()

    def test_a_new_result_opens_it_again(self, desk):
        desk.age(40)
        assert not desk.asking().may_ask
        desk.run()
        assert desk.asking().may_ask

    def test_an_instructor_sets_it_and_nobody_else(self, desk):
        for who in ("student", "ta", "other instructor"):
            with pytest.raises(NeedsRole):
                regrades.set_window(desk.work, desk.readers[who], desk.assignment, days=1)
        for days in (-1, 367):
            with pytest.raises(BadRequest):
                regrades.set_window(desk.work, desk.readers["instructor"], desk.assignment, days=days)
        regrades.set_window(desk.work, desk.readers["instructor"], desk.assignment, days=30)
        desk.age(20)
        assert desk.asking().may_ask
        regrades.set_window(desk.work, desk.readers["admin"], desk.assignment, days=0)
        assert "takes no regrade requests" in desk.asking().refusal

    def test_staff_answer_after_it(self, desk):
        request = desk.ask()
        desk.age(100)
        assert desk.answer(request, points=2).state == "granted"


class TestWhatMayBeAskedAbout:
    def test_only_the_submission_that_counts(self, desk):
        newer = builders.a_submission(desk.work, desk.assignment, desk.student)
        desk.run(submission=newer)
        with pytest.raises(RegradeClosed, match="counts"):
            desk.ask()
        assert desk.ask(submission=newer).number == newer.number

    def test_nothing_without_a_result(self, database):
        with database.begin() as work:
            desk = Desk(work)
            work.session.execute(text("UPDATE runs SET state = 'grading', score = NULL, finished_at = NULL"))
            work.session.expire_all()
            with pytest.raises(RegradeClosed, match="no result"):
                desk.ask()

    @pytest.mark.parametrize("visibility", [Visibility.STAFF, Visibility.AFTER_DUE])
    def test_a_check_that_is_kept_from_the_student_does_not_exist(self, database, visibility):
        plan = tuple(replace(one, visibility=visibility) if one.id == "A.two" else one for one in builders.a_plan())
        with database.begin() as work:
            desk = Desk(work, plan=plan)
            told = set()
            for target in (TWO, Target(kind=TargetKind.CHECK, id="A.made-up")):
                with pytest.raises(UnknownThing) as refused:
                    desk.ask(target)
                told.add(str(refused.value))
            assert len(told) == 1
            assert "check:A.two" not in [one.value for one in desk.asking().choices]
            assert desk.ask(PART_A).title == "Part A: Part A"

    @pytest.mark.parametrize(
        "target", [Target(kind=TargetKind.PART, id="Z"), Target(kind=TargetKind.CHECK, id="A.loads")]
    )
    def test_no_part_that_is_not_there_and_no_check_without_points(self, desk, target):
        with pytest.raises(UnknownThing):
            desk.ask(target)

    @pytest.mark.parametrize("reason", ["", " \n\x00", "x" * 2001])
    def test_with_a_reason_of_some_length(self, desk, reason):
        with pytest.raises(BadRequest):
            desk.ask(reason=reason)

    @pytest.mark.parametrize("words", ["", "  ", "x" * 1001])
    def test_and_an_answer_has_words(self, desk, words):
        request = desk.ask()
        with pytest.raises(BadRequest):
            desk.answer(request, words=words)


class TestWhoDoesWhat:
    def test_others_neither_see_nor_ask_nor_answer(self, desk):
        request = desk.ask()
        for who in ("mate", "other instructor"):
            for attempt in (
                lambda who=who: desk.ask(ONE, who=who),
                lambda who=who: desk.answer(request, who=who),
                lambda who=who: regrades.find(desk.work, desk.readers[who], request.id),
                lambda who=who: regrades.withdraw(desk.work, desk.readers[who], request.id),
            ):
                with pytest.raises(NotYours):
                    attempt()
            assert desk.listed(who) == []
        assert regrades.find(desk.work, desk.readers["ta"], request.id).is_open

    def test_students_do_not_answer_and_staff_do_not_ask(self, desk):
        request = desk.ask()
        with pytest.raises(NeedsRole):
            desk.answer(request, who="student", points=2)
        for who in ("ta", "instructor", "admin"):
            with pytest.raises(NeedsRole, match="Only students ask"):
                desk.ask(ONE, who=who)
        with pytest.raises(NeedsRole):
            regrades.count_open(desk.work, desk.readers["student"], course_of(desk.course))
        assert desk.row().score == 3.0

    @pytest.mark.parametrize("who", ["ta", "instructor", "admin"])
    def test_staff_of_the_course_answer(self, desk, who):
        assert desk.answer(desk.ask(), who=who).state == "granted"

    def test_a_token_needs_its_scope(self, desk):
        request = desk.ask()
        for who, scope, attempt in (
            ("student", Scope.SUBMIT, lambda: desk.ask(ONE, who="limited")),
            ("student", Scope.SUBMIT, lambda: regrades.withdraw(desk.work, desk.readers["limited"], request.id)),
            ("student", Scope.READ, lambda: desk.listed("limited")),
            ("ta", Scope.GRADE, lambda: desk.answer(request, who="limited")),
            ("instructor", Scope.MANAGE, lambda: regrades.set_window(desk.work, desk.readers["limited"], desk.assignment, days=1)),
        ):  # fmt: skip
            desk.readers["limited"] = replace(desk.readers[who], scopes=frozenset(Scope) - {scope})
            with pytest.raises(NeedsScope, match=scope.value):
                attempt()

    def test_a_team_sees_what_its_members_ask(self, team):
        request = team.ask()
        assert [one.id for one in team.listed("mate")] == [request.id]
        with pytest.raises(AlreadyExists):
            team.ask(who="mate")
        team.answer(request, points=2)
        assert [team.row(one.id).score for one in (team.student, team.mate)] == [5.0, 5.0]

    def test_what_one_member_was_given_is_not_the_teams_to_read(self, team):
        request = team.ask(WHOLE)
        team.answer(request, words="For your part alone.", points=1, for_member=True)
        assert [team.row(one.id).score for one in (team.student, team.mate)] == [4.0, 3.0]
        for who, answer, points in (
            ("student", "For your part alone.", 1.0),
            ("mate", "", None),
            ("ta", "For your part alone.", 1.0),
        ):
            seen = regrades.find(team.work, team.readers[who], request.id)
            assert (seen.answer, seen.points) == (answer, points)
            assert team.listed(who)[0].answer == answer


def test_the_queue_is_open_ones_first_then_the_oldest_page_by_page(desk):
    asked = [desk.ask(target) for target in (ONE, TWO, PART_A, WHOLE)]
    desk.answer(asked[0], granted=False)
    expected = [asked[index].id for index in (1, 2, 3, 0)]
    assert [one.id for one in desk.listed("ta", assignment=desk.assignment.slug)] == expected
    assert [one.id for one in desk.listed("ta", course=desk.course.slug, state="open")] == expected[:3]
    found, cursor = [], ""
    for _ in range(4):
        page = regrades.list_requests(desk.work, desk.readers["ta"], RegradeQuery(limit=1, cursor=cursor))
        found += [one.id for one in page.requests]
        cursor = page.next_cursor
    assert (found, cursor) == (expected, "")
    assert regrades.count_open(desk.work, desk.readers["ta"], course_of(desk.course)) == 3
    assert regrades.count_open(desk.work, desk.readers["admin"], course_of(desk.other)) == 0
    for query in ({"state": "nice"}, {"cursor": "zzz"}):
        with pytest.raises(BadRequest):
            desk.listed("ta", **query)
    with pytest.raises(UnknownThing):
        desk.listed("ta", course=desk.other.slug)


def test_points_for_work_that_counts_no_longer_are_refused(team):
    request = team.ask()
    alone = builders.a_submission(team.work, team.assignment, team.student)
    team.owner = f"p{team.student.id}"
    team.work.session.execute(text("UPDATE gradebook_entries SET updated_at = updated_at - interval '1 day'"))
    team.run(submission=alone)
    with pytest.raises(BadRequest, match="counts no longer"):
        team.answer(request, points=1)
    assert team.answer(request).state == "granted"


def test_whoever_left_the_course_gets_an_answer_without_points(desk):
    request = desk.ask()
    desk.work.session.get(MembershipRow, (desk.course.id, desk.student.id)).left_at = datetime.now(UTC)
    desk.work.session.flush()
    with pytest.raises(UnknownThing, match="student"):
        desk.answer(request, points=1)
    assert desk.answer(request, granted=False).state == "declined"


def test_a_form_may_end_its_lines_with_two_characters(desk):
    assert desk.ask(reason="x\r\n" * 1000).reason == ("x\n" * 1000).strip()
