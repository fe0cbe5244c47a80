"""The term's gradebook as other systems read it, read back by a CSV reader."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from grader.domain.course import Person
from grader.domain.gradebook import GradebookRow, TermGradebook, TermLine
from grader.domain.grading import Counting, OfferedAssignment, RunState, SpecVersion
from grader.formats.term import to_canvas_term, to_gradescope_term, to_moodle_term, to_term_csv
from tests import builders

FORMS = [to_term_csv, to_canvas_term, to_moodle_term, to_gradescope_term]
ADA = Person(id=1, email="ada@example.org", name="Ada King Lovelace", student_number="0042")


def an_assignment(slug, title):
    spec = SpecVersion(spec_slug=slug, version="1", definition=builders.a_definition(), plan=(), blob="ab")
    return OfferedAssignment(
        id=1, slug=slug, course_id=1, course_slug="c", title=title, due_at=None, time_zone="UTC", uploads_per_day=1,
        counting=Counting.LAST, spec=spec,
    )  # fmt: skip


def a_row(person=ADA, **overrides):
    values = {
        "person": person, "section": "morning", "team": None, "submission": "s", "run": "r", "state": RunState.GRADED,
        "score": 3.5, "max_score": 5.0, "mark": None, "is_overridden": False, "late_days": 2, "submissions": 1,
        "received_at": datetime(2026, 3, 2, 20, 59, 59, tzinfo=UTC),
    }  # fmt: skip
    return GradebookRow(**(values | overrides))


MISSING = {
    "submission": None,
    "run": None,
    "state": None,
    "score": None,
    "late_days": 0,
    "submissions": 0,
    "received_at": None,
}


def a_book(*rows, person=ADA, titles=("One", "Two")):
    offered = tuple(an_assignment(f"a{number}", title) for number, title in enumerate(titles, 1))
    line = TermLine(person=person, section="morning", team=None, rows=rows or (a_row(), a_row(**MISSING)))
    return TermGradebook(assignments=offered, lines=(line,))


def read(text):
    assert text.endswith("\r\n")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_ours_has_everything_by_slug_and_a_total_of_what_there_is():
    header, line = read(to_term_csv(a_book()))
    told = dict(zip(header, line, strict=True))
    assert (told["a1"], told["a1 max_score"], told["a1 state"], told["a1 late_days"]) == ("3.5", "5", "graded", "2")
    assert (told["a2"], told["a2 state"]) == ("", "missing")
    assert (told["total"], told["max_total"]) == ("3.5", "10")


def test_nothing_graded_is_no_total_of_zero():
    header, line = read(to_term_csv(a_book(a_row(**MISSING), a_row(**MISSING))))
    assert dict(zip(header, line, strict=True))["total"] == ""


def test_canvas_has_a_line_of_points_and_last_names_first():
    header, points, line = read(to_canvas_term(a_book()))
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "One", "Two"]
    assert points == ["    Points Possible", "", "", "", "", "5", "5"]
    assert line == ["Lovelace, Ada King", "", "0042", "ada@example.org", "morning", "3.5", ""]


def test_moodle():
    header, line = read(to_moodle_term(a_book()))
    assert header == ["First name", "Last name", "ID number", "Email address", "One", "Two"]
    assert line == ["Ada King", "Lovelace", "0042", "ada@example.org", "3.5", ""]


def test_gradescope_has_four_columns_for_each_and_the_lateness_of_all():
    header, line = read(to_gradescope_term(a_book()))
    assert header[5:9] == ["One", "One - Max Points", "One - Submission Time", "One - Lateness (H:M:S)"]
    assert line[5:] == ["3.5", "5", "2026-03-02 20:59:59 +0000", "48:00:00", "", "5", "", "", "48:00:00"]


def test_assignments_of_the_same_title_stay_apart():
    header = read(to_canvas_term(a_book(titles=("Quiz", "Quiz"))))[0]
    assert header[5:] == ["Quiz (a1)", "Quiz (a2)"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("evil", ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1", "＝1+1", "  =1"])
def test_no_spreadsheet_takes_a_name_a_section_or_a_title_for_a_formula(form, evil):
    person = Person(id=1, email="a@example.org", name=evil, student_number=evil)
    line = TermLine(person=person, section=evil, team=evil, rows=(a_row(person, section=evil, team=evil),))
    book = TermGradebook(assignments=(an_assignment("a1", evil),), lines=(line,))
    for cells in read(form(book)):
        assert not any(cell.lstrip()[:1] in ("=", "+", "-", "@", "＝") for cell in cells), cells


@pytest.mark.parametrize("form", FORMS)
def test_a_term_without_anything_is_a_header(form):
    assert len(read(form(TermGradebook(assignments=(), lines=())))) <= 2


def test_whoever_has_no_row_in_one_of_them_has_empty_cells_there():
    header, line = read(to_term_csv(a_book(a_row(), None)))
    assert len(header) == len(line)
    for form in (to_canvas_term, to_moodle_term, to_gradescope_term):
        lines = read(form(a_book(a_row(), None)))
        assert len({len(cells) for cells in lines}) == 1
