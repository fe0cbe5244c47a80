"""II.4c: a weighted loss of the hand-in's own, judged by the gradient it gives to rare and to frequent classes."""

from __future__ import annotations

import torch
from finding import CLASSES, losses
from torch import Tensor

from grader.checks import RemoteModule, Student, StudentFault, check, fail, tensor

_RARE = 5
_NONE = (
    "No weighted loss of your own was found: a class or a function such as WeightedLoss that gives one number for "
    "scores (N, 21, height, width) and labels (N, height, width)."
)


def _weights() -> Tensor:
    weights = torch.ones(CLASSES)
    weights[_RARE] = 6.0
    weights[0] = 0.5
    return weights


def _labels() -> Tensor:
    """Background, and a few pixels of a rare class."""
    labels = torch.zeros(2, 16, 16, dtype=torch.int64)
    labels[:, 3:6, 4:8] = _RARE
    return labels


def _found(student: Student) -> list[tuple[str, RemoteModule]]:
    found = list(losses(student, _weights()))
    if not found:
        fail(_NONE)
    return found


def _pull(loss: RemoteModule) -> tuple[float, float]:
    """The gradient of the loss at one pixel of the frequent and of the rare class, all scores being equal."""
    scores = torch.zeros(2, CLASSES, 16, 16, requires_grad=True)
    labels = _labels()
    loss(scores, labels).backward()
    if scores.grad is None:
        return 0.0, 0.0
    strength = scores.grad.norm(dim=1)
    return float(strength[labels == 0].mean()), float(strength[labels == _RARE].mean())


@check("II.4c", points=1, title="The loss is small where the prediction is right")
def test_value(student: Student) -> None:
    labels = _labels()
    right = 6.0 * torch.nn.functional.one_hot(labels, CLASSES).permute(0, 3, 1, 2).float()
    for name, loss in _found(student):
        good, bad = (float(tensor(loss(scores, labels), what=f"The result of {name}")) for scores in (right, -right))
        if good < bad:
            return
    fail("The loss is not smaller for right predictions than for wrong ones.")


@check("II.4c", points=2, title="Pixels of rare classes weigh more in the loss")
def test_rare(student: Student) -> None:
    for _, loss in _found(student):
        try:
            frequent, rare = _pull(loss)
        except StudentFault:
            continue
        if rare > 1.5 * frequent > 0:
            return
    fail("A pixel of a rare class pulls no more on the scores than one of a frequent class: weigh rare classes more.")


@check("II.4c", points=1, title="The loss has a gradient")
def test_gradient(student: Student) -> None:
    for _, loss in _found(student):
        try:
            if min(_pull(loss)) > 0:
                return
        except StudentFault:
            continue
    fail("No gradient comes back from the loss to the scores: compute it from the scores, not from their argmax.")
