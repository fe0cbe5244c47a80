from __future__ import annotations

import pytest
from zip_bytes import ordinary_zip

from grader.domain.assignment import FileRule, FileRules, Limits
from grader.domain.errors import MissingFile
from grader.intake.archive import list_upload
from grader.intake.files import match

RULES = FileRules(
    archive=r"[^\s]+-[^\s]+-practical2\.zip",
    archive_example="ada-lovelace-practical2.zip",
    file=(
        FileRule(name="notebook", pattern=r"cnn\.ipynb", role="code", example="cnn.ipynb"),
        FileRule(name="report", pattern=r"practical2-report\.pdf", role="report", example="practical2-report.pdf"),
    ),
)
RIGHT_NAME = "ada-lovelace-practical2.zip"


def matched(*paths, name=RIGHT_NAME, rules=RULES):
    return match(list_upload(name, ordinary_zip(dict.fromkeys(paths, b"x")), Limits()), rules)


def bare(name, rules=RULES):
    return match(list_upload(name, b'{"cells": []}', Limits()), rules)


def test_a_hand_in_as_asked_for_has_no_problems():
    result = matched("x/cnn.ipynb", "x/practical2-report.pdf", "x/answers.toml", "x/w.pth", "x/a.png")
    assert result.problems == ()
    assert result.entries == (
        {"path": "x/cnn.ipynb", "role": "code"},
        {"path": "x/practical2-report.pdf", "role": "report"},
        {"path": "x/answers.toml", "role": "text"},
        {"path": "x/w.pth", "role": "checkpoint"},
        {"path": "x/a.png", "role": "other"},
    )


def test_code_is_ordered_by_rule_then_notebooks_then_depth():
    result = matched("a.py", "deep/down/b.ipynb", "b.ipynb", "deep/CNN.ipynb", "c/d.py")
    assert result.code == ("deep/CNN.ipynb", "b.ipynb", "deep/down/b.ipynb", "a.py", "c/d.py")


def test_a_misnamed_notebook_is_graded_and_reported():
    result = matched("homework.ipynb", "practical2-report.pdf")
    assert result.code == ("homework.ipynb",)
    assert result.problems == (("notebook", "The code file is called homework.ipynb, but should be called cnn.ipynb."),)


def test_a_missing_and_a_misnamed_report_are_told_apart():
    assert dict(matched("cnn.ipynb").problems) == {
        "report": "The report is missing: no file called practical2-report.pdf was found."
    }
    assert dict(matched("cnn.ipynb", "Report.PDF").problems) == {
        "report": "The report is called Report.PDF, but should be called practical2-report.pdf."
    }


def test_a_misnamed_archive_is_reported_with_the_example():
    problems = dict(matched("cnn.ipynb", "practical2-report.pdf", name="hw.zip").problems)
    assert problems == {
        "archive": "The zip file is called hw.zip, but the assignment asks for a name such as ada-lovelace-practical2.zip."
    }


@pytest.mark.parametrize("name", ["cnn.ipynb", "CNN.IPYNB", "cnn", "work.ipynb.txt"])
def test_a_bare_notebook_is_graded_under_any_name(name):
    result = bare(name)
    assert result.code == (name,)
    assert dict(result.problems)["archive"].startswith("The assignment asks for a zip file")
    assert "report" in dict(result.problems)


def test_no_code_says_what_was_found_instead():
    with pytest.raises(
        MissingFile, match=r"There is no code \(.ipynb or .py\) in .*, only a.pdf, b.pdf, c.pdf and 1 more"
    ):
        matched("a.pdf", "b.pdf", "c.pdf", "d.pdf")


def test_an_archive_in_an_archive_is_not_opened():
    with pytest.raises(MissingFile, match=r"holds another archive \(inner.zip\)"):
        matched("inner.zip", "report.pdf")
    assert matched("inner.zip", "cnn.ipynb").code == ("cnn.ipynb",)


def test_code_of_a_kind_the_assignment_does_not_take_is_no_code():
    with pytest.raises(MissingFile):
        bare("cnn.ipynb", rules=FileRules(code_suffixes=(".py",)))


def test_a_missing_essential_file_is_a_reason_to_grade_nothing():
    rule = FileRule(name="weights", pattern=r"w\.pth", role="checkpoint", example="w.pth", essential=True)
    with pytest.raises(MissingFile, match=r"w\.pth"):
        matched("cnn.ipynb", rules=FileRules(file=(rule,)))
    assert matched("cnn.ipynb", "w.pth", rules=FileRules(file=(rule,))).problems == ()


def test_names_are_compared_in_one_form_of_their_accents():
    rule = FileRule(name="notebook", pattern="\u00f6dev\\.ipynb", role="code", example="\u00f6dev.ipynb")
    assert matched("o\u0308dev.ipynb", rules=FileRules(file=(rule,))).problems == ()
