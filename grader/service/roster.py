"""A roster file, read: CSV as course systems and spreadsheets write it.

Nothing is guessed from the contents of cells. The header line decides which column is what, and the delimiter is the
one of tab, semicolon and comma that the header line holds most often.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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


class _Columns(NamedTuple):
    """Field to the number of its column; `names` are the header's own words."""

    of: dict[str, int]
    names: list[str]


def read_roster(content: bytes) -> list[RosterLine]:
    """Parse a CSV with a header line, in UTF-8 with or without a mark in front, by comma, semicolon or tab.

    Columns: email and name (or first name and last name); optional role, student number (also sid, student id), section
    and team. What Canvas and Gradescope export is read as it is.

    Raises:
        BadRoster: with the line's number.

    """
    rows = _rows(_text(content))
    header = next(rows, None)
    if header is None:
        raise BadRoster("The roster is empty; it begins with a line that names its columns, such as email,name.")
    columns = _columns(*header)
    lines: list[RosterLine] = []
    first_seen: dict[str, int] = {}
    for number, cells in rows:
        line = _line(number, cells, columns)
        if line is None:
            continue
        if line.email in first_seen:
            raise BadRoster(
                f"Lines {first_seen[line.email]} and {number} are both {line.email}; leave one of them out."
            )
        first_seen[line.email] = number
        lines.append(line)
    return lines


def _text(content: bytes) -> str:
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
            raise BadRoster(f"Line {number} cannot be read as CSV ({reason}); look at its quotes.") from error
        if cells is None:
            return
        trimmed = [one_line(cell, limit=_LONGEST_CELL) for cell in cells]
        if any(trimmed):
            yield number, trimmed


def _delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    # Of equally frequent ones the first; a header with none of them has one column.
    return max(_DELIMITERS, key=header.count) if any(map(header.count, _DELIMITERS)) else ","


def _columns(number: int, names: list[str]) -> _Columns:
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
    return _Columns(of, names)


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
    try:
        return good_email(cell)
    except BadRequest as error:
        column = columns.names[columns.of["email"]]
        if not cell:
            raise BadRoster(f"Line {number} has no e-mail address in its column {column}.") from error
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
