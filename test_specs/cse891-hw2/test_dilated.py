"""7.1: MyDilatedConv2d. The document counts pixels left out between taps: its dilation 0 is a plain convolution, its
dilation 1 is PyTorch's 2.

What is forbidden is the native dilation, of whatever operation: F.conv2d's, and F.unfold's too, which hands the filter
manipulation that the question asks for to PyTorch in the same way.
"""

from __future__ import annotations

import itertools

import torch
from colourisation.convolution import convolution
from source import native_dilations

from grader.checks import RemoteModule, Student, assert_close, award, check, expect, tensor

_STEP = 1e-5
_CLASS = "MyDilatedConv2d"
# Counted as the document counts; kernels, dilations and channels all differ from the course's own setting somewhere.
_CASES = (
    ((2, 3, 3), 1),
    ((1, 4, 3), 2),
    ((3, 2, 3), 3),
    ((2, 2, 5), 1),
    ((3, 1, 5), 2),
    ((4, 2, 1), 1),
)


def _layer(student: Student, sizes: tuple[int, int, int], dilation: int) -> RemoteModule:
    layer = student.MyDilatedConv2d(*sizes, dilation=dilation)
    expect(isinstance(layer, RemoteModule), f"{_CLASS}(...) should give an nn.Module.")
    return layer


def _words(sizes: tuple[int, int, int], dilation: int) -> str:
    return f"(in_channels={sizes[0]}, out_channels={sizes[1]}, kernel_size={sizes[2]}, dilation={dilation})"


def _expected(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, size: int, dilation: int
) -> torch.Tensor:
    step = dilation + 1
    return convolution(x, weight, bias, step * (size - 1) // 2, dilation=step)


def _numbers(layer: RemoteModule) -> tuple[torch.Tensor, torch.Tensor | None]:
    facts = layer.describe().parameters
    expect("weight" in facts, f"{_CLASS} has no parameter called weight, so nothing in it can be trained.")
    return layer.parameter("weight"), layer.parameter("bias") if "bias" in facts else None


def _compare(student: Student, sizes: tuple[int, int, int], dilation: int) -> None:
    layer = _layer(student, sizes, dilation).double()
    weight, bias = _numbers(layer)
    x = torch.randn(2, sizes[0], 17, 15, dtype=torch.float64)
    # Twice: a filter that is spread out in place is spread out again by the next call.
    wanted = _expected(x, weight.detach(), None if bias is None else bias.detach(), sizes[2], dilation)
    for _ in range(2):
        out = tensor(layer(x), shape=tuple(wanted.shape), what=f"The result of {_CLASS}{_words(sizes, dilation)}")
        # Filters built in float32 are accepted.
        assert_close(
            out.double(),
            wanted,
            rtol=1e-4,
            atol=1e-5,
            message=f"{_CLASS}{_words(sizes, dilation)} does not calculate a convolution that leaves {dilation} "
            "pixels out between neighbouring taps: see Figure 1.",
        )


@check("7.1", points=0.05, title="MyDilatedConv2d holds a kernel of kernel_size by kernel_size, not a larger one")
def test_parameters(student: Student) -> None:
    for sizes, dilation in (((2, 3, 3), 1), ((3, 2, 5), 2)):
        weight, _ = _numbers(_layer(student, sizes, dilation))
        shape = (sizes[1], sizes[0], sizes[2], sizes[2])
        tensor(weight, shape=shape, what=f"The weight of {_CLASS}{_words(sizes, dilation)}")


@check("7.1", points=0.1, title="MyDilatedConv2d with dilation 1 leaves one pixel out between taps")
def test_one_pixel_left_out(student: Student) -> None:
    _compare(student, (2, 3, 3), 1)


@check("7.1", points=0.1, title="MyDilatedConv2d equals the definition for several kernels, dilations and channels")
def test_forward(student: Student) -> None:
    for number, (sizes, dilation) in enumerate(_CASES):
        award(number / len(_CASES))
        _compare(student, sizes, dilation)
    award(1.0)


@check("7.1", points=0.05, title="MyDilatedConv2d with dilation 0 is a plain convolution")
def test_no_dilation(student: Student) -> None:
    _compare(student, (2, 3, 3), 0)


@check("7.1", points=0.1, title="Gradients flow through the dilated filters to input, weight and bias")
def test_gradients(student: Student) -> None:
    sizes, dilation = (2, 3, 3), 1
    layer = _layer(student, sizes, dilation).double()
    mine = tuple(number for number in _numbers(layer) if number is not None)
    x = torch.randn(1, 2, 7, 6, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(1, 3, 7, 6, dtype=torch.float64)
    asked = (x, *mine)
    wanted = torch.autograd.grad(
        (_expected(x, mine[0], mine[1] if mine[1:] else None, sizes[2], dilation) * weights).sum(), asked
    )
    out = tensor(layer(x), shape=(1, 3, 7, 6), what=f"The result of {_CLASS}{_words(sizes, dilation)}")
    expect(out.requires_grad, f"The result of {_CLASS} is cut off from its input: no gradient can flow.")
    got = torch.autograd.grad((out * weights).sum(), asked, allow_unused=True)
    for name, gradient, right in zip(("input", "weight", "bias"), got, wanted, strict=False):
        expect(gradient is not None, f"No gradient reaches the {name} of {_CLASS}.")
        assert_close(
            gradient,
            right,
            rtol=1e-4,
            atol=1e-5,
            message=f"The gradient of {_CLASS} with respect to its {name} is wrong.",
        )


# Runs in the sandbox: trains one layer as an optimiser made once, before the first call, would.
_TRAINED = """
import types
import torch

def trained(layer, x, y):
    held = list(layer.parameters())
    optimizer = torch.optim.SGD(held, lr=0.05)
    before = [one.detach().clone() for one in held]
    for _ in range(3):
        optimizer.zero_grad()
        ((layer(x) - y) ** 2).mean().backward()
        optimizer.step()
    moved = [bool((one.detach() - old).abs().max() > 0) for one, old in zip(held, before)]
    kept = [any(one is other for other in layer.parameters()) for one in held]
    return types.SimpleNamespace(moved=all(moved), kept=all(kept))
"""


@check("7.1", points=0.05, title="An optimiser made before the first call trains MyDilatedConv2d")
def test_trains(student: Student) -> None:
    layer = _layer(student, (2, 3, 3), 1)
    student.support(_TRAINED)
    facts = student.supported("trained", layer, torch.randn(2, 2, 8, 8), torch.randn(2, 3, 8, 8))
    expect(
        facts.kept,
        f"{_CLASS} puts new parameters in place of its own in forward: the optimiser goes on training the old ones.",
    )
    expect(facts.moved, f"Three steps of training leave parameters of {_CLASS} as they were.")


@check("7.1", points=0.05, title="MyDilatedConv2d manipulates its filters and leaves dilation to nobody else")
def test_not_native(student: Student) -> None:
    for (sizes, dilation), training in itertools.product((((2, 3, 3), 1), ((2, 2, 5), 2)), (False, True)):
        layer = _layer(student, sizes, dilation)
        trace = student.trace(layer, torch.randn(1, sizes[0], 12, 12), training=training)
        for operation in (*trace.operations, *trace.low):
            given = operation.options.get("dilation")
            numbers = given if isinstance(given, list | tuple) else [given]
            expect(
                all(number in (None, 1) for number in numbers),
                f"{_CLASS} uses the native dilation of {operation.op.rsplit('.', 1)[-1]}; "
                "the question asks for the filters to be manipulated instead.",
            )
    found = native_dilations(student, _CLASS)
    expect(
        not found,
        f"{_CLASS} passes a dilation to {', '.join(found[:2])}; the question asks for the filters to be manipulated.",
    )
    _compare(student, (2, 3, 3), 1)
