"""pytest as the judge: one check result per test, from pytest's own in-process reports, sent over a private socket.

The invariant: nothing printed, by student code or by a check, can become a verdict; and a run whose tests do not add
up to what the spec promises has no score at all.
"""

from __future__ import annotations

import fnmatch
import hashlib
import random
import time
from collections.abc import Generator, Iterator
from typing import Any, Protocol

import numpy as np
import pytest
import torch

from grader.domain.check import Artifact, CheckDefinition, CheckResult, CheckStatus, Stage, Visibility
from grader.domain.errors import BadSpec, SandboxLost, SetupError
from grader.domain.ids import CheckId, PartId
from grader.engine.harness.authoring import ATTRIBUTE, CheckFailed, Declared, take_award
from grader.engine.harness.job import Job
from grader.engine.harness.reusing import reusable
from grader.engine.harness.showing import take_artifacts
from grader.engine.harness.verdict import Verdict, verdict_of, with_cause
from grader.engine.student.session import Session
from grader.engine.student.student import Student, SubmissionFacts

_ORDER = {Stage.GATE: 0, Stage.UNIT: 1, Stage.TRAIN: 2}
_SHOWN = {Visibility.ALWAYS: 0, Visibility.AFTER_DUE: 1, Visibility.STAFF: 2}
_TORCH_STATE_AT, _TORCH_STATE_WORDS = 24, 624


class Reporter(Protocol):
    """Where results go."""

    def plan(self, definitions: list[CheckDefinition]) -> None: ...
    def stage(self, stage: Stage) -> None: ...
    def started(self, check_id: str) -> None: ...
    def result(self, result: CheckResult) -> None: ...


def check_id_of(declared: Declared, function_name: str) -> CheckId:
    """A check's id: part A1 and the function `test_forward_pass` give A1.forward-pass."""
    return CheckId(f"{declared.part}.{function_name.removeprefix('test_').replace('_', '-')}")


def definition_of(declared: Declared, function_name: str) -> CheckDefinition:
    """What a check's author said about it, under its id."""
    return CheckDefinition(
        id=check_id_of(declared, function_name),
        part=PartId(declared.part),
        title=declared.title,
        points=declared.points,
        stage=declared.stage,
        visibility=declared.visibility,
        timeout_s=declared.timeout_s,
    )


class CheckPlugin:
    """One run's checks. Holds the exception that made the whole run worthless in `problem`."""

    def __init__(self, job: Job, session: Session, reporter: Reporter) -> None:
        self._job = job
        self._session = session
        self._reporter = reporter
        self._stages = frozenset(Stage(stage) for stage in job.stages)
        self._stage: Stage | None = None
        self._shown_to: Visibility | None = None
        self._gate_failed = ""
        self._ends_at = time.monotonic() + job.run_s
        self._verdicts: dict[str, tuple[Verdict, float, float]] = {}
        self._started_in: dict[str, float] = {}
        self.problem: SetupError | SandboxLost | None = None

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Student:
        """The student's code, loaded in a sandbox that is alive when the check begins."""
        declared = _declared(request.node)
        left = max(0.1, self._ends_at - time.monotonic())
        began = time.monotonic()
        if self._shown_to not in {None, declared.visibility}:
            # What it was asked by a check that few may see, it must not tell in one that more may see.
            self._session.close()
        self._shown_to = declared.visibility
        self._session.begin(min(declared.timeout_s, left))
        # Our start and the loading have their own place in the run's timing.
        self._started_in[request.node.nodeid] = time.monotonic() - began
        for name in declared.needs:
            if name not in self._session.load_report.names:
                raise CheckFailed(self._session.missing(name))
        facts = self._job.submission
        return Student(
            self._session,
            SubmissionFacts(
                name=facts["name"], kind=facts["kind"], files=tuple(facts["files"]),
                roles=tuple((path, role) for path, role in facts["roles"]),
                misnamed=tuple((rule, sentence) for rule, sentence in facts["misnamed"]),
            ),
        )  # fmt: skip

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        try:
            self._accept(items)
        except BadSpec as error:
            # pytest would only say that something inside it went wrong.
            self.problem = error
            raise

    def _accept(self, items: list[pytest.Item]) -> None:
        """Hold all that was collected against what the spec promises, tell it, and put it in the order of stages."""
        counted: dict[str, list[float]] = {}
        seen: set[str] = set()
        for item in items:
            declared = _declared(item)
            identity = check_id_of(declared, item.name)
            if identity in seen or declared.part not in self._job.parts:
                raise BadSpec(f"The check {identity} is declared twice or belongs to no part of assignment.toml.")
            seen.add(identity)
            counted.setdefault(declared.part, []).append(declared.points)
        for part, (checks, points) in self._job.parts.items():
            found = counted.get(part, [])
            if len(found) != checks or abs(sum(found) - points) > 1e-6:
                raise BadSpec(
                    f"Part {part} promises {checks} checks worth {points:g} points, "
                    f"but the test files hold {len(found)} worth {sum(found):g}."
                )
        place = {part: index for index, part in enumerate(self._job.parts)}
        definitions = [definition_of(_declared(item), item.name) for item in items]
        self._reporter.plan(sorted(definitions, key=lambda definition: place[definition.part]))
        # Those that all may see come first in their stage, so that a run changes sandboxes for the others once.
        items.sort(key=lambda item: (_ORDER[_declared(item).stage], _SHOWN[_declared(item).visibility]))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problem = BadSpec(f"The spec's checks cannot be imported: {str(report.longrepr)[-600:]}")
            raise self.problem

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Report what is not run at all; leave the rest to pytest."""
        declared = _declared(item)
        identity = check_id_of(declared, item.name)
        earlier = self._reusable(item, identity, declared)
        if earlier is not None:
            if declared.stage is Stage.GATE and earlier.status is not CheckStatus.PASSED:
                self._gate_failed = declared.title
            self._reporter.result(earlier)
            return True
        if not self._is_reported(declared):
            return True
        verdict = self._not_run(identity, declared)
        if verdict is None and declared.stage is not self._stage:
            self._stage = declared.stage
            self._reporter.stage(declared.stage)
        self._reporter.started(identity)
        if verdict is not None:
            self._report(identity, declared, verdict)
            return True
        take_award()
        take_artifacts()
        _seed(f"{self._job.seed}/{identity}")
        return None

    def _reusable(self, item: pytest.Item, identity: CheckId, declared: Declared) -> CheckResult | None:
        """The result of an earlier run, if this call reports the check and nothing that made it has changed."""
        # A training that may not begin now has no result, whatever it came to before.
        is_due = declared.stage in self._stages or (declared.stage is Stage.TRAIN and Stage.UNIT in self._stages)
        if not is_due or (declared.stage is Stage.TRAIN and self._gate_failed):
            return None
        if not self._is_wanted(identity, declared):
            return None
        return reusable(self._job, item.path, identity, declared)

    def _is_reported(self, declared: Declared) -> bool:
        """Whether this run says anything about the check: see `GradeOptions.parts` and `stages`."""
        if self._job.judged and declared.part not in self._job.judged:
            return False
        if declared.stage in self._stages:
            return True
        # The unit stage closes a run whose gate failed: nobody will take a GPU to say that nothing was trained.
        return declared.stage is Stage.TRAIN and bool(self._gate_failed) and Stage.UNIT in self._stages

    def _not_run(self, identity: str, declared: Declared) -> Verdict | None:
        if not self._is_wanted(identity, declared):
            return Verdict(CheckStatus.SKIPPED, "Not run this time.")
        if declared.stage is Stage.TRAIN and self._gate_failed:
            return Verdict(CheckStatus.SKIPPED, f"Not trained, because this comes first: {self._gate_failed}.")
        if time.monotonic() > self._ends_at:
            return Verdict(CheckStatus.TIMEOUT, "The time for this grading was used up before this check could run.")
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        report = yield
        error = call.excinfo.value if call.excinfo else None
        if isinstance(error, SetupError | SandboxLost):
            self.problem = error
            item.session.shouldstop = str(error)
        if call.when != "teardown":
            self._note(item, error, str(report.longrepr or ""), call.duration)
        else:
            self._conclude(item, error)
        return report

    def _note(self, item: pytest.Item, error: BaseException | None, detail: str, seconds: float) -> None:
        self._session.note_fault(error)
        _, spent, _ = self._verdicts.get(item.nodeid, (None, 0.0, 0.0))
        own = max(0.0, seconds - self._started_in.pop(item.nodeid, 0.0))
        self._verdicts[item.nodeid] = (verdict_of(error, detail), spent + own, take_award())

    def _conclude(self, item: pytest.Item, teardown_error: BaseException | None) -> None:
        verdict, seconds, share = self._verdicts.pop(item.nodeid)
        if teardown_error is not None:
            verdict = verdict_of(teardown_error)
        declared = _declared(item)
        output, artifacts = self._session.end(), take_artifacts()
        verdict = with_cause(verdict, self._session.take_divergence())
        if self.problem is not None:
            return
        if declared.stage is Stage.GATE and verdict.status not in (CheckStatus.PASSED, CheckStatus.SKIPPED):
            self._gate_failed = declared.title
        identity = check_id_of(declared, item.name)
        self._report(identity, declared, verdict, share=share, seconds=seconds, output=output, artifacts=artifacts)

    def _report(
        self,
        identity: CheckId,
        declared: Declared,
        verdict: Verdict,
        *,
        share: float = 0.0,
        seconds: float = 0.0,
        output: str = "",
        artifacts: tuple[Artifact, ...] = (),
    ) -> None:
        earned = {CheckStatus.PASSED: declared.points, CheckStatus.SKIPPED: 0.0}.get(
            verdict.status, round(declared.points * share, 2)
        )
        self._reporter.result(
            CheckResult(
                id=identity,
                part=PartId(declared.part),
                title=declared.title,
                status=verdict.status,
                points=earned,
                max_points=declared.points,
                visibility=declared.visibility,
                stage=declared.stage,
                message=verdict.message,
                detail=verdict.detail,
                output=output,
                seconds=round(seconds, 4),
                artifacts=artifacts,
            )
        )

    def _is_wanted(self, identity: str, declared: Declared) -> bool:
        only = self._job.only
        if only and not any(
            fnmatch.fnmatchcase(name, pattern) for name in (identity, declared.part) for pattern in only
        ):
            return False
        return self._job.train or declared.stage is not Stage.TRAIN


def _declared(item: pytest.Item) -> Declared:
    declared = getattr(getattr(item, "function", None), ATTRIBUTE, None)
    if not isinstance(declared, Declared):
        raise BadSpec(f"The test {item.name} has no @check, so it has neither part nor points.")
    return declared


def _seed(text: str) -> None:
    """Fill the three generators that checks use from all of the run's seed.

    A sandbox is sent what they draw. From a seed of 32 bits, as `torch.manual_seed` takes, it could find the seed by
    trying all, and with it the held-out labels: some minutes of one processor.
    """
    words = np.frombuffer(hashlib.shake_256(text.encode()).digest(4 * _TORCH_STATE_WORDS), dtype="<u4")
    random.seed(words.tobytes())
    np.random.seed(words)  # noqa: NPY002  # the global generator is what checks may use
    fresh = torch.Generator().manual_seed(0).get_state()
    end = _TORCH_STATE_AT + 8 * _TORCH_STATE_WORDS
    fresh[_TORCH_STATE_AT:end] = torch.frombuffer(bytearray(words.astype("<u8").tobytes()), dtype=torch.uint8)
    torch.set_rng_state(fresh)


def arguments(folder: str) -> Iterator[str]:
    """Pytest's command line for a spec folder: no configuration, plugin or cache from anywhere else."""
    # Without the cut a conftest.py that anybody put beside or above the folder would run, where the answers are.
    yield from (folder, "--rootdir", folder, "--confcutdir", folder, "-c", "/dev/null")
    yield from ("--import-mode=importlib", "-qs", "--tb=short")
    yield "-Wignore"
    # The first two of the second line would collect garbage of a process that is about to end: 0.15 s. Of the others no
    # check has any use, and what each of them costs is paid by every run.
    unused = (
        "cacheprovider", "terminalreporter", "doctest", "junitxml", "debugging", "faulthandler", "legacypath",
        "unraisableexception", "threadexception", "logging", "pastebin", "setuponly", "setupplan", "stepwise",
        "subtests", "unittest",
    )  # fmt: skip
    yield from (f"-pno:{name}" for name in unused)
