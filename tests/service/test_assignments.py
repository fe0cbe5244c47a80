"""Assignments as courses offer them, spec versions, and how an assignment stands for a student."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from grader.domain.check import Visibility
from grader.domain.course import Course, Role
from grader.domain.errors import AlreadyExists, BadRequest, BadSpec, GraderError, UnknownAssignment, UnknownThing
from grader.domain.grading import Counting
from grader.domain.ids import AssignmentId, Owner
from grader.service import assignments, gradebook
from grader.storage.models import AssignmentRow, SpecVersionRow
from tests import builders

NOW = datetime.now(UTC)
BLOB = "cd" * 32


def publish(work, version="one", **definition):
    definition = builders.a_definition(**definition)
    return assignments.publish_spec(work, definition=definition, spec_slug=definition.slug, version=version, blob=BLOB)


def as_course(row):
    return Course(id=row.id, slug=row.slug, title=row.title, term="", time_zone=row.time_zone)


@pytest.fixture
def work(database):
    with database.begin() as work:
        yield work


@pytest.fixture
def course(work):
    return as_course(builders.a_course(work, slug="nlp", time_zone="Europe/Istanbul"))


class TestSpecVersions:
    def test_one_is_kept_as_it_was_published_first(self, work):
        first = publish(work, title="First")
        assert (first.definition.title, first.plan, first.blob) == ("First", (), BLOB)
        again = assignments.publish_spec(
            work, definition=builders.a_definition(title="Other"), spec_slug="tiny", version="one", blob="ef" * 32
        )
        assert again == first
        assert work.session.scalar(select(func.count()).select_from(SpecVersionRow)) == 1

    def test_versions_and_specs_are_told_apart(self, work):
        publish(work, "one")
        publish(work, "two")
        publish(work, "one", slug="other")
        assert work.session.scalar(select(func.count()).select_from(SpecVersionRow)) == 3

    def test_what_is_no_assignment_is_no_spec(self, work):
        with pytest.raises(BadSpec):
            assignments.publish_spec(work, definition={"slug": "x"}, spec_slug="x", version="1", blob=BLOB)

    def test_a_definition_comes_back_exactly(self, work, course):
        due_at = datetime(2031, 3, 2, 23, 59, tzinfo=ZoneInfo("Europe/Istanbul"))
        spec = publish(work, due_at=due_at, team_size=[1, 3], late={"extension_days_per_term": 5})
        offered = assignments.offer(work, course, spec)
        work.session.expire_all()
        admin = builders.a_reader(builders.a_person(work, is_admin=True))
        found = assignments.offered(work, admin, "tiny").spec.definition
        assert found == offered.spec.definition
        assert (found.due_at, found.team_size, found.late.extension_days_per_term) == (due_at, (1, 3), 5)

    def test_the_plan_of_the_first_harness_is_kept(self, work, course):
        spec = publish(work)
        assignments.offer(work, course, spec)
        admin = builders.a_reader(builders.a_person(work, is_admin=True))
        plan = builders.a_plan()
        assignments.keep_plan(work, spec_slug="tiny", version="one", plan=plan)
        assignments.keep_plan(work, spec_slug="tiny", version="one", plan=plan[:1])
        assert assignments.offered(work, admin, "tiny").spec.plan == plan
        # Of a version nobody has published there is nothing to keep.
        assignments.keep_plan(work, spec_slug="tiny", version="none", plan=plan)


class TestOffering:
    def test_an_offer_has_the_specs_slug_and_what_is_usual(self, work, course):
        offered = assignments.offer(work, course, publish(work))
        assert (offered.slug, offered.title, offered.course_slug) == ("tiny", "A tiny assignment", "nlp")
        assert (offered.due_at, offered.uploads_per_day, offered.counting) == (None, 20, Counting.LAST)
        assert (offered.time_zone, offered.spec.version) == ("Europe/Istanbul", "one")

    def test_what_is_given_is_taken_and_what_is_not_stays(self, work, course):
        spec = publish(work)
        due_at = NOW + timedelta(days=3)
        first = assignments.offer(
            work, course, spec, slug="p1", due_at=due_at, uploads_per_day=5, counting=Counting.BEST
        )
        assert (first.slug, first.due_at, first.uploads_per_day, first.counting) == ("p1", due_at, 5, Counting.BEST)
        again = assignments.offer(work, course, spec, slug="p1")
        assert again == first
        changed = assignments.offer(work, course, spec, slug="p1", uploads_per_day=6)
        assert (changed.uploads_per_day, changed.due_at, changed.id) == (6, due_at, first.id)

    def test_it_moves_to_another_version_and_takes_its_title(self, work, course):
        first = assignments.offer(work, course, publish(work))
        moved = assignments.offer(work, course, publish(work, "two", title="Better"))
        assert (moved.id, moved.spec.version, moved.title) == (first.id, "two", "Better")

    def test_a_new_offer_takes_the_specs_due_date_only_when_it_lies_ahead(self, work, course):
        ahead, gone = NOW + timedelta(days=30), NOW - timedelta(days=300)
        assert assignments.offer(work, course, publish(work, "one", due_at=ahead), slug="a").due_at == ahead
        assert assignments.offer(work, course, publish(work, "two", due_at=gone), slug="b").due_at is None
        # Moving to a spec with another due date does not move the course's own.
        assert assignments.offer(work, course, publish(work, "two", due_at=ahead), slug="a").due_at == ahead
        assert assignments.offer(work, course, publish(work, "one", due_at=ahead), slug="b").due_at is None

    def test_a_slug_belongs_to_one_course(self, work, course):
        spec = publish(work)
        assignments.offer(work, course, spec, slug="p1")
        other = as_course(builders.a_course(work))
        with pytest.raises(AlreadyExists, match="p1"):
            assignments.offer(work, other, spec, slug="p1", uploads_per_day=1)
        admin = builders.a_reader(builders.a_person(work, is_admin=True))
        assert assignments.offered(work, admin, "p1").uploads_per_day == 20

    @pytest.mark.parametrize(
        "values",
        [{"slug": "a b"}, {"slug": ""}, {"slug": "a" * 81}, {"slug": "é"}, {"due_at": NOW.replace(tzinfo=None)},
         {"uploads_per_day": 0}, {"uploads_per_day": 1001}],
    )  # fmt: skip
    def test_what_is_no_offer_is_told(self, work, course, values):
        with pytest.raises(BadRequest):
            assignments.offer(work, course, publish(work), **values)
        assert work.session.scalar(select(func.count()).select_from(AssignmentRow)) == 0

    def test_a_version_that_was_not_published_is_told(self, work, course):
        spec = publish(work)
        unknown = type(spec)(spec_slug="tiny", version="none", definition=spec.definition, plan=(), blob=spec.blob)
        with pytest.raises(UnknownThing, match="none"):
            assignments.offer(work, course, unknown)


def test_two_courses_that_offer_one_slug_at_once_share_it_out_to_one(database):
    with database.begin() as work:
        spec = publish(work)
        courses = [as_course(builders.a_course(work)) for _ in range(2)]
    outcomes = []

    def offer(course):
        try:
            with database.begin() as work:
                outcomes.append(assignments.offer(work, course, spec).course_id)
        except GraderError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=offer, args=(course,)) for course in courses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert AlreadyExists in outcomes
    assert len({outcome for outcome in outcomes if isinstance(outcome, int)}) == 1


class TestWhoSeesWhich:
    @pytest.fixture
    def world(self, work):
        course, other = builders.a_course(work), builders.a_course(work)
        return {
            "late": builders.an_assignment(work, course, due_at=NOW + timedelta(days=2), slug="late"),
            "soon": builders.an_assignment(work, course, due_at=NOW + timedelta(days=1), slug="soon"),
            "open": builders.an_assignment(work, course, due_at=None, slug="open"),
            "elsewhere": builders.an_assignment(work, other, slug="elsewhere"),
            "readers": {
                **{
                    role.value: builders.a_reader(builders.a_person(work, course, role), course, role=role)
                    for role in Role
                },
                "stranger": builders.a_reader(builders.a_person(work)),
                "admin": builders.a_reader(builders.a_person(work, is_admin=True)),
            },
        }

    @pytest.mark.parametrize("name", ["student", "ta", "instructor"])
    def test_members_see_their_courses_by_due_date(self, work, world, name):
        reader = world["readers"][name]
        assert [one.slug for one in assignments.offered_for(work, reader)] == ["soon", "late", "open"]
        assert assignments.offered(work, reader, "soon") == world["soon"]

    def test_an_administrator_sees_all_and_a_stranger_none(self, work, world):
        found = {one.slug for one in assignments.offered_for(work, world["readers"]["admin"])}
        assert found == {"soon", "late", "open", "elsewhere"}
        assert assignments.offered_for(work, world["readers"]["stranger"]) == []

    def test_another_courses_assignment_reads_like_one_that_is_not_there(self, work, world):
        told = set()
        for name, slug in (
            ("student", "elsewhere"),
            ("instructor", "elsewhere"),
            ("stranger", "soon"),
            ("admin", "none"),
        ):
            with pytest.raises(UnknownAssignment) as refused:
                assignments.offered(work, world["readers"][name], slug)
            told.add(str(refused.value).replace(slug, "<slug>"))
        assert len(told) == 1

    @pytest.mark.parametrize("slug", ["", "a b", "\x00", "x" * 5000])
    def test_what_can_be_no_slug_is_unknown(self, work, world, slug):
        with pytest.raises(UnknownAssignment):
            assignments.offered(work, world["readers"]["admin"], slug)


class Standing:
    """One student, and assignments of their course to be handed in."""

    def __init__(self, work):
        self.work = work
        self.course = builders.a_course(work)
        self.student = builders.a_person(work, self.course)
        self.reader = builders.a_reader(self.student, self.course)

    def assignment(self, *, due=7.0, extension=0, refuse=True, plan=None, **values):
        definition = builders.a_definition(
            late={"extension_days_per_term": extension, "refuse_after_extension": refuse},
            team_size=values.pop("team_size", (1, 1)),
        )
        due_at = None if due is None else datetime.now(UTC) + timedelta(days=due)
        return builders.an_assignment(self.work, self.course, definition=definition, plan=plan, due_at=due_at, **values)

    def hand_in(self, assignment, *, score=None, owner=None, state=None, results=(), **submission):
        owner = owner or f"p{self.student.id}"
        made = builders.a_submission(self.work, assignment, self.student, owner=owner, **submission)
        run = builders.a_run(self.work, assignment, made, score=score, **({} if state is None else {"state": state}))
        for check in results:
            builders.a_check_result(self.work, run, check)
        gradebook.refresh(self.work, AssignmentId(assignment.id), Owner(owner))

    def of(self, assignment):
        return assignments.for_student(self.work, self.reader, assignment)


@pytest.fixture
def standing(work):
    return Standing(work)


class TestStanding:
    def test_nothing_handed_in(self, standing):
        found = standing.of(standing.assignment(extension=5))
        assert (found.is_open, found.days_left, found.late_days_now) == (True, 5, 0)
        assert (found.uploads_left, found.next_upload_at) == (20, None)
        assert (found.submissions, found.state, found.score, found.max_score) == (0, None, None, 5.0)

    def test_what_counts_is_told(self, standing):
        assignment = standing.assignment()
        standing.hand_in(assignment, score=4.0)
        standing.hand_in(assignment)
        found = standing.of(assignment)
        assert (found.submissions, found.state, found.score) == (2, "graded", 4.0)

    def test_a_failed_run_reads_as_being_graded(self, standing):
        assignment = standing.assignment()
        standing.hand_in(assignment, state="failed")
        assert (standing.of(assignment).state, standing.of(assignment).score) == ("grading", None)

    def test_an_override_is_the_score(self, standing):
        assignment = standing.assignment()
        standing.hand_in(assignment, score=4.0)
        ta = builders.a_reader(
            builders.a_person(standing.work, standing.course, Role.TA), standing.course, role=Role.TA
        )
        gradebook.override(standing.work, ta, assignment, standing.student.id, score=2.0, reason="Read again.")
        assert standing.of(assignment).score == 2.0
        gradebook.withdraw_override(standing.work, ta, assignment, standing.student.id, reason="A slip.")
        assert standing.of(assignment).score == 4.0

    def test_a_score_with_points_that_are_still_withheld_is_not_told(self, standing):
        plan = (*builders.a_plan()[:3], replace(builders.a_plan()[3], visibility=Visibility.AFTER_DUE))
        ahead, over = standing.assignment(plan=plan), standing.assignment(plan=plan, due=-1.0)
        for assignment in (ahead, over):
            standing.hand_in(assignment, score=4.0)
        assert (standing.of(ahead).state, standing.of(ahead).score) == ("graded", None)
        assert standing.of(over).score == 4.0

    def test_results_of_another_version_are_withheld_by_their_own_visibility(self, standing):
        assignment = standing.assignment()
        hidden = replace(builders.a_plan()[1], visibility=Visibility.STAFF)
        standing.hand_in(assignment, score=4.0, results=[hidden])
        assert standing.of(assignment).score is None

    def test_uploads_of_today_are_used_up_until_midnight_of_the_course(self, standing):
        standing.course.time_zone = "Pacific/Kiritimati"
        assignment = replace(standing.assignment(uploads_per_day=2), time_zone="Pacific/Kiritimati")
        zone = ZoneInfo("Pacific/Kiritimati")
        now = datetime.now(zone)
        standing.hand_in(assignment, received_at=now - timedelta(days=1, hours=1))
        standing.hand_in(assignment, received_at=now)
        assert standing.of(assignment).uploads_left == 1
        standing.hand_in(assignment, received_at=now)
        found = standing.of(assignment)
        assert found.uploads_left == 0
        midnight = found.next_upload_at.astimezone(zone)
        assert (midnight.hour, midnight.minute, midnight.date()) == (0, 0, now.date() + timedelta(days=1))

    def test_late_days_are_the_terms_and_charged_once_for_each_assignment(self, standing):
        first, second = standing.assignment(extension=5, due=-10), standing.assignment(extension=5, due=-1.5)
        standing.hand_in(first, received_at=first.due_at + timedelta(hours=12))
        standing.hand_in(first, received_at=first.due_at + timedelta(hours=36))
        found = standing.of(second)
        assert (found.late_days_now, found.days_left, found.is_open) == (2, 3, True)
        standing.hand_in(first, received_at=first.due_at + timedelta(hours=84))
        found = standing.of(second)
        assert (found.days_left, found.is_open) == (1, False)

    def test_days_used_for_the_assignment_itself_keep_it_open(self, standing):
        assignment = standing.assignment(extension=2, due=-1.5)
        standing.hand_in(assignment)
        found = standing.of(assignment)
        assert (found.days_left, found.is_open) == (0, True)

    @pytest.mark.parametrize(
        ("due", "extension", "refuse", "is_open"),
        [(1.0, 0, True, True), (-0.5, 0, True, False), (-0.5, 1, True, True), (-1.5, 1, True, False),
         (-30.0, 0, False, True), (None, 0, True, True)],
    )  # fmt: skip
    def test_it_is_open_until_the_days_are_used(self, standing, due, extension, refuse, is_open):
        assert standing.of(standing.assignment(due=due, extension=extension, refuse=refuse)).is_open is is_open

    def test_a_teams_submissions_are_its_members(self, standing):
        team = builders.a_team(standing.work, standing.course)
        standing.student = builders.a_person(standing.work, standing.course, team_id=team.id)
        mate = builders.a_person(standing.work, standing.course, team_id=team.id)
        assignment = standing.assignment(team_size=(1, 3), uploads_per_day=2)
        standing.hand_in(assignment, score=4.0, owner=f"t{team.id}")
        standing.reader = builders.a_reader(mate, standing.course)
        found = standing.of(assignment)
        assert (found.submissions, found.score, found.uploads_left) == (1, 4.0, 1)
