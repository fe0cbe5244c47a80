"""What nvidia-smi says, in the forms it says it in."""

from __future__ import annotations

import pytest

from grader.engine.sandbox import nvidia
from grader.engine.sandbox.devices import BadGpus, chosen, found
from grader.engine.sandbox.nvidia import NoAnswer, reading
from tests.engine.gpu.fake_gpu import FIRST, MIB, SECOND

DIVIDED = f"""GPU 0: NVIDIA Pretend (UUID: {FIRST})
  MIG 3g.20gb     Device  0: (UUID: MIG-aaaa-0)
  MIG 1g.5gb      Device  1: (UUID: MIG-aaaa-1)
GPU 1: NVIDIA Pretend (UUID: {SECOND})
"""


def test_a_gpu_is_found_with_its_name_memory_and_uuid(smi):
    smi.has(SECOND, total=81_559, used=3, errors="[N/A]", mig="[N/A]")
    first, second = found().gpus
    assert (first.index, first.uuid, first.name, first.memory_bytes) == ("0", FIRST, "NVIDIA Pretend", 16_000 * MIB)
    assert (first.used_bytes, first.ecc_errors) == (400 * MIB, 0)
    assert (second.index, second.used_bytes, second.ecc_errors) == ("1", 3 * MIB, None)
    assert found().problems == ()


def test_a_machine_without_the_command_has_no_gpu_and_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    seen = found()
    assert seen.gpus == ()
    assert seen.problems[0][0] == "there is no nvidia-smi on this machine"
    assert chosen("none", seen) == ()


def test_one_gpu_that_is_lost_takes_no_other_with_it(smi):
    smi.has(SECOND)
    smi.lose(FIRST)
    smi.fail(15)
    seen = found()
    assert [gpu.uuid for gpu in seen.gpus] == [SECOND]
    assert "GPU is lost" in seen.problems[0][0]


def test_a_driver_that_hangs_is_no_gpu(smi, monkeypatch):
    monkeypatch.setattr(nvidia, "ANSWER_S", 0.3)
    smi.hang(5)
    assert "did not answer" in found().problems[0][0]


def test_of_a_divided_gpu_its_instances_are_found(smi):
    smi.has(FIRST, total=40_960, mig="Enabled")
    smi.has(SECOND)
    smi.instances(DIVIDED)
    large, small, whole = found().gpus
    assert (large.index, large.uuid, large.parent, large.memory_bytes) == ("0:0", "MIG-aaaa-0", FIRST, 20 * 10**9)
    assert (small.index, small.name) == ("0:1", "NVIDIA Pretend MIG 1g.5gb")
    assert whole.uuid == SECOND
    assert chosen("0:1,1", found()) == (small, whole)
    assert reading(small).uuid == small.uuid
    smi.instances(DIVIDED.replace("MIG-aaaa-1", "MIG-other"))
    with pytest.raises(NoAnswer, match="MIG-aaaa-1 is not there"):
        reading(small)


def test_a_divided_gpu_without_instances_says_what_to_do(smi):
    smi.has(FIRST, mig="Enabled")
    smi.instances(f"GPU 0: NVIDIA Pretend (UUID: {FIRST})\n")
    seen = found()
    assert seen.gpus == ()
    assert "no instances" in seen.problems[0][0]
    assert "nvidia-smi mig" in seen.problems[0][1]


@pytest.mark.parametrize("wanted", ["1", "0, 1", FIRST, "all", f"{SECOND},0,0"])
def test_gpus_are_chosen_by_number_uuid_or_all(smi, wanted):
    smi.has(SECOND)
    picked = [gpu.index for gpu in chosen(wanted, found())]
    assert picked == {"1": ["1"], FIRST: ["0"], f"{SECOND},0,0": ["1", "0"]}.get(wanted, ["0", "1"])


@pytest.mark.parametrize("wanted", ["2", "GPU-other", "0,7", ","])
def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(smi, wanted):
    with pytest.raises(BadGpus, match=FIRST):
        chosen(wanted, found())


def test_all_of_none_is_refused_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadGpus, match="there is no nvidia-smi"):
        chosen("all", found())


def test_reading_asks_for_one_gpu_and_notices_when_it_is_gone(smi):
    smi.has(SECOND)
    first = found().gpus[0]
    smi.has(FIRST, used=900)
    assert reading(first).used_bytes == 900 * MIB
    assert f"--id={FIRST}" in smi.asked()[-1]
    smi.lose(FIRST)
    with pytest.raises(NoAnswer, match="GPU is lost"):
        reading(first)
