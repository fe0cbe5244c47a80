"""When a device is fit to be used: its memory back, its errors counted, its neighbours at work."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import replace

import pytest

from grader.domain.errors import DeviceLost
from grader.engine.sandbox import devices
from grader.engine.sandbox.devices import CONTEXT_BYTES, BadGpus, Device, Gpu, open_devices
from grader.engine.sandbox.nvidia import NoAnswer
from tests.engine.gpu.fake_gpu import FIRST, MIB, SECOND

GPU = Gpu(index="0", uuid=FIRST, name="Pretend", memory_bytes=16_000 * MIB, used_bytes=400 * MIB, ecc_errors=2)


class Board:
    """A device whose state is written down; `reads` answers are given in turn, then the last for ever."""

    def __init__(self, shares: int = 1, gpu: Gpu = GPU) -> None:
        self.now: list[Gpu | NoAnswer] = [gpu]
        self.device = Device(gpu, shares, read=self._read, release_s=0.1)

    def _read(self, gpu: Gpu) -> Gpu:
        answer = self.now.pop(0) if len(self.now) > 1 else self.now[0]
        if isinstance(answer, NoAnswer):
            raise answer
        return answer

    def uses(self, *used_mib: int) -> None:
        self.now = [replace(GPU, used_bytes=used * MIB) for used in used_mib]


@pytest.fixture(autouse=True)
def no_rest(monkeypatch):
    monkeypatch.setattr(devices, "_LOOK_AGAIN_S", 0.01)


def test_memory_that_comes_back_late_is_waited_for():
    board = Board()
    board.uses(9_000, 5_000, 410)
    board.device.check_released(0)
    assert board.device.is_in_service()


def test_memory_that_does_not_come_back_puts_the_device_out_of_service(caplog):
    board = Board()
    board.uses(9_000)
    with caplog.at_level(logging.ERROR), pytest.raises(DeviceLost, match="8344 MiB of its memory did not come back"):
        board.device.check_released(0)
    assert not board.device.is_in_service()
    with pytest.raises(DeviceLost, match="out of service"), board.device.held(0):
        pass
    assert "nvidia-smi --gpu-reset -i 0" in " ".join(caplog.text.split())


@pytest.mark.parametrize(
    ("then", "words"),
    [(NoAnswer("nvidia-smi knows no GPU any more"), "knows no GPU"), (replace(GPU, ecc_errors=3), "1 uncorrectable")],
)
def test_a_device_that_is_gone_or_counts_errors_is_out_of_service(then, words):
    board = Board()
    board.now = [then]
    with pytest.raises(DeviceLost, match=words):
        board.device.check_released(0)
    assert words in board.device.problem


def test_what_was_in_use_before_us_is_not_ours():
    board = Board(gpu=replace(GPU, used_bytes=6_000 * MIB))
    board.uses(6_100)
    board.device.check_released(0)
    assert board.device.shares[0].memory_bytes < 10_000 * MIB


def test_a_device_that_failed_is_asked_again_after_a_rest_and_may_come_back(monkeypatch, caplog):
    board = Board()
    board.now = [NoAnswer("the driver is stuck")]
    with pytest.raises(DeviceLost):
        board.device.check_released(0)
    board.uses(400)
    assert not board.device.is_in_service(), "it is left alone for a while"
    monkeypatch.setattr(devices, "REST_S", 0.0)
    with caplog.at_level(logging.WARNING):
        assert board.device.is_in_service()
    assert "back in service" in caplog.text
    board.device.check_released(0)


def test_neighbours_at_work_may_use_their_shares_and_those_that_wait_a_context():
    board = Board(shares=2)
    share = board.device.shares[0].memory_bytes // MIB
    context = CONTEXT_BYTES // MIB
    with board.device.held(0):
        board.uses(400 + context)
        board.device.check_released(0)
        with board.device.held(1):
            board.uses(400 + share + context)
            board.device.check_released(0)
        board.uses(400 + share + context)
        with pytest.raises(DeviceLost):
            board.device.check_released(0)


def test_a_neighbour_that_takes_more_than_its_share_costs_nobody_a_result_and_nothing_starts_beside_it(caplog):
    board = Board(shares=3)
    with ExitStack() as stack:
        for number in (0, 1):
            stack.enter_context(board.device.held(number))
        board.uses(15_000)
        with caplog.at_level(logging.WARNING):
            board.device.check_released(0)
        assert not board.device.is_in_service()
        assert "GRADER_GPU_SHARES=1 or MIG" in " ".join(caplog.text.split())
    with board.device._lock:
        assert not board.device._held
    board.uses(500)
    board.device.check_released(1)
    assert board.device.is_in_service(), "the last one gave everything back"


def test_memory_in_doubt_that_stays_when_all_have_ended_is_a_fault(monkeypatch):
    board = Board(shares=2)
    monkeypatch.setattr(devices, "REST_S", 0.0)
    with board.device.held(0), board.device.held(1):
        board.uses(15_000)
        board.device.check_released(0)
    assert not board.device.is_in_service()
    assert "did not come back" in board.device.problem


def test_all_shares_and_their_contexts_fit_into_what_is_there():
    for shares in (1, 2, 5):
        device = Device(GPU, shares)
        taken = sum(share.memory_bytes + CONTEXT_BYTES for share in device.shares) + 400 * MIB
        assert 15_900 * MIB < taken <= 16_000 * MIB


def test_more_shares_than_the_memory_has_room_for_are_refused():
    with pytest.raises(BadGpus, match="GRADER_GPU_SHARES is 16"):
        Device(replace(GPU, memory_bytes=8_000 * MIB), 16)


def test_a_device_whose_memory_cannot_be_read_is_used_all_the_same():
    instance = Gpu(index="0:0", uuid="MIG-1", name="Pretend MIG 3g.20gb", memory_bytes=20 * 10**9, parent=FIRST)
    board = Board(gpu=instance)
    board.device.check_released(0)
    assert board.device.is_in_service()


def test_shares_of_different_gpus_are_served_first(smi):
    smi.has(SECOND)
    shares = open_devices("all", 2)
    assert [(share.gpu.uuid, share.number) for share in shares] == [(FIRST, 0), (SECOND, 0), (FIRST, 1), (SECOND, 1)]
    assert len({id(share.device) for share in shares}) == 2
    assert open_devices("none", 2) == ()
