"""The hand-in rules: how the archive and its files are named, and that the report can be read."""

from __future__ import annotations

import hand_in
from colourisation.diagrams import CNN, UNET

from grader.checks import Student, check


@check("hand-in", points=0, stage="gate", title="The code can be loaded")
def test_code(student: Student) -> None:
    hand_in.defines_any(student, (*CNN.names, *UNET.names, "train"), "CNN, UNet nor train")


@check("hand-in", points=0.5, title="The archive has the name the assignment asks for")
def test_archive(student: Student) -> None:
    hand_in.has_the_archives_name(student)


@check("hand-in", points=0.5, title="The notebook is called cnn.ipynb")
def test_notebook(student: Student) -> None:
    hand_in.holds(student, "cnn.ipynb")


@check("hand-in", points=1, title="The report is a readable PDF called practical2-report.pdf")
def test_report(student: Student) -> None:
    hand_in.has_readable_report(student, "practical2-report.pdf")
