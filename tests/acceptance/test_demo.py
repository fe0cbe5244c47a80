"""`grader demo`: the whole way from an empty folder to score cards, and nothing left of it afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tests.acceptance.test_up import GRADER, SPECS, WORK, living, tree_below
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.sandbox
MUTANTS = """
[[mutant]]
name = "wrong-answer"
caught_by = ["A.answer"]
replace = [{ old = "return 42", new = "return 41" }]
"""


@pytest.fixture
def specs(tmp_path) -> Path:
    """One tiny assignment with a reference and a mutant."""
    folder = tmp_path / "test_specs" / "tiny"
    shutil.copytree(SPECS / "tiny", folder)
    (folder / "mutants").mkdir()
    (folder / "mutants" / "index.toml").write_text(MUTANTS)
    reference = tmp_path / "reference_solutions" / "tiny" / "work.py"
    reference.parent.mkdir(parents=True)
    reference.write_bytes(WORK)
    return folder.parent


@pytest.fixture
def environment(specs, tmp_path) -> dict[str, str]:
    (tmp_path / "tmp").mkdir()
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")}
    return ours | {"GRADER_SPECS": str(specs), "GRADER_SANDBOX": "bwrap", "TMPDIR": str(tmp_path / "tmp")}


def leftovers(tmp_path) -> list[str]:
    return [path.name for path in (tmp_path / "tmp").iterdir() if path.name.startswith("grader-demo-")]


def test_it_ends_by_itself_and_a_reference_without_full_marks_is_exit_3(environment, specs, tmp_path):
    reference = specs.parent / "reference_solutions" / "tiny" / "work.py"
    reference.write_bytes(WORK.replace(b"42", b"41"))
    (specs / "tiny" / "mutants" / "index.toml").unlink()
    done = subprocess.run(
        [GRADER, "demo", "--exit", "--jobs", "1"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "4 / 5 points" in done.stdout
    assert leftovers(tmp_path) == []


def until_ctrl_c(environment, tmp_path, moment: str) -> str:
    """What it said from its start to its end, which Ctrl-C brings when it has said `moment`."""
    process = subprocess.Popen(
        [GRADER, "demo", "--jobs", "1"],
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))
    reader.start()
    try:
        assert eventually(lambda: moment in "".join(lines) or process.poll() is not None)
        # More than the command itself: whatever it has started by then.
        assert eventually(lambda: len(tree_below(process.pid)) > 2 or process.poll() is not None)
        everything = tree_below(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) in (0, 130)
        assert eventually(lambda: not living(everything))
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
    assert "Traceback" not in "".join(lines)
    assert leftovers(tmp_path) == []
    return "".join(lines)


def test_score_cards_come_out_right_it_stays_up_and_ctrl_c_leaves_nothing(environment, tmp_path):
    said = until_ctrl_c(environment, tmp_path, "The service stays up")
    rows = [line.split() for line in said.splitlines() if line.startswith("tiny ")]
    assert [(row[1], row[3], "".join(row[4:])) for row in rows] == [
        ("reference", "graded", "5/5"), ("wrong-answer", "graded", "4/5"),
    ]  # fmt: skip
    for role in ("student", "ta", "instructor", "admin"):
        assert role in said
    assert "http://127.0.0.1:" in said


def test_ctrl_c_while_it_starts_leaves_nothing(environment, tmp_path):
    until_ctrl_c(environment, tmp_path, "Starting")
