"""Which files of checks two versions of a spec have in common; whatever is not clear has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.specs.load import load_spec
from grader.specs.reach import unchanged_tests

DEFINITION = """
schema_version = 1
slug = "small"
title = "Small"
course = "C"
common = ["shared"]
part = [{ id = "A", title = "A", points = 2, checks = 2 }]
[files]
[scale]
step = [{ share = 0.0, value = 0, label = "none" }]
"""
CHECK = 'from grader.checks import check\n@check("A", points=1, title="One")\ndef test_%s(student):\n    %s\n'
FILES = {
    "small/assignment.toml": DEFINITION,
    "small/test_a.py": "import reference\nfrom shared import nets\n" + CHECK % ("a", "pass"),
    "small/test_b.py": "from shared.other import *\n" + CHECK % ("b", "pass"),
    "small/reference.py": "from shared.deep import value\n",
    "small/questions.toml": "",
    "common/shared/__init__.py": "",
    "common/shared/nets.py": "from . import deep\n",
    "common/shared/deep.py": "value = 1\n",
    "common/shared/other.py": "x = 1\n",
}
ALL = {"test_a.py", "test_b.py"}


@pytest.fixture
def compared(tmp_path):
    def compare(changes: dict[str, str], first: dict[str, str] | None = None):
        """The test files in common of the files above (with those of `first`), and with these changes."""
        specs = []
        for number, changed in enumerate((first or {}, (first or {}) | changes)):
            for path, content in (FILES | changed).items():
                place = tmp_path / str(number) / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(content)
            specs.append(load_spec("small", Path(tmp_path / str(number))))
        return unchanged_tests(*specs)

    return compare


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("small/test_a.py", FILES["small/test_a.py"].replace("pass", "assert 1"), {"test_b.py"}),
        ("small/reference.py", "from shared.deep import value as v\n", {"test_b.py"}),
        # Through a relative import of a module that is imported.
        ("common/shared/deep.py", "value = 2\n", {"test_b.py"}),
        ("common/shared/other.py", "x = 2\n", {"test_a.py"}),
        ("common/shared/__init__.py", "y = 1\n", set()),
        # Data, and modules of which nobody knows who uses them, are everybody's.
        ("small/questions.toml", "# new\n", set()),
        ("small/conftest.py", "", set()),
        ("small/notes.py", "", set()),
        ("small/starter/model.py", "", set()),
        ("small/assignment.toml", DEFINITION.replace("[files]", "[limits]\nload_s = 9.0\n[files]"), set()),
        ("small/assignment.toml", DEFINITION.replace("[files]", '[threshold.cnn]\nmetric = "m"\nvalue = 1\ndirection = "below"\nreference_mean = 1\nreference_spread = 1\nseeds = 1\n[files]'), set()),
        # What only says how points are shown and summed up.
        ("small/assignment.toml", DEFINITION.replace('"Small"', '"Large"').replace("points = 2", "points = 4"), ALL),
        ("small/test_a.py", FILES["small/test_a.py"].replace('points=1, title="One"', 'points=3,\n title="1", visibility="staff"') + "# why\n", ALL),
        ("small/test_a.py", FILES["small/test_a.py"].replace("points=1", "points=1, timeout_s=5"), {"test_b.py"}),
        # What it imported is nobody's any more that one could tell.
        ("small/test_a.py", "def broken(:\n", set()),
    ],
)  # fmt: skip
def test_a_change_counts_for_whoever_can_reach_it(compared, path, content, expected):
    assert compared({path: content}) == expected


@pytest.mark.parametrize(
    "line", ["import importlib", "exec('x = 1')", "n = __import__('reference')", "x = open('test_b.py')"]
)
def test_what_is_computed_stands_for_everything(compared, line):
    first = {"small/test_b.py": line + "\n" + FILES["small/test_b.py"]}
    assert compared({"small/test_a.py": "import reference\n" + CHECK % ("a", "assert 1")}, first) == set()


def test_what_reads_files_stands_for_all_that_are_no_tests(compared):
    first = {"small/test_b.py": "here = __file__\n" + FILES["small/test_b.py"]}
    assert compared({"small/reference.py": "x = 2\n"}, first) == set()
    assert "test_b.py" in compared({"small/test_a.py": FILES["small/test_a.py"] + "x = 1\n"}, first)


def test_a_check_of_another_maker_is_no_check_of_ours(compared):
    mine = FILES["small/test_a.py"].replace("from grader.checks import check", "from reference import check")
    assert compared({"small/test_a.py": mine.replace("One", "Two")}, {"small/test_a.py": mine}) == {"test_b.py"}
