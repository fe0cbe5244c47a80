"""The convolution that the courses give, `MyConv2d`: bodies of checks that see that it still works."""

from __future__ import annotations

import torch
from torch import Tensor

from colourisation.convolution import convolution
from colourisation.diagrams import CNN, UNET, Architecture, Setting
from colourisation.networks import counted, pictures
from grader.checks import RemoteModule, Student, assert_close, expect, tensor

# For central differences in float64.
_STEP = 1e-5
_WRONG_RESULT = "MyConv2d does not calculate a convolution: its result differs from the definition."


def _layer(student: Student, *sizes: int, **options: int) -> RemoteModule:
    facts = student.load_report.names.get("MyConv2d")
    used = any(student.defines(name) for name in (*CNN.names, *UNET.names))
    # Supplied from the starter for a network that needs it; with nothing of the student's it earns nothing.
    expect(
        used or facts is None or not facts.supplied, "Your code defines neither MyConv2d nor a network that uses it."
    )
    layer = student.MyConv2d(*sizes, **options)
    expect(isinstance(layer, RemoteModule), "MyConv2d(...) should give an nn.Module.")
    return layer


def _numbers(layer: RemoteModule) -> tuple[Tensor, Tensor | None]:
    facts = layer.describe().parameters
    expect("weight" in facts, "MyConv2d has no parameter called weight, so nothing in it can be trained.")
    return layer.parameter("weight"), layer.parameter("bias") if "bias" in facts else None


def has_parameters(student: Student) -> None:
    layer = _layer(student, 3, 8, 5)
    weight, bias = _numbers(layer)
    tensor(weight, shape=(8, 3, 5, 5), what="The weight of MyConv2d(3, 8, 5)")
    if bias is not None:
        tensor(bias, shape=(8,), what="The bias of MyConv2d(3, 8, 5)")
    bound = (3 * 5**2) ** -0.5
    spread = float(weight.detach().std())
    expect(
        0.2 * bound < spread < 2 * bound,
        "The starting weights of MyConv2d should be spread over ± 1/sqrt(in_channels * kernel_size²).",
    )
    out = tensor(layer(torch.rand(1, 3, 9, 7)), what="The result of MyConv2d")
    expect(
        tuple(out.shape) == (1, 8, 9, 7),
        "Without a padding, MyConv2d should keep the height and width of its input for odd kernel sizes.",
    )


def convolves(student: Student) -> None:
    for sizes, options, padding in (
        ((1, 4, 3), {}, 1),
        ((3, 2, 5), {}, 2),
        ((2, 3, 1), {}, 0),
        ((2, 3, 3), {"padding": 0}, 0),
        ((2, 3, 5), {"padding": 1}, 1),
    ):
        layer = _layer(student, *sizes, **options).double()
        weight, bias = _numbers(layer)
        x = torch.randn(2, sizes[0], 8, 7, dtype=torch.float64)
        words = f" (in_channels={sizes[0]}, out_channels={sizes[1]}, kernel_size={sizes[2]}, padding={padding})"
        assert_close(layer(x), convolution(x, weight, bias, padding), message=_WRONG_RESULT + words)


def differentiates(student: Student) -> None:
    layer = _layer(student, 2, 3, 3).double()
    mine = tuple(number for number in _numbers(layer) if number is not None)
    x = torch.randn(1, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(1, 3, 4, 3, dtype=torch.float64)
    asked = (x, *mine)
    expected = torch.autograd.grad((convolution(x, mine[0], mine[1] if mine[1:] else None, 1) * weights).sum(), asked)
    out = tensor(layer(x), shape=(1, 3, 4, 3), what="The result of MyConv2d(2, 3, 3)")
    expect(out.requires_grad, "The result of MyConv2d is cut off from its input: no gradient can flow.")
    got = torch.autograd.grad((out * weights).sum(), asked, allow_unused=True)
    for name, gradient, wanted in zip(("input", "weight", "bias"), got, expected, strict=False):
        expect(gradient is not None, f"No gradient reaches the {name} of MyConv2d.")
        assert_close(gradient, wanted, message=f"The gradient of MyConv2d with respect to its {name} is wrong.")
    # By differences too, as torch.autograd.gradcheck does in its fast mode (whose first call imports for 0.4 s):
    # gradients that were only claimed do not fit how the result really moves.
    directions = [torch.randn_like(tensor_) for tensor_ in asked]
    claimed = sum((gradient * along).sum() for gradient, along in zip(got, directions, strict=True))
    moved = []
    for step in (_STEP, -2 * _STEP):
        with torch.no_grad():
            for tensor_, along in zip(asked, directions, strict=True):
                tensor_.add_(step * along)
            moved.append((layer(x) * weights).sum())
    slope = (moved[0] - moved[1]) / (2 * _STEP)
    expect(
        abs(float(slope - claimed)) < 1e-4 * (1 + abs(float(slope))),
        "The gradients of MyConv2d do not fit how its result changes.",
    )


def is_built_of_my_conv(student: Student, model: RemoteModule, setting: Setting, asked: Architecture) -> None:
    """Every convolution is a MyConv2d, and nothing outside one calls a convolution of PyTorch."""
    facts = model.describe()
    ready_made = [module.name for module in facts.modules if module.is_a("_ConvNd")]
    expect(
        not ready_made,
        f"{asked.name} uses one of PyTorch's own convolution layers ({', '.join(ready_made[:3])}); "
        "the task asks for MyConv2d.",
    )
    own = facts.of("MyConv2d")
    expect(
        len(own) == asked.blocks,
        f"{asked.name} should hold {counted(asked.blocks)} MyConv2d layers, one for each block of the diagram; "
        f"it holds {len(own)}.",
    )
    trace = student.trace(model, pictures(setting), training=False)
    for operation in (*trace.operations, *trace.low):
        if operation.is_a("conv2d", "convolution", "conv_transpose2d"):
            inside = any(base.rsplit(".", 1)[-1] == "MyConv2d" for base in operation.module_bases)
            expect(inside, f"{asked.name} calls a convolution of PyTorch outside MyConv2d.")
