"""A harness judging tiny specs, with plain subprocesses in place of sandboxes (only tests may do that)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from grader.domain.check import CheckResult
from grader.domain.run import Event
from grader.engine.harness.forkserver import ForkServer
from grader.engine.harness.job import Job
from grader.engine.harness.supervise import HarnessProcess, Judgement
from tests.engine.plain_sandbox import PlainSandbox


class Bench:
    """Judges `submission` by the checks in `spec`, and keeps what happened."""

    def __init__(self, folder: Path, server: ForkServer) -> None:
        self.folder = folder
        self.server = server
        self.sandboxes: list[PlainSandbox] = []
        self.events: list[Event] = []

    @contextmanager
    def lease(self) -> Iterator[PlainSandbox]:
        sandbox = PlainSandbox(self.folder)
        self.sandboxes.append(sandbox)
        try:
            yield sandbox
        finally:
            sandbox.close()

    def judge(self, spec: str, submission: str, parts: dict[str, tuple[int, float]], **options: Any) -> Judgement:
        (self.folder / "test_spec.py").write_text(SPEC_PRELUDE + textwrap.dedent(spec))
        code = "import torch\nimport torch.nn as nn\n" + textwrap.dedent(submission)
        load = {
            "archive": code.encode(), "name": "model.py", "kind": "py", "entries": [{"path": "model.py", "role": "code"}],
            "prefer": [], "starter": "", "starter_names": [], "statement_s": 5.0,
        }  # fmt: skip
        facts = {"name": "model.py", "kind": "py", "files": ["model.py"], "roles": [], "misnamed": []}
        defaults: dict[str, Any] = {"seed": "s", "load_s": 30.0, "run_s": 120.0}
        job = Job(
            spec_folder=str(self.folder),
            import_folders=(str(self.folder),),
            load=load,
            submission=facts,
            parts=parts,
            **{**defaults, **options},
        )
        process = HarnessProcess(self.server)
        try:
            return process.judge(job, self.lease, self.events.append)
        finally:
            process.kill()


SPEC_PRELUDE = """\
import os, sys, time
import pytest, torch
from grader.checks import assert_close, award, check, curve, expect, fail, grid, picture, threshold_facts
"""


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """One for all tests: torch is imported once."""
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def bench(tmp_path: Path, fork_server: ForkServer) -> Bench:
    return Bench(tmp_path, fork_server)


@pytest.fixture
def by_id() -> Callable[[Judgement], dict[str, CheckResult]]:
    return lambda judgement: {result.id: result for result in judgement.results}
