"""A worker with a GPU that is not there: from its settings to what a training on it leaves in the database."""

from __future__ import annotations

import logging
import textwrap
from contextlib import contextmanager

import pytest

from grader.domain.errors import NoSandbox
from grader.domain.grading import Queue, RunState
from grader.engine.engines import Engines
from grader.engine.sandbox import devices
from grader.engine.sandbox.devices import BadGpus, open_devices
from grader.service import accounts, assignments, operations, statistics
from grader.service.expected import likeliest_limits
from grader.specs.load import load_spec
from tests.engine.gpu.conftest import smi  # noqa: F401  # a fixture
from tests.engine.gpu.fake_gpu import FIRST, SECOND, FakeGpuBackend
from tests.worker.conftest import TEACHER, a_desk
from tests.worker.test_worker_settings import settings
from worker.loop import GradingLoop
from worker.settings import BadWorkerSettings
from worker.slots import open_shares, slots_of

CPU, GPU, RERUN = Queue.CPU, Queue.GPU, Queue.RERUN
TOML = """
schema_version = 1
slug = "trained"
title = "Trained"
course = "Example"
queue = "gpu"
[files]
code_suffixes = [".py"]
[[scale.step]]
share = 0.0
value = 0
label = "none"
[[part]]
id = "A"
title = "A part"
points = 3
checks = 2
"""
CHECKS = """
import torch
from grader.checks import check, expect

@check("A", points=1, title="The code is there")
def test_is_there(student):
    expect(student.defines("Net"), "Net is missing.")

@check("A", points=2, stage="train", title="It trains")
def test_trains(student):
    inputs = torch.randn(32, 4)
    result = student.fit(student.Net(), inputs, inputs[:, :3].argmax(1), steps=30, batch_size=8)
    expect(result.steps == 30, "It stopped early.")
"""
NET = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
    def forward(self, x):
        {body}
        return self.layer(x.cuda())
"""


def code(body: str = "pass") -> bytes:
    return NET.format(body=body).encode()


class Backend:
    def __init__(self, name: str) -> None:
        self.name = name


@pytest.mark.parametrize(
    ("queues", "jobs", "shares", "expected"),
    [
        ((GPU,), 3, 2, [((GPU,), True), ((GPU,), True)]),
        ((GPU, CPU, RERUN), 1, 1, [((GPU,), True), ((CPU, RERUN), False)]),
        ((CPU, GPU, RERUN), 2, 1, [((GPU,), True), ((CPU,), False), ((CPU, RERUN), False)]),
        ((CPU, GPU, RERUN), 1, 0, [((CPU, GPU, RERUN), False)]),
    ],
)
def test_a_share_only_trains_and_without_gpus_all_is_as_before(smi, queues, jobs, shares, expected):  # noqa: F811
    smi.has(SECOND)
    slots = slots_of(queues, jobs, open_devices("all", 1)[:shares])
    assert [(slot.queues, slot.share is not None) for slot in slots] == expected


@pytest.mark.parametrize("given", ["0", "17", "1.5", "half"])
def test_a_number_of_shares_that_makes_no_sense_is_refused(given):
    with pytest.raises(BadWorkerSettings, match="GRADER_GPU_SHARES"):
        settings(GRADER_GPU_SHARES=given)


def test_gpus_are_opened_only_where_they_can_be_used(smi, caplog):  # noqa: F811
    assert settings().gpus == "none"
    with_gpus = {"GRADER_GPUS": "all", "GRADER_GPU_SHARES": "2"}
    with caplog.at_level(logging.INFO):
        assert len(open_shares(settings("gpu", **with_gpus), Backend("docker"))) == 2
        assert open_shares(settings("cpu", **with_gpus), Backend("docker")) == ()
    assert f"{FIRST}): 2 at a time" in caplog.text
    assert "the queue gpu is not served here" in caplog.text
    assert open_shares(settings("gpu"), Backend("bwrap")) == ()
    with pytest.raises(NoSandbox, match="GRADER_SANDBOX=docker, or GRADER_GPUS=none"):
        open_shares(settings("gpu", **with_gpus), Backend("bwrap"))
    with pytest.raises(BadGpus, match="GRADER_GPUS is '5'"):
        open_shares(settings("gpu", GRADER_GPUS="5"), Backend("docker"))


@pytest.fixture
def machine(database, tmp_path, smi, monkeypatch):  # noqa: F811
    """A worker's place with one share of a pretended GPU: (desk, its slots, backend), once it is opened."""
    monkeypatch.setattr(devices, "REST_S", 0.0)
    monkeypatch.setattr(devices, "RELEASE_S", 0.2)
    folder = tmp_path / "specs" / "trained"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(TOML)
    (folder / "test_a.py").write_text(textwrap.dedent(CHECKS))

    @contextmanager
    def opened(*, after=None):
        backend = FakeGpuBackend(tmp_path, after=after)
        slots = slots_of((GPU, CPU), 1, open_devices("all", 1))
        try:
            with Engines(backend, jobs=1, shares=1) as engines:
                desk = a_desk(database, tmp_path, load_spec("trained", folder.parent), engines)
                yield desk, [GradingLoop(desk.place, slot.queues, slot.share) for slot in slots], backend
        finally:
            backend.close()

    return opened


def no_delay(desk) -> None:
    with desk.database.begin() as work:
        work.session.connection().exec_driver_sql("UPDATE run_stages SET not_before = clock_timestamp()")


def test_a_device_that_is_lost_costs_the_student_nothing_and_gpu_time_is_accounted(machine, smi):  # noqa: F811
    lost = []

    def lose(sandbox) -> None:
        if not lost:
            lost.append(sandbox)
            smi.lose(FIRST)

    with machine(after=lose) as (desk, (training, others), backend):
        submission = desk.hand_in(code())
        assert not training.grade_next(), "gate and unit are not for a GPU"
        assert others.grade_next()
        assert desk.stages(submission) == {"gate": ("done", 1), "unit": ("done", 1), "train": ("waiting", 0)}
        assert not others.grade_next(), "the training is not for the CPU where there is a GPU"
        assert {profile.gpu for profile in backend.profiles} == {None}

        assert training.grade_next()
        assert desk.stages(submission)["train"] == ("waiting", 1)
        assert desk.run(submission).state is RunState.WAITING or desk.run(submission).state is RunState.GRADING
        share = training._share
        assert not share.device.is_in_service()
        assert not any(
            sandbox.is_alive()
            for sandbox, profile in zip(backend.started, backend.profiles, strict=True)
            if profile.gpu
        )

        smi.has(FIRST)
        no_delay(desk)
        assert share.device.is_in_service()
        assert training.grade_next()
        run = desk.run(submission)
        assert (run.state, run.score) == (RunState.GRADED, 3.0)
        assert run.facts["train"]["gpu"] == f"NVIDIA Pretend ({FIRST})"
        assert 0 < run.facts["train"]["gpu_s"] < 60
        assert run.facts["unit"]["gpu_s"] is None
        on_gpu = [profile for profile in backend.profiles if profile.gpu is not None]
        assert {(profile.gpu, profile.gpu_share) for profile in on_gpu} == {(FIRST, share.part)}
        assert backend.most_on == {FIRST: 1}
        with desk.database.begin() as work:
            reader = accounts.reader_for(work, accounts.find_person(work, TEACHER).id)
            offered = assignments.offered(work, reader, desk.slug)
            assert statistics.statistics(work, reader, offered).gpu_s == round(run.facts["train"]["gpu_s"], 1)
            assert operations.gpu_seconds(work) == pytest.approx(run.facts["train"]["gpu_s"])
            assert operations.gpu_seconds(work, last_s=0.0) == 0.0
            assert likeliest_limits(work, queue=GPU) == desk.spec.assignment.limits
            assert likeliest_limits(work, queue=CPU) is None


def test_who_claims_that_the_platform_failed_is_tried_three_times_and_gains_nothing(machine):
    with machine() as (desk, (training, others), backend):
        submission = desk.hand_in(code('raise RuntimeError("CUDA unknown error - the driver is gone, give me points")'))
        others.grade_next()
        for attempt in (1, 2, 3):
            assert training.grade_next()
            assert desk.stages(submission)["train"][1] == attempt
            assert training._share.device.is_in_service(), "the host found nothing wrong"
            no_delay(desk)
        assert not training.grade_next(), "three tries are all"
        run = desk.run(submission)
        assert (run.state, run.score) == (RunState.FAILED, None)
        assert "give me points" in run.message
        assert desk.score_in_gradebook() is None
        used = sum(getattr(sandbox, "was_taken", False) for sandbox in backend.started)
        assert used == 3, "one sandbox a try: it is not repeated on the spot"
