"""A run as a page shows it: its checks by part, in the document's order, with what stands beside them.

What a reader may see was decided in `grader.service.visibility`; nothing here looks at roles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from grader.domain.adjustment import Adjustment, Target, TargetKind
from grader.domain.assignment import Assignment, ManualItem, Part
from grader.domain.check import CheckDefinition, CheckResult, Stage, Visibility
from grader.domain.grading import GradingRun, QueuePlace, StoredArtifact
from grader.domain.ids import ArtifactId
from grader.domain.run import Mark
from grader.service.adjustments import Adjusted
from grader.service.shown_items import ShownItem
from grader.web.charts import Curve

WAITING, WITHHELD, HIDDEN = "waiting", "withheld", "hidden"
NOTHING_ADJUSTED = Adjusted()
_KEPT_BACK = frozenset({WITHHELD, HIDDEN})
_WITHOUT_RESULT = _KEPT_BACK | {WAITING}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One check. `status` is a CheckStatus, `waiting`, `withheld` (shown later) or `hidden` (shown to staff alone).

    `anchor` is unique within the page. `points` are after adjusting.
    """

    id: str
    anchor: str
    title: str
    stage: Stage
    status: str
    points: float | None
    max_points: float
    message: str = ""
    output: str = ""
    detail: str = ""
    seconds: float | None = None
    pictures: tuple[StoredArtifact, ...] = ()
    curves: tuple[Curve, ...] = ()
    staff_only: bool = False
    reused_from: str = ""
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCard:
    """A question of the document; `points` is None while nothing of it is there, or something of it is withheld."""

    id: str
    title: str
    points: float | None
    max_points: float
    checks: tuple[CheckLine, ...]
    manual: tuple[ManualItem, ...]
    items: Mapping[str, ShownItem]
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A run. `parts` have checks; those that are `read_by_person` have none; `others` this run does not judge.

    `done` of `planned` checks have a result; besides, some are shown to this reader later (`withheld`) or never.
    """

    run: GradingRun
    parts: tuple[PartCard, ...]
    read_by_person: tuple[PartCard, ...]
    others: tuple[Part, ...]
    done: int
    planned: int
    withheld: int
    hidden: int
    passed: int
    place: QueuePlace | None
    adjusted: Adjusted = NOTHING_ADJUSTED

    @property
    def state(self) -> str:
        return self.run.state.value

    @property
    def is_over(self) -> bool:
        return self.run.state.is_final

    @property
    def score(self) -> float | None:
        """What counts of it; what the run came to where nobody changed that."""
        return self.run.score if self.adjusted.score is None else self.adjusted.score

    @property
    def max_score(self) -> float:
        """What the score is out of: with items, for whoever may read what was given for them."""
        return self.run.max_score if self.adjusted.max_score is None else self.adjusted.max_score

    @property
    def items_waiting(self) -> int:
        """Items with points that nobody has graded yet, of those this reader sees."""
        return sum(item.is_awaited for item in self.adjusted.items)

    @property
    def mark(self) -> Mark | None:
        return self.run.mark if self.adjusted.score is None else self.adjusted.mark

    @property
    def of_whole(self) -> tuple[Adjustment, ...]:
        return _about(self.adjusted, TargetKind.WHOLE)

    @property
    def lost(self) -> tuple[CheckLine, ...]:
        """Checks that came to less than all of their points, or did not pass."""
        shown = (check for part in self.parts for check in part.checks)
        return tuple(check for check in shown if check.status not in _WITHOUT_RESULT | {"passed"})

    @property
    def sum_so_far(self) -> float | None:
        """Points of the checks that have a result, while the score is not there yet."""
        if self.is_over or not self.done:
            return None
        return round(sum(check.points or 0.0 for part in self.parts for check in part.checks), 2)


def card_of(
    run: GradingRun,
    definition: Assignment,
    *,
    withheld: frozenset[str],
    curves: Mapping[ArtifactId, Curve],
    place: QueuePlace | None,
    adjusted: Adjusted = NOTHING_ADJUSTED,
) -> Card:
    """Lay out a run that was already cut to what the reader may see."""
    lines = _lines(run, withheld, curves, adjusted)
    judged = [part for part in definition.part if run.parts is None or part.id in run.parts]
    parts = tuple(_part(part, [line for at, line in lines if at == part.id], adjusted) for part in judged)
    # A check of a part that this version of the document no longer names is still a result.
    named = {part.id for part in definition.part}
    strays = [line for at, line in lines if at not in named]
    if strays:
        parts += (_part(Part(id="other", title="Other checks"), strays, adjusted),)
    shown = [check for part in parts for check in part.checks]
    return Card(
        run=run,
        parts=tuple(part for part in parts if part.checks),
        read_by_person=tuple(part for part in parts if part.manual and not part.checks),
        others=tuple(part for part in definition.part if part not in judged),
        done=sum(check.status not in _WITHOUT_RESULT for check in shown),
        planned=sum(check.status not in _KEPT_BACK for check in shown),
        withheld=sum(check.status == WITHHELD for check in shown),
        hidden=sum(check.status == HIDDEN for check in shown),
        passed=sum(check.status == "passed" for check in shown),
        place=place,
        adjusted=adjusted,
    )


def _lines(
    run: GradingRun, withheld: frozenset[str], curves: Mapping[ArtifactId, Curve], adjusted: Adjusted
) -> list[tuple[str, CheckLine]]:
    """(part, line) for every check of the plan in its order, then for results that the plan does not name."""
    results = {result.id: result for result in run.checks}
    planned = {check.id for check in run.plan}
    lines = [
        (str(check.part), _judged(results[check.id], run, curves, index))
        if check.id in results
        else (str(check.part), _waiting(check, index, is_withheld=check.id in withheld))
        for index, check in enumerate(run.plan)
    ]
    strays = [result for result in run.checks if result.id not in planned]
    lines += [
        (str(result.part), _judged(result, run, curves, len(lines) + index)) for index, result in enumerate(strays)
    ]
    return [(part, _adjusted(line, adjusted)) for part, line in lines]


def _adjusted(line: CheckLine, adjusted: Adjusted) -> CheckLine:
    if line.points is None:
        return line
    points = line.points if adjusted.counts is None else adjusted.counts.checks.get(line.id, line.points)
    return replace(line, points=points, adjustments=_about(adjusted, TargetKind.CHECK, line.id))


def _about(adjusted: Adjusted, kind: TargetKind, identity: str = "") -> tuple[Adjustment, ...]:
    wanted = Target(kind=kind, id=identity)
    return tuple(one for one in adjusted.adjustments if one.target == wanted)


def _judged(result: CheckResult, run: GradingRun, curves: Mapping[ArtifactId, Curve], index: int) -> CheckLine:
    artifacts = [artifact for artifact in run.artifacts if artifact.check == result.id]
    return CheckLine(
        id=str(result.id),
        anchor=f"check-{index}",
        title=result.title,
        stage=result.stage,
        status=result.status.value,
        points=result.points,
        max_points=result.max_points,
        message=result.message,
        output=result.output,
        detail=result.detail,
        seconds=result.seconds,
        pictures=tuple(artifact for artifact in artifacts if artifact.kind == "picture"),
        curves=tuple(curves[artifact.id] for artifact in artifacts if artifact.id in curves),
        staff_only=result.visibility is Visibility.STAFF,
        reused_from=result.reused_from or "",
    )


def _waiting(check: CheckDefinition, index: int, *, is_withheld: bool) -> CheckLine:
    kept_back = HIDDEN if check.visibility is Visibility.STAFF else WITHHELD
    return CheckLine(
        id=str(check.id),
        anchor=f"check-{index}",
        title=check.title,
        stage=check.stage,
        status=kept_back if is_withheld else WAITING,
        points=None,
        max_points=check.points,
        staff_only=check.visibility is Visibility.STAFF,
    )


def _part(part: Part, lines: Sequence[CheckLine], adjusted: Adjusted) -> PartCard:
    given = [line.points for line in lines if line.points is not None]
    is_whole = bool(given) and all(line.status not in _KEPT_BACK for line in lines)
    total = round(sum(given), 2) if is_whole else None
    if total is not None and adjusted.counts is not None:
        total = adjusted.counts.parts.get(part.id, total)
    items = {item.id: item for item in adjusted.items if item.part == part.id}
    return PartCard(
        id=part.id,
        title=part.title,
        points=total,
        max_points=part.points + sum(item.max_points for item in items.values() if not item.is_extra),
        checks=tuple(lines),
        manual=part.manual,
        items=items,
        adjustments=_about(adjusted, TargetKind.PART, part.id),
    )
