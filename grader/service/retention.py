"""How long what students handed in is kept.

An owner's work for an assignment is old when its newest submission is: nobody's scores for one are cut in two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from grader.domain.errors import BadArguments, UnknownThing
from grader.domain.ids import Slug
from grader.service import audit, clearing, gradebook
from grader.service.clearing import Cleared
from grader.storage.blobs import Blobs
from grader.storage.database import Database, Work
from grader.storage.repositories import care, courses, trials
from grader.storage.repositories.care import OldWork

_AGE = re.compile(r"(\d{1,5})(d|w|mo|y)")
_DAYS = {"d": 1, "w": 7, "mo": 30, "y": 365}
# A student who can still appeal needs their work; less is a slip of the finger.
SHORTEST = timedelta(days=30)
_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What goes: work older than `age` (None: none), of one course if it says so; `everything`: with its scores."""

    age: timedelta | None = None
    course: str | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was done. `owners` counts students and teams by assignment.

    `ended` are sessions, tokens, sign-in attempts, and drafts that nobody has saved for as long as the policy says.
    """

    submissions: int
    owners: int
    ended: int
    cleared: Cleared


def age_of(text: str) -> timedelta:
    """`90d`, `26w`, `18mo` (of 30 days) or `2y` (of 365). Raises BadArguments for anything else, and for too short."""
    found = _AGE.fullmatch(text.strip())
    if not found:
        raise BadArguments(f"An age is such as 90d, 26w, 18mo or 2y, not {text[:40]!r}.")
    age = timedelta(days=int(found[1]) * _DAYS[found[2]])
    if age < SHORTEST:
        raise BadArguments(f"What is younger than {SHORTEST.days} days is never removed by age.")
    return age


def apply(database: Database, blobs: Blobs, policy: Policy, *, dry_run: bool = False) -> Applied:
    """Do what the policy says, let runs of dropped trials go, then clear bytes that nobody names. Audited.

    A run of it that is interrupted has done whole owners, and the next one goes on.

    Raises:
        UnknownThing: there is no such course.

    """
    chosen = _chosen(database, policy)
    done: list[OldWork] = []
    digests: set[str] = set()
    for start in range(0, len(chosen), _AT_ONCE):
        if dry_run:
            done = chosen
            break
        with database.begin() as work:
            still = [one for one in chosen[start : start + _AT_ONCE] if care.is_still_old(work, one)]
            digests |= _remove(work, still, everything=policy.everything)
        done += still
    ended = 0 if dry_run else _forget_and_note(database, policy, done)
    digests |= set() if dry_run else _forget_dropped(database)
    cleared = clearing.clear_orphans(database, blobs, dry_run=dry_run)
    removed = Cleared() if dry_run else clearing.let_go(database, blobs, digests)
    return Applied(
        submissions=sum(len(one.submissions) for one in done),
        owners=len(done),
        ended=ended,
        cleared=Cleared(
            blobs=cleared.blobs + removed.blobs,
            size_bytes=cleared.size_bytes + removed.size_bytes,
            later=cleared.later + removed.later,
        ),
    )


def _chosen(database: Database, policy: Policy) -> list[OldWork]:
    with database.begin() as work:
        course = None
        if policy.course is not None:
            found = courses.by_slug(work, Slug(policy.course))
            if found is None:
                raise UnknownThing(f"There is no course called {policy.course[:80]}.")
            course = found.id
        if policy.age is None:
            return []
        return care.old_work(work, age=policy.age, course=course, with_removed=policy.everything)


def _remove(work: Work, still: list[OldWork], *, everything: bool) -> set[str]:
    chosen = [submission for one in still for submission in one.submissions]
    digests = care.digests_of(work, chosen)
    if everything:
        staying = care.beside(work, chosen)
        care.delete_overrides_of(work, chosen)
        care.delete(work, chosen)
        for assignment, owner in staying:
            gradebook.refresh(work, assignment, owner)
    else:
        care.empty(work, chosen)
    return digests


def _forget_dropped(database: Database) -> set[str]:
    """Runs of trials that were dropped, whatever their age; the blobs that they named."""
    with database.begin() as work:
        dropped = trials.dropped_runs(work)
        if dropped:
            audit.note(work, None, "apply retention", "trials", f"{len(dropped)} runs of dropped trials")
        return trials.forget(work, dropped)


def _forget_and_note(database: Database, policy: Policy, done: list[OldWork]) -> int:
    with database.begin() as work:
        if done:
            what = "everything" if policy.everything else "bytes"
            age = policy.age.days if policy.age else 0
            number = sum(len(one.submissions) for one in done)
            audit.note(
                work, None, "apply retention", f"course:{policy.course or 'every'}",
                f"{what} of {number} submissions older than {age} days",
            )  # fmt: skip
        course = None if policy.course is None else courses.by_slug(work, Slug(policy.course))
        drafts = 0
        if policy.age is not None:
            drafts = care.delete_old_drafts(work, age=policy.age, course=None if course is None else course.id)
        return drafts + care.forget_ended(work)
