"""The form of the hand-in: a notebook with the code and a report. The report names no files, so every name is right."""

from __future__ import annotations

import hand_in
from colourisation.diagrams import CNN, UNET

from grader.checks import Student, check


@check("hand-in", points=0, stage="gate", title="The code can be loaded")
def test_code(student: Student) -> None:
    hand_in.defines_any(student, (*CNN.names, *UNET.names, "train"), "CNN, UNet nor train")


@check("hand-in", points=1, title="The report is a readable PDF")
def test_report(student: Student) -> None:
    hand_in.has_readable_report(student)
