"""Checks against what the spec folder holds: written answers and calibrated thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from grader.engine.harness.authoring import CheckFailed

if TYPE_CHECKING:
    from grader.engine.student.student import Student


@dataclass(slots=True)
class SpecContext:
    """The spec under which this harness process judges; set once, when the job arrives."""

    folder: Path = Path()
    thresholds: dict[str, dict[str, Any]] = field(default_factory=dict)
    questions: dict[str, Any] | None = None


context = SpecContext()


def threshold(name: str) -> float:
    """The calibrated bound `[threshold.<name>]` of `assignment.toml`."""
    return float(context.thresholds[name]["value"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdFacts:
    """A calibrated bound and what it rests on; see `[threshold.<name>]` in the spec guide."""

    metric: str
    value: float
    direction: Literal["below", "above"]
    reference_mean: float
    reference_spread: float
    seeds: int
    best_broken: float | None
    data_sha256: str

    @property
    def band(self) -> tuple[float, float]:
        """Where references end: their mean, two spreads down and up."""
        return (
            self.reference_mean - 2 * self.reference_spread,
            self.reference_mean + 2 * self.reference_spread,
        )


def threshold_facts(name: str) -> ThresholdFacts:
    """All that `[threshold.<name>]` of `assignment.toml` says."""
    stored = context.thresholds[name]
    return ThresholdFacts(**{key: stored[key] for key in ThresholdFacts.__dataclass_fields__})


def assert_answer(student: Student, question: str) -> None:
    """Compare the student's written answer with those `questions.toml` accepts.

    Raises:
        CheckFailed: no answer, one that cannot be read, or a wrong one; never shows the accepted answer.

    """
    from grader.engine.harness.answers import accepts, load_questions

    if context.questions is None:
        context.questions = dict(load_questions(context.folder / "questions.toml"))
    asked = context.questions[question]
    given = student.answers()
    if question not in given:
        raise CheckFailed(
            f"No answer to {question} was found; enter it on the assignment's page, in answers.toml, or in a cell that "
            "starts with '# answers'."
        )
    verdict = accepts(asked, given[question])
    if not verdict.ok:
        raise CheckFailed(verdict.message)
