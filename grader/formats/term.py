"""A whole term's gradebook as CSV: a line for each student, columns for each assignment.

As in the gradebook of one assignment, what is missing or has no score yet is an empty cell, never a 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from grader.domain.gradebook import GradebookRow, TermGradebook, TermLine
from grader.domain.grading import OfferedAssignment
from grader.formats.cells import Cell, to_text
from grader.formats.gradebook import canvas_name, lateness, name_of, number, time_of


def to_term_csv(book: TermGradebook) -> str:
    """In our own words: of each assignment, under its slug, score, points possible, mark, state and late days."""
    header = ["email", "name", "student_number", "section", "team"]
    for one in book.assignments:
        header += [one.slug, *(f"{one.slug} {what}" for what in ("max_score", "mark", "state", "late_days"))]
    header += ["total", "max_total"]
    return to_text(header, (_our_line(line, book) for line in book.lines))


def to_canvas_term(book: TermGradebook) -> str:
    """For Canvas' gradebook import: a column for each assignment, its points possible in the first line."""
    header = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", *_titles(book.assignments))
    return to_text(header, _canvas_lines(book))


def to_moodle_term(book: TermGradebook) -> str:
    """For Moodle's grade import, which maps each assignment's column by hand."""
    header = ("First name", "Last name", "ID number", "Email address", *_titles(book.assignments))
    return to_text(header, (_moodle_line(line) for line in book.lines))


def to_gradescope_term(book: TermGradebook) -> str:
    """As Gradescope writes the scores of a course; lateness is in the started days that were charged."""
    header = ["First Name", "Last Name", "SID", "Email", "Sections"]
    for title in _titles(book.assignments):
        header += [title, f"{title} - Max Points", f"{title} - Submission Time", f"{title} - Lateness (H:M:S)"]
    header.append("Total Lateness (H:M:S)")
    return to_text(header, (_gradescope_line(line, book) for line in book.lines))


def _titles(assignments: Iterable[OfferedAssignment]) -> list[str]:
    """As people read them; of equal ones each with its slug, because columns are matched by name."""
    offered = list(assignments)
    titles = [one.title for one in offered]
    return [one.title if titles.count(one.title) == 1 else f"{one.title} ({one.slug})" for one in offered]


def _our_line(line: TermLine, book: TermGradebook) -> list[Cell]:
    cells: list[Cell] = [
        line.person.email, line.person.name, line.person.student_number or "", line.section, line.team or "",
    ]  # fmt: skip
    for row in line.rows:
        cells += ["", "", "", "", ""] if row is None else _our_cells(row)
    return [*cells, number(line.total), number(book.max_total)]


def _our_cells(row: GradebookRow) -> list[Cell]:
    return [
        number(row.score), number(row.max_score), None if row.mark is None else number(row.mark.value),
        "missing" if row.state is None else row.state.value, row.late_days,
    ]  # fmt: skip


def _canvas_lines(book: TermGradebook) -> Iterator[list[Cell]]:
    # Canvas tells this line from a student by its words.
    yield [
        "    Points Possible",
        "",
        "",
        "",
        "",
        *(number(one.spec.definition.full_points) for one in book.assignments),
    ]
    for line in book.lines:
        person = line.person
        known: list[Cell] = [canvas_name(person), "", person.student_number or "", person.email, line.section]
        yield known + _scores(line)


def _moodle_line(line: TermLine) -> list[Cell]:
    name = name_of(line.person)
    known: list[Cell] = [name.first, name.last, line.person.student_number or "", line.person.email]
    return known + _scores(line)


def _scores(line: TermLine) -> list[Cell]:
    return [None if row is None else number(row.score) for row in line.rows]


def _gradescope_line(line: TermLine, book: TermGradebook) -> list[Cell]:
    name = name_of(line.person)
    cells: list[Cell] = [name.first, name.last, line.person.student_number or "", line.person.email, line.section]
    for one, row in zip(book.assignments, line.rows, strict=True):
        received = None if row is None else row.received_at
        cells += [
            None if row is None else number(row.score),
            number(one.spec.definition.full_points if row is None else row.max_score),
            "" if received is None else time_of(received, " ", " +0000"),
            "" if row is None or received is None else lateness(row.late_days),
        ]
    return [*cells, lateness(sum(row.late_days for row in line.rows if row is not None))]
