"""The command starts quickly, and without what grading needs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from grader.cli.main import run
status = run(sys.argv[1:])
heavy = [name for name in ("torch", "numpy", "docker", "msgpack", "pytest") if name in sys.modules]
print("loaded:", heavy, file=sys.stderr)
sys.exit(status)
"""


def started(*arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GRADER_", "COV"))}
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return done, used


@pytest.mark.parametrize("arguments", [["--help"], ["grade", "--help"], ["spec", "list", "--json"]])
def test_help_and_lists_load_nothing_heavy(arguments):
    done, _ = started(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "loaded: []"


def test_help_takes_less_than_half_a_second_of_processor():
    # Processor time, the best of three: other tests may share the machine.
    assert min(started("--help")[1] for _ in range(3)) < 0.5


def test_grading_imports_no_torch_into_the_command():
    done, _ = started("grade", "/nowhere.zip", "-a", "no-such-assignment")
    assert done.returncode == 2
    assert "torch" not in done.stderr.splitlines()[-1]
