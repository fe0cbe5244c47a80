"""What `make test` says of pieces that fail always, and of those that fail only once."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from tests import lanes

HOLDS_LATER = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_one(number):
    there = Path(__file__).with_name(f"there-{{number}}")
    if not there.exists():
        there.touch()
        pytest.fail("this once")
"""


@pytest.fixture
def piece(tmp_path, monkeypatch):
    """A function that makes one piece of a file of tests."""
    monkeypatch.setattr(lanes, "LOGS", tmp_path)
    # None of them is needed here, and importing them takes longer than all the rest.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def make(content: str) -> lanes.Piece:
        path = tmp_path / "test_made.py"
        path.write_text(content)
        made = lanes._pytest(tmp_path / "scratch", "made", "not docker", [str(path)])
        # A file of tests elsewhere would not be under our configuration.
        return replace(made, command=(*made.command, "-c", str(lanes.ROOT / "pyproject.toml")))

    (tmp_path / "scratch").mkdir()
    return make


def run(piece: lanes.Piece) -> bool:
    image = subprocess.Popen(["true"])
    image.wait()
    return lanes.run([piece], image, 1)


def test_what_fails_once_is_named_at_the_end(piece, capsys):
    assert run(piece(HOLDS_LATER.format(count=2)))
    said = capsys.readouterr().out
    assert said.count("SHAKY") == 2
    assert "2 passed" in said


def test_what_fails_twice_counts(piece, capsys):
    assert not run(piece("def test_one():\n    assert False\n"))
    assert "FAILED  made" in capsys.readouterr().out


def test_many_failures_are_no_accident(piece, capsys):
    assert not run(piece(HOLDS_LATER.format(count=4)))
    assert "again" not in capsys.readouterr().out


def test_what_ends_in_any_other_way_has_one_go(piece):
    assert not run(piece("import nothing_of_that_name\n"))


def test_a_command_that_is_no_pytest_has_one_go(tmp_path, monkeypatch):
    monkeypatch.setattr(lanes, "LOGS", tmp_path)
    assert not run(lanes.Piece(name="no", command=("false",)))
