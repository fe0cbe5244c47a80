"""Student code in a plain subprocess: the only place where it runs without a sandbox is the tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.domain.ending import Ending, EndingReason
from grader.engine.student.client import ProbeClient
from grader.engine.student.session import LoadOrder, Session
from grader.engine.student.student import Student, SubmissionFacts
from grader.engine.wire.frames import FramePipe
from tests.engine.plain_probe import PlainProcess

PRELUDE = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"


class PlainProbe:
    """A probe process without a sandbox, as a `connect` for sessions."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self.processes: list[PlainProcess] = []
        self.reasons: list[EndingReason] = []

    def connect(self) -> ProbeClient:
        process = PlainProcess(self._scratch)
        self.processes.append(process)
        pipe = FramePipe(os.dup(process.read_fd), os.dup(process.write_fd))

        def lost(reason: EndingReason) -> Ending:
            self.reasons.append(reason)
            return Ending(reason=reason, exit_code=process.kill())

        return ProbeClient(pipe, lost)

    def stop(self) -> None:
        for process in self.processes:
            process.close()


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[PlainProbe]:
    plain = PlainProbe(tmp_path)
    yield plain
    plain.stop()


@pytest.fixture
def session_of(probe: PlainProbe) -> Iterator[Callable[..., Session]]:
    made: list[Session] = []

    def make(source: str, *, name: str = "model.py", prelude: str = PRELUDE, timeout_s: float = 30.0) -> Session:
        body = {
            "archive": (prelude + source).encode(), "name": name, "kind": "py",
            "entries": [{"path": name, "role": "code"}], "prefer": [], "starter": "", "starter_names": [], "statement_s": 5.0,
        }  # fmt: skip
        session = Session(LoadOrder(body=body, load_s=30.0), probe.connect)
        made.append(session)
        session.begin(timeout_s)
        return session

    yield make
    for session in made:
        session.close()


@pytest.fixture
def student_of(session_of: Callable[..., Session]) -> Callable[..., Student]:
    def make(source: str, **options: object) -> Student:
        return Student(session_of(source, **options), SubmissionFacts(name="model.py", kind="py", files=("model.py",)))

    return make
