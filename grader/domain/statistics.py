"""How an assignment went: values, and the rules by which a check is worth a look. Pure.

Discrimination says how well a check tells those who do well elsewhere from those who do not. It is the corrected
point-biserial correlation (item and rest): Pearson's r between passing the check (1 or 0) and the share of points that
the same run has in all other checks. The check's own points are left out, because with them even a coin would correlate
with the total. Sources: S. Henrysson, "Correction of item-total correlations in item analysis", Psychometrika 28
(1963), 211-218, for leaving the item out; F. M. Lord and M. R. Novick, "Statistical Theories of Mental Test Scores"
(1968), ch. 15, for the point-biserial. In repeated sampling an r of nothing scatters by about 1 / sqrt(n - 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from grader.domain.check import Stage
from grader.domain.ids import SubmissionId

# Below this an r is mostly chance: nothing is related to nothing by up to 0.66 (two spreads) among ten.
FEWEST_RUNS = 10
HARDLY_ANYBODY = 0.1


class CheckNote(StrEnum):
    """What stands out about a check, or why nothing can be said."""

    TOO_FEW = "too-few"
    HARDLY_PASSED = "hardly-passed"
    ALWAYS_PASSED = "always-passed"
    NO_SPREAD = "no-spread"
    INVERSE = "inverse"


SENTENCES = {
    CheckNote.TOO_FEW: f"Fewer than {FEWEST_RUNS} counting runs were judged by it: too few to say anything.",
    CheckNote.HARDLY_PASSED: "Almost nobody passes it: is the check wrong, or was this not taught?",
    CheckNote.ALWAYS_PASSED: "Everybody passes it, so it tells nobody apart.",
    CheckNote.NO_SPREAD: "All have the same points elsewhere, so there is nothing to compare it with.",
    CheckNote.INVERSE: "Those who pass it do worse elsewhere: does it punish something that is right?",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRate:
    """How many of the counting runs pass a check, and how well it tells them apart.

    `discrimination` lies between -1 and 1; None where `note` says that there is none.
    """

    id: str
    title: str
    part: str
    passed: int
    judged: int
    discrimination: float | None = None
    note: CheckNote | None = None

    @property
    def sentence(self) -> str:
        """What `note` means, for people; empty without one."""
        return "" if self.note is None else SENTENCES[self.note]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlakyCheck:
    """A check that came to different verdicts for the same submission by the same spec version.

    Of `repeated` submissions that it judged more than once, `differing` got more than one verdict; those were judged
    `runs` times, and `passed` of these runs passed. `examples` are some of them, the newest first. A run that skipped
    the check has no verdict.
    """

    id: str
    title: str
    part: str
    differing: int
    repeated: int
    runs: int
    passed: int
    examples: tuple[SubmissionId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FullMarks:
    """How long full marks took those who have reached them, from the first upload to the first with full marks.

    Students or teams, each once: `reached` of `owners` who handed in. Times are seconds between uploads, so a queue of
    ours is not in them. `uploads` holds (number of uploads, how many owners needed so many), the last with all above.
    """

    owners: int = 0
    reached: int = 0
    median_s: float | None = None
    p90_s: float | None = None
    median_uploads: float | None = None
    p90_uploads: float | None = None
    uploads: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """What a stage took over all its finished runs, reruns included, in seconds of a worker.

    `gpu_s` is for how many seconds a whole GPU was taken; half a share counts half.
    """

    stage: Stage
    runs: int
    median_s: float | None
    p95_s: float | None
    total_s: float
    gpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentStatistics:
    """`histogram` holds (from score, to score, students); times are seconds; counts are of students or runs.

    `gpu_s` is for how many seconds a whole GPU was taken by all stages together; half a share counts half.
    """

    students: int
    handed_in: int
    graded: int
    mean_score: float | None
    median_score: float | None
    histogram: tuple[tuple[float, float, int], ...]
    checks: tuple[CheckRate, ...]
    median_grading_s: float | None
    p95_grading_s: float | None
    waiting: int
    being_graded: int
    failed_runs: int
    gpu_s: float = 0.0
    flaky: tuple[FlakyCheck, ...] = ()
    full_marks: FullMarks = FullMarks()
    stages: tuple[StageTimes, ...] = ()


def note_on(passed: int, judged: int, correlation: float | None) -> CheckNote | None:
    """What stands out first. `correlation` is None where passing or the other points do not vary."""
    if judged < FEWEST_RUNS:
        return CheckNote.TOO_FEW
    if passed == judged:
        return CheckNote.ALWAYS_PASSED
    if passed <= HARDLY_ANYBODY * judged:
        return CheckNote.HARDLY_PASSED
    if correlation is None:
        return CheckNote.NO_SPREAD
    # Two spreads: by chance alone about one check in forty is named wrongly.
    return CheckNote.INVERSE if correlation < -2 / math.sqrt(judged - 1) else None
