"""The hand-in rules: how the archive and its files are named, and that the report can be read."""

from __future__ import annotations

from pathlib import PurePosixPath

from grader.checks import Student, award, check, expect, fail

_WANTED = ("CNN", "Cnn", "MyCNN", "ConvNet", "ColourNet", "UNet", "Unet", "UNET", "U_Net", "MyUNet", "train")


@check("hand-in", points=0, stage="gate", title="The code can be loaded")
def test_code(student: Student) -> None:
    names = student.load_report.names
    loaded = [name for name in _WANTED if name in names and not names[name].supplied]
    expect(bool(loaded), "No part of the assignment was found in your code: it defines neither CNN, UNet nor train.")


@check("hand-in", points=0.5, title="The archive has the name the assignment asks for")
def test_archive(student: Student) -> None:
    problem = student.submission.problem("archive")
    if problem:
        fail(problem)


@check("hand-in", points=0.5, title="The notebook is called cnn.ipynb")
def test_notebook(student: Student) -> None:
    called = [PurePosixPath(path).name.lower() for path in student.submission.files]
    expect("cnn.ipynb" in called, "The notebook with your code should be called cnn.ipynb; it was graded all the same.")


@check("hand-in", points=1, title="The report is a readable PDF called practical2-report.pdf")
def test_report(student: Student) -> None:
    reports = [path for path in student.submission.files if path.lower().endswith(".pdf")]
    named = [path for path in reports if PurePosixPath(path).name.lower() == "practical2-report.pdf"]
    if not reports:
        fail("The hand-in holds no report: a PDF called practical2-report.pdf was asked for.")
    path = (named or reports)[0]
    document = student.document(path)
    expect(document.readable, f"{PurePosixPath(path).name} cannot be read as a PDF. {document.note}".strip())
    expect(document.pages >= 1, f"{PurePosixPath(path).name} has no pages.")
    award(0.5)
    expect(bool(named), "The report was found and can be read, but should be called practical2-report.pdf.")
