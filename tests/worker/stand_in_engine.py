"""An engine that judges by a script, with the events of the real one: for everything the loop does around an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from grader.domain.check import Artifact, CheckDefinition, CheckResult, CheckStatus, Stage
from grader.domain.ids import CheckId, PartId
from grader.domain.run import Event, RunFacts, RunReport, RunStatus, without_checks
from grader.domain.score import score_of
from grader.engine.pipeline import GradeOptions
from tests.builders import a_result


def _planned(name: str, points: float, stage: Stage) -> CheckDefinition:
    return CheckDefinition(id=CheckId(name), part=PartId(name[0]), title=name, points=points, stage=stage)


# What tests/faults/specs/tiny holds.
PLAN = (
    _planned("A.loads", 0, Stage.GATE),
    _planned("A.answer", 1, Stage.UNIT),
    _planned("A.sleeps", 2, Stage.UNIT),
    _planned("B.trains", 2, Stage.TRAIN),
)


@dataclass
class StandInEngine:
    """`failing` checks fail; `during[check]` is called while a check is under way; `then` replaces the report.

    `begins` is how often it begins anew, as the real one does when a sandbox was lost.
    """

    failing: set[str] = field(default_factory=set)
    during: dict[str, Callable[[], None]] = field(default_factory=dict)
    artifacts: dict[str, tuple[Artifact, ...]] = field(default_factory=dict)
    then: Callable[[RunReport], RunReport] = lambda report: report
    begins: int = 1
    calls: list[tuple[tuple[Stage, ...], str | None]] = field(default_factory=list)
    answers: list[dict[str, object]] = field(default_factory=list)

    def grade(
        self,
        spec,
        name: str,
        content: bytes,
        options: GradeOptions | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> RunReport:
        assert options is not None
        assert on_event is not None
        self.calls.append((options.stages, options.seed))
        self.answers.append(dict(options.answers))
        results: list[CheckResult] = []
        for _ in range(self.begins):
            on_event(Event(kind="plan", plan=PLAN))
            results = self._checks(options, on_event)
        blank = without_checks(
            spec.assignment, spec_version=spec.version, file=name, sha256="0" * 64, status=RunStatus.GRADED
        )
        facts = RunFacts(sandbox="stand-in", sandboxes=1)
        return self.then(replace(blank, checks=tuple(results), score=score_of(results), facts=facts))

    def _checks(self, options: GradeOptions, on_event: Callable[[Event], None]) -> list[CheckResult]:
        results: list[CheckResult] = []
        stage = None
        for planned in PLAN:
            gate_failed = any(r.stage is Stage.GATE and r.status is CheckStatus.FAILED for r in results)
            if planned.stage not in options.stages and not gate_failed:
                continue
            if gate_failed:
                results.append(a_result(planned, CheckStatus.SKIPPED, points=0.0))
                continue
            if planned.stage is not stage:
                stage = planned.stage
                on_event(Event(kind="stage", stage=stage))
            on_event(Event(kind="started", check_id=planned.id))
            self.during.get(str(planned.id), lambda: None)()
            status = CheckStatus.FAILED if planned.id in self.failing else CheckStatus.PASSED
            result = a_result(planned, status, artifacts=self.artifacts.get(str(planned.id), ()))
            results.append(result)
            on_event(Event(kind="check", check_id=planned.id, result=result))
        return results
