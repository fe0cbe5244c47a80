"""The pure parts of the comparison with other graders: one list of checks in every form, and who judged rightly."""

from __future__ import annotations

import ast
import doctest
import json
from dataclasses import dataclass

import pytest
from peers.assignment import (
    SPECS,
    as_doctest,
    as_nbgrader_source,
    as_nbgrader_submission,
    as_notebook,
    as_otter,
    as_pytest,
    as_script,
    read_task,
)
from peers.containers import taken_apart
from peers.hand_ins import CELLS, changed, hand_ins, spread
from peers.judging import Attempt, by_family, tally, wins
from peers.tools import points_of_export, points_of_gradescope, points_of_junit

from grader.engine.handins import Entry
from grader.specs.load import load_spec

TASK = read_task("short", CELLS)


@pytest.mark.parametrize("slug", ["short", "small", "target"])
def test_ours_and_theirs_have_the_same_checks_for_the_same_points(slug):
    spec, task = load_spec(slug, SPECS), read_task(slug, ("all",))
    tree = ast.parse((SPECS / slug / f"test_{slug}.py").read_text())
    ours = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            (points,) = [word.value.value for word in node.decorator_list[0].keywords if word.arg == "points"]
            ours[node.name.removeprefix("test_")] = points
    assert ours == {check.name: check.points for check in task.checks}
    assert sum(part.points for part in spec.assignment.part) == task.points
    assert sum(part.checks for part in spec.assignment.part) == len(task.checks)


def test_every_form_holds_every_check():
    module = ast.parse(as_pytest(TASK))
    tests = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert [test.name.removeprefix("test_") for test in tests] == [check.name for check in TASK.checks]
    assert all(isinstance(test.body[0], ast.ImportFrom) for test in tests), "a missing name costs one check"
    for check in TASK.checks:
        found: dict = {}
        exec(as_otter(TASK, check), found)
        assert found["OK_FORMAT"] is True
        assert found["test"]["points"] == check.points
        case = found["test"]["suites"][0]["cases"][0]
        assert case["hidden"] is True
        examples = doctest.DocTestParser().get_examples(case["code"])
        ast.parse("".join(example.source for example in examples))
        assert all(example.want == "" for example in examples)
    cells = json.loads(as_nbgrader_source(TASK, dict.fromkeys(CELLS, "x = 1")))["cells"]
    marks = [cell["metadata"]["nbgrader"] for cell in cells]
    assert sum(mark.get("points", 0) for mark in marks) == TASK.points
    assert [mark["solution"] for mark in marks] == [True] * len(CELLS) + [False] * len(TASK.checks)
    assert all("### BEGIN HIDDEN TESTS" in cell["source"] for cell in cells[len(CELLS) :])


def test_a_doctest_runs_what_the_statements_say():
    source = (
        "def twice(x):\n\n    return 2 * x\n\nif twice(2) != 4:\n    raise ValueError\nfor one in (1, 2):\n    y = one"
    )
    names: dict = {}
    test = doctest.DocTestParser().get_doctest(as_doctest(source), names, "it", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0
    assert test.examples[-1].source.startswith("for one")


def test_a_students_cells_take_the_place_of_the_released_ones():
    released = as_nbgrader_source(TASK, dict.fromkeys(CELLS, "pass"))
    submitted = json.loads(as_nbgrader_submission(released, {"cnn": "mine"}))["cells"]
    assert [cell["source"] for cell in submitted if cell["metadata"]["nbgrader"]["grade_id"] == "cnn"] == ["mine"]
    assert sum("mine" in cell["source"] for cell in submitted) == 1


def test_hand_ins_are_the_reference_and_what_the_index_makes_of_it():
    made = hand_ins(8)
    assert [one.is_right for one in made] == [True] * 3 + [False] * 5
    assert len({one.name for one in made}) == 8
    reference = made[0]
    assert tuple(reference.cells) == CELLS
    for one in made[1:]:
        assert one.cells != reference.cells
        assert one.whole is not None
    assert json.loads(as_notebook(reference.cells))["cells"][1]["source"] == reference.cells["cnn"]
    compile(as_script(reference.cells), "submission.py", "exec")


def test_a_change_of_another_cell_is_left_out():
    cells = {"a": "x = 1"}
    entry = Entry.model_validate({"name": "n", "replace": [{"old": "x", "new": "y"}]})
    assert changed(cells, entry) == {"a": "y = 1"}
    assert changed(cells, Entry.model_validate({"name": "n", "replace": [{"old": "z", "new": "y"}]})) is None
    assert changed(cells, Entry.model_validate({"name": "n", "file": "f"})) is None


@pytest.mark.parametrize(
    ("count", "chosen"), [(0, []), (1, [0]), (2, [0, 5]), (10, list(range(10))), (99, list(range(10)))]
)
def test_a_selection_is_spread_over_all(count, chosen):
    assert spread(range(10), count) == chosen


@dataclass
class Known:
    name: str
    is_right: bool


def test_a_tally_says_who_was_judged_wrongly():
    given = [Known("good", True), Known("also good", True), Known("bad", False), Known("worse", False)]
    found = tally(given, {"good": 13.9999, "also good": 13, "bad": 14, "worse": 2}, 14)
    assert found == (1, 2, 1, 2, ("also good", "bad"))
    assert found.cells == ("1 of 2", "1 of 2", "also good, bad")
    assert tally(given[:1], {}, 14).mistakes == ("good",), "what was not judged was not judged rightly"
    assert tally(given[3:], {}, 14).mistakes == ("worse",)


def test_an_idea_wins_by_points_or_by_the_word():
    attempts = [
        Attempt("a", "forge", 1, 1.0000001),
        Attempt("b", "forge", 1, 4),
        Attempt("c", "read", 20, 20, has_read=True),
        Attempt("d", "read", 20, 3),
    ]
    assert [one.name for one in wins(attempts)] == ["b", "c"]
    assert by_family(attempts) == {"forge": 1, "read": 1}
    assert [one.gain_in_words for one in attempts] == ["-", "+3", "read", "-"]


def test_what_a_container_left_is_read_after_the_word_only():
    out = b"said\nno results\nw0 /tmp/a aGVsbG8=\nw0 /tmp/b \nw0 /tmp/c not*base64\n"
    ran = taken_apart(out, "w0")
    assert ran.said == "said\nno results"
    assert ran.files == {"/tmp/a": b"hello"}
    assert taken_apart(b"nothing", "w0").files == {}


def test_points_are_read_from_each_tools_own_results():
    junit = (
        b'<testsuite><testcase classname="t" name="test_conv_forward" time="1"/>'
        b'<testcase classname="t" name="test_cnn_output" time="1"><failure message="x">no</failure></testcase>'
        b'<testcase classname="t" name="test_unet_output" time="1"><system-out>x</system-out></testcase>'
        b'<testcase classname="t" name="test_unheard_of" time="1"/></testsuite>'
    )
    assert points_of_junit(junit, TASK) == 3
    assert points_of_junit(b"", TASK) == 0
    results = {
        "tests": [{"name": "Public Tests"}, {"name": "q", "score": 2.0, "max_score": 2}, {"name": "r", "score": 0.5}]
    }
    assert points_of_gradescope(json.dumps(results).encode()) == 2.5
    assert points_of_gradescope(b"garbage") == points_of_gradescope(b"[]") == points_of_gradescope(b"") == 0
    table = b"assignment,student_id,score,max_score\nhw,ada,13.0,14\nhw,bob,,14\nhw,eve,many,14\n"
    assert points_of_export(table) == {"ada": 13.0, "bob": 0.0}
