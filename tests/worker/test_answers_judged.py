"""A written answer on its way from the database through a real sandbox to a check's result, in each of its places."""

from __future__ import annotations

import io
import zipfile

import pytest

from grader.engine.engines import Engines
from grader.engine.sandbox.select import make
from grader.specs.load import load_spec
from tests.worker.conftest import a_desk, require_sandbox

pytestmark = pytest.mark.sandbox

TOML = """
schema_version = 1
slug = "asks"
title = "Asks"
course = "Tests"
names = ["x"]
[files]
code_suffixes = [".py", ".ipynb"]
[limits]
run_s = 60.0
load_s = 20.0
[scale]
step = [{ share = 0.0, value = 0, label = "none" }]
[[part]]
id = "A"
title = "Answers"
points = 3
checks = 3
"""
CHECKS = """
from grader.checks import assert_answer, check


@check("A", points=1, title="first")
def test_first(student):
    assert_answer(student, "A.first")


@check("A", points=1, title="second")
def test_second(student):
    assert_answer(student, "A.second")


@check("A", points=1, title="third")
def test_third(student):
    assert_answer(student, "A.third")
"""
QUESTIONS = "".join(
    f'[[question]]\nid = "A.{name}"\nkind = "{kind}"\naccept = {accept}\n'
    for name, kind, accept in (
        ("first", "number", "[1]"),
        ("second", "tensor", "[[[1, 2], [3, 4]]]"),
        ("third", "formula", '["2*NF"]'),
    )
)


@pytest.fixture
def spec(tmp_path):
    folder = tmp_path / "specs-of-the-test" / "asks"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(TOML)
    (folder / "questions.toml").write_text(QUESTIONS)
    (folder / "test_asks.py").write_text(CHECKS)
    return load_spec("asks", folder.parent)


def a_zip(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_toml", ".toml").replace("_py", ".py"), content)
    return packed.getvalue()


def test_the_form_wins_over_the_file_and_what_neither_holds_is_missed(database, tmp_path, spec):
    require_sandbox("bwrap")
    content = a_zip(code_py="x = 1\n", answers_toml='"A.first" = 7\n"A.second" = [[1, 2], [3, 4]]\n')
    with Engines(make("bwrap"), jobs=1) as engines:
        desk = a_desk(database, tmp_path, spec, engines)
        without = desk.hand_in(content, name="work.zip")
        desk.grade_all()
        beside = desk.hand_in(content, name="work.zip", answers={"A.first": "1", "A.third": "nf + nf"})
        desk.grade_all()
    assert desk.results(without) == {"A.first": "failed", "A.second": "passed", "A.third": "failed"}
    messages = {str(check.id): check.message for check in desk.run(without).checks}
    assert messages["A.first"] == "The answer to A.first is not right."
    assert "No answer to A.third was found" in messages["A.third"]
    assert desk.results(beside) == {"A.first": "passed", "A.second": "passed", "A.third": "passed"}
    assert desk.run(beside).score == 3.0
