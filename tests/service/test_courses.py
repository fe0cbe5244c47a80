"""Courses, members and rosters on the real database, for each role."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from sqlalchemy import select

from grader.domain.course import Role, Scope
from grader.domain.errors import AlreadyExists, BadRequest, BadRoster, NeedsRole, NeedsScope, UnknownThing
from grader.domain.ids import AssignmentId, Owner, PersonId
from grader.service import accounts, audit, courses, gradebook
from grader.service.courses import RosterLine, read_roster
from grader.storage.models import CourseRow, GradebookEntryRow, MembershipRow, PersonRow, SubmissionRow
from tests import builders


def a_line(email, name="Ada", **values):
    return RosterLine(email=email, name=name, **values)


@pytest.fixture
def world(database):
    """A course with a student, a TA and an instructor; another with its own; an administrator."""
    with database.begin() as work:
        row, other = builders.a_course(work, slug="nlp"), builders.a_course(work, slug="vision")
        people = {
            "student": builders.a_person(work, row, name="Ada", email="ada@example.org"),
            "ta": builders.a_person(work, row, Role.TA, name="Tom"),
            "instructor": builders.a_person(work, row, Role.INSTRUCTOR, name="Ida"),
            "other student": builders.a_person(work, other, name="Oda", email="oda@example.org"),
            "other instructor": builders.a_person(work, other, Role.INSTRUCTOR, name="Otto"),
            "admin": builders.a_person(work, name="Adam", is_admin=True),
        }
        readers = {name: accounts.reader_for(work, PersonId(person.id)) for name, person in people.items()}
        course = courses.course_of(work, readers["instructor"], "nlp")
    return World(database, course, readers)


class World:
    def __init__(self, database, course, readers):
        self.database, self.course, self.readers = database, course, readers

    def do(self, lines, reader="instructor", **options):
        with self.database.begin() as work:
            return courses.import_roster(work, self.readers[reader], self.course, lines, **options)

    def members(self):
        with self.database.begin() as work:
            found = courses.members(work, self.readers["ta"], self.course)
        return {member.person.email: member for member in found}


class TestCreating:
    def test_a_course_is_kept_as_it_was_made(self, database):
        with database.begin() as work:
            made = courses.create_course(
                work, slug="cmp784", title="Deep Learning", term="Spring", time_zone="Europe/Istanbul"
            )
            admin = builders.a_reader(builders.a_person(work, is_admin=True))
            assert courses.course_of(work, admin, "cmp784") == made
        assert (made.title, made.term, made.time_zone) == ("Deep Learning", "Spring", "Europe/Istanbul")

    def test_a_slug_is_given_once(self, database):
        with database.begin() as work:
            courses.create_course(work, slug="cmp784", title="One")
            with pytest.raises(AlreadyExists, match="cmp784"):
                courses.create_course(work, slug="cmp784", title="Two")

    @pytest.mark.parametrize(
        "values",
        [
            {"slug": "a b"}, {"slug": ""}, {"slug": "-a"}, {"slug": "a" * 81}, {"slug": "a\n"}, {"title": "  "},
            {"time_zone": "Mars/Phobos"}, {"time_zone": ""}, {"time_zone": "../../etc/passwd"},
        ],
    )  # fmt: skip
    def test_what_is_no_course_is_told(self, database, values):
        with database.begin() as work, pytest.raises(BadRequest):
            courses.create_course(work, **({"slug": "ok", "title": "Fine"} | values))


class TestWhoSeesWhich:
    def test_everybody_finds_their_own_and_an_administrator_all(self, world):
        with world.database.begin() as work:
            slugs = {
                name: [course.slug for course in courses.courses_for(work, reader)]
                for name, reader in world.readers.items()
            }
        own, other = ["nlp"], ["vision"]
        assert slugs == {
            "student": own, "ta": own, "instructor": own, "other student": other, "other instructor": other,
            "admin": ["nlp", "vision"],
        }  # fmt: skip

    def test_another_course_reads_like_one_that_is_not_there(self, world):
        told = set()
        with world.database.begin() as work:
            for name, slug in (("other instructor", "nlp"), ("student", "vision")):
                with pytest.raises(UnknownThing) as refused:
                    courses.course_of(work, world.readers[name], slug)
                told.add(str(refused.value).replace(slug, "<slug>"))
            with pytest.raises(UnknownThing) as refused:
                courses.course_of(work, world.readers["student"], "nowhere")
            told.add(str(refused.value).replace("nowhere", "<slug>"))
        assert len(told) == 1

    @pytest.mark.parametrize(
        ("name", "allowed"),
        [("student", False), ("other instructor", False), ("ta", True), ("instructor", True), ("admin", True)],
    )
    def test_staff_of_the_course_alone_read_its_members(self, world, name, allowed):
        with world.database.begin() as work:
            if allowed:
                found = courses.members(work, world.readers[name], world.course)
                assert [member.person.name for member in found] == ["Ada", "Ida", "Tom"]
            else:
                with pytest.raises(NeedsRole):
                    courses.members(work, world.readers[name], world.course)

    @pytest.mark.parametrize(
        ("name", "allowed"),
        [("student", False), ("ta", False), ("other instructor", False), ("instructor", True), ("admin", True)],
    )
    def test_instructors_of_the_course_alone_import(self, world, name, allowed):
        line = a_line("new@example.org")
        if allowed:
            assert world.do([line], name).added == ("new@example.org",)
        else:
            with pytest.raises(NeedsRole):
                world.do([line], name)
        assert ("new@example.org" in world.members()) is allowed

    def test_a_token_that_may_not_manage_imports_nothing(self, world):
        reader = world.readers["instructor"]
        limited = type(reader)(person=reader.person, roles=reader.roles, scopes=frozenset({Scope.READ, Scope.GRADE}))
        with world.database.begin() as work, pytest.raises(NeedsScope):
            courses.import_roster(work, limited, world.course, [a_line("new@example.org")])


class TestImporting:
    def test_a_preview_says_what_the_import_then_does(self, world):
        lines = [
            a_line("ada@example.org", section="evening"),
            a_line("oda@example.org"),
            a_line("zoe@example.org", "Zoe", role=Role.TA, team="Team 5", student_number="7"),
        ]
        before = world.members()
        preview = world.do(lines, preview=True)
        assert world.members() == before
        assert (preview.added, preview.changed, preview.unchanged) == (
            ("oda@example.org", "zoe@example.org"),
            ("ada@example.org",),
            0,
        )
        assert world.do(lines) == preview
        after = world.members()
        assert after["ada@example.org"].section == "evening"
        zoe = after["zoe@example.org"]
        assert (zoe.role, zoe.team.name, zoe.person.student_number) == (Role.TA, "Team 5", "7")
        again = world.do(lines)
        assert (again.added, again.changed, again.unchanged) == ((), (), 3)

    def test_a_preview_leaves_no_trace_at_all(self, world):
        world.do([a_line("zoe@example.org", "Zoe", team="Team 9")], preview=True)
        with world.database.begin() as work:
            assert work.session.scalar(select(PersonRow.id).where(PersonRow.email == "zoe@example.org")) is None
            assert audit.trail(work, world.readers["ta"], f"course:{world.course.id}") == []

    def test_students_who_are_missing_leave_only_when_asked_and_come_back(self, world):
        roster = [a_line("zoe@example.org", "Zoe")]
        assert world.do(roster).removed == ()
        assert "ada@example.org" in world.members()
        assert world.do(roster, remove_missing=True).removed == ("ada@example.org",)
        # Staff stay, on the roster or not.
        assert {member.person.name for member in world.members().values()} == {"Zoe", "Tom", "Ida"}
        back = world.do([a_line("ada@example.org", section="evening")])
        assert back.added == ("ada@example.org",)
        assert world.members()["ada@example.org"].section == "evening"

    def test_a_roster_of_nobody_never_empties_a_course(self, world):
        with pytest.raises(BadRoster, match="every student would leave"):
            world.do([], remove_missing=True)
        assert "ada@example.org" in world.members()

    def test_two_lines_about_one_person_are_refused_whatever_their_case(self, world):
        with pytest.raises(BadRoster, match="ada@example"):
            world.do([a_line("ada@example.org"), a_line("ADA@example.org")])

    def test_what_a_roster_does_not_say_stays_as_it_is(self, world):
        full = "email,name,role,section,team\nada@example.org,Ada,ta,evening,Team 5\n"
        world.do(read_roster(full.encode()))
        change = world.do(read_roster(b"email,name\nada@example.org,Ada\n"))
        assert change.unchanged == 1
        ada = world.members()["ada@example.org"]
        assert (ada.role, ada.section, ada.team.name) == (Role.TA, "evening", "Team 5")
        # Said to be none, it is none.
        world.do(read_roster(b"email,name,team\nada@example.org,Ada,\n"))
        assert world.members()["ada@example.org"].team is None

    def test_an_import_is_noted_with_who_made_it(self, world):
        world.do([a_line("zoe@example.org", "Zoe")])
        with world.database.begin() as work:
            ((_, who, action, detail),) = audit.trail(work, world.readers["ta"], f"course:{world.course.id}")
        assert (who, action) == (world.readers["instructor"].person.email, "import roster")
        assert detail == "1 added, 0 changed, 0 removed"

    def test_a_thousand_lines_and_two_imports_at_once(self, world):
        lines = [a_line(f"s{number}@example.org", f"S {number}", team=f"T {number // 3}") for number in range(1000)]
        failures = []

        def run():
            try:
                world.do(lines)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert sum(email.startswith("s") for email in world.members()) == 1000


class TestNames:
    def person(self, world, email):
        with world.database.begin() as work:
            return accounts.find_person(work, email)

    def test_a_roster_mends_the_name_of_whoever_is_this_courses_alone(self, world):
        change = world.do([a_line("ada@example.org", "Ada Lovelace", student_number="42")])
        assert change.changed == ("ada@example.org",)
        person = self.person(world, "ada@example.org")
        assert (person.name, person.student_number) == ("Ada Lovelace", "42")

    def test_it_renames_nobody_of_another_course_and_no_administrator(self, world):
        admin = world.readers["admin"].person
        world.do(
            [a_line("oda@example.org", "Mallory", student_number="1"), a_line(admin.email, "Mallory", role=Role.TA)]
        )
        oda = self.person(world, "oda@example.org")
        # A number that nobody has given yet is no secret of anybody's.
        assert (oda.name, oda.student_number) == ("Oda", "1")
        world.do([a_line("oda@example.org", "Mallory", student_number="2")])
        assert self.person(world, "oda@example.org").student_number == "1"
        again = self.person(world, admin.email)
        assert (again.name, again.is_admin) == ("Adam", True)

    def test_a_number_is_not_lost_to_a_roster_without_numbers(self, world):
        world.do([a_line("ada@example.org", student_number="42")])
        world.do([a_line("ada@example.org")])
        assert self.person(world, "ada@example.org").student_number == "42"


class TestAddingOne:
    def test_somebody_new_and_somebody_known(self, world):
        with world.database.begin() as work:
            zoe = courses.add_member(work, world.course.id, a_line("Zoe@Example.org", "Zoe", team="Team 5"))
            oda = courses.add_member(work, world.course.id, a_line("oda@example.org", role=Role.INSTRUCTOR))
        assert (zoe.person.email, zoe.role, zoe.team.name) == ("zoe@example.org", Role.STUDENT, "Team 5")
        assert (oda.person.name, oda.role) == ("Oda", Role.INSTRUCTOR)
        with world.database.begin() as work:
            assert accounts.reader_for(work, oda.person.id).is_instructor(world.course.id)

    def test_what_is_no_address_is_told(self, world):
        with world.database.begin() as work, pytest.raises(BadRequest):
            courses.add_member(work, world.course.id, a_line("nobody"))

    def test_teams_are_the_courses_own(self, world):
        with world.database.begin() as work:
            other = work.session.scalar(select(CourseRow).where(CourseRow.slug == "vision"))
            here = courses.add_member(work, world.course.id, a_line("zoe@example.org", team="Team 5"))
            there = courses.add_member(work, other.id, a_line("zoe@example.org", team="Team 5"))
        assert here.team.id != there.team.id


def test_whoever_joins_a_team_shares_in_what_it_has_handed_in(world):
    with world.database.begin() as work:
        row = work.session.get(CourseRow, world.course.id)
        assignment = builders.an_assignment(work, row)
        first = courses.add_member(work, world.course.id, a_line("one@example.org", "One", team="Team 5"))
        submission = SubmissionRow(
            id=uuid4(), assignment_id=assignment.id, person_id=first.person.id,
            owner=f"t{first.team.id}", number=1, file_name="a.py", sha256="0" * 64, size_bytes=1,
        )  # fmt: skip
        work.session.add(submission)
        work.session.flush()
        gradebook.refresh(work, AssignmentId(assignment.id), Owner(f"t{first.team.id}"))
        late = courses.add_member(work, world.course.id, a_line("late@example.org", "Late", team="Team 5"))
        entry = work.session.get(GradebookEntryRow, (assignment.id, late.person.id))
        assert entry is not None
        assert entry.submission_id == submission.id


def test_leaving_deletes_nothing(world):
    world.do([a_line("zoe@example.org", "Zoe")], remove_missing=True)
    with world.database.begin() as work:
        ada = accounts.find_person(work, "ada@example.org")
        membership = work.session.get(MembershipRow, (world.course.id, ada.id))
        assert membership.left_at is not None
        assert not accounts.reader_for(work, ada.id).is_member(world.course.id)
