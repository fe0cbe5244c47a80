"""Gradebooks as other systems read them, read back by a CSV reader."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta, timezone

import pytest

from grader.domain.course import Person
from grader.domain.gradebook import GradebookRow
from grader.domain.grading import RunState
from grader.domain.run import Mark
from grader.formats.gradebook import to_canvas_csv, to_gradebook_csv, to_gradescope_csv, to_moodle_csv


def a_row(**overrides):
    person = {"id": 1, "email": "ada@example.org", "name": "Ada King Lovelace", "student_number": "0042"}
    person |= {name: overrides.pop(name) for name in ("email", "name", "student_number") if name in overrides}
    values = {
        "person": Person(**person),
        "section": "morning",
        "team": None,
        "submission": "0198c0de-7d40-7b1e-b4c1-93f1b1f7f7aa",
        "run": "0198c0de-7d40-7b1e-b4c1-93f1b1f7f7ab",
        "state": RunState.GRADED,
        "score": 38.5,
        "max_score": 40.0,
        "mark": Mark(value=4.0, label="correct"),
        "is_overridden": False,
        "late_days": 2,
        "submissions": 3,
        "received_at": datetime(2026, 3, 2, 23, 59, 59, tzinfo=timezone(timedelta(hours=3))),
    }
    return GradebookRow(**(values | overrides))


MISSING = {
    "submission": None, "run": None, "state": None, "score": None, "mark": None, "late_days": 0, "submissions": 0,
    "received_at": None,
}  # fmt: skip


def read(text):
    assert text.endswith("\r\n")
    return list(csv.reader(io.StringIO(text, newline="")))


def ours(*rows):
    return list(csv.DictReader(io.StringIO(to_gradebook_csv(rows), newline="")))


ALL_FORMS = [
    to_gradebook_csv,
    lambda rows: to_canvas_csv(rows, title="Practical 2", max_score=40.0),
    lambda rows: to_moodle_csv(rows, title="Practical 2"),
    to_gradescope_csv,
]


class TestOurs:
    def test_it_holds_everything_under_names_that_say_what_it_is(self):
        assert ours(a_row(team="Team 5", is_overridden=True)) == [
            {
                "email": "ada@example.org", "name": "Ada King Lovelace", "student_number": "0042", "section": "morning",
                "team": "Team 5", "score": "38.5", "max_score": "40", "mark": "4", "late_days": "2",
                "beyond_days": "0", "penalty": "0", "submissions": "3", "received_at": "2026-03-02T20:59:59Z",
                "state": "graded", "overridden": "yes", "adjusted": "no",
                "items_points": "", "items_waiting": "0", "given_mark": "",
            }
        ]  # fmt: skip

    def test_a_missing_hand_in_has_no_score_instead_of_a_zero(self):
        (row,) = ours(a_row(**MISSING))
        assert (row["score"], row["mark"], row["received_at"], row["state"]) == ("", "", "", "missing")

    def test_a_score_of_zero_is_a_zero(self):
        (row,) = ours(a_row(score=0.0, mark=Mark(value=0.0, label="none")))
        assert (row["score"], row["mark"]) == ("0", "0")

    def test_a_sum_of_tenths_reads_like_one(self):
        assert ours(a_row(score=0.1 + 0.2))[0]["score"] == "0.3"


class TestCanvas:
    def test_header_points_possible_and_a_student(self):
        assert read(to_canvas_csv([a_row()], title="Practical 2", max_score=40.0)) == [
            ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Practical 2"],
            ["    Points Possible", "", "", "", "", "40"],
            ["Lovelace, Ada King", "", "0042", "ada@example.org", "morning", "38.5"],
        ]

    def test_somebody_with_one_name_has_it_without_a_comma(self):
        rows = read(to_canvas_csv([a_row(name="Suharto")], title="P", max_score=1.0))
        assert rows[2][0] == "Suharto"

    def test_what_is_missing_stays_empty(self):
        assert read(to_canvas_csv([a_row(**MISSING)], title="P", max_score=1.0))[2][-1] == ""


def test_moodle_maps_by_address_or_number():
    assert read(to_moodle_csv([a_row(), a_row(**MISSING)], title="Practical 2")) == [
        ["First name", "Last name", "ID number", "Email address", "Practical 2"],
        ["Ada King", "Lovelace", "0042", "ada@example.org", "38.5"],
        ["Ada King", "Lovelace", "0042", "ada@example.org", ""],
    ]


class TestGradescope:
    def rows(self, *rows):
        return list(csv.DictReader(io.StringIO(to_gradescope_csv(rows), newline="")))

    def test_a_graded_row(self):
        assert self.rows(a_row()) == [
            {
                "First Name": "Ada King", "Last Name": "Lovelace", "SID": "0042", "Email": "ada@example.org",
                "Sections": "morning", "Total Score": "38.5", "Max Points": "40", "Status": "Graded",
                "Submission ID": "0198c0de-7d40-7b1e-b4c1-93f1b1f7f7aa",
                "Submission Time": "2026-03-02 20:59:59 +0000", "Lateness (H:M:S)": "48:00:00", "Submission Count": "3",
            }
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("row", "status"),
        [
            (MISSING, "Missing"),
            ({"state": RunState.REJECTED, "score": None}, "Missing"),
            ({"state": RunState.WAITING, "score": None}, "Ungraded"),
            ({"state": RunState.FAILED, "score": None}, "Ungraded"),
            (MISSING | {"score": 3.0, "is_overridden": True}, "Graded"),
        ],
    )
    def test_a_status_is_one_of_gradescopes_three_words(self, row, status):
        assert self.rows(a_row(**row))[0]["Status"] == status


@pytest.mark.parametrize("form", ALL_FORMS)
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1"])
def test_no_cell_of_a_students_becomes_a_formula(form, text):
    row = a_row(name=text, student_number=text, section=text, team=text, email=f"{text}@example.org")
    cells = [cell for line in read(form([row]))[1:] for cell in line]
    assert any(text.strip() in cell for cell in cells)
    # The first thing a spreadsheet looks at, after the blanks it skips.
    assert not [cell for cell in cells if cell.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\uff1d")]


def test_a_title_is_guarded_like_any_other_text():
    assert read(to_moodle_csv([], title="=HYPERLINK()"))[0][-1] == "'=HYPERLINK()"


def test_numbers_stay_numbers_even_below_zero():
    assert ours(a_row(score=-1.5))[0]["score"] == "-1.5"


@pytest.mark.parametrize("form", ALL_FORMS)
def test_commas_quotes_line_breaks_and_every_alphabet_come_back_as_they_were(form):
    awkward = 'Çağrı "C", İnönü\nwith a break'
    cells = [cell for line in read(form([a_row(section=awkward, student_number=awkward)])) for cell in line]
    assert awkward in cells


@pytest.mark.parametrize("form", ALL_FORMS)
def test_every_line_has_as_many_cells_as_the_header(form):
    lengths = {len(line) for line in read(form([a_row(), a_row(**MISSING), a_row(name="")]))}
    assert len(lengths) == 1


def test_times_are_utc_whatever_zone_they_came_in():
    here = datetime(2026, 3, 2, 20, 59, 59, tzinfo=UTC)
    assert ours(a_row(received_at=here))[0]["received_at"] == ours(a_row())[0]["received_at"]
