"""The checks of `plain.py`, as ours are written: this file never meets the student's code."""

from __future__ import annotations

from collections import Counter

import torch
import torch.nn.functional as F

from grader.checks import RemoteModule, Student, assert_close, check, expect, stop, tensor

SIZES = ((3, 4, 5, 1), (5, 6, 7, 3), (3, 8, 24, 1))
LAST = {"classifier.4.weight", "classifier.4.bias"}
# Runs in the sandbox, where `train` is called with it. Nothing secret.
STAND_INS = """
from types import SimpleNamespace
from torch import nn

def stand_in():
    heads = [nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(), nn.Conv2d(8, 21, 1)) for _ in "12"]
    return nn.ModuleDict({"backbone": nn.Conv2d(3, 8, 3), "classifier": heads[0], "aux_classifier": heads[1]})

def settings():
    return SimpleNamespace(seed=0, experiment_name="peer", learn_rate=0.1, train_batch_size=2, val_batch_size=2, epochs=1, gpu=False)
"""


def _filters(model: RemoteModule) -> Counter[tuple[int, ...]]:
    shapes = (tuple(facts.shape) for facts in model.describe().parameters.values())
    return Counter(shape for shape in shapes if len(shape) == 4)


def _given(student: Student) -> list[str | None]:
    student.support(STAND_INS)
    model = student.supported("stand_in")
    stops = {"torch.optim.Adam": stop(), "torch.optim.SGD": stop()}
    replay = student.replay(call=student.train, args=(student.supported("settings"), model), intercept=stops)
    expect(bool(replay.records), "No optimiser was made.")
    record = replay.records[0]
    return student.match_parameters(record.args[0] if record.args else record.kwargs.get("params"), model)


@check("all", points=1, title="MyConv2d has the right parameters")
def test_conv_parameters(student: Student) -> None:
    layer = student.MyConv2d(3, 8, 5)
    weight = tensor(layer.weight, shape=(8, 3, 5, 5))
    bound = (3 * 5**2) ** -0.5
    expect(0.2 * bound < float(weight.detach().std()) < 2 * bound, "The starting weights have another spread.")
    tensor(layer(torch.rand(1, 3, 9, 7)), shape=(1, 8, 9, 7))


@check("all", points=2, title="MyConv2d equals a reference convolution")
def test_conv_forward(student: Student) -> None:
    layer = student.MyConv2d(3, 8, 3)
    x = torch.randn(2, 3, 16, 15)
    assert_close(layer(x), F.conv2d(x, layer.weight, layer.bias, padding=1), atol=1e-5)


@check("all", points=1, title="MyConv2d has the right gradients")
def test_conv_gradients(student: Student) -> None:
    layer = student.MyConv2d(2, 3, 3).double()
    x = torch.randn(1, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(1, 3, 5, 4, dtype=torch.float64)
    asked = (x, layer.weight, layer.bias)
    wanted = torch.autograd.grad((F.conv2d(*asked, padding=1) * weights).sum(), asked)
    got = torch.autograd.grad((layer(x) * weights).sum(), asked, allow_unused=True)
    for one, other in zip(got, wanted, strict=True):
        expect(one is not None, "A gradient is missing.")
        assert_close(one, other)


@check("all", points=1, title="CNN gives one score per colour for every pixel")
def test_cnn_output(student: Student) -> None:
    for kernel, filters, colours, channels in SIZES:
        out = student.CNN(kernel, filters, colours, channels)(torch.randn(2, channels, 32, 32))
        tensor(out, shape=(2, colours, 32, 32))


@check("all", points=1, title="The layers of CNN have the sizes of the diagram")
def test_cnn_parameters(student: Student) -> None:
    for k, nf, nc, nic in SIZES:
        wanted = [(nf, nic), (2 * nf, nf), (2 * nf, 2 * nf), (nf, 2 * nf), (nc, nf), (nc, nc)]
        expect(_filters(student.CNN(k, nf, nc, nic)) == Counter((*size, k, k) for size in wanted), "Other sizes.")


@check("all", points=1, title="CNN is built of MyConv2d")
def test_cnn_own_convolution(student: Student) -> None:
    facts = student.CNN(3, 4, 5, 1).describe()
    expect(not facts.of("Conv2d"), "There is a convolution of PyTorch's own.")
    expect(len(facts.of("MyConv2d")) == 6, "There should be six MyConv2d.")


@check("all", points=1, title="A gradient reaches every weight of CNN")
def test_cnn_gradients(student: Student) -> None:
    model = student.CNN(3, 4, 5, 1)
    mine = [parameter for parameter in model.parameters_by_name().values() if parameter.ndim == 4]
    out = model(torch.randn(4, 1, 32, 32))
    expect(out.requires_grad, "The result is cut off from its weights.")
    gradients = torch.autograd.grad((out * torch.randn_like(out)).sum(), mine, allow_unused=True)
    expect(all(one is not None and bool(one.any()) for one in gradients), "A weight gets no gradient.")


@check("all", points=1, title="UNet gives one score per colour for every pixel")
def test_unet_output(student: Student) -> None:
    for kernel, filters, colours, channels in SIZES:
        out = student.UNet(kernel, filters, colours, channels)(torch.randn(2, channels, 32, 32))
        tensor(out, shape=(2, colours, 32, 32))


@check("all", points=1, title="The layers of UNet have the sizes of the diagram")
def test_unet_parameters(student: Student) -> None:
    for k, nf, nc, nic in SIZES:
        wanted = [(nf, nic), (2 * nf, nf), (2 * nf, 2 * nf), (nf, 4 * nf), (nc, 2 * nf), (nc, nc + nic)]
        expect(_filters(student.UNet(k, nf, nc, nic)) == Counter((*size, k, k) for size in wanted), "Other sizes.")


@check("all", points=2, title="UNet joins the right results")
def test_unet_joins(student: Student) -> None:
    trace = student.trace(student.UNet(3, 4, 5, 1), torch.randn(1, 1, 32, 32))
    joined = [
        (operation.outputs[0][1][2], *sorted(shape[1] for _, shape in operation.inputs))
        for operation in trace.of("cat", "concat", "concatenate")
        if len({number for number, _ in operation.inputs}) == len(operation.inputs)
    ]
    expect(sorted(joined) == [(8, 8, 8), (16, 4, 4), (32, 1, 5)], "What is concatenated is something else.")


@check("all", points=1, title="train gives the optimiser the last layer")
def test_last_layer_selected(student: Student) -> None:
    expect(set(_given(student)) >= LAST, "The last layer is not given to the optimiser.")


@check("all", points=1, title="train gives the optimiser nothing else")
def test_nothing_else_selected(student: Student) -> None:
    given = _given(student)
    expect(bool(given) and set(given) <= LAST, "The optimiser is given something else.")
