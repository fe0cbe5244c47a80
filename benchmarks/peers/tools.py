"""Each peer as a tool that judges hand-ins, each in a fresh container of the same image, with the same limits.

- plain pytest reads the cells as a module, and writes JUnit XML, as Gradescope's and GitHub Classroom's users do;
- otter run takes the zip of `otter generate`; `otter grade`, which makes its own containers, is in otter_grade.py;
- nbgrader runs `generate_assignment` once, then `autograde`, for one student or for all of them in one go.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from peers.assignment import (
    Task,
    as_nbgrader_source,
    as_nbgrader_submission,
    as_otter,
    as_pytest,
)
from peers.build import Installed, build_on
from peers.containers import LIMIT_S, Ran, run_in

_XML_CASE = re.compile(r'<testcase [^>]*?\bname="test_(\w+)"[^>]*?(/>|>(.*?)</testcase>)', re.DOTALL)
ASSIGNMENT = "hw"


class Given(Protocol):
    """A hand-in: a name that is a file name, and cells."""

    @property
    def name(self) -> str: ...
    @property
    def cells(self) -> dict[str, str]: ...
    @property
    def notebook(self) -> str: ...
    @property
    def script(self) -> str: ...


class Peer(Protocol):
    """`most_jobs` is how many hand-ins the tool itself judges at a time."""

    name: str
    most_jobs: int

    def judge(self, given: Given, *, limit_s: float = LIMIT_S) -> tuple[float, Ran]:
        """Points, and what the container said."""
        ...


def batch(peer: Peer, given: Iterable[Given], jobs: int) -> dict[str, float]:
    """Points by name, a fresh container each."""
    with ThreadPoolExecutor(jobs) as pool:
        judged = pool.map(lambda one: (one.name, peer.judge(one)[0]), given)
        return dict(judged)


def _readable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    return path


class PlainPytest:
    name = "plain pytest, a fresh container each"
    most_jobs = 2

    def __init__(self, installed: Installed, task: Task, folder: Path) -> None:
        self._image, self.task, self._folder = installed.image, task, folder
        _readable(folder / f"test_{task.slug}.py", as_pytest(task))

    def judge(self, given: Given, *, limit_s: float = LIMIT_S) -> tuple[float, Ran]:
        script = _readable(self._folder / "given" / given.name / "submission.py", given.script)
        tests = self._folder / f"test_{self.task.slug}.py"
        ran = run_in(
            self._image,
            "mkdir -p /tmp/out && cd /tmp && python3 -m pytest -q -s -p no:cacheprovider --rootdir /autograder "
            "--junitxml /tmp/out/report.xml -o pythonpath=/autograder /autograder",
            mounts={tests: f"/autograder/{tests.name}", script: "/autograder/submission.py"},
            results=["/tmp/out/report.xml", "/tmp/said"],
            limit_s=limit_s,
        )
        return points_of_junit(ran.files.get("/tmp/out/report.xml", b""), self.task), ran


def points_of_junit(report: bytes, task: Task) -> float:
    """Points of the tests that a JUnit report calls passed: a test with nothing inside its element."""
    passed = set()
    for name, _, inside in _XML_CASE.findall(report.decode(errors="replace")):
        if not re.search(r"<(failure|error|skipped)\b", inside):
            passed.add(name)
    return float(sum(check.points for check in task.checks if check.name in passed))


class OtterRun:
    name = "otter run, a fresh container each"
    most_jobs = 2

    def __init__(self, installed: Installed, task: Task, folder: Path) -> None:
        self._image, self._task, self._folder = installed.image, task, folder
        for check in task.checks:
            _readable(folder / "tests" / f"{check.name}.py", as_otter(task, check))
        command = [
            str(installed.python.with_name("otter")),
            "generate",
            "-t",
            "tests",
            "-o",
            "autograder.zip",
            "--no-requirements",
            "--no-environment",
        ]
        _checked(command, folder)
        self.zip = folder / "autograder.zip"
        self.zip.chmod(0o644)

    def judge(self, given: Given, *, limit_s: float = LIMIT_S) -> tuple[float, Ran]:
        path = _readable(self._folder / "given" / given.name / "submission.ipynb", given.notebook)
        ran = run_in(
            self._image,
            "mkdir -p /tmp/out && cd /tmp/out && otter run -a /in/autograder.zip -o /tmp/out --no-logo /in/submission.ipynb",
            mounts={self.zip: "/in/autograder.zip", path: "/in/submission.ipynb"},
            results=["/tmp/out/results.json", "/tmp/said"],
            limit_s=limit_s,
        )
        return points_of_gradescope(ran.files.get("/tmp/out/results.json", b"")), ran


class OtterGrade:
    """The teacher's command: containers of its own, without limits, and results that it unpickles on this machine.

    So it gets no hostile hand-in here; what it runs inside is what `otter run` runs.
    """

    name = "otter grade, a container each"
    most_jobs = 2
    _DOCKERFILE = """ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY . /autograder/source/
RUN mkdir -p /autograder/submission /autograder/results && echo '{}' >/autograder/submission_metadata.json \\
 && printf '#!/bin/sh\\nexec python3 /autograder/source/run_otter.py\\n' >/autograder/run_autograder \\
 && chmod 755 /autograder/run_autograder
"""

    def __init__(self, installed: Installed, otter: OtterRun, folder: Path) -> None:
        self._python, self._zip, self._folder = installed.python, otter.zip, folder
        context = folder / "context"
        with zipfile.ZipFile(otter.zip) as archive:
            archive.extractall(context)
        (context / "Dockerfile").write_text(self._DOCKERFILE, encoding="utf-8")
        self._image = "otter-grade:grader-benchmark"
        build_on(installed.image, self._image, context)

    def judge_all(self, given: Sequence[Given], jobs: int = 1) -> dict[str, float]:
        """Points by name."""
        paths = [_readable(self._folder / "given" / f"{one.name}.ipynb", one.notebook) for one in given]
        (self._folder / "out").mkdir(exist_ok=True)
        driver = str(Path(__file__).with_name("otter_grade.py"))
        _checked(
            [
                str(self._python),
                driver,
                self._image,
                str(self._zip),
                str(self._folder / "out"),
                str(jobs),
                *map(str, paths),
            ],
            self._folder,
        )
        with (self._folder / "out" / "final_grades.csv").open(encoding="utf-8") as lines:
            rows = {row["file"]: row for row in csv.DictReader(lines)}
        return {one.name: _number(rows[f"{one.name}.ipynb"].get("total_points_earned")) for one in given}


def _number(cell: str | None) -> float:
    try:
        return float(cell or 0)
    except ValueError:
        return 0.0


def points_of_gradescope(results: bytes) -> float:
    """The sum of the scores in Gradescope's `results.json`, which otter writes; 0 if it is none."""
    try:
        return float(sum(float(test.get("score", 0)) for test in json.loads(results)["tests"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0.0


class Nbgrader:
    name = "nbgrader autograde, a fresh container each"
    most_jobs = 1

    def __init__(self, installed: Installed, task: Task, folder: Path, cells: dict[str, str]) -> None:
        self._image, self._folder = installed.image, folder
        self.course = folder / "course"
        _readable(self.course / "nbgrader_config.py", "c = get_config()\nc.CourseDirectory.course_id = 'course'\n")
        _readable(self.course / "source" / ASSIGNMENT / "hw.ipynb", as_nbgrader_source(task, cells))
        _checked([str(installed.python.with_name("nbgrader")), "generate_assignment", ASSIGNMENT], self.course)
        (self.course / "submitted").mkdir()
        self._released = (self.course / "release" / ASSIGNMENT / "hw.ipynb").read_text(encoding="utf-8")

    def judge(self, given: Given, *, limit_s: float = LIMIT_S) -> tuple[float, Ran]:
        points, ran = self.judge_all([given], limit_s=limit_s)
        return points[given.name], ran

    def judge_all(self, given: Sequence[Given], *, limit_s: float = LIMIT_S) -> tuple[dict[str, float], Ran]:
        """All hand-ins by one `nbgrader autograde`, each as a student of the hand-in's name."""
        submitted = self._folder / "given" / "-".join(sorted({one.name for one in given}))[:100]
        for one in given:
            _readable(submitted / one.name / ASSIGNMENT / "hw.ipynb", as_nbgrader_submission(self._released, one.cells))
        ran = run_in(
            self._image,
            f"cp -r /in/course /tmp/course && cd /tmp/course && nbgrader autograde {ASSIGNMENT} "
            "&& nbgrader export --to /tmp/grades.csv",
            mounts={self.course: "/in/course", submitted: "/in/course/submitted"},
            results=["/tmp/grades.csv", "/tmp/said"],
            limit_s=limit_s,
        )
        scores = points_of_export(ran.files.get("/tmp/grades.csv", b""))
        return {one.name: scores.get(one.name, 0.0) for one in given}, ran


def points_of_export(table: bytes) -> dict[str, float]:
    """Scores by student in what `nbgrader export` writes; what is no number is left out."""
    found = {}
    for row in csv.DictReader(io.StringIO(table.decode(errors="replace"))):
        try:
            found[str(row.get("student_id"))] = float(row.get("score") or 0)
        except ValueError:
            continue
    return found


def _checked(command: list[str], folder: Path) -> None:
    # Its programs call each other by name.
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:2])} failed: {(done.stderr or done.stdout).strip()[-600:]}")
