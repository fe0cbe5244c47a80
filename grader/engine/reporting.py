"""From what a run came to, to its report. Pure."""

from __future__ import annotations

from dataclasses import replace

from grader.domain.assignment import Assignment
from grader.domain.check import CheckResult
from grader.domain.run import RunFacts, RunReport, RunStatus, Timing
from grader.domain.score import mark_of, score_of
from grader.engine.flags import flags_of
from grader.engine.harness.supervise import Judgement
from grader.intake.archive import Listing
from grader.kit.text import one_line

# Of what a sandbox claims about its files, so much goes into a report's facts.
MOST_FILES = 100


def notes_of(listing: Listing, judgement: Judgement) -> tuple[str, ...]:
    """What intake and loading found worth telling the student."""
    files = judgement.facts.get("files", [])
    return (
        *listing.notes,
        *(f"{path}: {note}" for path, _, note in files if note),
        *judgement.facts.get("notes", []),
    )


def timing_of(judgement: Judgement, intake_s: float, total_s: float) -> Timing:
    """Where the run's wall seconds went."""
    return Timing(
        intake=round(intake_s, 4),
        sandbox=round(judgement.first_sandbox_s, 4),
        load=round(float(judgement.facts.get("load_s", 0.0)), 4),
        checks=round(sum(result.seconds for result in judgement.results if result.reused_from is None), 4),
        total=round(total_s, 4),
    )


def facts_of(judgement: Judgement, *, sandbox: str, seed: str) -> RunFacts:
    """What staff may know about how the run went; `sandbox` is the backend's name."""
    endings = judgement.endings
    peaks = [ending.peak_bytes for ending in endings if ending.peak_bytes is not None]
    spent = [ending.cpu_s for ending in endings if ending.cpu_s is not None]
    files = judgement.facts.get("files", [])[:MOST_FILES]
    return RunFacts(
        sandbox=sandbox,
        sandboxes=len(endings),
        endings=tuple(str(ending.reason) for ending in endings),
        peak_bytes=max(peaks, default=None),
        cpu_s=round(sum(spent), 3) if spent else None,
        seed=seed,
        torch=judgement.torch,
        files=tuple((one_line(path), one_line(status), one_line(note)) for path, status, note in files),
        flags=flags_of(judgement.facts.get("breaches", {}), endings),
    )


def graded(report: RunReport, assignment: Assignment, judgement: Judgement) -> RunReport:
    """`report` with the results and their score, or rejected if no code file could be read."""
    files = judgement.facts.get("files", [])
    if (
        files
        and all(status in ("unreadable", "unparsed") for _, status, _ in files)
        and not judgement.facts.get("names")
    ):
        words = next((f"{path}: {note}" for path, _, note in files if note), "None of the code files could be read.")
        return replace(report, status=RunStatus.REJECTED, message=words, notes=())
    results = _in_order(assignment, judgement.results)
    score = score_of(results)
    mark = mark_of(assignment.scale, score, report.max_score)
    return replace(report, status=RunStatus.GRADED, score=score, mark=mark, checks=results)


def _in_order(assignment: Assignment, results: list[CheckResult]) -> tuple[CheckResult, ...]:
    place = {part.id: index for index, part in enumerate(assignment.part)}
    return tuple(sorted(results, key=lambda result: place[result.part]))
