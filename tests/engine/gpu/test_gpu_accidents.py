"""What a student reads of each kind of trouble on a GPU, and what is said to be ours."""

from __future__ import annotations

import pytest

from grader.engine.pipeline import Engine
from grader.engine.student.accidents import Accident, accident_of, diverged, ends_the_context
from tests.engine.gpu.fake_gpu import pretend
from tests.engine.plain_sandbox import PlainBackend, PlainSandbox

OOM = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.2 GiB is free."
)
ASSERT = "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported"
HEAD = """
INPUTS = torch.randn(40, 4)
LABELS = INPUTS[:, :3].argmax(1)
def train(student, name):
    result = student.fit(getattr(student, name)(), INPUTS, LABELS, steps=100, batch_size=10, validation=INPUTS,
                         judge=lambda p: float((p.argmax(1) == LABELS).float().mean()), above=2.0)
    expect(result.reached, "It does not learn.")
"""
CHECK = """
@check("A1", points=1, title="{name}", stage="train")
def test_{number}(student):
    train(student, "{name}")
"""
CODE = """
import torch
from torch import nn
class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.calls = 0
    def forward(self, x):
        self.calls += 1
        return self.layer(self.trouble(x))
    def trouble(self, x):
        return x
"""
BODIES = {
    "Fills": f"raise torch.cuda.OutOfMemoryError({OOM!r})",
    "Asserts": f"raise RuntimeError({ASSERT!r})",
    "Divides": "return x / 0 if self.calls > 6 and self.training else x",
    "Recovers": "return x * 1e30 if self.calls == 3 and self.training else x",
    "Hoards": 'raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can\'t allocate memory")',
    "Fine": "return x",
}


def code_of(bodies: dict[str, str]) -> bytes:
    classes = [f"class {name}(Base):\n    def trouble(self, x):\n        {body}\n" for name, body in bodies.items()]
    return "\n".join([CODE, *classes]).encode()


@pytest.mark.parametrize(
    ("kind", "text", "accident"),
    [
        ("OutOfMemoryError", OOM, Accident.GPU_MEMORY),
        ("RuntimeError", "CUDA error: out of memory", Accident.GPU_MEMORY),
        ("AcceleratorError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", Accident.GPU_MEMORY),
        ("AcceleratorError", ASSERT, Accident.IMPOSSIBLE_INDEX),
        ("RuntimeError", "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory", Accident.MAIN_MEMORY),
        ("MemoryError", "", Accident.MAIN_MEMORY),
        ("RuntimeError", "CUDA error: no kernel image is available for execution on the device", Accident.PLATFORM),
        ("RuntimeError", "CUDA unknown error - this may be due to an incorrectly set up environment", Accident.PLATFORM),
        ("RuntimeError", "CUDA error: uncorrectable ECC error encountered", Accident.PLATFORM),
        ("DistBackendError", "NCCL error in: ProcessGroupNCCL.cpp, unhandled cuda error", Accident.PLATFORM),
        ("RuntimeError", "Unexpected: GPU is lost", Accident.PLATFORM),
        ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied", None),
        ("ValueError", "Expected more than 1 value per channel", None),
    ],
)  # fmt: skip
def test_each_kind_is_known_by_its_words(kind, text, accident):
    assert accident_of(kind, text, on_gpu=True) is accident


@pytest.mark.parametrize("text", ["CUDA unknown error", ASSERT, OOM])
def test_without_a_gpu_nobody_can_claim_that_one_failed(text):
    assert accident_of("RuntimeError", text, on_gpu=False) is None


def test_what_leaves_cuda_useless_is_told_from_what_does_not():
    assert ends_the_context(ASSERT)
    assert ends_the_context("CUDA error: an illegal memory access was encountered")
    assert not ends_the_context("CUDA error: out of memory")
    assert not ends_the_context("mat1 and mat2")


def test_the_epoch_is_counted_from_one_and_by_started_batches():
    # 40 inputs in batches of 12 are four steps.
    for step, epoch in ((1, 1), (4, 1), (5, 2), (8, 2), (9, 3)):
        assert f"step {step} on, in epoch {epoch}," in diverged(step, batch_size=12, count=40)


class Pretending(PlainBackend):
    """Every sandbox has a pretended GPU."""

    def start(self, profile):
        sandbox = PlainSandbox(self._scratch, pretend)
        self.started.append(sandbox)
        return sandbox


def graded(make_spec, scratch, bodies):
    """The report by one check for each class, and how many sandboxes it took."""
    checks = "".join(CHECK.format(name=name, number=number) for number, name in enumerate(bodies))
    backend = Pretending(scratch)
    try:
        with Engine(backend, expected=1) as engine:
            report = engine.grade(make_spec(HEAD + checks, checks=len(bodies)), "model.py", code_of(bodies))
        return report, len(backend.started)
    finally:
        backend.close()


def test_each_kind_of_trouble_is_told_apart_and_costs_its_own_check(make_spec, tmp_path):
    report, sandboxes = graded(make_spec, tmp_path, BODIES)
    by_name = {result.title: result for result in report.checks}
    statuses = {name: result.status.value for name, result in by_name.items()}
    assert statuses == {
        "Fills": "error", "Asserts": "error", "Divides": "failed", "Recovers": "failed", "Hoards": "error",
        "Fine": "failed",
    }  # fmt: skip
    messages = {name: result.message for name, result in by_name.items()}
    assert "ran out of GPU memory (it asked for another 2.00 GiB)" in messages["Fills"]
    assert "model.py, line" in messages["Fills"]
    assert "label outside 0 to classes - 1" in messages["Asserts"]
    assert sandboxes == 2, "an assert leaves CUDA useless, everything else leaves it as it was"
    assert "in epoch 2, its loss was no finite number" in messages["Divides"]
    assert "It does not learn." not in messages["Divides"]
    assert "It does not learn." in by_name["Divides"].detail
    assert messages["Recovers"] == messages["Fine"] == "It does not learn."
    assert "ran out of main memory (the computer's, not the GPU's)" in messages["Hoards"]


def test_a_platform_fault_gives_no_score_and_is_not_tried_again_on_the_spot(make_spec, tmp_path):
    claims = {"Claims": 'raise RuntimeError("CUDA error: uncorrectable ECC error encountered")', "Fine": "return x"}
    report, sandboxes = graded(make_spec, tmp_path, claims)
    assert (report.status.value, report.score, report.checks) == ("failed", None, ())
    assert "GPU or its driver failed (CUDA error: uncorrectable ECC" in report.message
    assert sandboxes == 1
