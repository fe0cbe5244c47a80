"""Training in the sandbox, judged outside it: labels of held-out data never leave this side."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from grader.domain.errors import ProtocolViolation
from grader.engine.student.accidents import diverged
from grader.engine.student.proxy import RemoteModule, RemoteObject
from grader.engine.student.replies import FitReply, checked
from grader.engine.student.session import Session
from grader.engine.student.values import tensor_or_violation, to_wire
from grader.engine.wire.messages import Kind

Judge = Callable[[torch.Tensor], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """What a training came to. `history` is (step, what `judge` gave), measured here; `losses` is a claim.

    `diverged` is a sentence for the student where the training ended for want of a finite loss, else empty. A check
    that fails after such a training says it by itself, in the place of its own words.
    """

    steps: int
    history: tuple[tuple[int, float], ...]
    best: float
    reached: bool
    losses: tuple[tuple[int, float], ...]
    seconds: float
    diverged: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Held-out inputs, the judge of predictions on them, and the bound that ends the training early."""

    inputs: torch.Tensor | None = None
    judge: Judge | None = None
    below: float | None = None
    above: float | None = None

    def is_met(self, value: float) -> bool:
        if math.isnan(value):
            return False
        return (self.below is not None and value < self.below) or (self.above is not None and value > self.above)

    def better(self, one: float, other: float) -> float:
        if math.isnan(one):
            return other
        return max(one, other) if self.above is not None else min(one, other)


def fit(
    session: Session,
    model: RemoteModule,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    goal: Goal,
    options: dict[str, Any],
) -> FitResult:
    """Train `model` in the sandbox with the fixed loop; stop as soon as the goal is met.

    `options` are FIT's: loss, optimizer, lr, weight_decay, batch_size, steps, seed, budget_s, report_every, trainable.
    """
    history: list[tuple[int, float]] = []
    best = -math.inf if goal.above is not None else math.inf
    steps: list[int] = []
    # One after each stretch, and one where the training ends.
    most = options["steps"] // options["report_every"] + 1

    def on_event(event: dict[str, Any]) -> bool:
        nonlocal best
        step = event.get("step")
        # Each report more than were asked for would be another guess at the held-out labels.
        if type(step) is not int or not max(steps, default=0) < step <= options["steps"] or len(steps) >= most:
            raise ProtocolViolation("The sandbox reported training steps that it was not asked for.")
        steps.append(step)
        if goal.judge is None or goal.inputs is None:
            return True
        predictions = tensor_or_violation(event.get("predictions"), "predictions")
        if predictions.shape[:1] != goal.inputs.shape[:1]:
            raise ProtocolViolation("The sandbox sent predictions for another number of inputs.")
        value = float(goal.judge(predictions))
        history.append((step, value))
        best = goal.better(value, best)
        return not goal.is_met(value)

    body = {
        "ref": model.ref(), "inputs": to_wire(inputs), "targets": to_wire(targets),
        "validation": None if goal.inputs is None else to_wire(goal.inputs), **options,
    }  # fmt: skip
    if isinstance(body["loss"], RemoteObject):
        body["loss"] = body["loss"].ref()
    # The loop keeps its own budget; a minute more covers the last report on a busy machine.
    reply = checked(FitReply, session.converse(Kind.FIT, body, on_event, float(options["budget_s"]) + 60.0))
    reached = any(goal.is_met(value) for _, value in history)
    told = "" if reached else _divergence(reply, options, len(inputs))
    session.note_divergence(told)
    return FitResult(
        steps=reply.steps,
        history=tuple(history),
        best=best,
        reached=reached,
        losses=reply.losses,
        seconds=reply.seconds,
        diverged=told,
    )


def _divergence(reply: FitReply, options: dict[str, Any], count: int) -> str:
    """A claim, and one that nobody has anything from: the check has failed already, or passes all the same."""
    step = reply.diverged_at
    if reply.stopped != "nan" or step is None or not 0 < step <= options["steps"]:
        return ""
    return diverged(step, batch_size=options["batch_size"], count=count)
