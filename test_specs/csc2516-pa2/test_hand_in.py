"""The form of the hand-in: a notebook with the code, and a report. The document names no files: every name is right."""

from __future__ import annotations

from pathlib import PurePosixPath

from grader.checks import Student, check, expect, fail

_WANTED = (
    "PoolUpsampleNet",
    "ConvTransposeNet",
    "UNet",
    "train",
    "compute_iou_loss",
    "compute_IoU_loss",
)


@check("hand-in", points=0, stage="gate", title="The code can be loaded")
def test_code(student: Student) -> None:
    names = student.load_report.names
    loaded = [name for name in _WANTED if name in names and not names[name].supplied]
    expect(
        bool(loaded),
        "No part of the assignment was found in your code: it defines none of PoolUpsampleNet, ConvTransposeNet, UNet, "
        "train and compute_iou_loss.",
    )


@check("hand-in", points=1, title="The report is a readable PDF")
def test_report(student: Student) -> None:
    reports = [path for path in student.submission.files if path.lower().endswith(".pdf")]
    if not reports:
        fail("The hand-in holds no report: a PDF with the discussion was asked for beside the notebook.")
    documents = [(path, student.document(path)) for path in reports[:5]]
    if any(document.readable and document.pages >= 1 for _, document in documents):
        return
    path, document = documents[0]
    fail(f"{PurePosixPath(path).name} cannot be read as a PDF. {document.note}".strip())
