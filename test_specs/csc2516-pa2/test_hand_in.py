"""The form of the hand-in: a notebook with the code and a report. The document names no files, so any name will do."""

from __future__ import annotations

import hand_in

from grader.checks import Student, check

_WANTED = ("PoolUpsampleNet", "ConvTransposeNet", "UNet", "train", "compute_iou_loss", "compute_IoU_loss")


@check("hand-in", points=0, stage="gate", title="The code can be loaded")
def test_code(student: Student) -> None:
    hand_in.defines_any(student, _WANTED, "PoolUpsampleNet, ConvTransposeNet, UNet, train nor compute_iou_loss")


@check("hand-in", points=1, title="The report is a readable PDF")
def test_report(student: Student) -> None:
    hand_in.has_readable_report(student)
