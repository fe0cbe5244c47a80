"""Bodies of the checks on `compute_iou_loss(pred, gt)`: one minus a soft intersection over union of the flower.

The documents leave open whether the sums run over the whole batch or over each picture, and which smoothing is added;
everything seen in right hand-ins counts: see `readings`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from fine_tuning import replaying
from grader.checks import RemoteObject, Student, assert_close, expect, fail, tensor

NAMES = ("compute_iou_loss", "compute_IoU_loss", "compute_IOU_loss", "iou_loss")
Reading = Callable[[Tensor, Tensor], Tensor]
# The name anywhere but where it is defined, not in a comment.
_USES = re.compile(rf"^(?!\s*def\s)[^#\n]*\b(?:{'|'.join(NAMES)})\b", re.MULTILINE)
_SMOOTHING = (0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0)
_BATCH, _PICTURE = (0, 1, 2), (1, 2)
# So large that a smoothing term of 1 moves a loss by less than 0.01.
_SIDE = 24
_WHAT = "The result of compute_iou_loss"


def is_defined(student: Student) -> bool:
    return any(student.defines(name) for name in NAMES)


def readings() -> Iterator[Reading]:
    """Every accepted reading as a function of scores (N, 2, H, W) and truth (N, H, W) in 0 and 1, in float64."""
    for dims in (_BATCH, _PICTURE):
        for smooth in _SMOOTHING:
            yield _reading(dims, smooth, smooth)
            if smooth:
                yield _reading(dims, 0.0, smooth)


def _reading(dims: tuple[int, ...], above: float, below: float) -> Reading:
    def loss(scores: Tensor, truth: Tensor) -> Tensor:
        flower, mask = scores.double().softmax(1)[:, 1], truth.double()
        both = (flower * mask).sum(dims)
        either = (flower + mask - flower * mask).sum(dims)
        return 1 - ((both + above) / (either + below)).mean()

    return loss


def has_value(student: Student) -> None:
    """The number is that of an accepted reading, for pictures with much and with little of the flower."""
    for share in (0.3, 0.7):
        scores, truth = _scores(share)
        _nearest(scores, truth, _loss(student, scores, truth))


def has_gradient(student: Student) -> None:
    """A gradient reaches the scores, and it is the one that belongs to the value."""
    scores, truth = _scores(0.4)
    scores.requires_grad_()
    loss = _loss(student, scores, truth)
    expect(
        loss.requires_grad,
        "No gradient flows through compute_iou_loss: use the probabilities, not the predicted classes.",
    )
    (mine,) = torch.autograd.grad(loss, scores)
    expect(
        bool(mine.any()),
        "The gradient of compute_iou_loss is zero: use the probabilities, not the predicted classes.",
    )
    (wanted,) = torch.autograd.grad(_nearest(scores, truth, loss)(scores, truth), scores)
    alike = float(F.cosine_similarity(mine.double().flatten(), wanted.double().flatten(), 0))
    length = float(mine.double().norm() / wanted.double().norm())
    expect(alike > 0.999 and 0.98 < length < 1.02, "The gradient of compute_iou_loss does not fit its value.")


def has_range(student: Student) -> None:
    """Near 0 for sure and right scores, near 1 for sure and wrong ones, in between for the rest, never NaN."""
    _, truth = _scores(0.5)
    sure = 30.0 * torch.stack([1 - 2 * truth, 2 * truth - 1], dim=1)
    right, wrong = (float(_loss(student, scores, truth).detach()) for scores in (sure, -sure))
    expect(abs(right) < 0.02, "compute_iou_loss should be nearly 0 where the scores say exactly what is true.")
    expect(
        abs(wrong - 1) < 0.02, "compute_iou_loss should be nearly 1 where the scores say the opposite of what is true."
    )
    between = float(_loss(student, torch.zeros_like(sure), truth).detach())
    expect(right < between < wrong, "compute_iou_loss does not lie between 0 and 1 for undecided scores.")
    alone = float(_loss(student, *_scores(0.0)).detach())
    expect(
        -0.01 <= alone <= 1.01,
        "compute_iou_loss is no number between 0 and 1 for pictures in which nothing is a flower.",
    )


def has_foreground(student: Student) -> None:
    """Only the flower counts: adding right background does not, and exchanging the two channels does matter."""
    scores, truth = _scores(0.2)
    loss = float(_loss(student, scores, truth).detach())
    both = _background_too(scores, truth)
    expect(
        abs(loss - both) > 1e-3,
        "compute_iou_loss averages over background and flower: only the flower's channel (1) is asked for.",
    )
    shifted = scores + torch.randn(len(scores), 1, _SIDE, _SIDE)
    again = float(_loss(student, shifted, truth).detach())
    expect(
        abs(loss - again) < 1e-3,
        "compute_iou_loss changes when the same number is added to both scores of a pixel: take the softmax over the "
        "channels (dim=1) first.",
    )


def _background_too(scores: Tensor, truth: Tensor) -> float:
    flower = _reading(_BATCH, 0.0, 0.0)
    return float((flower(scores, truth) + flower(scores.flip(1), 1 - truth)) / 2)


def takes_batches(student: Student) -> None:
    """Any number of pictures of any size, odd ones too; the same pictures twice cost what they cost once."""
    for shape in ((1, 24, 24), (3, 21, 31), (5, 33, 18)):
        scores = torch.randn(shape[0], 2, *shape[1:])
        truth = (torch.rand(shape) < 0.4).long()
        _nearest(scores, truth, _loss(student, scores, truth))
    scores, truth = _scores(0.5)
    once = float(_loss(student, scores, truth).detach())
    twice = float(_loss(student, scores.repeat(2, 1, 1, 1), truth.repeat(2, 1, 1)).detach())
    expect(
        abs(once - twice) < 0.01,
        "compute_iou_loss grows with the number of pictures: the same pictures twice should cost what they cost once.",
    )


def leaves_input_alone(student: Student) -> None:
    """Neither the scores nor the masks are changed, and the same call gives the same number."""
    student.support(_FACTS_OF_LOSS)
    scores, truth = _scores(0.5)
    facts = student.supported("facts_of_loss", found(student), scores, truth)
    expect(facts.changed == 0, "compute_iou_loss changes the scores or the masks it is given.")
    assert_close(
        _loss(student, scores, truth),
        _loss(student, scores, truth),
        message="compute_iou_loss gives another number for the same scores and masks when it is called again.",
    )


def is_used(student: Student) -> None:
    """`train` comes to this loss when another than cross-entropy is asked for.

    A `train` that cannot be followed to any loss has the benefit of the doubt, if the function is named anywhere.
    """
    _loss(student, *_scores(0.5))
    is_reached = replaying.reaches(student, tuple(name for name in NAMES if student.defines(name)))
    if is_reached is None:
        sources = [student.cell(facts.index).source for facts in student.cells if facts.kind == "code"]
        is_reached = any(_USES.search(source) for source in sources)
    expect(
        is_reached,
        "train does not use compute_iou_loss: it should calculate its loss with it when args.loss is not "
        "cross-entropy.",
    )


# Runs in the sandbox: what the function does to its own arguments.
_FACTS_OF_LOSS = """
import types
import torch

def facts_of_loss(loss, scores, truth):
    before = scores.clone(), truth.clone()
    with torch.no_grad():
        loss(scores, truth)
    changed = max(float((old - new).abs().max()) for old, new in zip(before, (scores, truth)))
    return types.SimpleNamespace(changed=changed)
"""


def found(student: Student) -> RemoteObject:
    """The student's function under whichever of its names; missing ones fail the check by the first name."""
    function = student.first_of(*NAMES)
    if not isinstance(function, RemoteObject):
        fail("compute_iou_loss should be a function of the scores and the masks.")
    return function


def loss_of(function: RemoteObject, scores: Tensor, truth: Tensor) -> Tensor:
    """One loss as a tensor without dimensions, differentiable in `scores`."""
    loss = tensor(function(scores, truth), what=_WHAT)
    expect(
        loss.numel() == 1,
        "compute_iou_loss should give one number for the batch; it gives several (take their mean).",
    )
    return loss.reshape(())


def _loss(student: Student, scores: Tensor, truth: Tensor) -> Tensor:
    return loss_of(found(student), scores, truth)


def _scores(share: float) -> tuple[Tensor, Tensor]:
    """Random scores for two pictures, and masks in which this share of the pixels is flower."""
    # Pictures with different shares of flower, so that a mean of pictures is not that of the batch.
    shares = torch.tensor([share, share / 3])[:, None, None]
    return 2 * torch.randn(2, 2, _SIDE, _SIDE), (torch.rand(2, _SIDE, _SIDE) < shares).long()


def _nearest(scores: Tensor, truth: Tensor, loss: Tensor) -> Reading:
    """The accepted reading that fits best; fails the check if none fits."""
    number = float(loss.detach())
    with torch.no_grad():
        away = [(abs(float(reading(scores, truth)) - number), reading) for reading in readings()]
    nearest, reading = min(away, key=lambda pair: pair[0])
    if not nearest < 2e-4:
        fail("compute_iou_loss gives another number than one minus the intersection over union of the probabilities.")
    return reading
