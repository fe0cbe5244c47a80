"""One harness process: say that it is there, judge one job, end. Forked by `forks.py`.

It has the answers, therefore no credentials: its environment was scrubbed by whoever started the process it was forked
from, and the only descriptors it holds are the control socket and, later, the pipes of one sandbox at a time.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from grader.domain.check import CheckDefinition, CheckResult, Stage
from grader.domain.ending import Ending, EndingReason
from grader.domain.errors import BadSpec, DeviceLost, GraderError, NoSandbox, SandboxLost
from grader.engine.harness.asserting import context
from grader.engine.harness.control import Control, ControlClosed, Word
from grader.engine.harness.job import Job, definition_to_plain, result_to_plain
from grader.engine.harness.plugin import CheckPlugin, arguments
from grader.engine.student.client import ProbeClient
from grader.engine.student.session import LoadOrder, Session
from grader.engine.wire.frames import FramePipe


class _Worker:
    """The worker at the other end of the control socket, as the plugin and the session need it."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def plan(self, definitions: list[CheckDefinition]) -> None:
        self._control.send(Word.PLAN, plan=[definition_to_plain(definition) for definition in definitions])

    def stage(self, stage: Stage) -> None:
        self._control.send(Word.STAGE, stage=str(stage))

    def started(self, check_id: str) -> None:
        self._control.send(Word.STARTED, check_id=check_id)

    def result(self, result: CheckResult) -> None:
        self._control.send(Word.RESULT, result=result_to_plain(result))

    def connect(self) -> ProbeClient:
        """A conversation with a fresh sandbox."""
        self._control.send(Word.NEED)
        note = self._control.receive()
        if note.word is not Word.SANDBOX or len(note.descriptors) != 2:
            message = str(note.fields.get("message", "")) or None
            kinds = {kind.code: kind for kind in (NoSandbox, DeviceLost)}
            raise kinds.get(note.fields.get("code", ""), SandboxLost)(message)
        read_fd, write_fd = note.descriptors
        return ProbeClient(FramePipe(read_fd, write_fd), self.lost)

    def lost(self, reason: EndingReason) -> Ending:
        """Have the current sandbox stopped, and learn from the host why it stopped."""
        self._control.send(Word.LOST, reason=str(reason))
        fields = self._control.receive().fields
        return replace(
            Ending(reason=EndingReason(fields["reason"])),
            exit_code=fields["exit_code"],
            detail=fields["detail"],
        )


def _judge(job: Job, worker: _Worker) -> dict[str, object]:
    context.folder, context.thresholds = Path(job.spec_folder), job.thresholds
    # Files of a spec import each other, and the packages specs share, by plain name.
    sys.path[:0] = job.import_folders
    session = Session(LoadOrder(body=job.load, load_s=job.load_s), worker.connect)
    plugin = CheckPlugin(job, session, worker)
    try:
        status = pytest.main(list(arguments(job.spec_folder)), plugins=[plugin])
    finally:
        session.close()
    if plugin.problem is not None:
        raise plugin.problem
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise BadSpec(f"pytest could not run the spec's checks (status {int(status)}).")
    report = session.load_report
    return {
        "load_s": session.load_s,
        "notes": list(report.notes),
        "files": [[facts.path, facts.status, facts.note] for facts in report.files],
        "load_fault": str(session.load_fault or ""),
        "sandboxes": session.sandboxes,
        "breaches": session.breaches(),
        "names": [name for name in job.names if name in report.names and not report.names[name].supplied],
    }


def serve(control: Control) -> None:
    """One job from its first word to its last."""
    try:
        control.send(Word.HELLO, torch=torch.__version__, pid=os.getpid())
        job = Job(**control.receive().fields)
        try:
            facts = _judge(job, _Worker(control))
        except ControlClosed:
            raise
        except GraderError as error:
            control.send(Word.PROBLEM, code=error.code, message=str(error))
        except Exception as error:  # edge of the process: whatever a spec's file does is a failed run, with its words
            control.send(
                Word.PROBLEM,
                code=BadSpec.code,
                message=f"The spec's checks ended with {type(error).__name__}: {error}",
            )
        else:
            control.send(Word.DONE, facts=facts)
    except (ControlClosed, BrokenPipeError):
        pass
