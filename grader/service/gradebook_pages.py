"""The gradebook's rows, by page or all of them, for the course's staff."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from datetime import datetime

from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest
from grader.domain.gradebook import GradebookPage, GradebookQuery, GradebookRow, GradebookSort
from grader.domain.grading import OfferedAssignment, RunState
from grader.domain.ids import CourseId, PersonId
from grader.storage.database import Work
from grader.storage.repositories import gradebook_rows
from grader.storage.repositories.gradebook_rows import After, KeyedRow, SortKey

_STATES = frozenset({"", "missing", *(state.value for state in RunState)})
_LARGEST_PAGE = 200
# PostgreSQL's integer.
_LARGEST_ID = 2**31 - 1


def page(work: Work, reader: Reader, assignment: OfferedAssignment, query: GradebookQuery) -> GradebookPage:
    """Staff with scope read. Students who handed nothing in have a row too. Cursor paging over the sort key.

    Raises:
        NeedsRole, NeedsScope.
        BadRequest: the cursor is none that this sort gave, the state is none, or the limit is not 1 to 200.

    """
    _require_reading(reader, assignment)
    if query.state not in _STATES:
        raise BadRequest("A gradebook's state is missing, waiting, grading, graded, rejected or failed.")
    if not 1 <= query.limit <= _LARGEST_PAGE:
        raise BadRequest(f"A page holds 1 to {_LARGEST_PAGE} rows.")
    if "\x00" in query.search + query.section:
        raise BadRequest("Text to search for must not hold a zero character.")
    after = _read_cursor(query) if query.cursor else None
    found = gradebook_rows.page(work, assignment, query, after, query.limit + 1)
    shown = found[: query.limit]
    return GradebookPage(
        rows=tuple(one.row for one in shown),
        total=gradebook_rows.count(work, assignment, query),
        next_cursor=_cursor(query, shown[-1]) if len(found) > query.limit else "",
    )


def rows(work: Work, reader: Reader, assignment: OfferedAssignment) -> Iterator[GradebookRow]:
    """All rows, by name (exports)."""
    _require_reading(reader, assignment)
    return (one.row for one in gradebook_rows.page(work, assignment, GradebookQuery(), None, None))


def _require_reading(reader: Reader, assignment: OfferedAssignment) -> None:
    reader.require_staff(CourseId(assignment.course_id))
    reader.require_scope(Scope.READ)


def _cursor(query: GradebookQuery, last: KeyedRow) -> str:
    key = last.key.isoformat() if isinstance(last.key, datetime) else last.key
    # The order it belongs to goes with it: in another one it would skip rows without a word.
    plain = json.dumps([query.sort.value, query.descending, key, last.row.person.id])
    return base64.urlsafe_b64encode(plain.encode()).decode()


def _read_cursor(query: GradebookQuery) -> After:
    try:
        plain = json.loads(base64.b64decode(query.cursor.encode("ascii"), altchars=b"-_", validate=True))
        sort, descending, key, person = plain
        return _after(query, sort=sort, descending=descending, key=key, person=person)
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise BadRequest("The cursor is not one that a page before gave in this order; begin without one.") from error


def _after(query: GradebookQuery, *, sort: object, descending: object, key: object, person: object) -> After:
    """Raises ValueError when the query cannot have given it."""
    if (sort, descending) != (query.sort.value, query.descending):
        raise ValueError("a cursor of another order")
    if not isinstance(person, int) or not 0 < person <= _LARGEST_ID:
        raise ValueError("no person's id")
    return After(_sort_key(query.sort, key), PersonId(person))


def _sort_key(sort: GradebookSort, key: object) -> SortKey:
    """`key` as this sort compares it. Raises ValueError when it cannot have given it."""
    match sort, key:
        case ((GradebookSort.SCORE | GradebookSort.RECEIVED), None):
            return None
        case ((GradebookSort.NAME | GradebookSort.EMAIL), str()) if "\x00" not in key:
            key.encode()
            return key
        case GradebookSort.SCORE, (int() | float()) if not isinstance(key, bool):
            return float(key)
        case GradebookSort.SUBMISSIONS, int() if not isinstance(key, bool) and 0 <= key <= _LARGEST_ID:
            return key
        case GradebookSort.RECEIVED, str():
            moment = datetime.fromisoformat(key)
            if moment.tzinfo is not None:
                return moment
    raise ValueError("no key of this order")
