"""The rules of handing in that assignments share: bodies of checks on names, on the report and on there being code."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePosixPath

from grader.checks import Student, award, expect, fail

# A folder full of papers is no report.
_MOST_REPORTS = 5


def defines_any(student: Student, wanted: Collection[str], words: str) -> None:
    """The code loads far enough that one of the names asked for is the student's own; `words` names them."""
    names = student.load_report.names
    loaded = [name for name in wanted if name in names and not names[name].supplied]
    expect(bool(loaded), f"No part of the assignment was found in your code: it defines neither {words}.")


def has_the_archives_name(student: Student) -> None:
    """The upload is called as the spec's archive rule says."""
    problem = student.submission.problem("archive")
    if problem:
        fail(problem)


def holds(student: Student, name: str) -> None:
    """A file is called `name`, whatever folder it lies in."""
    called = [PurePosixPath(path).name.lower() for path in student.submission.files]
    expect(name.lower() in called, f"The notebook with your code should be called {name}; it was graded all the same.")


def has_readable_report(student: Student, name: str | None = None) -> None:
    """A PDF that can be read; half the points if it has another name than `name`, where there is one."""
    reports = [path for path in student.submission.files if path.lower().endswith(".pdf")]
    named = [path for path in reports if name is None or PurePosixPath(path).name.lower() == name.lower()]
    if not reports:
        called = f" called {name}" if name else ""
        fail(f"The hand-in holds no report: a PDF{called} was asked for.")
    # Where several could be meant, one that can be read is the report.
    documents = [(path, student.document(path)) for path in (named or reports)[:_MOST_REPORTS]]
    path, document = next((one for one in documents if one[1].readable and one[1].pages >= 1), documents[0])
    shown = PurePosixPath(path).name
    expect(document.readable, f"{shown} cannot be read as a PDF. {document.note}".strip())
    expect(document.pages >= 1, f"{shown} has no pages.")
    award(0.5)
    expect(bool(named), f"The report was found and can be read, but should be called {name}.")
