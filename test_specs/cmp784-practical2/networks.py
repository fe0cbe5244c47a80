"""Building the student's networks and finding out how they are put together, whatever the layers are called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from reference import ConvolutionWeights, Norm, Setting
from torch import Tensor

from grader.checks import Description, ModuleFacts, Operation, RemoteModule, Student, StudentRaised, Trace, fail

# Small, and no two of NF, 2NF, NC and NIC alike, so that a mixed-up width never fits by chance.
SMALL = Setting(kernel=3, num_filters=4, num_colours=5, num_in_channels=1)
COLOUR = Setting(kernel=5, num_filters=6, num_colours=7, num_in_channels=3)
COURSE = Setting(kernel=3, num_filters=32, num_colours=24, num_in_channels=1)
SIDE = 32
# Spellings that can only mean the class asked for.
SPELLINGS = {
    "CNN": ("CNN", "Cnn", "MyCNN", "ConvNet", "ColourNet"),
    "UNet": ("UNet", "Unet", "UNET", "U_Net", "MyUNet"),
}
_CONVOLUTION = ("conv2d", "convolution", "conv_transpose2d")
_NORM = ("batch_norm", "native_batch_norm")


class Layout(NamedTuple):
    """Where the six convolutions and five batch norms keep their numbers, in the order of the forward pass.

    `convolutions` holds (key of the weight, key of the bias or None) in the state dict, `norms` module names.
    """

    convolutions: tuple[tuple[str, str | None], ...]
    norms: tuple[str, ...]


def build(student: Student, name: str, setting: Setting) -> RemoteModule:
    """The student's `name` for one setting, by the course's argument names or in the course's order."""
    spelling = next((candidate for candidate in SPELLINGS[name] if student.defines(candidate)), name)
    make = getattr(student, spelling)
    values = (setting.kernel, setting.num_filters, setting.num_colours, setting.num_in_channels)
    words = ("kernel", "num_filters", "num_colours", "num_in_channels")
    try:
        model = make(**dict(zip(words, values, strict=True)))
    except StudentRaised as error:
        if "unexpected keyword" not in str(error):
            raise
        model = make(*values)
    if not isinstance(model, RemoteModule):
        fail(f"{name}(...) should give an nn.Module.")
    return model


def pictures(setting: Setting, *, count: int = 2, side: int = SIDE) -> Tensor:
    """Random input in [0, 1], shape (count, NIC, side, side)."""
    return torch.rand(count, setting.num_in_channels, side, side)


def convolutions_run(trace: Trace) -> tuple[Operation, ...]:
    """The convolutions of a forward pass, each once, however it was called."""
    return _once(operation for operation in trace.operations if operation.is_a(*_CONVOLUTION))


def _once(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """A public function may call another one of the same kind: the outermost call for each output counts."""
    seen: set[int] = set()
    kept = []
    for operation in operations:
        numbers = {number for number, _ in operation.outputs}
        if not numbers & seen:
            kept.append(operation)
        seen |= numbers
    return tuple(kept)


# One run judges one submission, whose network for one setting is always put together alike.
_found: dict[tuple[str, Setting], Layout] = {}


def layout(student: Student, model: RemoteModule, name: str, setting: Setting) -> Layout:
    """How `model` is put together; fails the check with a sentence if it is not six convolutions and five norms."""
    if (name, setting) not in _found:
        _found[name, setting] = _layout(student, model, name, setting)
    return _found[name, setting]


def _layout(student: Student, model: RemoteModule, name: str, setting: Setting) -> Layout:
    trace = student.trace(model, pictures(setting), training=False)
    facts = model.describe()
    by_name = {module.name: module for module in facts.modules}
    ran = [operation.module for operation in convolutions_run(trace)]
    if len(set(ran)) != 6:
        # A MyConv2d that multiplies by hand runs no convolution operation: take the order of definition.
        ran = [module.name for module in filters_in(facts)]
    if len(set(ran)) != 6:
        fail(f"{name} should hold six convolutions, one for each block of the diagram; {len(set(ran))} take part.")
    normed = list(dict.fromkeys(op.module for op in trace.operations if op.is_a(*_NORM)))
    if len(normed) != 5:
        normed = [module.name for module in facts.of("BatchNorm2d")]
    if len(normed) != 5:
        fail(f"{name} should hold five batch norms, one for each block but the last; it holds {len(normed)}.")
    return Layout(tuple(_keys(by_name[module], name) for module in dict.fromkeys(ran)), tuple(normed))


def filters_in(facts: Description) -> tuple[ModuleFacts, ...]:
    """Modules that own a four-dimensional weight."""
    return tuple(m for m in facts.modules if any(len(p.shape) == 4 for p in m.parameters.values()))


def _keys(module: ModuleFacts, name: str) -> tuple[str, str | None]:
    prefix = f"{module.name}." if module.name else ""
    weights = [key for key, facts in module.parameters.items() if len(facts.shape) == 4]
    biases = [key for key, facts in module.parameters.items() if len(facts.shape) == 1]
    if len(weights) != 1 or len(biases) > 1:
        fail(f"A convolution of {name} does not keep one weight of shape (out, in, k, k) and at most one bias.")
    return prefix + weights[0], prefix + biases[0] if biases else None


class Numbers(NamedTuple):
    """Known numbers for every layer, as the reference takes them."""

    convolutions: list[ConvolutionWeights]
    norms: list[Norm]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [tuple(numbers.weight.shape) for numbers in self.convolutions]


def fill(model: RemoteModule, where: Layout, *, positive: bool = False) -> Numbers:
    """Give every convolution and batch norm of `model` known random numbers, and return them.

    `positive` makes all of them such that no ReLU of a correct network is ever closed for positive input: then
    any path from a weight to the output can be seen. The model is left in eval mode.
    """
    model.eval()
    state = model.state_dict()
    convolutions = []
    for weight_key, bias_key in where.convolutions:
        old = state[weight_key]
        weight = torch.randn_like(old) / (old[0].numel() ** 0.5)
        bias = None if bias_key is None else 0.1 * torch.randn_like(state[bias_key])
        if positive:
            weight = weight.abs()
            bias = None if bias is None else bias.abs()
        state[weight_key] = weight
        if bias_key is not None and bias is not None:
            state[bias_key] = bias
        convolutions.append(ConvolutionWeights(weight, bias))
    norms = [_fill_norm(state, name, positive=positive) for name in where.norms]
    model.load_state_dict(state)
    return Numbers(convolutions, norms)


def _fill_norm(state: dict[str, Tensor], name: str, *, positive: bool) -> Norm:
    mean_key, variance_key = f"{name}.running_mean", f"{name}.running_var"
    if mean_key not in state:
        fail("A batch norm keeps no running statistics, so it works differently from nn.BatchNorm2d.")
    width = len(state[mean_key])
    # The scale stays positive: then batch norm commutes with pooling, and its place before or after is open.
    scale, variance = torch.rand(width) + 0.5, torch.rand(width) + 0.5
    shift, mean = (torch.zeros(width), torch.zeros(width)) if positive else 0.3 * torch.randn(2, width)
    state[mean_key], state[variance_key] = mean, variance
    if f"{name}.weight" in state:
        state[f"{name}.weight"], state[f"{name}.bias"] = scale, shift
    else:
        scale, shift = torch.ones(width), torch.zeros(width)
    factor = scale / (variance + 1e-5).sqrt()
    return Norm(factor, shift - mean * factor)


def changed(where: Layout, index: int, weight: Tensor, bias: float | None = None) -> dict[str, Tensor]:
    """Other numbers for one convolution, for a single call."""
    weight_key, bias_key = where.convolutions[index]
    numbers = {weight_key: weight}
    if bias is not None and bias_key is not None:
        numbers[bias_key] = torch.full((len(weight),), bias)
    return numbers


def with_weight(model: RemoteModule, where: Layout, index: int, weight: Tensor, bias: float | None = None) -> None:
    """Replace the weight (and fill the bias) of one convolution."""
    model.load_state_dict(changed(where, index, weight, bias), strict=False)


def difference(one: Tensor, other: Tensor) -> float:
    """Largest difference, as a share of the largest value."""
    size = max(float(one.abs().max()), float(other.abs().max()), 1e-12)
    return float((one - other).abs().max()) / size
