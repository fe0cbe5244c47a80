"""What is handed in: code, a readme and a report."""

from __future__ import annotations

from pathlib import PurePosixPath

import hand_in
from finding import ACCURACY_NAMES, IOU_NAMES

from grader.checks import Student, check, expect


@check("hand-in", points=0, stage="gate", title="The code can be loaded")
def test_code(student: Student) -> None:
    hand_in.defines_any(student, ("FCN", "VOC", *IOU_NAMES, *ACCURACY_NAMES), "FCN, iou nor pixel_acc")


@check("hand-in", points=1, title="A readme.txt says how to run the code")
def test_readme(student: Student) -> None:
    names = [PurePosixPath(path).name.lower() for path in student.submission.files]
    expect("readme.txt" in names, "The hand-in holds no readme.txt with instructions on how to run the code.")


@check("hand-in", points=1, title="No compiled files and no plots among the code")
def test_clean(student: Student) -> None:
    expect(
        any(path.lower().endswith(".py") for path in student.submission.files),
        "The hand-in holds no .py file: the source of your program was asked for.",
    )
    unwanted = [
        PurePosixPath(path).name
        for path in student.submission.files
        if PurePosixPath(path).suffix.lower() in (".pyc", ".png", ".jpg", ".jpeg", ".pth", ".pt")
    ]
    expect(
        not unwanted,
        f"Hand in .py files, the readme and the report alone, without {unwanted[0] if unwanted else ''}.",
    )


@check("hand-in", points=1, title="The report is a readable PDF")
def test_report(student: Student) -> None:
    hand_in.has_readable_report(student)
