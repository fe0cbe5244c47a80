"""A roster file, read: CSV as course systems and spreadsheets write it.

Nothing is guessed from the contents of cells. The header line decides whose file it is and which column is what, and
the delimiter is the one of tab, semicolon and comma that the header line holds most often.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from grader.domain.course import Role
from grader.domain.errors import BadRequest, BadRoster
from grader.kit.text import one_line
from grader.service.accounts import good_email

# What a column may be called, best first: in lower case, anything but letters and digits read as a blank.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "email": ("email", "e mail", "email address", "e mail address", "mail", "sis login id"),
    "name": ("name", "full name", "student name", "student"),
    "first": ("first name", "given name", "firstname"),
    "last": ("last name", "surname", "family name", "lastname"),
    "role": ("role",),
    "student_number": ("student number", "student no", "student id", "sid", "sis user id", "id number"),
    "section": ("section", "sections", "section name"),
    "team": ("team", "team name", "group"),
}
_OPTIONAL = ("role", "student_number", "section", "team")
_ROLES: Mapping[str, Role] = {
    "student": Role.STUDENT,
    "ta": Role.TA,
    "teaching assistant": Role.TA,
    "reader": Role.TA,
    "instructor": Role.INSTRUCTOR,
    "teacher": Role.INSTRUCTOR,
}
# Canvas' gradebook names people "Last, First", and holds lines that are nobody.
_CANVAS_NAME = "student"
_NOBODY = ("points possible", "student, test", "test student")
_DELIMITERS = ("\t", ";", ",")
_LONGEST_CELL = 200
# Whoever has to mend more than this mends the file as a whole.
_MOST_PROBLEMS = 100
# What is often chosen instead of CSV, by its first bytes.
_OTHER_FILES = ((b"PK", "an Excel workbook or another zip file"), (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
                (b"%PDF", "a PDF"), (b"<", "a web page"))  # fmt: skip


class RosterForm(StrEnum):
    """Whose file it is, by its header line."""

    CANVAS = "canvas"
    GRADESCOPE = "gradescope"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterLine:
    """One line of a roster file. `team` and `section` may be empty.

    `left_out` holds the fields among role, student_number, section and team that the roster says nothing about: for
    somebody who is a member already they stay as they are.
    """

    email: str
    name: str
    role: Role = Role.STUDENT
    student_number: str = ""
    section: str = ""
    team: str = ""
    left_out: frozenset[str] = frozenset()


class RosterProblem(NamedTuple):
    """`sentence` names the line, too."""

    line: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterFile:
    """What a file says: `unread` are the names of the columns that nobody asked for."""

    form: RosterForm
    lines: tuple[RosterLine, ...]
    problems: tuple[RosterProblem, ...] = ()
    unread: tuple[str, ...] = ()


class _Columns(NamedTuple):
    """Field to the number of its column; `names` are the header's own words."""

    of: dict[str, int]
    names: list[str]
    form: RosterForm
    email_domain: str


def read_roster(content: bytes) -> list[RosterLine]:
    """The lines of a file in which nothing has to be mended: `read_file` says what is read.

    Raises:
        BadRoster: with the first line that has to be.

    """
    return list(whole(read_file(content)))


def whole(file: RosterFile) -> tuple[RosterLine, ...]:
    """Its lines. Raises BadRoster with its first problem, and how many more there are."""
    if not file.problems:
        return file.lines
    more = len(file.problems) - 1
    raise BadRoster(file.problems[0].sentence + (f" {more} more lines have to be mended." if more else ""))


def read_file(content: bytes, *, email_domain: str = "") -> RosterFile:
    """Read a CSV with a header line, in UTF-8 with or without a mark in front, by comma, semicolon or tab.

    Columns: email and name (or first name and last name); optional role, student number (also sid, student id), section
    and team. What Canvas and Gradescope export is read as it is. Where Canvas has logins that are no addresses,
    `email_domain` (such as example.org) makes addresses of them.

    Raises:
        BadRoster: nothing of it can be read; what is wrong in single lines is among its problems.

    """
    domain = _domain(email_domain)
    rows = _rows(_text(content))
    try:
        header = next(rows, None)
    except _NoCsv as error:
        raise BadRoster(str(error)) from error
    if header is None:
        raise BadRoster("The roster is empty; it begins with a line that names its columns, such as email,name.")
    columns = _columns(*header, email_domain=domain)
    lines: dict[str, tuple[int, RosterLine]] = {}
    problems: list[RosterProblem] = []
    for number, cells in _readable(rows, problems):
        try:
            line = _line(number, cells, columns)
        except BadRoster as problem:
            problems.append(RosterProblem(number, str(problem)))
        else:
            if line is not None and line.email in lines:
                both = f"Lines {lines[line.email][0]} and {number} are both {line.email}; leave one of them out."
                problems.append(RosterProblem(number, both))
            elif line is not None:
                lines[line.email] = (number, line)
        if len(problems) >= _MOST_PROBLEMS:
            break
    used = set(columns.of.values())
    return RosterFile(
        form=columns.form,
        lines=tuple(line for _, line in lines.values()),
        problems=tuple(problems),
        unread=tuple(name for number, name in enumerate(columns.names) if name and number not in used),
    )


def _readable(rows: Iterator[tuple[int, list[str]]], problems: list[RosterProblem]) -> Iterator[tuple[int, list[str]]]:
    """Rows up to the first that is no CSV: where that ends, nobody can say."""
    try:
        yield from rows
    except _NoCsv as error:
        problems.append(RosterProblem(error.line, str(error)))


class _NoCsv(ValueError):
    """A line cannot be read as CSV; its text is the sentence."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"Line {line} cannot be read as CSV ({reason}); look at its quotes.")
        self.line = line


def _domain(given: str) -> str:
    domain = given.strip().removeprefix("@").casefold()
    if domain:
        try:
            good_email(f"login@{domain}")
        except BadRequest as error:
            raise BadRoster(
                f"“{one_line(given, limit=80)}” is no domain of e-mail addresses; write one like example.org."
            ) from error
    return domain


def _text(content: bytes) -> str:
    for start, what in _OTHER_FILES:
        if content.startswith(start):
            raise BadRoster(f"This is {what}; save the roster as “CSV UTF-8” and choose that file.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise BadRoster(f"Line {number} is not UTF-8 text; save the roster as “CSV UTF-8”.") from error
    if "\x00" in text:
        number = text[: text.index("\x00")].count("\n") + 1
        raise BadRoster(f"Line {number} holds a zero character; save the roster as “CSV UTF-8”.")
    return text


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """(number of the line it begins on, cells) of every row that is not empty; cells are trimmed."""
    reader = csv.reader(text.splitlines(keepends=True), delimiter=_delimiter(text), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            reason = str(error).replace("\t", "tab")
            raise _NoCsv(number, reason) from error
        if cells is None:
            return
        trimmed = [one_line(cell, limit=_LONGEST_CELL) for cell in cells]
        if any(trimmed):
            yield number, trimmed


def _delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    # Of equally frequent ones the first; a header with none of them has one column.
    return max(_DELIMITERS, key=header.count) if any(map(header.count, _DELIMITERS)) else ","


def _columns(number: int, names: list[str], *, email_domain: str) -> _Columns:
    plain = [" ".join("".join(c if c.isalnum() else " " for c in name.casefold()).split()) for name in names]
    of = {
        field: plain.index(found)
        for field, known in _COLUMNS.items()
        if (found := next((name for name in known if name in plain), None)) is not None
    }
    if "email" not in of:
        raise BadRoster(f"Line {number} names no column of e-mail addresses; call it email.")
    if "name" not in of and not ("first" in of and "last" in of):
        raise BadRoster(
            f"Line {number} names no column of names; call it name, or two of them first name and last name."
        )
    return _Columns(of, names, _form(frozenset(plain)), email_domain)


def _form(names: frozenset[str]) -> RosterForm:
    if {"student", "id", "section"} <= names and names & {"sis login id", "sis user id"}:
        return RosterForm.CANVAS
    if {"sid", "email"} <= names and ({"first name", "last name"} <= names or names & {"role", "sections"}):
        return RosterForm.GRADESCOPE
    return RosterForm.CSV


def _line(number: int, cells: Sequence[str], columns: _Columns) -> RosterLine | None:
    """None for a line that is nobody."""
    if any(cells[len(columns.names) :]):
        raise BadRoster(
            f"Line {number} has {len(cells)} cells where the header names {len(columns.names)}; put quotes around "
            "what holds a delimiter."
        )
    values = {field: cells[column] if column < len(cells) else "" for field, column in columns.of.items()}
    if values.get("name", "").casefold() in _NOBODY:
        return None
    if columns.form is RosterForm.CANVAS and not values["email"] and not values.get("name"):
        # How scores are posted stands in a line of its own, below the header.
        return None
    name = _name(values, columns)
    if not name:
        raise BadRoster(f"Line {number} has no name; everybody on a roster has one.")
    return RosterLine(
        email=_email(number, values["email"], columns),
        name=name,
        role=_role(number, values.get("role", "")),
        student_number=values.get("student_number", ""),
        section=values.get("section", ""),
        team=values.get("team", ""),
        # An empty role is not a student's: it says nothing.
        left_out=frozenset(
            field for field in _OPTIONAL if field not in values or (field == "role" and not values[field])
        ),
    )


def _name(values: Mapping[str, str], columns: _Columns) -> str:
    if "name" not in values:
        return f"{values['first']} {values['last']}".strip()
    name = values["name"]
    last, comma, first = name.partition(",")
    if comma and columns.names[columns.of["name"]].casefold() == _CANVAS_NAME:
        return f"{first.strip()} {last.strip()}".strip()
    return name


def _email(number: int, cell: str, columns: _Columns) -> str:
    if cell and "@" not in cell and columns.email_domain and columns.form is RosterForm.CANVAS:
        cell = f"{cell}@{columns.email_domain}"
    try:
        return good_email(cell)
    except BadRequest as error:
        column = columns.names[columns.of["email"]]
        if not cell:
            raise BadRoster(f"Line {number} has no e-mail address in its column {column}.") from error
        if "@" not in cell and columns.form is RosterForm.CANVAS:
            raise BadRoster(
                f"Line {number}: “{one_line(cell, limit=80)}” in column {column} is no e-mail address; say which "
                "domain these logins belong to."
            ) from error
        raise BadRoster(
            f"Line {number}: “{one_line(cell, limit=80)}” in column {column} is no e-mail address."
        ) from error


def _role(number: int, cell: str) -> Role:
    if not cell:
        return Role.STUDENT
    role = _ROLES.get(cell.casefold())
    if role is None:
        raise BadRoster(f"Line {number}: “{one_line(cell, limit=80)}” is no role; it is student, ta or instructor.")
    return role
