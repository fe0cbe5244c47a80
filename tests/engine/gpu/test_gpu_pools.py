"""A share of a GPU has room for one sandbox: what starts when, and what is asked in between."""

from __future__ import annotations

import threading
import time

import pytest

from grader.domain.assignment import Limits
from grader.domain.errors import DeviceLost, SandboxLost, TransientError
from grader.engine.engines import Engines
from grader.engine.pipeline import GradeOptions
from grader.engine.sandbox import pool
from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.devices import Device, open_devices
from grader.engine.sandbox.environment import probe_environment
from grader.engine.sandbox.nvidia import NoAnswer
from grader.engine.sandbox.pool import WarmPool
from tests.engine.gpu.fake_gpu import FIRST, SECOND
from tests.engine.sandbox.fakes import FakeBackend
from tests.waiting import until

SMALL, LARGE = Limits(memory_bytes=2**30), Limits(memory_bytes=2 * 2**30)


class ReadyBackend(FakeBackend):
    """Sandboxes that are ready at once; remembers the profile of each."""

    name = "docker"

    def __init__(self):
        super().__init__(lambda sandbox: sandbox.say_ready())
        self.profiles = []
        self.most = 0

    def start(self, profile):
        self.profiles.append(profile)
        sandbox = super().start(profile)
        self.most = max(self.most, len(self.alive()))
        return sandbox

    def alive(self):
        return [profile for profile, sandbox in zip(self.profiles, self.started, strict=True) if sandbox.is_alive()]


def test_the_next_sandbox_starts_when_the_last_one_has_ended_and_was_asked_after():
    backend = ReadyBackend()
    asked = threading.Event()
    alive_when_asked = []

    def after_use():
        alive_when_asked.append(len(backend.alive()))
        asked.wait(0.3)

    made = WarmPool(backend, SandboxProfile(gpu=FIRST), 1, only=True, after_use=after_use)
    try:
        made.await_ready()
        with made.lease():
            time.sleep(0.1)
            assert len(backend.started) == 1, "one is at work, so none is kept warm beside it"
        assert alive_when_asked == [0], "asked after the one that was used had ended"
        until(lambda: len(backend.started) == 2, "two started")
        with made.lease(timeout_s=30):
            pass
        assert backend.most == 1
    finally:
        made.stop()


def test_what_is_found_wrong_after_a_use_is_raised_by_the_lease_and_the_pool_goes_on():
    backend = ReadyBackend()
    findings = [DeviceLost("gone"), None]

    def after_use():
        finding = findings.pop(0)
        if finding is not None:
            raise finding

    made = WarmPool(backend, SandboxProfile(gpu=FIRST), 1, only=True, after_use=after_use)
    try:
        with pytest.raises(DeviceLost, match="gone"), made.lease(timeout_s=30):
            pass
        with made.lease(timeout_s=30):
            assert made.statistics.leased == 1
        assert made.statistics.leased == 0
    finally:
        made.stop()


def test_each_share_has_a_warm_sandbox_of_its_own_and_none_for_other_limits_beside_it(smi):
    smi.has(SECOND)
    backend = ReadyBackend()
    shares = open_devices("all", 2)
    with Engines(backend, jobs=0, shares=4) as engines:
        for share in shares:
            engines.warm(share, SMALL)
        assert sorted(profile.gpu for profile in backend.alive()) == [FIRST, FIRST, SECOND, SECOND]
        engines.warm(shares[0], LARGE)
        assert len(backend.started) == 4, "whoever uses the share already knows better"
        engines._engine_on(shares[0], LARGE).await_ready()
        assert backend.most == 4, "the one for other limits ended first"
        assert len(backend.alive()) == 4
        assert len({profile.memory_bytes for profile in backend.alive()}) == 2
        assert engines._engine_on(shares[0], LARGE) is engines._engine_on(shares[0], LARGE)
    assert backend.alive() == []
    with pytest.raises(TransientError, match="stopped"):
        engines.warm(shares[0], SMALL)


def test_nothing_is_warmed_on_a_device_that_is_out_of_service():
    def gone(gpu):
        raise NoAnswer("it is gone")

    from tests.engine.gpu.test_gpu_devices import GPU

    device = Device(GPU, 1, read=gone)
    with pytest.raises(DeviceLost):
        device.check_released(0)
    backend = ReadyBackend()
    with Engines(backend, jobs=0, shares=1) as engines:
        engines.warm(device.shares[0], SMALL)
    assert backend.started == []


def test_when_no_sandbox_starts_the_device_is_asked_why(smi, make_spec, monkeypatch):
    monkeypatch.setattr(pool, "LONGEST_PAUSE_S", 0.01)

    def refuse(sandbox):
        raise SandboxLost("could not select device driver")

    spec = make_spec('@check("A1", points=1, title="x")\ndef test_x(student):\n    student.f()\n', checks=1)
    (share,) = open_devices("all", 1)
    with Engines(FakeBackend(refuse), jobs=0, shares=1) as engines:
        report = engines.grade(spec, "model.py", b"x = 1", GradeOptions(share=share))
        assert (report.status.value, share.device.problem) == ("failed", ""), "the host finds nothing wrong"
        smi.lose(FIRST)
        report = engines.grade(spec, "model.py", b"x = 1", GradeOptions(share=share))
        assert report.status.value == "failed"
        assert "GPU is lost" in share.device.problem
        with pytest.raises(DeviceLost, match="out of service"):
            engines.grade(spec, "model.py", b"x = 1", GradeOptions(share=share))


def test_a_sandbox_sees_its_device_alone_and_knows_its_share():
    environment = probe_environment(SandboxProfile(gpu=FIRST, gpu_share=0.4321))
    assert environment["CUDA_VISIBLE_DEVICES"] == FIRST
    assert environment["GRADER_PROBE_GPU"] == "0.4321"
    assert environment["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert probe_environment(SandboxProfile(gpu="1"))["CUDA_VISIBLE_DEVICES"] == "0", "inside it is the only one"
    assert not any("CUDA" in name or "GPU" in name for name in probe_environment(SandboxProfile()))
