"""Drafts of written answers: kept while they are written, for a person or for their team, and never graded.

The invariant: nobody's text is written over unseen. Whoever saves says which version theirs began from, and is refused
when that is no longer the newest. No address and no function gives a draft to anybody but those whose work it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from grader.answers.asked import MAX_CHARACTERS, AskedQuestion
from grader.answers.given import MAX_ANSWERS, MAX_BYTES, BadAnswers, Value, as_written, tidied
from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest, DraftChanged, UnknownAssignment
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import AssignmentId, CourseId, Owner
from grader.kit.text import one_line
from grader.service.quota import allowance, owner_of
from grader.service.submissions import refuse_unless_open
from grader.storage.database import Work
from grader.storage.repositories import drafts as rows
from grader.storage.repositories import extensions, stages, submissions
from grader.storage.repositories.drafts import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is kept of somebody's writing; `version` is 0 where nothing ever was.

    `answers` is text by question; empty where there is no draft now. `team` are the names of those whose draft it is,
    empty where it is one person's. `saved_by` is who saved (or handed in, or discarded) it last, and is empty when that
    person was erased; `is_mine` when it was the reader.
    """

    version: int
    answers: Mapping[str, str]
    saved_by: str
    saved_at: datetime | None
    is_mine: bool
    team: tuple[str, ...]
    is_open: bool


def read(
    work: Work, reader: Reader, assignment: OfferedAssignment, asked: Sequence[AskedQuestion], *, own: bool = False
) -> Draft:
    """The reader's own draft or their team's; of questions that are no longer asked nothing.

    With `own` that for the parts which each member of a team hands in alone.

    Raises NeedsScope, UnknownAssignment.
    """
    _refuse_strangers(reader, assignment, Scope.READ)
    owner = owner_of(work, reader, assignment, own=own)
    return _shown(work, reader, assignment, owner, asked)


def save(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    asked: Sequence[AskedQuestion],
    answers: Mapping[str, str],
    *,
    version: int,
    own: bool = False,
) -> Draft:
    """Keep these answers instead of the draft's; `version` is the one that they began from, 0 for none.

    Whether an answer can be read does not matter yet. The same answers as those that are kept change nothing, so that a
    save may be sent twice.

    Raises:
        NeedsScope, UnknownAssignment.
        PastDeadline: nothing could be handed in any more.
        DraftChanged: the newest version is another, with who saved it and when.
        BadAnswers: there is no such question, or an answer is too long.

    """
    refuse_unless_open(work, reader, assignment, own=own)
    kept = _fit(answers, asked)
    owner = owner_of(work, reader, assignment, own=own)
    submissions.lock_owner(work, assignment.id, owner)
    there = rows.get(work, AssignmentId(assignment.id), owner)
    if there is None or there.answers != kept:
        _refuse_other(reader, assignment, there, version)
        _put(work, reader, assignment, owner, there, kept)
    return _shown(work, reader, assignment, owner, asked)


def discard(work: Work, reader: Reader, assignment: OfferedAssignment, *, version: int, own: bool = False) -> None:
    """Let the draft go, for the whole team where it is a team's; also when nothing can be handed in any more.

    Raises NeedsScope, UnknownAssignment, DraftChanged.
    """
    _refuse_strangers(reader, assignment, Scope.SUBMIT)
    owner = owner_of(work, reader, assignment, own=own)
    submissions.lock_owner(work, assignment.id, owner)
    there = rows.get(work, AssignmentId(assignment.id), owner)
    if there is None or not there.answers:
        return
    _refuse_other(reader, assignment, there, version)
    _put(work, reader, assignment, owner, there, {})


def was_handed_in(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    answers: Mapping[str, Value],
    version: int | None,
    *,
    own: bool = False,
) -> None:
    """Clear the draft if it is what came in just now: as the form had it (`version`), or with the same answers.

    A draft that somebody of the team has written on meanwhile stays. The caller has received the submission in this
    transaction, under the owner's lock.
    """
    owner = owner_of(work, reader, assignment, own=own)
    there = rows.get(work, AssignmentId(assignment.id), owner)
    if there is None or not there.answers:
        return
    given = {name: as_written(value) for name, value in answers.items()}
    if there.version == version or there.answers == given:
        _put(work, reader, assignment, owner, there, {})


def changed_words(draft_by: str, saved_at: datetime, time_zone: str, *, is_mine: bool, is_gone: bool) -> str:
    """The sentence for whoever meets another version than theirs."""
    who = "You have" if is_mine else f"{draft_by or 'Somebody'} has"
    at = f"{saved_at.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M} ({time_zone.replace('_', ' ')})"
    where = " in another window or on another machine" if is_mine else ""
    if is_gone:
        return f"{who} handed in or discarded this draft{where} on {at}; yours was not saved. Save it again to keep it."
    return (
        f"{who} saved another version of this draft{where} on {at}; yours was not saved over it. Look at both, then "
        "save the one that is to stay."
    )


def _refuse_strangers(reader: Reader, assignment: OfferedAssignment, scope: Scope) -> None:
    if not reader.is_member(CourseId(assignment.course_id)):
        raise UnknownAssignment(f"There is no assignment called {assignment.slug}.")
    reader.require_scope(scope)


def _refuse_other(reader: Reader, assignment: OfferedAssignment, there: Kept | None, version: int) -> None:
    if version == (0 if there is None else there.version):
        return
    if there is None:
        raise BadRequest("There is no draft yet, so it has no version; save it with version 0.")
    raise DraftChanged(
        changed_words(
            one_line(there.name or "", limit=80), there.saved_at, assignment.time_zone,
            is_mine=there.saved_by == reader.id, is_gone=not there.answers,
        )
    )  # fmt: skip


def _put(
    work: Work, reader: Reader, assignment: OfferedAssignment, owner: Owner, there: Kept | None, kept: dict[str, str]
) -> None:
    following = 1 if there is None else there.version + 1
    rows.put(work, AssignmentId(assignment.id), owner, version=following, answers=kept, by=reader.id)


def _fit(answers: Mapping[str, str], asked: Iterable[AskedQuestion]) -> dict[str, str]:
    """What is kept: text of questions that are asked, without empty ones. Raises BadAnswers."""
    known = {question.id for question in asked}
    kept = {name: text for name, value in answers.items() if (text := tidied(value))}
    problems = {
        one_line(name, limit=80): words
        for name, text in kept.items()
        if (words := "There is no such question." if name not in known else _too_long(text))
    }
    if problems:
        name, words = next(iter(problems.items()))
        raise BadAnswers(f"{name}: {words}", problems)
    if len(kept) > MAX_ANSWERS or sum(len(text.encode()) for text in kept.values()) > MAX_BYTES:
        raise BadAnswers(f"A draft holds at most {MAX_ANSWERS} answers and {MAX_BYTES // 2**20} MiB together.")
    return kept


def _too_long(text: str) -> str:
    return f"The answer is longer than {MAX_CHARACTERS} characters." if len(text) > MAX_CHARACTERS else ""


def _shown(
    work: Work, reader: Reader, assignment: OfferedAssignment, owner: Owner, asked: Iterable[AskedQuestion]
) -> Draft:
    there = rows.get(work, AssignmentId(assignment.id), owner)
    known = [question.id for question in asked]
    is_staff = reader.is_staff(CourseId(assignment.course_id))
    return Draft(
        version=0 if there is None else there.version,
        answers={} if there is None else {name: there.answers[name] for name in known if name in there.answers},
        saved_by="" if there is None else one_line(there.name or "", limit=80),
        saved_at=None if there is None else there.saved_at,
        is_mine=there is not None and there.saved_by == reader.id,
        team=tuple(name for _, name in extensions.members(work, owner)) if owner.startswith("t") else (),
        is_open=is_staff or allowance(work, reader, assignment, owner, stages.now(work)).is_open,
    )
