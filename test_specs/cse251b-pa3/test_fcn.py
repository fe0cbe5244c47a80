"""II.3: the baseline FCN, by its shapes, its layers and what they compute with known weights."""

from __future__ import annotations

import zlib

import torch
from finding import CLASSES
from reference import DOWN, UP, Baseline
from torch import Tensor, nn

from grader.checks import Description, RemoteModule, Student, assert_close, check, expect, tensor

_NEEDS = ("FCN",)
_SIDE = 64


def _fcn(student: Student, classes: int = CLASSES) -> RemoteModule:
    return student.FCN(classes)


@check("II.3", points=2, title="The result is (N, n_class, height, width)", needs=_NEEDS)
def test_shape(student: Student) -> None:
    for classes, size in ((CLASSES, (2, 3, 64, 96)), (5, (1, 3, 32, 32))):
        scores = tensor(_fcn(student, classes).call(torch.randn(size), training=False), what="The result of FCN")
        expect(
            tuple(scores.shape) == (size[0], classes, *size[2:]),
            f"For {classes} classes and pictures of {size[2]}x{size[3]} the result has shape {tuple(scores.shape)}.",
        )


@check("II.3", points=2, title="The encoder halves the size five times, up to 512 channels", needs=_NEEDS)
def test_encoder(student: Student) -> None:
    maps = _maps(student)
    wanted = [(width, _SIDE >> number) for number, width in enumerate(DOWN, 1)]
    expect(
        maps[: len(wanted)] == wanted,
        "The encoder should have five convolutions of stride 2 that give 32, 64, 128, 256 and 512 channels.",
    )


@check("II.3", points=2, title="The decoder doubles the size five times, down to 32 channels", needs=_NEEDS)
def test_decoder(student: Student) -> None:
    maps = _maps(student)
    wanted = [(width, _SIDE >> number) for width, number in zip(UP, (4, 3, 2, 1, 0), strict=True)]
    expect(
        maps[5:10] == wanted,
        "The decoder should have five transposed convolutions of stride 2 that give 512, 256, 128, 64 and 32 channels.",
    )
    expect(maps[10:] == [(CLASSES, _SIDE)], "The decoder should be followed by one classifier of kernel size 1.")


def _maps(student: Student) -> list[tuple[int, int]]:
    """Channels and height of what each convolution gives, in order."""
    trace = student.trace(_fcn(student), torch.randn(1, 3, _SIDE, _SIDE), training=False)
    found = []
    for operation in trace.low:
        if "convolution" in operation.op and operation.outputs:
            shape = operation.outputs[0][1]
            found.append((int(shape[1]), int(shape[2])))
    return found


@check("II.3", points=2, title="Every convolution but the classifier has a batch norm", needs=_NEEDS)
def test_batch_norms(student: Student) -> None:
    trace = student.trace(_fcn(student), torch.randn(2, 3, _SIDE, _SIDE), training=True)
    norms = [int(operation.outputs[0][1][1]) for operation in trace.low if "batch_norm" in operation.op]
    expect(
        norms == [*DOWN, *UP],
        "Each of the ten convolutions and transposed convolutions should be followed by a batch norm of its width.",
    )


@check("II.3", points=3, title="With known weights FCN computes what the comments describe", needs=_NEEDS)
def test_forward(student: Student) -> None:
    model = _fcn(student)
    facts = model.describe()
    known = _known(facts, model.state_dict())
    model.load_state_dict(known)
    x = torch.randn(2, 3, _SIDE, _SIDE)
    scores = tensor(model.call(x, training=False), shape=(2, CLASSES, _SIDE, _SIDE), what="The result of FCN").double()
    readings = [_expected(x, norm_last=norm_last) for norm_last in (True, False)]
    # A softmax is another check's business.
    for wanted in [kind for reading in readings for kind in (reading, reading.softmax(1), reading.log_softmax(1))]:
        if torch.allclose(scores, wanted.double(), rtol=1e-3, atol=1e-4):
            return
    assert_close(
        scores,
        readings[0],
        message="FCN computes something else than its layers in a row: convolution, ReLU and batch norm ten times, "
        "then the classifier.",
    )


def _known(facts: Description, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Values that depend on nothing but the kind of layer and the shape."""
    found = {}
    kinds = {module.name: module for module in facts.modules}
    for name, value in state.items():
        owner, _, last = name.rpartition(".")
        module = kinds.get(owner)
        kind = "transposed" if module is not None and module.is_a("ConvTranspose2d") else "plain"
        found[name] = _value(kind, last, value) if value.is_floating_point() else value
    return found


def _value(kind: str, name: str, like: Tensor) -> Tensor:
    """Known values for a tensor; biases of convolutions are zero, since a layer before a batch norm may do without."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{kind}{name}{tuple(like.shape)}".encode()))
    values = torch.randn(like.shape, generator=generator)
    if like.dim() == 4:
        return values * (2 / like[:, 0].numel() if kind == "transposed" else 2 / like[0].numel()) ** 0.5
    return {"weight": 1 + 0.2 * values, "running_mean": 0.1 * values, "running_var": 1 + 0.2 * values.abs()}.get(
        name, torch.zeros_like(values)
    )


def _expected(x: Tensor, *, norm_last: bool) -> Tensor:
    model = Baseline(CLASSES, norm_last=norm_last).eval()
    state = model.state_dict()
    kinds = dict(model.named_modules())
    for name, value in state.items():
        owner, _, last = name.rpartition(".")
        kind = "transposed" if isinstance(kinds[owner], nn.ConvTranspose2d) else "plain"
        state[name] = _value(kind, last, value) if value.is_floating_point() else value
    model.load_state_dict(state)
    with torch.no_grad():
        return model(x)


@check("II.3", points=1, title="FCN gives scores, without a softmax", needs=_NEEDS)
def test_scores(student: Student) -> None:
    scores = tensor(_fcn(student).call(torch.randn(2, 3, 32, 32), training=False), what="The result of FCN").double()
    expect(scores.ndim == 4, "The result of FCN should have four dimensions.")
    ones = torch.ones_like(scores[:, 0])
    is_normalised = any(torch.allclose(one.sum(1), ones, atol=1e-4) for one in (scores, scores.exp()))
    expect(
        not is_normalised,
        "FCN ends in a softmax, which the cross-entropy criterion applies already: return the scores.",
    )
    expect(bool((scores < 0).any()), "FCN ends in an activation that lets nothing negative through: return the scores.")


@check("II.3", points=1, title="Gradients reach the first layer of FCN", needs=_NEEDS)
def test_gradient(student: Student) -> None:
    x = torch.randn(2, 3, 32, 32, requires_grad=True)
    tensor(_fcn(student)(x), what="The result of FCN").square().mean().backward()
    reached = x.grad is not None and bool((x.grad != 0).any())
    expect(reached, "No gradient comes back through FCN to the picture: do not detach anything in forward.")
