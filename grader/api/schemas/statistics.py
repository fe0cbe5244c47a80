"""How an assignment went, as the API writes it."""

from __future__ import annotations

from pydantic import Field

from grader.api.schemas.common import Answer
from grader.domain.check import Stage
from grader.domain.statistics import AssignmentStatistics, CheckNote, CheckRate, FlakyCheck, FullMarks, StageTimes


class HistogramBar(Answer):
    from_: float = Field(alias="from", examples=[30.0])
    to: float = Field(examples=[35.0])
    students: int = Field(examples=[17])


class CheckRateAnswer(Answer):
    """How many of the counting runs pass a check; `note` is what stands out, `sentence` the same for people."""

    id: str
    part: str
    title: str
    passed: int
    judged: int
    discrimination: float | None = Field(
        description="Passing against points elsewhere: corrected point-biserial correlation, -1 to 1.", examples=[0.41]
    )
    note: CheckNote | None
    sentence: str


class FlakyCheckAnswer(Answer):
    """A check that came to different verdicts for one submission by one spec version."""

    id: str
    part: str
    title: str
    differing: int = Field(description="Submissions with more than one verdict.")
    repeated: int = Field(description="Submissions it judged more than once by one spec version.")
    runs: int = Field(description="Runs of the submissions that differ.")
    passed: int = Field(description="Of these runs, those that passed.")
    examples: list[str] = Field(description="Ids of some of the submissions that differ, newest first.")


class UploadsBar(Answer):
    uploads: int
    owners: int


class FullMarksAnswer(Answer):
    """From an owner's first upload to their first with full marks. Nulls where nobody has them."""

    owners: int
    reached: int
    median_s: float | None
    p90_s: float | None
    median_uploads: float | None
    p90_uploads: float | None
    uploads: list[UploadsBar] = Field(description="How many needed so many uploads; the last bar holds all above.")


class StageTimesAnswer(Answer):
    """Seconds that a stage took a worker; `gpu_s` of a whole GPU."""

    stage: Stage
    runs: int
    median_s: float | None
    p95_s: float | None
    total_s: float
    gpu_s: float


class StatisticsAnswer(Answer):
    students: int
    handed_in: int
    graded: int
    mean_score: float | None
    median_score: float | None
    histogram: list[HistogramBar]
    checks: list[CheckRateAnswer]
    median_grading_s: float | None
    p95_grading_s: float | None
    waiting: int
    being_graded: int
    failed_runs: int
    gpu_s: float = Field(default=0.0, description="Seconds of a whole GPU that all stages took together.")
    flaky: list[FlakyCheckAnswer]
    full_marks: FullMarksAnswer
    stages: list[StageTimesAnswer]


def statistics_answer(statistics: AssignmentStatistics) -> StatisticsAnswer:
    return StatisticsAnswer(
        students=statistics.students,
        handed_in=statistics.handed_in,
        graded=statistics.graded,
        mean_score=statistics.mean_score,
        median_score=statistics.median_score,
        histogram=[
            HistogramBar.model_validate({"from": low, "to": high, "students": count})
            for low, high, count in statistics.histogram
        ],
        checks=[_check(rate) for rate in statistics.checks],
        median_grading_s=statistics.median_grading_s,
        p95_grading_s=statistics.p95_grading_s,
        waiting=statistics.waiting,
        being_graded=statistics.being_graded,
        failed_runs=statistics.failed_runs,
        gpu_s=statistics.gpu_s,
        flaky=[_flaky(check) for check in statistics.flaky],
        full_marks=_full_marks(statistics.full_marks),
        stages=[_stage(stage) for stage in statistics.stages],
    )


def _check(rate: CheckRate) -> CheckRateAnswer:
    return CheckRateAnswer(
        id=rate.id,
        part=rate.part,
        title=rate.title,
        passed=rate.passed,
        judged=rate.judged,
        discrimination=rate.discrimination,
        note=rate.note,
        sentence=rate.sentence,
    )


def _flaky(check: FlakyCheck) -> FlakyCheckAnswer:
    return FlakyCheckAnswer(
        id=check.id,
        part=check.part,
        title=check.title,
        differing=check.differing,
        repeated=check.repeated,
        runs=check.runs,
        passed=check.passed,
        examples=list(check.examples),
    )


def _full_marks(found: FullMarks) -> FullMarksAnswer:
    return FullMarksAnswer(
        owners=found.owners,
        reached=found.reached,
        median_s=found.median_s,
        p90_s=found.p90_s,
        median_uploads=found.median_uploads,
        p90_uploads=found.p90_uploads,
        uploads=[UploadsBar(uploads=count, owners=owners) for count, owners in found.uploads],
    )


def _stage(stage: StageTimes) -> StageTimesAnswer:
    return StageTimesAnswer(
        stage=stage.stage,
        runs=stage.runs,
        median_s=stage.median_s,
        p95_s=stage.p95_s,
        total_s=stage.total_s,
        gpu_s=stage.gpu_s,
    )
