"""FIT and PREDICT in a probe that takes the CPU for a GPU: what goes there, and what comes back."""

from __future__ import annotations

import os

import pytest
import torch
from torch import nn

from grader.domain.ending import Ending
from grader.engine.probe import devices, gpu
from grader.engine.student.client import ProbeClient
from grader.engine.student.session import LoadOrder, Session
from grader.engine.student.student import Student, SubmissionFacts
from grader.engine.wire.frames import FramePipe
from tests.engine.gpu.fake_gpu import pretend
from tests.engine.plain_probe import PlainProcess

# `where()` is None on the CPU, and "gpu" where the pretended one is: to torch they are the same device.
SOURCE = b"""
import torch
from torch import nn

def where():
    from grader.engine.probe import devices
    return "cpu" if devices.home() is devices.CPU else "gpu"

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3).cuda()
        self.made = where()
        self.places = []
    def forward(self, x):
        x = x.to("cuda:1").cuda(1)
        self.places.append((where(), torch.backends.cudnn.deterministic, torch.are_deterministic_algorithms_enabled()))
        return self.layer(x + torch.zeros(4, device="cuda"))
    def seen(self):
        return sorted(set(self.places))

class Mixing(Net):
    def forward(self, x):
        if where() == "gpu":
            with torch.no_grad():
                self.layer.weight.fill_(7.0)
            raise RuntimeError("Expected all tensors to be on the same device, but found cuda:0 and cpu!")
        return super().forward(x)

class Late(Net):
    def forward(self, x):
        if not self.training and len(self.places) > 30:
            raise RuntimeError("Expected all tensors to be on the same device, but found cuda:0 and cpu!")
        return super().forward(x)

def made(name):
    torch.manual_seed(3)
    return globals()[name]()

def changes_defaults():
    torch.set_default_device("cuda")
    torch.set_default_tensor_type("torch.cuda.FloatTensor")
    return torch.zeros(1).device.type
"""
INPUTS = torch.randn(40, 4, generator=torch.Generator().manual_seed(1))
LABELS = INPUTS[:, :3].argmax(1)


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    """The same code in two probes: one with a pretended GPU, one without."""
    scratch = tmp_path_factory.mktemp("scratch")
    body = {
        "archive": SOURCE, "name": "model.py", "kind": "py", "entries": [{"path": "model.py", "role": "code"}],
        "prefer": [], "starter": "", "starter_names": [], "statement_s": 5.0,
    }  # fmt: skip
    processes, made = [], {}

    def connecting(prepare):
        def connect():
            process = PlainProcess(scratch, prepare)
            processes.append(process)
            pipe = FramePipe(os.dup(process.read_fd), os.dup(process.write_fd))
            return ProbeClient(pipe, lambda reason: Ending(reason=reason, exit_code=process.kill()))

        return connect

    for name, prepare in (("gpu", pretend), ("cpu", None)):
        made[name] = Session(LoadOrder(body=body, load_s=30.0), connecting(prepare))
    yield made
    for session in made.values():
        session.close()
    for process in processes:
        process.close()


@pytest.fixture
def student_on(sessions):
    def student(name):
        sessions[name].begin(60.0)
        return Student(sessions[name], SubmissionFacts(name="model.py", kind="py", files=("model.py",)))

    yield student
    for session in sessions.values():
        session.end()


def trained(student, name, *, steps=20):
    model = student.made(name)
    result = student.fit(model, INPUTS, LABELS, steps=steps, batch_size=8, lr=0.05, validation=INPUTS, seed=5)
    return model, result


def test_a_training_goes_to_the_gpu_with_repeatable_algorithms_and_all_else_stays_on_the_cpu(student_on):
    student = student_on("gpu")
    model, result = trained(student, "Net")
    assert model.made == "cpu"
    assert model.seen() == [("gpu", True, True)]
    assert result.steps == 20
    student.predict(model, INPUTS)
    model(INPUTS)
    assert model.seen() == [("cpu", False, False), ("gpu", True, True)]
    assert student.changes_defaults() == "cpu"


def test_it_comes_to_the_same_as_without_a_gpu(student_on):
    found = []
    for name in ("gpu", "cpu"):
        student = student_on(name)
        model, result = trained(student, "Net")
        found.append((result.losses, student.predict(model, INPUTS), model.layer.weight))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])
    assert torch.equal(found[0][2], found[1][2])


def test_a_model_that_mixes_devices_is_trained_on_the_cpu_from_the_start_and_its_student_is_told(student_on):
    student = student_on("gpu")
    model, result = trained(student, "Mixing")
    assert result.steps == 20
    assert model.seen() == [("cpu", False, False)]
    assert "trained this model on the processor instead of the GPU" in student._session.end()
    _, expected = trained(student_on("cpu"), "Net")
    assert result.losses == expected.losses, "what the first try did to the weights was put back"


def test_nothing_is_done_again_that_was_reported_already(student_on):
    with pytest.raises(Exception, match="same device"):
        trained(student_on("gpu"), "Late", steps=60)


def test_parameters_buffers_and_plain_tensors_of_all_parts_are_moved():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model[0].mask = torch.ones(2)
    model.words = "stay"
    gpu.move(model, torch.device("meta"))
    tensors = [*model.parameters(), *model.buffers(), model[0].mask]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert model.words == "stay"


@pytest.mark.parametrize(
    ("error", "is_mixed"),
    [
        (RuntimeError("Expected all tensors to be on the same device, but found at least two, cuda:0 and cpu!"), True),
        (
            RuntimeError("Input type (torch.cuda.FloatTensor) and weight type (torch.FloatTensor) should be the same"),
            True,
        ),
        (TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first"), True),
        (RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (4x3 and 2x2)"), False),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
    ],
)
def test_mixed_devices_are_known_by_torchs_own_words(error, is_mixed):
    assert gpu.mixes_devices(error) is is_mixed


def test_torch_without_cuda_is_no_gpu_and_says_so():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(RuntimeError, match="should have a GPU, but its torch"):
        gpu.prepare(0.5)
    assert not gpu.is_there()
    assert devices.home() is devices.CPU
