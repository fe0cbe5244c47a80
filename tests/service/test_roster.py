"""Roster files, as people and other systems write them."""

from __future__ import annotations

import pytest

from grader.domain.course import Role
from grader.domain.errors import BadRoster
from grader.service.courses import RosterLine, read_roster


def lines(text):
    return read_roster(text.encode())


ADA = ("ada@example.org", "Ada Lovelace")


class TestWhatIsRead:
    def test_every_field_under_our_own_names(self):
        (line,) = lines(
            "email,name,role,student number,section,team\nAda@Example.org , Ada  Lovelace,ta,0042,morning,Team 5\n"
        )
        assert line == RosterLine(
            email="ada@example.org",
            name="Ada Lovelace",
            role=Role.TA,
            student_number="0042",
            section="morning",
            team="Team 5",
        )

    def test_what_the_header_does_not_name_is_left_out_and_not_empty(self):
        (line,) = lines("email,name,section\nada@example.org,Ada Lovelace,\n")
        assert line.left_out == {"role", "team", "student_number"}
        assert (line.role, line.section) == (Role.STUDENT, "")

    def test_an_empty_role_says_nothing_about_the_role(self):
        first, second = lines("email,name,role\na@example.org,A,\nb@example.org,B,student\n")
        assert ("role" in first.left_out, "role" in second.left_out) == (True, False)

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_comma_semicolon_and_tab(self, delimiter):
        text = delimiter.join(["email", "name", "section"]) + "\n" + delimiter.join(["a@b.org", "A", "x"]) + "\n"
        assert [(line.email, line.section) for line in lines(text)] == [("a@b.org", "x")]

    def test_the_delimiter_is_the_headers_whatever_the_cells_hold(self):
        (line,) = lines("email;name;section\na@b.org;Lovelace, Ada, Countess;x, y, z\n")
        assert (line.name, line.section) == ("Lovelace, Ada, Countess", "x, y, z")

    def test_a_header_whose_names_hold_one_delimiter_is_divided_by_the_more_frequent(self):
        (line,) = lines('email;name;"section, or group"\na@b.org;A;x\n')
        assert line.name == "A"

    def test_quotes_around_delimiters_and_line_breaks(self):
        (line,) = lines('email,name,section\na@b.org,"Ada, ""the"" Countess","one\ntwo"\n')
        assert (line.name, line.section) == ('Ada, "the" Countess', "one two")

    def test_a_mark_in_front_empty_lines_and_carriage_returns(self):
        text = "\ufeff\r\nemail,name\r\n\r\na@b.org,Çağrı İnönü\r\n,\r\n\r\n"
        assert [(line.email, line.name) for line in lines(text)] == [("a@b.org", "Çağrı İnönü")]

    def test_names_of_columns_in_any_case_and_with_any_signs(self):
        (line,) = lines("E-Mail Address,FULL_NAME,Student No.\na@b.org,A,7\n")
        assert (line.name, line.student_number) == ("A", "7")

    def test_first_and_last_names_are_put_together(self):
        (line,) = lines("Given name,Surname,Email\nAda,Lovelace,ada@example.org\n")
        assert (line.email, line.name) == ADA

    def test_trailing_empty_cells_do_no_harm(self):
        assert [line.name for line in lines("email,name\na@b.org,A,,\n")] == ["A"]

    def test_a_header_alone_is_a_roster_of_nobody(self):
        assert lines("email,name\n") == []


class TestOtherSystems:
    def test_canvas(self):
        text = (
            "Student,ID,SIS User ID,SIS Login ID,Section,Practical 1 (123)\n"
            "    Points Possible,,,,,40\n"
            '"Lovelace, Ada",4711,0042,ada@example.org,Section 1,38\n'
            '"Student, Test",4712,,f2b7aa,Section 1,\n'
        )
        (line,) = lines(text)
        assert (line.email, line.name, line.student_number, line.section) == (*ADA, "0042", "Section 1")
        assert line.role is Role.STUDENT

    def test_gradescope(self):
        text = "First Name,Last Name,Email,SID,Role,Sections\nAda,Lovelace,ada@example.org,0042,TA,Section 1\n"
        (line,) = lines(text)
        assert (line.email, line.name, line.student_number, line.role) == (*ADA, "0042", Role.TA)

    def test_canvas_logins_that_are_no_addresses_are_told_with_the_column(self):
        with pytest.raises(
            BadRoster, match=r"Line 2: “adal” in column SIS Login ID is no e-mail address; say which domain"
        ):
            lines('Student,ID,SIS User ID,SIS Login ID,Section\n"Lovelace, Ada",1,2,adal,S\n')


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"name\nAda\n", "Line 1 names no column of e-mail addresses"),
        (b"\n\nname\nAda\n", "Line 3 names no column of e-mail addresses"),
        (b"email,first name\na@b.org,Ada\n", "Line 1 names no column of names"),
        (b"email,name\nnot an address,Ada\n", "Line 2: “not an address” in column email"),
        (b"email,name\n,Ada\n", "Line 2 has no e-mail address"),
        (b"email,name\na@b.org,\n", "Line 2 has no name"),
        (b"email,name\na@b.org\n", "Line 2 has no name"),
        (b"email,name\na@b.org,Lovelace, Ada\n", "Line 2 has 3 cells where the header names 2"),
        (b"email,name,role\na@b.org,A,king\n", "Line 2: “king” is no role"),
        (b"email,name\na@b.org,A\nb@b.org,B\nA@B.ORG,C\n", "Lines 2 and 4 are both a@b.org"),
        (b'email,name\na@b.org,"two\nlines"\nnobody,B\n', "Line 4: “nobody”"),
        (b'email,name\na@b.org,"A\n', "Line 2 cannot be read as CSV"),
        (b"email,name\na@b.org,\xff\n", "Line 2 is not UTF-8"),
        ("email,name\na@b.org,A\n".encode("utf-16"), "Line 1 is not UTF-8"),
        (b"email,name\na@b.org,A\x00\n", "Line 2 holds a zero character"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(content, sentence):
    with pytest.raises(BadRoster, match=sentence):
        read_roster(content)


def test_a_cell_of_megabytes_is_told_too():
    with pytest.raises(BadRoster, match="Line 2"):
        read_roster(b"email,name\na@b.org," + b"x" * 2**20 + b"\n")
