"""A short storm, and the report of a long one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.storm import report, verdict
from tests.faults.storm.__main__ import blow
from tests.faults.storm.injector import Struck
from tests.faults.storm.kinds import KINDS
from tests.faults.storm.stream import HandIn
from tests.worker.conftest import require_sandbox

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
# The longest freezes need a longer storm; those that only a root may make are left to it too.
QUICK = (
    "worker killed (-9)", "worker told to stop", "worker frozen, longer than its lease", "server killed (-9)",
    "sweep killed (-9)", "a sandbox's process killed (-9)", "a harness killed (-9)", "database connections terminated",
    "Redis flushed", "upload whose answer is not heard, then sent again", "blob store's folder away",
    "database's network reset once",
)  # fmt: skip


@pytest.mark.sandbox
def test_a_short_storm_keeps_every_promise():
    require_sandbox("bwrap")
    result = blow(faults=len(QUICK), seed=3, seconds=8.0, works=["right", "raises"], only=QUICK, slug="quick")
    assert result.problems == []
    assert result.text.count("\n| ") == 2 + len(QUICK), "a line for each kind below the two of the head"


def test_the_kinds_are_many_and_each_has_a_name_of_its_own():
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names) >= 35
    assert set(QUICK) <= set(names)


def graded(began: float, ended: float, **tries: int) -> HandIn:
    return HandIn("s", "right", "k", began, submission="1", graded_at=ended, tries=tries)


def test_the_table_says_what_each_kind_met():
    struck = [
        Struck(1, "frozen", "worker-1", 10.0, 12.0), Struck(2, "frozen", "worker-2", 50.0, 52.0),
        Struck(3, "flushed", "redis", 11.0, 11.0), Struck(4, "killed", "server", 90.0, 90.0),
    ]  # fmt: skip
    hand_ins = [graded(9, 20, gate=1, unit=2), graded(12, 15, gate=1), graded(30, 40), graded(51, 60, gate=3)]
    rows = report.table(struck, hand_ins, {"right": 2.0}).splitlines()[2:]
    assert rows == [
        "| flushed | 1 | 1 | 9.0 s | 1.00 |",
        "| frozen | 2 | 3 | 7.0 s | 1.00 |",
        "| killed | 1 | 0 | - | - |",
    ]


def test_a_report_replaces_what_stands_between_the_markers_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\nlines\n{report.END}\nafter\n")
    report.put_in(page, r"new \1 line")
    report.put_in(page, r"newer \1 line")
    assert page.read_text() == f"before\n{report.BEGIN}\nnewer \\1 line\n{report.END}\nafter\n"
    page.write_text("no markers")
    with pytest.raises(ValueError, match="once each"):
        report.put_in(page, "lost")


def test_a_traceback_in_a_log_is_found_whatever_the_format():
    ours = "2026-01-01T00:00:00Z ERROR x: it failed\nTraceback (most recent call last):\n  File\nValueError: no\n"
    one_line = "2026-01-01T00:00:00Z ERROR x: it failed\\nTraceback (most recent call last):\\n  File\\nKeyError: 1\n"
    starting = "Traceback (most recent call last):\n  File\nOSError: [Errno 24] Too many open files: 'x.py'\n"
    fine = "2026-01-01T00:00:00Z INFO x: all is well\n"
    assert verdict.tracebacks(fine + ours + one_line + starting + fine) == ["ValueError: no", "KeyError: 1"]
    assert verdict.tracebacks(starting + fine + starting) == []


def test_what_python_says_of_an_event_loop_without_handles_is_no_broken_promise():
    limited = "import asyncio, resource; resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4)); asyncio.new_event_loop()"
    said = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=False).stderr
    assert said.count("Traceback") == 2, said
    assert verdict.tracebacks(said) == []


def test_the_page_names_kinds_that_there_are():
    told = re.search(f"{report.BEGIN}\n(.*?){report.END}", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    kinds = {line.split(" | ")[0].removeprefix("| ") for line in told.splitlines() if line.startswith("| ")}
    assert kinds - {"fault", "---"} <= {kind.name for kind in KINDS}
