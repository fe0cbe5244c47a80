"""Rosters as Canvas and Gradescope export them, and what a preview says before anything is written."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from grader.domain.course import Role
from grader.domain.errors import BadRoster, NeedsRole, NeedsScope
from grader.domain.ids import PersonId
from grader.service import accounts, courses
from grader.service.roster import RosterForm, read_file, read_roster
from grader.storage.models import AuditEventRow, PersonRow
from tests import builders

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Practical 1 (123),Current Score\n"
    ",,,,,Manual Posting,\n"
    "    Points Possible,,,,,40,(read only)\n"
    '"Lovelace, Ada",4711,0042,ada@example.org,Section 1 and Section 2,38,95\n'
    '"Babbage, Charles",4712,0043,cbabbage,Section 1,,\n'
    '"Student, Test",4713,,f2b7aa,Section 1,,\n'
)
GRADESCOPE = (
    "First Name,Last Name,SID,Email,Role\nAda,Lovelace,0042,Ada@example.org,Student\nTom,Assist,,t@example.org,TA\n"
)
SCORES = (
    "First Name,Last Name,SID,Email,Sections,PA1,PA1 - Max Points,PA1 - Lateness (H:M:S)\n"
    "Ada,Lovelace,0042,ada@example.org,Morning,38,40,00:00:00\n"
)


def read(text, **options):
    return read_file(text.encode(), **options)


class TestWhoseFileItIs:
    @pytest.mark.parametrize(
        ("text", "form"),
        [
            (GRADESCOPE, RosterForm.GRADESCOPE),
            (SCORES, RosterForm.GRADESCOPE),
            ("Name,SID,Email,Sections\nAda Lovelace,1,ada@example.org,A\n", RosterForm.GRADESCOPE),
            ('Student,ID,SIS Login ID,Section\n"Lovelace, Ada",1,ada@example.org,S\n', RosterForm.CANVAS),
            ("email,name\nada@example.org,Ada Lovelace\n", RosterForm.CSV),
        ],
    )
    def test_the_header_says_it_and_everybody_is_read(self, text, form):
        file = read(text)
        assert file.form is form
        assert file.problems == ()
        assert (file.lines[0].email, file.lines[0].name) == ("ada@example.org", "Ada Lovelace")

    def test_canvas_logins_get_the_domain_and_addresses_stay_as_they_are(self):
        file = read(CANVAS, email_domain="@Example.edu")
        assert file.problems == ()
        assert [(line.email, line.name, line.student_number, line.section) for line in file.lines] == [
            ("ada@example.org", "Ada Lovelace", "0042", "Section 1 and Section 2"),
            ("cbabbage@example.edu", "Charles Babbage", "0043", "Section 1"),
        ]

    def test_a_canvas_login_without_a_domain_is_a_problem_that_says_what_to_do(self):
        (problem,) = read(CANVAS).problems
        assert problem.line == 5
        assert "“cbabbage”" in problem.sentence
        assert "say which domain" in problem.sentence

    def test_a_domain_makes_no_addresses_in_other_files(self):
        (problem,) = read("email,name\nada,Ada\n", email_domain="example.org").problems
        assert "“ada” in column email is no e-mail address" in problem.sentence

    @pytest.mark.parametrize("domain", ["a b", "x@y", "ex\x00ample.org", "example.org\nBcc: x"])
    def test_what_is_no_domain_is_told(self, domain):
        with pytest.raises(BadRoster, match="no domain"):
            read(CANVAS, email_domain=domain)

    def test_roles_of_gradescope_are_ours(self):
        assert [line.role for line in read(GRADESCOPE).lines] == [Role.STUDENT, Role.TA]

    def test_columns_that_nobody_asked_for_are_named(self):
        assert read(SCORES).unread == ("PA1", "PA1 - Max Points", "PA1 - Lateness (H:M:S)")

    @pytest.mark.parametrize(
        ("content", "what"),
        [
            (b"PK\x03\x04...", "Excel"),
            (b"%PDF-1.7", "PDF"),
            (b"<!doctype html>", "web page"),
            (b"\xd0\xcf\x11\xe0..", "Excel"),
        ],
    )
    def test_what_is_no_csv_is_told_by_its_kind(self, content, what):
        with pytest.raises(BadRoster, match=what):
            read_file(content)

    def test_a_header_that_is_no_rosters_is_told(self):
        with pytest.raises(BadRoster, match="Line 1 names no column of e-mail addresses"):
            read("Group Name,Points\nx,1\n")


def test_a_header_that_is_no_csv_is_told():
    with pytest.raises(BadRoster, match="Line 1 cannot be read as CSV"):
        read('email,"name\n')


class TestEveryProblem:
    TEXT = 'email,name,role\na@b.org,A,\nnobody,B,\nc@b.org,,\nA@b.org,D,king\nA@b.org,D,\n"x,y\n'

    def test_all_of_them_are_told_with_their_lines(self):
        file = read(self.TEXT)
        assert [problem.line for problem in file.problems] == [3, 4, 5, 6, 7]
        assert [line.email for line in file.lines] == ["a@b.org"]

    def test_whoever_wants_the_whole_file_hears_the_first_and_how_many(self):
        with pytest.raises(BadRoster, match=r"^Line 3: .* 4 more lines have to be mended\.$"):
            read_roster(self.TEXT.encode())

    def test_a_thousand_of_them_are_not_told(self):
        assert len(read("email,name\n" + "x,y\n" * 1000).problems) == 100


class Office:
    """A course with two students, and everybody who might import a roster."""

    def __init__(self, database):
        self.database = database
        with database.begin() as work:
            row, other = builders.a_course(work, slug="nlp"), builders.a_course(work, slug="vision")
            ada = builders.a_person(work, row, name="Ada Lovelace", email="ada@example.org", section="morning")
            builders.a_person(work, row, name="Bob", email="bob@example.org")
            people = {
                "student": ada,
                "ta": builders.a_person(work, row, Role.TA),
                "instructor": builders.a_person(work, row, Role.INSTRUCTOR),
                "other instructor": builders.a_person(work, other, Role.INSTRUCTOR),
                "admin": builders.a_person(work, is_admin=True),
            }
            self.readers = {name: accounts.reader_for(work, PersonId(person.id)) for name, person in people.items()}
            self.course = courses.course_of(work, self.readers["instructor"], "nlp")

    def apply(self, text, name="instructor", **options):
        with self.database.begin() as work:
            return courses.apply_roster(work, self.readers[name], self.course, text.encode(), **options)

    def counts(self):
        with self.database.begin() as work:
            notes = select(func.count()).select_from(AuditEventRow)
            return work.session.scalar(notes), work.session.scalar(select(func.count()).select_from(PersonRow))


@pytest.fixture
def office(database):
    return Office(database)


class TestPreview:
    TEXT = "email,name,section\nada@example.org,Ada Lovelace,evening\nnew@example.org,Nora New,x\n"

    def test_it_says_what_would_happen_and_writes_nothing(self, office):
        before = office.counts()
        file, change = office.apply(self.TEXT, dry_run=True)
        assert file.form is RosterForm.CSV
        assert (change.added, change.changed, change.unchanged) == (("new@example.org",), ("ada@example.org",), 0)
        assert [tuple(one) for one in change.details] == [("ada@example.org", "section", "morning", "evening")]
        assert (change.missing, change.removed) == (("bob@example.org",), ())
        assert office.counts() == before

    def test_whoever_is_missing_leaves_only_when_asked(self, office):
        change = office.apply(self.TEXT, dry_run=True, remove_missing=True)[1]
        assert (change.missing, change.removed) == ((), ("bob@example.org",))
        done = office.apply(self.TEXT)[1]
        assert (done.added, done.missing, done.removed) == (("new@example.org",), ("bob@example.org",), ())
        again = office.apply(self.TEXT)[1]
        assert (again.added, again.changed, again.unchanged) == ((), (), 2)

    def test_with_a_wrong_line_it_names_nobody_missing_and_the_import_writes_nothing(self, office):
        before = office.counts()
        file, change = office.apply(self.TEXT + "bob,Bob,x\n", dry_run=True, remove_missing=True)
        assert [problem.line for problem in file.problems] == [4]
        assert (change.added, change.missing, change.removed) == (("new@example.org",), (), ())
        with pytest.raises(BadRoster, match="Line 4"):
            office.apply(self.TEXT + "bob,Bob,x\n", remove_missing=True)
        assert office.counts() == before

    @pytest.mark.parametrize("name", ["student", "ta", "other instructor"])
    def test_not_even_a_preview_is_for_others(self, office, name):
        with pytest.raises(NeedsRole):
            office.apply(self.TEXT, name, dry_run=True)

    def test_nor_for_a_token_that_only_reads(self, office, database):
        from dataclasses import replace

        from grader.domain.course import Scope

        office.readers["reads"] = replace(office.readers["instructor"], scopes=frozenset({Scope.READ}))
        with pytest.raises(NeedsScope):
            office.apply(self.TEXT, "reads", dry_run=True)
