"""The form of the hand-in: one script and one PDF, both with the student's id in their names. It earns no points."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import hand_in
from networks import CNN, DILATED, UNET

from grader.checks import Student, check, expect

_SCRIPT = re.compile(r"colou?ri[sz]ation[-_].+\.py", re.IGNORECASE)
_REPORT = re.compile(r"programming-assignment-2-.+\.pdf", re.IGNORECASE)


@check("hand-in", points=0, stage="gate", title="The code can be loaded")
def test_code(student: Student) -> None:
    names = (*CNN.names, *UNET.names, *DILATED.names, "MyDilatedConv2d")
    hand_in.defines_any(student, names, "CNN, UNet nor MyDilatedConv2d")


@check("hand-in", points=0, title="The script is called colorization-<id>.py")
def test_script_name(student: Student) -> None:
    expect(
        any(_SCRIPT.fullmatch(PurePosixPath(path).name) for path in student.submission.files),
        "Your script should be called colorization-<id>.py with your id in it; it was graded all the same.",
    )


@check("hand-in", points=0, title="The report is a readable PDF called programming-assignment-2-<id>.pdf")
def test_report(student: Student) -> None:
    hand_in.has_readable_report(student)
    expect(
        any(_REPORT.fullmatch(PurePosixPath(path).name) for path in student.submission.files),
        "The report should be called programming-assignment-2-<id>.pdf with your id in it.",
    )
