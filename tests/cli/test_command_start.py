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
files = {name.partition(".")[0]: getattr(module, "__file__", None) for name, module in sys.modules.items() if "." not in name}
installed = [name for name, file in files.items() if file and ("site-packages" in file or "/.venv/sandbox/" in file)]
print("loaded:", *sorted(installed), file=sys.stderr)
sys.exit(status)
"""
# What reads the arguments and prints, and what the domain's values are made of.
LIGHT = {
    "annotated_doc", "annotated_types", "attr", "markdown_it", "mdurl", "pydantic", "pydantic_core", "pygments", "rich",
    "shellingham", "typer", "typing_extensions", "typing_inspection",
}  # fmt: skip


def started(*arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GRADER_", "COV"))}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["grade", "--help"], ["spec", "list", "--json"]])
def test_help_and_lists_load_nothing_but_what_is_light(arguments):
    done = started(*arguments)
    assert done.returncode == 0, done.stderr
    first, *loaded = done.stderr.splitlines()[-1].split()
    assert first == "loaded:" and "typer" in loaded
    # Editable installs and wheels differ in helpers whose names begin with an underscore.
    assert {name for name in loaded if not name.startswith("_")} - LIGHT == set()


def test_grading_imports_no_torch_into_the_command():
    done = started("grade", "/nowhere.zip", "-a", "no-such-assignment")
    assert done.returncode == 2
    assert "torch" not in done.stderr.splitlines()[-1]
