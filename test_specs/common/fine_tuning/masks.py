"""Whether a loss teaches a last layer to find flowers: bodies of training checks, and what their thresholds rest on.

A stand-in whose features suffice is trained in our loop on small flowers, nothing but its last layer; the mean IoU on
flowers it has not seen is measured here. The reference is trained alike, broken losses too, all for STEPS; a run counts
with the best of its reports, as in the check. The bound lies between the worst reference and the best broken run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from segmentation.flowers import Flowers, calibrated_on, mean_iou
from torch import Tensor

from fine_tuning import iou_loss, replaying, stand_ins
from grader.checks import (
    RemoteModule,
    RemoteObject,
    Student,
    StudentRaised,
    ThresholdFacts,
    curve,
    expect,
    fail,
    grid,
    picture,
    tensor,
)

STEPS = 80
REPORT_EVERY = 10
BATCH = 16
RATE = 0.02
SEEDS = (0, 1, 2, 3, 4, 5)
_SHOWN = 8
Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy_finds_flowers(student: Student, bound: ThresholdFacts) -> None:
    """The network as the student prepared it learns from cross-entropy, in what they left free to learn."""
    model = replaying.prepared_model(student, "seeing_deeplab")
    facts = model.describe().parameters
    expect(
        any(parameter.requires_grad for parameter in facts.values()),
        "Nothing in the prepared network can learn: its new last layer is frozen too.",
    )
    _finds_flowers(student, model, "cross_entropy", bound, "The prepared network, trained with cross-entropy,")


def iou_loss_finds_flowers(student: Student, bound: ThresholdFacts) -> None:
    """Our network, prepared as asked, learns from the student's loss."""
    student.support(replaying.STAND_INS)
    model = student.supported("prepared_deeplab")
    if not isinstance(model, RemoteModule):
        fail("The network to train could not be made.")
    _finds_flowers(student, model, iou_loss.found(student), bound, "A network trained with compute_iou_loss")


def _finds_flowers(
    student: Student, model: RemoteModule, loss: str | RemoteObject, bound: ThresholdFacts, subject: str
) -> None:
    data = calibrated_on(bound.data_sha256)
    size = (len(data.validation_inputs), 2, *data.validation_inputs.shape[2:])
    predicted: Tensor | None = None

    def judge(predictions: Tensor) -> float:
        nonlocal predicted
        predicted = tensor(predictions, shape=size, what="The result of the network").double()
        return mean_iou(predicted, data.validation_targets)

    try:
        result = student.fit(
            model,
            data.train_inputs,
            data.train_targets,
            loss=loss,
            trainable="requires_grad",
            batch_size=BATCH,
            lr=RATE,
            steps=STEPS,
            report_every=REPORT_EVERY,
            budget_s=60,
            validation=data.validation_inputs,
            judge=judge,
            above=bound.value,
        )
    except StudentRaised as error:
        fail(f"{subject} cannot be trained: {error}")
    if predicted is not None:
        _show(data, predicted, result.history, bound)
    expect(
        result.reached,
        f"{subject} does not learn to find flowers: after {result.steps} small training steps its mean IoU on pictures "
        f"it has not seen is {max(result.best, 0.0):.2f} at best.",
    )


def _show(data: Flowers, predicted: Tensor, history: tuple[tuple[int, float], ...], bound: ThresholdFacts) -> None:
    """The training's curve, and what was found in pictures it has not seen. The true masks stay here."""
    curve(
        "held-out",
        history,
        title="Mean IoU on pictures it has not seen",
        y_label=bound.metric,
        threshold=bound.value,
        direction=bound.direction,
        band=bound.band,
    )
    pictures = data.validation_inputs[:_SHOWN]
    masks = (predicted[:_SHOWN].argmax(1) == 1).float()[:, None].expand(-1, 3, -1, -1)
    picture(
        "masks", grid(torch.cat([pictures, masks]), columns=_SHOWN), title="Above the pictures, below what it found"
    )


class Row(NamedTuple):
    """One training for a threshold: the loss it used, and its best held-out mean IoU."""

    name: str
    kind: str
    seed: int
    value: float
    broken: bool


def _soft_iou(flower: Tensor, truth: Tensor) -> Tensor:
    both = (flower * truth).sum()
    return 1 - both / ((flower + truth).sum() - both)


def soft_iou(scores: Tensor, truth: Tensor) -> Tensor:
    """The reference loss."""
    return _soft_iou(scores.softmax(1)[:, 1], truth)


# What is wrong in the losses that students write and training can tell.
FLAWS: dict[str, dict[str, Loss]] = {
    "cross_entropy": {
        "softmax before the loss": lambda scores, truth: F.cross_entropy(scores.softmax(1), truth),
        "masks of other pictures": lambda scores, truth: F.cross_entropy(scores, truth.roll(1, 0)),
        "flower and background exchanged": lambda scores, truth: F.cross_entropy(scores, 1 - truth),
        "loss without a gradient": lambda scores, _: 0 * scores.sum(),
    },
    "iou": {
        "background's channel": lambda scores, truth: _soft_iou(scores.softmax(1)[:, 0], truth),
        "intersection over union itself": lambda scores, truth: 1 - soft_iou(scores, truth),
        "no softmax": lambda scores, truth: _soft_iou(scores[:, 1], truth),
        "intersection alone": lambda scores, truth: -(scores.softmax(1)[:, 1] * truth).mean(),
        "masks of other pictures": lambda scores, truth: soft_iou(scores, truth.roll(1, 0)),
        "loss without a gradient": lambda scores, _: 0 * scores.sum(),
    },
}
_REFERENCE: dict[str, Loss] = {"cross_entropy": F.cross_entropy, "iou": soft_iou}


def train(data: Flowers, loss: Loss, seed: int, *, steps: int = STEPS) -> float:
    """The best held-out mean IoU that a new last layer reports within `steps`."""
    torch.manual_seed(seed)
    model = stand_ins.prepared_deeplab()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=RATE)
    order = torch.randperm(len(data.train_inputs))
    best = 0.0
    for step in range(steps):
        model.train()
        at = order[(torch.arange(BATCH) + step * BATCH) % len(order)]
        value = loss(model(data.train_inputs[at])["out"], data.train_targets[at])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if (step + 1) % REPORT_EVERY == 0:
            model.eval()
            with torch.no_grad():
                best = max(best, mean_iou(model(data.validation_inputs)["out"], data.validation_targets))
    return best


def rows(name: str, kind: str, data: Flowers, seeds: Iterable[int] = SEEDS) -> Iterator[Row]:
    """Every training that the threshold `name` rests on; `kind` is "cross_entropy" or "iou". Half a minute."""
    for seed in seeds:
        yield Row(name, "reference", seed, train(data, _REFERENCE[kind], seed), broken=False)
    for flaw, loss in FLAWS[kind].items():
        yield Row(name, flaw, 0, train(data, loss, 0), broken=True)
