"""D2.1: the soft intersection over union as a loss. `fine_tuning.iou_loss` says which readings are accepted."""

from __future__ import annotations

from fine_tuning import iou_loss

from grader.checks import Student, check


@check("D2.1", points=1.5, title="compute_iou_loss is one minus the soft intersection over union")
def test_value(student: Student) -> None:
    iou_loss.has_value(student)


@check("D2.1", points=1.5, title="The gradient of compute_iou_loss is right")
def test_gradient(student: Student) -> None:
    iou_loss.has_gradient(student)


@check("D2.1", points=0.5, title="compute_iou_loss lies between 0 and 1 and reaches both ends")
def test_range(student: Student) -> None:
    iou_loss.has_range(student)


@check("D2.1", points=0.5, title="compute_iou_loss takes probabilities of the two classes, and the flower's alone")
def test_foreground(student: Student) -> None:
    iou_loss.has_foreground(student)


@check("D2.1", points=0.5, title="compute_iou_loss takes any number of pictures of any size")
def test_batches(student: Student) -> None:
    iou_loss.takes_batches(student)


@check("D2.1", points=0.5, title="compute_iou_loss leaves what it is given unchanged")
def test_pure(student: Student) -> None:
    iou_loss.leaves_input_alone(student)


@check("D2.1", points=1, title="train uses compute_iou_loss when args.loss asks for it")
def test_used(student: Student) -> None:
    iou_loss.is_used(student)
