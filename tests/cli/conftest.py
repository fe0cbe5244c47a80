"""A spec of one page and an engine that judges by file name, so that the command line is tested alone."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest

from grader.cli import batch
from grader.cli.main import run
from grader.domain.errors import NoSandbox, RunFailed
from grader.domain.run import Event
from tests.api.serving import serving, world
from tests.cli.stand_in import StandIn
from tests.report_samples import a_rejection as rejected_report
from tests.report_samples import a_report

__all__ = ["serving", "world"]

TOML = """
schema_version = 1
slug = "hw1"
title = "First steps"
course = "Example"
[files]
[[files.file]]
name = "report"
pattern = 'report\\.pdf'
role = "report"
example = "report.pdf"
[limits]
archive_bytes = 100000
[[scale.step]]
share = 0.0
value = 0
label = "none"
[[part]]
id = "A1"
title = "A part [bold]of[/bold] brackets"
points = 3
checks = 2
manual = [{ id = "A1.essay", title = "Read this" }]
[[part]]
id = "A2"
title = "Another"
points = 4
checks = 2
"""


class FakeEngine:
    """Judges by name: `slow`, `broken`, `buggy` and `empty` in it do what they say; everything else is graded."""

    def __init__(self):
        self.graded = []
        self.lock = threading.Lock()

    def grade(self, spec, name, content, options=None, on_event=None):
        with self.lock:
            self.graded.append((name, content, options))
        if "slow" in name:
            time.sleep(0.1)
        if "broken" in name:
            raise RunFailed("Fewer checks were collected than the spec promises.")
        if "buggy" in name:
            raise ZeroDivisionError("oops")
        if "empty" in name:
            return rejected_report(file=name)
        report = a_report(file=name)
        for result in report.checks:
            on_event(Event(kind="started", check_id=result.id))
            on_event(Event(kind="check", check_id=result.id, result=result))
        return report


@pytest.fixture
def root(tmp_path, monkeypatch):
    folder = tmp_path / "specs" / "test_specs" / "hw1"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(TOML)
    monkeypatch.setenv("GRADER_SPECS", str(folder.parent))
    return folder.parent


@pytest.fixture
def engine(monkeypatch):
    made = FakeEngine()

    @contextmanager
    def opened(*, sandbox, jobs, expected, limits):
        made.opened = {"sandbox": sandbox, "jobs": jobs, "expected": expected}
        yield made

    monkeypatch.setattr(batch, "open_engine", opened)
    return made


@pytest.fixture
def no_sandbox(monkeypatch):
    def refused(**_):
        raise NoSandbox("No sandbox is available; install bubblewrap.")

    monkeypatch.setattr(batch, "open_engine", refused)


@pytest.fixture
def grader(capsys):
    """Runs a command line: (exit status, stdout, stderr)."""

    def call(*arguments):
        status = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return call


@pytest.fixture
def hand_in(tmp_path):
    def make(name, content=b"PK"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return make


@pytest.fixture
def service(monkeypatch, tmp_path):
    """A stand-in for the service, which commands find by the environment."""
    made = StandIn()
    monkeypatch.setenv("GRADER_URL", made.url)
    monkeypatch.setenv("GRADER_TOKEN", "grd_good")
    monkeypatch.setenv("GRADER_CONFIG", str(tmp_path / "config.toml"))
    yield made
    made.close()
