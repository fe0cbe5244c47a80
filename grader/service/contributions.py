"""Who did what in a team: said with an upload, then confirmed, corrected or disputed by each member.

The invariant: nothing that was said is changed. What a member corrects or disputes is read by themselves and staff; the
others of the team read that it was said.
"""

from __future__ import annotations

from grader.domain.contribution import LONGEST, Contributions, MemberWord, Stance
from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest, ConflictError, NeedsRole
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import AssignmentId, CourseId, Owner, PersonId
from grader.domain.submission import Submission
from grader.kit.text import one_line, plain
from grader.service import audit, submissions
from grader.service.quota import owner_of
from grader.storage.database import Work
from grader.storage.repositories import contributions, extensions
from grader.storage.repositories import submissions as submission_rows
from grader.storage.repositories.contributions import Said


def is_asked(work: Work, reader: Reader, assignment: OfferedAssignment) -> bool:
    """Whether who hands in for the reader's team is asked who did what."""
    return assignment.spec.definition.contribution and owner_of(work, reader, assignment).startswith("t")


def of_submission(work: Work, reader: Reader, submission: Submission) -> Contributions | None:
    """What was said of a submission that the reader may see; None where nobody is asked."""
    offered = submissions.offered_to_owner(work, reader, submission)
    if not offered.spec.definition.contribution or not submission.owner.startswith("t"):
        return None
    return _of_owner(work, reader, offered, submission.owner)


def of_reader(work: Work, reader: Reader, assignment: OfferedAssignment) -> Contributions | None:
    """What was said of the work of the reader's own team."""
    if not is_asked(work, reader, assignment):
        return None
    return _of_owner(work, reader, assignment, owner_of(work, reader, assignment))


def write(work: Work, reader: Reader, assignment: OfferedAssignment, text: str) -> None:
    """The team's paragraph, as it came with an upload: a new one when it says something else than the one that holds.

    What was said about the one before no longer holds for a new one. The caller has received the submission in this
    transaction. Raises BadRequest where nobody is asked, or when it is too long.
    """
    told = _text(text)
    if not told:
        return
    if not is_asked(work, reader, assignment):
        raise BadRequest("Nobody asks here who did what in a team: leave that out.")
    owner = owner_of(work, reader, assignment)
    there = contributions.paragraph(work, AssignmentId(assignment.id), owner)
    if there is None or there.text != told:
        contributions.add(
            work, AssignmentId(assignment.id), owner, person=reader.id, stance=Stance.WRITTEN, text=told, about=None
        )


def say(work: Work, reader: Reader, submission: Submission, *, about: int, stance: Stance, text: str) -> Contributions:
    """A member confirms, corrects or disputes their team's paragraph, as often as they like. Scope submit. Audited.

    Raises:
        NeedsScope; NeedsRole: only a member of the team has a say.
        BadRequest: nobody is asked, there is no paragraph, or a correction or dispute has no words or too many.
        ConflictError: the paragraph is another one meanwhile.

    """
    reader.require_scope(Scope.SUBMIT)
    offered = submissions.offered_to_owner(work, reader, submission)
    if not offered.spec.definition.contribution or not submission.owner.startswith("t"):
        raise BadRequest("Nobody asks here who did what in a team.")
    if reader.id not in {person for person, _ in extensions.members(work, submission.owner)}:
        raise NeedsRole("Only a member of the team says who did what in it.")
    told = _text(text)
    if stance is Stance.WRITTEN:
        raise BadRequest("A paragraph comes with an upload; confirm, correct or dispute the one that is there.")
    if stance is not Stance.CONFIRMED and not told:
        raise BadRequest("Say in words what is wrong with it.")
    submission_rows.lock_owner(work, offered.id, submission.owner)
    there = contributions.paragraph(work, AssignmentId(offered.id), submission.owner)
    if there is None:
        raise BadRequest("There is no paragraph yet; it comes with the next upload.")
    if there.id != about:
        raise ConflictError("The paragraph was changed meanwhile; read it again, then say what you think of it.")
    contributions.add(
        work, AssignmentId(offered.id), submission.owner, person=reader.id, stance=stance, text=told, about=there.id
    )
    audit.note(work, reader, "say who did what", f"submission:{submission.id}", stance.value)
    return _of_owner(work, reader, offered, submission.owner)


def _of_owner(work: Work, reader: Reader, assignment: OfferedAssignment, owner: Owner) -> Contributions:
    there = contributions.paragraph(work, AssignmentId(assignment.id), owner)
    said = {} if there is None else contributions.about(work, there.id)
    if there is not None and there.person is not None and there.person not in said:
        said[there.person] = there
    is_staff = reader.is_staff(CourseId(assignment.course_id))
    people = dict(extensions.members(work, owner))
    # Who has left the team has said what they said.
    people |= {person: word.name or "" for person, word in said.items() if person not in people}
    return Contributions(
        id=0 if there is None else there.id,
        text="" if there is None else there.text,
        written_by="" if there is None else one_line(there.name or "", limit=80),
        written_at=None if there is None else there.said_at,
        members=tuple(
            _word(reader, name, person, said.get(person), is_staff=is_staff) for person, name in people.items()
        ),
    )


def _word(reader: Reader, name: str, person: int, said: Said | None, *, is_staff: bool) -> MemberWord:
    if said is None:
        return MemberWord(person=PersonId(person), name=name, stance=None)
    is_shown = said.stance is not Stance.WRITTEN and (is_staff or person == reader.id)
    return MemberWord(
        person=PersonId(person), name=name, stance=said.stance, text=said.text if is_shown else "", said_at=said.said_at
    )


def _text(text: str) -> str:
    told = plain(text.replace("\r\n", "\n"), limit=LONGEST + 1).strip()
    if len(told) > LONGEST:
        raise BadRequest(f"Who did what is a paragraph of at most {LONGEST:,} characters.")
    return told
