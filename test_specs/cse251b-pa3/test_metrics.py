"""II.1: pixel accuracy and intersection over union, against our own counts over a whole data set."""

from __future__ import annotations

import running
import torch
from finding import ACCURACY_NAMES, CLASSES, IOU_NAMES, STAND_INS
from segmentation.metrics import Overlap, overlap, pixel_accuracy
from torch import Tensor

from grader.checks import NotDefined, Student, check, expect, fail

_SIZE = (3, 24, 20)


def _labels(classes: int, *, boundary: bool = False) -> tuple[Tensor, Tensor]:
    """Predictions and labels; the pictures differ, so that a mean over pictures is another number."""
    truth = torch.randint(0, classes, _SIZE)
    truth[0] = torch.randint(0, 3, _SIZE[1:])
    predicted = truth.where(
        torch.rand(_SIZE) < torch.tensor([0.9, 0.5, 0.3]).view(3, 1, 1), torch.randint(0, classes, _SIZE)
    )
    if boundary:
        truth[torch.rand(_SIZE) < 0.2] = 255
    return predicted, truth


def _values(student: Student, names: tuple[str, ...], predicted: Tensor, truth: Tensor) -> tuple[Tensor, bool]:
    name = next((name for name in names if student.defines(name)), None)
    if name is None:
        raise NotDefined(f"Your submission defines none of {', '.join(names[:3])}.")
    student.support(STAND_INS)
    scores = torch.nn.functional.one_hot(predicted, CLASSES).permute(0, 3, 1, 2).float() * 5
    found = student.supported("measured", name, predicted, truth, scores)
    if not isinstance(found.values, Tensor):
        fail(f"{name} should give numbers.")
    values = found.values.double().flatten()
    expect(bool(values.isfinite().any()), f"{name} gives no numbers: is its return statement missing?")
    return values, found.pair is True


def _close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.allclose(one, other, atol=1e-3))


def _by_class(values: Tensor, is_pair: bool, truth: Overlap) -> Tensor | None:
    """The IoU of each class where the values tell them, None where they are one number."""
    if is_pair and len(values) == 2 * CLASSES:
        return values[:CLASSES] / values[CLASSES:].where(values[CLASSES:] > 0, torch.nan)
    if len(values) == 1:
        return None
    if len(values) == CLASSES - 1:
        return torch.cat([truth.by_class[:1], values])
    if len(values) != CLASSES:
        fail(f"The IoU should be told for {CLASSES} classes, or as one mean; {len(values)} numbers came.")
    return values


@check("II.1", points=2, title="The pixel accuracy is the share of pixels that are right")
def test_accuracy(student: Student) -> None:
    predicted, truth = _labels(CLASSES)
    values, _ = _values(student, ACCURACY_NAMES, predicted, truth)
    right = pixel_accuracy(predicted, truth)
    # One number for each picture is as good, all being of one size.
    found = float(values.mean())
    expect(abs(found / 100 - right) > 1e-3, "The pixel accuracy should be between 0 and 1, not in percent.")
    expect(abs(found - right) < 1e-3, "The pixel accuracy is not the share of pixels predicted rightly.")


@check("II.1", points=3, title="The IoU of a class is counted over all pictures")
def test_iou(student: Student) -> None:
    predicted, truth = _labels(CLASSES)
    ours = overlap(predicted, truth, CLASSES)
    values, is_pair = _values(student, IOU_NAMES, predicted, truth)
    by_class = _by_class(values, is_pair, ours)
    if by_class is None:
        means = torch.stack([ours.by_class.mean(), ours.by_class[1:].mean()])
        expect(bool((means - values).abs().min() < 1e-3), "The mean IoU is not the mean over classes of TP/(TP+FP+FN).")
        return
    expect(
        not bool((by_class > 1 + 1e-6).any()), "An IoU is above 1: divide by the union, in which no pixel counts twice."
    )
    expect(
        _close(by_class, ours.by_class),
        "The IoU of the classes is not TP/(TP+FP+FN), counted over all pictures at once.",
    )


@check("II.1", points=1, title="A class that is nowhere does not change the mean IoU")
def test_absent(student: Student) -> None:
    predicted, truth = _labels(6)
    ours = overlap(predicted, truth, CLASSES)
    values, is_pair = _values(student, IOU_NAMES, predicted, truth)
    if len(values) in (6, 5) and not is_pair:
        expect(_close(values, ours.by_class[6 - len(values) : 6]), "The IoU is wrong when some classes are nowhere.")
        return
    by_class = _by_class(values, is_pair, ours)
    if by_class is None:
        means = torch.tensor([ours.mean, float(ours.by_class[1:].nanmean())], dtype=torch.float64)
        expect(
            bool((means - values).abs().min() < 1e-3),
            "Classes that are neither predicted nor there should be left out of the mean IoU.",
        )
        return
    expect(
        _close(by_class[:6], ours.by_class[:6]) and bool(by_class[6:].isnan().all()),
        "A class that is neither predicted nor there should have no IoU (NaN), so that it does not count in the mean.",
    )


@check("II.1", points=2, title="Pixels marked 255 count as background", timeout_s=60)
def test_boundary(student: Student) -> None:
    predicted, truth = _labels(CLASSES, boundary=True)
    values, _ = _values(student, ACCURACY_NAMES, predicted, truth)
    ious, is_pair = _values(student, IOU_NAMES, predicted, truth)
    ours = overlap(predicted, truth, CLASSES)
    by_class = _by_class(ious, is_pair, ours)
    wanted = ours.by_class if by_class is not None else torch.tensor([ours.mean], dtype=torch.float64)
    share = float(values.mean())
    share = share / 100 if share > 1 else share
    if abs(share - pixel_accuracy(predicted, truth)) < 1e-3 and _close(ious if by_class is None else by_class, wanted):
        return
    run = running.program(student)
    items = running.items(student, run, "validation", draws=1)
    expect(
        not bool((items.masks == 255).any()),
        "Pixels with the label 255 should become background (0), in the measures or in the data set; here they do not.",
    )
