"""Grades an idea and says what of its expectation does not hold. Used by the tests and by `python -m tests.attacks`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from grader.domain.check import Visibility
from grader.domain.run import RunReport
from grader.engine.pipeline import Engine, GradeOptions
from grader.engine.sandbox.container_terms import GVISOR
from grader.specs.load import Spec, load_spec
from tests.attacks.canaries import Canaries
from tests.attacks.handins import RIGHT, RIGHT_ANSWERS
from tests.attacks.idea import FULL, MODULE, Idea

SEED = "attacks"
# An engine that expects runs starts its sandboxes with their full share of the processor.
MANY = 1_000_000


def target() -> Spec:
    """What every idea is graded by."""
    return load_spec("target", Path(__file__).with_name("specs"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an idea's run ended, and what of it should not have been."""

    idea: Idea
    report: RunReport
    problems: tuple[str, ...]

    @property
    def summary(self) -> str:
        """For a table: points or refusal, how its sandboxes ended, and whether staff see a mark."""
        report = self.report
        if report.status != "graded":
            words = [str(report.status)]
        else:
            words = [f"{report.score:g} of {self.idea.at_most:g} points"]
            words += [one.replace("_", " ") for one in dict.fromkeys(report.facts.endings) if one != "killed"]
        words += ["marked"] * bool(report.facts.flags)
        return ("" if not self.problems else "LOST: ") + ", ".join(words)

    def with_problems(self, more: list[str]) -> Ended:
        return replace(self, problems=(*self.problems, *more))


def grade(engine: Engine, spec: Spec, idea: Idea, canaries: Canaries) -> Ended:
    """One idea on the engine's backend, held against what it must come to there."""
    on = "gvisor" if engine.backend.name.startswith(f"docker/{GVISOR}") else engine.backend.name
    idea = replace(idea, **dict(idea.differs.get(on, {})))
    name, content = idea.handed_in(canaries.words)
    report = engine.grade(spec, name, content, GradeOptions(only=idea.only, seed=SEED, answers=idea.answers))
    return Ended(idea=idea, report=report, problems=tuple(problems_of(idea, report, canaries.secret)))


def problems_of(idea: Idea, report: RunReport, secret: str) -> list[str]:
    """What does not hold, in sentences."""
    found = []
    everything = json.dumps(asdict(report), default=str, ensure_ascii=False)
    if report.status != idea.status:
        found.append(f"it was {report.status} and not {idea.status}: {report.message}")
    score = report.score or 0.0
    if not idea.at_least <= score <= idea.at_most:
        won = [f"{result.id} {result.status} {result.points:g}: {result.message}" for result in report.checks]
        found.append(f"it got {score:g} points, not {idea.at_least:g} to {idea.at_most:g}: {'; '.join(won)}")
    if idea.endings and not set(idea.endings) & set(report.facts.endings):
        found.append(f"its sandboxes ended as {report.facts.endings}, none as {' or '.join(idea.endings)}")
    if idea.tried and not re.search(idea.tried, everything):
        found.append(f"nothing shows that it was tried: /{idea.tried}/ is not in {_shown(report)}")
    seen = student_text(report)
    found += [f"the student does not read {words!r} but {seen[:600]!r}" for words in idea.told if words not in seen]
    found += [f"{words!r} stands in the report" for words in (*idea.untold, secret) if words in everything]
    found += [f"no mark says {words!r}: {report.facts.flags}" for words in idea.flags if not _says(report, words)]
    if not idea.flags and report.facts.flags:
        found.append(f"it is marked without reason: {report.facts.flags}")
    found += [f"the student reads the mark {flag!r}" for flag in report.facts.flags if flag in seen]
    return found


def student_text(report: RunReport) -> str:
    """What the student may read of a report."""
    shown = [result for result in report.checks if result.visibility is not Visibility.STAFF]
    return "\n".join([report.message, *report.notes, *(f"{one.message}\n{one.output}" for one in shown)])


def next_student(engine: Engine, spec: Spec, options: Mapping[str, object] | None = None) -> list[str]:
    """Problems of a right hand-in, graded after an idea."""
    options = dict(options or {})
    report = engine.grade(spec, MODULE, RIGHT.encode(), GradeOptions(seed=SEED, answers=RIGHT_ANSWERS, **options))
    if report.score != FULL and not options:
        return [f"the next student got {report.score} of {FULL:g} points: {_shown(report)}"]
    failed = [result for result in report.checks if result.status not in ("passed", "skipped")]
    found = [f"the next student failed {result.id}: {result.message}" for result in failed]
    return found + [f"the next student was marked: {flag}" for flag in report.facts.flags]


def _says(report: RunReport, words: str) -> bool:
    return any(words in flag for flag in report.facts.flags)


def _shown(report: RunReport) -> str:
    lines = [f"{one.id} {one.status}: {one.message} {one.detail[-300:]} {one.output[:500]}" for one in report.checks]
    return f"{report.message} {report.notes} " + " | ".join(lines)
