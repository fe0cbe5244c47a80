"""Which submissions have passages in common: kept by whoever runs the service, read by staff, and never by students.

The server reads no submission: fingerprints come from sandboxes (`grader similarity`), and here only their numbers are
compared. What is said is that texts have passages in common, and never why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.domain.course import Reader, Scope
from grader.domain.errors import UnknownAssignment, UnknownThing
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import CourseId
from grader.domain.similarity import Comparison, Fingerprint, PairTexts, SimilarPair, matches, own_values
from grader.domain.similarity import pairs as pairs_of
from grader.service import audit
from grader.storage.database import Work
from grader.storage.repositories import assignments
from grader.storage.repositories import similarity as repository
from grader.storage.repositories.similarity import Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a comparison of an assignment needs: itself and those of other terms, and what is to be read first."""

    assignment: OfferedAssignment
    alike: tuple[OfferedAssignment, ...]
    unread: tuple[Unread, ...]


def prepare(work: Work, slug: str, making: str, *, again: bool = False) -> Prepared:
    """For whoever runs the service. `alike` are all assignments of the same spec, the asked one among them.

    With `again` what could not be read is to be read once more.

    Raises:
        UnknownAssignment.

    """
    found = assignments.by_slug(work, slug)
    if found is None:
        raise UnknownAssignment(f"There is no assignment called {slug[:80]}.")
    alike = tuple(assignments.by_spec(work, found.spec.spec_slug))
    unread = repository.unread(work, [one.id for one in alike], making, again=again)
    return Prepared(assignment=found, alike=alike, unread=tuple(unread))


def keep(work: Work, one: Unread, found: Fingerprint, making: str) -> None:
    """Keep what a sandbox made of a submission, for this and later comparisons."""
    repository.keep(work, one.submission, found, making)


def compare(work: Work, prepared: Prepared, given: frozenset[int], making: str) -> Comparison:
    """Compare all submissions that were read, by numbers alone; the pairs take the place of those before. Audited.

    `given` are the fingerprints of what students were given to start with.
    """
    here = prepared.assignment.id
    handed = repository.compared(work, [one.id for one in prepared.alike], making, here=here)
    own = own_values(handed, given)
    found = [
        (
            pair,
            matches(
                repository.pieces_of(work, pair.one),
                repository.pieces_of(work, pair.other),
                own[pair.one] & own[pair.other],
            ),
        )
        for pair in pairs_of(handed, given)
    ]
    ours = sum(one.is_here for one in handed)
    unread = repository.count_unread(work, here, making)
    repository.replace(work, here, found, submissions=ours, earlier=len(handed) - ours, unread=unread)
    audit.note(work, None, "compare submissions", _subject(prepared.assignment), f"{len(handed)}: {len(found)} pairs")
    made = repository.comparison(work, here)
    assert made is not None
    return made


def overview(
    work: Work, reader: Reader, assignment: OfferedAssignment
) -> tuple[Comparison | None, tuple[SimilarPair, ...]]:
    """The last comparison, and its pairs in courses where the reader is staff. Who looked is audited.

    Raises NeedsRole, NeedsScope.
    """
    _require_staff(reader, assignment)
    found = repository.pairs(work, assignment.id)
    seen = tuple(pair for pair in found if _may_see(reader, pair))
    audit.note(work, reader, "look at similar submissions", _subject(assignment), f"{len(seen)} pairs")
    return repository.comparison(work, assignment.id), seen


def pair(work: Work, reader: Reader, assignment: OfferedAssignment, identity: int) -> PairTexts:
    """Both texts and where they have passages in common. Who looked is audited, with both submissions.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: there is none, or the other is of a course in which the reader is not staff.

    """
    _require_staff(reader, assignment)
    found = repository.pair(work, assignment.id, identity)
    if found is None or not _may_see(reader, found[0]):
        raise UnknownThing("There is no such pair; a newer comparison may have taken its place.")
    seen, where = found
    both = (seen.one.submission, seen.other.submission)
    audit.note(work, reader, "look at two submissions", _subject(assignment), " and ".join(both))
    for one in both:
        # Not beside which: whoever asks for what is kept about them is not told of another.
        audit.note(work, reader, "look at similarity", f"submission:{one}")
    texts = [repository.pieces_of(work, side.submission) for side in (seen.one, seen.other)]
    return PairTexts(pair=seen, one=texts[0], other=texts[1], matches=where)


def given_by(prints: Sequence[Fingerprint]) -> frozenset[int]:
    """What is taken away from every submission."""
    return frozenset().union(*(one.values for one in prints))


def _require_staff(reader: Reader, assignment: OfferedAssignment) -> None:
    reader.require_staff(CourseId(assignment.course_id))
    reader.require_scope(Scope.READ)


def _may_see(reader: Reader, found: SimilarPair) -> bool:
    return reader.is_staff(found.one.course_id) and reader.is_staff(found.other.course_id)


def _subject(assignment: OfferedAssignment) -> str:
    return f"similarity:{assignment.id}"
