"""The full-marks hand-in gets full marks, in every kind of sandbox, trainings included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.domain.run import RunStatus
from grader.engine.handins import reference_hand_in
from grader.engine.pipeline import Engine, GradeOptions
from grader.engine.sandbox.select import choose

GRADER = str(Path(sys.executable).parent / "grader")


def usable(name: str):
    backend = choose(name)
    readiness = backend.check()
    if not readiness.usable:
        if os.environ.get("REQUIRE_SANDBOX") == "1":
            pytest.fail(f"{name}: {readiness.problems}")
        pytest.skip(f"{name} cannot be used here; REQUIRE_SANDBOX=1 makes this a failure")
    return backend


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.docker
def test_the_reference_gets_full_marks_with_training_in_docker_too(spec):
    """In bwrap's sandboxes the proof of the spec says so."""
    made = reference_hand_in(spec)
    with Engine(usable("docker"), expected=1) as engine:
        report = engine.grade(spec, made.name, made.content, GradeOptions(seed="acceptance"))
    wrong = [
        (result.id, result.message, result.detail) for result in report.checks if result.points < result.max_points
    ]
    assert wrong == []
    assert (report.status, report.score, report.mark.value) == (RunStatus.GRADED, report.max_score, 4)
    assert report.notes == ()


@pytest.mark.sandbox
def test_two_runs_with_one_seed_agree_and_nothing_is_left_running(spec):
    made = reference_hand_in(spec)
    before = _ours()
    with Engine(usable("bwrap"), jobs=2, expected=2) as engine:
        reports = [
            engine.grade(spec, made.name, made.content, GradeOptions(train=False, seed="same")) for _ in range(2)
        ]
    first, second = (
        [(result.id, result.status, result.points, result.message) for result in report.checks] for report in reports
    )
    assert first == second
    assert _ours() - before == set()


def _ours() -> set[str]:
    """Probes and harnesses that this process started; other tests keep a warm engine."""
    found = subprocess.run(
        ["pgrep", "-f", "grader.engine.(probe|harness)"], capture_output=True, text=True, check=False
    ).stdout.split()
    return {pid for pid in found if _is_ours(int(pid))}


def _is_ours(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return int(status.rpartition(")")[2].split()[1]) == os.getpid()


@pytest.mark.sandbox
def test_the_command_prints_one_object_and_ends_with_0(spec, tmp_path):
    usable("bwrap")
    made = reference_hand_in(spec)
    path = tmp_path / made.name
    path.write_bytes(made.content)
    command = [
        GRADER,
        "grade",
        str(path),
        "--assignment",
        spec.assignment.slug,
        "--json",
        "--no-train",
        "--sandbox",
        "bwrap",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["schema"] == 1
    assert told["status"] == "graded"
    assert {"assignment", "spec_version", "submission", "score", "max_score", "scale", "checks", "timing"} <= set(told)
    assert {"id", "part", "title", "status", "points", "max_points", "visibility", "message", "seconds"} <= set(
        told["checks"][0]
    )
    assert {"intake", "sandbox", "load", "checks", "total"} <= set(told["timing"])


@pytest.mark.sandbox
def test_an_unusable_file_is_exit_status_2_and_one_sentence(tmp_path):
    path = tmp_path / "a-b-practical2.zip"
    path.write_bytes(b"not a zip")
    command = [GRADER, "grade", str(path), "--assignment", "cmp784-practical2", "--json", "--sandbox", "bwrap"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["status"] == "rejected"
    assert "Traceback" not in done.stderr + done.stdout
