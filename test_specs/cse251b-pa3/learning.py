"""Whether the baseline learns to segment: the body of the training check, and the trainings its threshold rests on.

Measured is the worse of pixel accuracy and mean IoU, each as a share of what is asked for. On VOC-2007 the document
asks for 0.65 and 0.05. On drawn scenes more is asked for, as guessing background gets 0.7 there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from reference import Baseline
from segmentation.metrics import overlap, pixel_accuracy
from segmentation.voc import CLASSES, Voc, voc
from torch import Tensor, nn

ACCURACY, IOU = 0.65, 0.05
DRAWN_ACCURACY, DRAWN_IOU = 0.8, 0.35
REFERENCE_STEPS, STUDENT_STEPS = 60, 120
REPORT_EVERY = 20
BATCH = 16
RATE = 1e-3
SEEDS = (0, 1, 2, 3, 4, 5)


def share_of_goal(scores: Tensor, labels: Tensor, *, is_real: bool) -> float:
    """The worse of accuracy and mean IoU as a share of what is asked for; scores (N, 21, H, W), labels (N, H, W)."""
    predicted = scores.argmax(1)
    asked = (ACCURACY, IOU) if is_real else (DRAWN_ACCURACY, DRAWN_IOU)
    reached = (pixel_accuracy(predicted, labels), overlap(predicted, labels, CLASSES).mean)
    return min(one / other for one, other in zip(reached, asked, strict=True))


class Row(NamedTuple):
    """One training: how the network was made, and the best share of the goal that it reports."""

    name: str
    kind: str
    seed: int
    value: float
    broken: bool


def _same(scores: Tensor) -> Tensor:
    return scores


def _freeze(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.classifier.requires_grad_(True)


FLAWS: dict[str, dict[str, object]] = {
    "softmax before the loss": {"scores": lambda scores: scores.softmax(1)},
    "labels of other pictures": {"labels": lambda labels: labels.roll(1, 0)},
    "only the classifier trains": {"model": _freeze},
    "mirrored labels": {"labels": lambda labels: labels.flip(2)},
    "ReLU on the scores": {"scores": lambda scores: (scores - 2).relu()},
}


def train(
    data: Voc,
    seed: int,
    *,
    steps: int,
    scores: Callable[[Tensor], Tensor] = _same,
    labels: Callable[[Tensor], Tensor] = _same,
    model: Callable[[nn.Module], None] = lambda _: None,
) -> float:
    """The best share of the goal that one baseline reports within `steps`, trained as `student.fit` trains."""
    torch.manual_seed(seed)
    made = Baseline(CLASSES)
    model(made)
    optimizer = torch.optim.Adam([weight for weight in made.parameters() if weight.requires_grad], lr=RATE)
    order, targets, best = torch.randperm(len(data.train_images)), training_labels(data), 0.0
    for step in range(steps):
        made.train()
        at = order[(torch.arange(BATCH) + step * BATCH) % len(order)]
        loss = nn.functional.cross_entropy(scores(made(data.train_images[at])), labels(targets[at]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % REPORT_EVERY == 0:
            made.eval()
            with torch.no_grad():
                shown = scores(made(data.validation_images))
            best = max(best, share_of_goal(shown, data.validation_labels, is_real=data.is_real))
    return best


def training_labels(data: Voc) -> Tensor:
    """Labels to train on: outlines are background."""
    return data.train_labels.where(data.train_labels != 255, 0)


def rows() -> Iterator[Row]:
    """Every training that the threshold rests on."""
    data = voc()
    for seed in SEEDS:
        yield Row("fcn", "reference", seed, train(data, seed, steps=REFERENCE_STEPS), broken=False)
    for name, flaw in FLAWS.items():
        yield Row("fcn", name, 0, train(data, 0, steps=STUDENT_STEPS, **flaw), broken=True)  # type: ignore[arg-type]
