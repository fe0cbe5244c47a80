"""A student's data deleted, at their request: docs/data-protection.md says what goes, what stays and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from grader.domain.course import Person
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.ids import Slug
from grader.kit.text import one_line
from grader.service import audit
from grader.service.accounts import find_person
from grader.storage.database import Work
from grader.storage.repositories import care, courses, erasing, submissions
from grader.storage.repositories.erasing import Handed

_LONGEST_REASON = 300
# Shorter words of a name are in too many other words.
_SHORTEST_WORD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was done, or would be. `digests` are blobs that may have lost their last row: the caller clears them."""

    submissions: int
    shared: int
    is_person_gone: bool
    digests: frozenset[str]


def erase(work: Work, email: str, *, reason: str, course: str | None = None) -> Erasure:
    """Delete everything about a student, or what one course holds about them. Audited without a name.

    What a team handed in stays the others'; it no longer says who did. Who decided about others stays as somebody
    without a name, so that what they decided keeps its when and its why.

    Raises:
        UnknownThing: there is nobody of this address, or no such course.
        BadRequest: no reason, one that names them, or they are staff or an administrator.

    """
    person = find_person(work, email)
    because = _reason(reason, person)
    within = _course(work, course)
    _refuse_staff(work, person, within)
    handed = erasing.handed_in(work, person.id, within)
    for one in handed:
        submissions.lock_owner(work, one.assignment, one.owner)
    # Under the locks: what came in while we waited for them goes too.
    handed = erasing.handed_in(work, person.id, within)
    alone, shared = _split(handed)
    digests = care.digests_of(work, alone)
    teams = sorted({*erasing.teams_of(work, person.id), *(one.owner for one in handed if one.owner.startswith("t"))})
    care.delete(work, alone)
    erasing.delete_in_courses(work, person.id, within)
    clean = _Cleaner(person)
    erasing.free_shared(work, shared, person.id, clean)
    erasing.free_audit(work, _subjects(person, alone, handed, within), _words(person) if within is None else [])
    erasing.free_extensions(work, teams, clean)
    erasing.free_items(work, sorted({one.assignment for one in handed}), clean)
    erasing.free_drafts(work, teams, clean)
    erasing.rename_teams(work, teams, clean)
    erasing.delete_empty_teams(work, teams)
    is_gone = False
    if within is None:
        erasing.delete_sign_ins(work, person.id, person.email)
        is_gone = erasing.delete_or_free_person(work, person.id)
    audit.note(
        work, None, "erase student", f"course:{within or 'every'}",
        f"{len(alone)} submissions deleted, {len(shared)} of teams kept: {because}",
    )  # fmt: skip
    return Erasure(submissions=len(alone), shared=len(shared), is_person_gone=is_gone, digests=frozenset(digests))


def _course(work: Work, slug: str | None) -> int | None:
    if slug is None:
        return None
    found = courses.by_slug(work, Slug(slug))
    if found is None:
        raise UnknownThing(f"There is no course called {slug[:80]}.")
    return int(found.id)


def _reason(reason: str, person: Person) -> str:
    told = one_line(reason, limit=_LONGEST_REASON)
    if not told:
        raise BadRequest("An erasure needs a reason; say why in a few words, without a name.")
    if _Cleaner(person)(told) != told:
        raise BadRequest("The reason is kept, so it must not name the person; a case number is a good one.")
    return told


def _refuse_staff(work: Work, person: Person, course: int | None) -> None:
    if person.is_admin:
        raise BadRequest("This is an administrator, who decides about others; only students are erased.")
    staff = [slug for identity, slug in erasing.staff_courses(work, person.id) if course in (None, identity)]
    if staff:
        raise BadRequest(
            f"They are staff of {', '.join(staff)}: let them leave by a roster first, or erase them from one course "
            "of which they are a student, with --course."
        )


def _split(handed: list[Handed]) -> tuple[list[UUID], list[UUID]]:
    alone = [submission for one in handed if not one.is_shared for submission in one.submissions]
    return alone, [submission for one in handed if one.is_shared for submission in one.submissions]


def _subjects(person: Person, alone: list[UUID], handed: list[Handed], course: int | None) -> list[str]:
    found = [f"submission:{submission}" for submission in alone]
    if course is None:
        return [*found, f"person:{person.id}", f"gradebook:%:{person.id}"]
    return [*found, *(f"gradebook:{one.assignment}:{person.id}" for one in handed)]


def _words(person: Person) -> list[str]:
    return [word for word in (person.email, person.name, person.student_number) if word]


class _Cleaner:
    """Replaces what names the person: address, name, number, and the words of the name where they stand alone."""

    def __init__(self, person: Person) -> None:
        single = [word for word in person.name.split() if len(word) >= _SHORTEST_WORD]
        whole = [*_words(person), person.email.partition("@")[0]]
        # In file names, `_` and digits stand beside a name as often as a blank does.
        alone = [rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])" for word in single]
        self._pattern = re.compile("|".join([*map(re.escape, whole), *alone]), re.IGNORECASE)

    def __call__(self, text: str) -> str:
        return self._pattern.sub("erased", text)
