"""`grader spec check`: whether a spec judges rightly.

The reference gets full marks, the starter the floor, every mutant is caught by the check it names and by no unrelated
part, every variant gets full marks, and an empty submission passes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from grader.domain.check import CheckResult, CheckStatus, Stage
from grader.domain.run import RunReport, RunStatus
from grader.engine.handins import Entry, HandIn, entries_of, hand_in, reference_hand_in, starter_hand_in
from grader.engine.pipeline import Engine, GradeOptions
from grader.specs.load import Spec

# Without `every`, this many mutants and variants are tried, chosen so that as many checks as possible are covered.
SUBSET = 6
EMPTY_NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
# The starter may earn this share: what it was given already works (file names, `MyConv2d`).
STARTER_FLOOR = 0.35


@dataclass(slots=True)
class Proof:
    """What was tried and what did not hold."""

    tried: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems


class Kind(StrEnum):
    """What a hand-in proves."""

    REFERENCE = "reference"
    STARTER = "starter"
    EMPTY = "empty"
    MUTANT = "mutant"
    VARIANT = "variant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A hand-in whose verdicts are known beforehand; `judge` tells a sentence for each that came out otherwise."""

    kind: Kind
    title: str
    made: HandIn
    judge: Callable[[RunReport], list[str]]
    options: GradeOptions


def prove(
    spec: Spec,
    engine: Engine,
    *,
    every: bool,
    repeat: int = 1,
    jobs: int = 1,
    train: bool = True,
    on_line: Callable[[str], None],
) -> Proof:
    """Prove a spec; the problems are sentences for its author.

    Args:
        spec: the spec to prove.
        engine: grades the hand-ins.
        every: all mutants and variants, not the subset.
        repeat: how many times the reference is graded, each time with other random inputs.
        jobs: runs at a time; the engine was opened with as many.
        train: False leaves every training check, and mutants only training could catch, out.
        on_line: told one line for each hand-in tried.

    """
    proof = Proof()
    first = reference_case(spec, train=train)
    reference = engine.grade(spec, *_as_pair(first.made), first.options)
    _judge(proof, first.title, first.judge(reference), on_line)
    if reference.status is not RunStatus.GRADED:
        return proof
    cases = [
        *(_reference_case(spec, time, train=train) for time in range(2, repeat + 1)),
        *other_cases(spec, stages_of(reference), every=every, train=train),
    ]
    with ThreadPoolExecutor(max_workers=jobs) as threads:
        for case, report in zip(
            cases,
            threads.map(lambda case: engine.grade(spec, *_as_pair(case.made), case.options), cases),
            strict=True,
        ):
            _judge(proof, case.title, case.judge(report), on_line)
    return proof


def stages_of(report: RunReport) -> dict[str, Stage]:
    """Check to stage, as a spec's report has them."""
    return {result.id: result.stage for result in report.checks}


def reference_case(spec: Spec, *, train: bool) -> Case:
    """The reference, which gets full marks."""
    return _reference_case(spec, 1, train=train)


def other_cases(spec: Spec, stages: dict[str, Stage], *, every: bool, train: bool) -> list[Case]:
    """Starter, empty hand-in, mutants and variants: all, or the selection that covers as many checks as possible.

    Args:
        spec: the spec they belong to.
        stages: check to stage, see `stages_of`.
        every: all mutants and variants.
        train: False leaves out mutants that only training could catch.

    """
    return [
        _starter_case(spec),
        _empty_case(),
        *_mutants(spec, stages, every=every, train=train),
        *_variants(spec, every=every),
    ]


def _as_pair(made: HandIn) -> tuple[str, bytes]:
    return made.name, made.content


def _judge(proof: Proof, title: str, problems: list[str], on_line: Callable[[str], None]) -> None:
    proof.tried += 1
    proof.problems += [f"{title}: {problem}" for problem in problems]
    on_line(f"{'ok  ' if not problems else 'FAIL'} {title}{': ' + '; '.join(problems) if problems else ''}")


def _not_passed(report: RunReport) -> list[CheckResult]:
    return [result for result in report.checks if result.status not in (CheckStatus.PASSED, CheckStatus.SKIPPED)]


def _full_marks(report: RunReport, *, may_fail: tuple[str, ...] = (), train: bool) -> list[str]:
    if report.status is not RunStatus.GRADED:
        return [f"was {report.status}: {report.message}"]
    skipped = [
        result
        for result in report.checks
        if result.status is CheckStatus.SKIPPED and (train or result.stage is not Stage.TRAIN)
    ]
    wrong = [
        result
        for result in (*_not_passed(report), *skipped)
        if result.id not in may_fail and result.part not in may_fail
    ]
    return [f"{result.id} {result.status}: {result.message} {result.detail[-300:]}".strip() for result in wrong]


def _reference_case(spec: Spec, time: int, *, train: bool) -> Case:
    return Case(
        kind=Kind.REFERENCE,
        title="reference" if time == 1 else f"reference, run {time}",
        made=reference_hand_in(spec),
        judge=partial(_full_marks, train=train),
        options=GradeOptions(train=train, seed="prove" if time == 1 else f"prove {time}"),
    )


def _starter_case(spec: Spec) -> Case:
    def judge(report: RunReport) -> list[str]:
        if report.status is not RunStatus.GRADED or report.score is None:
            return [f"was {report.status}: {report.message}"]
        if report.score > STARTER_FLOOR * report.max_score:
            return [f"the untouched starter got {report.score:g} of {report.max_score:g} points"]
        return []

    return Case(
        kind=Kind.STARTER,
        title="starter",
        made=starter_hand_in(spec),
        judge=judge,
        options=GradeOptions(train=False, seed="prove"),
    )


def _empty_case() -> Case:
    def judge(report: RunReport) -> list[str]:
        return [
            f"{result.id} is passed by an empty submission"
            for result in report.checks
            if result.status is CheckStatus.PASSED
        ]

    return Case(
        kind=Kind.EMPTY,
        title="empty",
        made=HandIn(name="empty.ipynb", content=EMPTY_NOTEBOOK),
        judge=judge,
        options=GradeOptions(train=False, seed="prove"),
    )


def _mutants(spec: Spec, stages: dict[str, Stage], *, every: bool, train: bool) -> list[Case]:
    entries = entries_of(spec, "mutant")
    needs_training = {
        entry.name: all(stages.get(check) is Stage.TRAIN for check in entry.caught_by) for entry in entries
    }
    if not train:
        entries = tuple(entry for entry in entries if not needs_training[entry.name])
    chosen = entries if every else _covering(tuple(entry for entry in entries if not needs_training[entry.name]))
    return [
        Case(
            kind=Kind.MUTANT,
            title=f"mutant {entry.name}",
            made=hand_in(spec, "mutant", entry),
            judge=partial(_caught, entry=entry, stages=stages, train=train),
            options=GradeOptions(
                train=train and any(stages.get(check) is Stage.TRAIN for check in entry.caught_by),
                seed="prove",
            ),
        )
        for entry in chosen
    ]


def _caught(report: RunReport, entry: Entry, stages: dict[str, Stage], *, train: bool) -> list[str]:
    unknown = [check for check in entry.caught_by if check not in stages]
    if unknown or not entry.caught_by:
        return [f"names a check that does not exist: {', '.join(unknown) or 'none at all'}"]
    if report.status is not RunStatus.GRADED:
        return [f"was {report.status}: {report.message}"]
    failing = {result.id for result in _not_passed(report)}
    asked = [check for check in entry.caught_by if train or stages[check] is not Stage.TRAIN]
    problems = [f"{check} did not catch it" for check in asked if check not in failing]
    parts: dict[str, str] = {result.id: result.part for result in report.checks}
    related = {parts[check] for check in entry.caught_by if check in parts} | set(entry.also)
    strays = [result.id for result in _not_passed(report) if result.part not in related and result.id not in related]
    return problems + [f"the unrelated check {stray} fails too" for stray in strays]


def _variants(spec: Spec, *, every: bool) -> list[Case]:
    entries = entries_of(spec, "variant")
    return [
        Case(
            kind=Kind.VARIANT,
            title=f"variant {entry.name}",
            made=hand_in(spec, "variant", entry),
            judge=partial(_full_marks, may_fail=entry.also, train=False),
            options=GradeOptions(train=False, seed="prove"),
        )
        for entry in (entries if every else _spread(entries, SUBSET // 2))
    ]


def _covering(entries: tuple[Entry, ...]) -> list[Entry]:
    """Greedily, mutants that are caught in parts none of the chosen ones is caught in, then by checks not yet seen."""
    chosen: list[Entry] = []
    for names in (_parts, _checks):
        covered = {name for entry in chosen for name in names(entry)}
        for entry in entries:
            if len(chosen) < SUBSET and entry not in chosen and not covered.issuperset(names(entry)):
                chosen.append(entry)
                covered.update(names(entry))
    return chosen


def _parts(entry: Entry) -> set[str]:
    # The name of a check holds no dot; that of a part may.
    return {check.rpartition(".")[0] for check in entry.caught_by}


def _checks(entry: Entry) -> set[str]:
    return set(entry.caught_by)


def _spread(entries: tuple[Entry, ...], count: int) -> tuple[Entry, ...]:
    """`count` of them from all along the list."""
    return entries[:: max(1, len(entries) // count)][:count]
