"""Building the student's networks and finding out how they are put together, whatever the layers are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from colourisation.diagrams import Architecture, Diagram, Setting, WeightShape
from colourisation.reference import ConvolutionWeights, Norm
from grader.checks import Description, ModuleFacts, Operation, RemoteModule, Student, StudentRaised, Trace, fail

SIDE = 32
# Dimensions of a convolution's weight.
FILTER = 4
_CONVOLUTION = ("conv2d", "convolution", "conv_transpose2d")
# What Python says when a class takes other arguments than it is given.
_OTHER_ARGUMENTS = ("unexpected keyword", "positional argument")
_NORM = ("batch_norm", "native_batch_norm")


class Place(NamedTuple):
    """Where one convolution keeps its numbers in the state dict; `bias` is None where there is none."""

    weight: str
    bias: str | None
    is_transposed: bool


class Layout(NamedTuple):
    """Which accepted reading a network is nearest to, and where its layers are, in the order of the forward pass.

    `norms` holds names of modules.
    """

    diagram: Diagram
    convolutions: tuple[Place, ...]
    norms: tuple[str, ...]


def build(student: Student, asked: Architecture, setting: Setting) -> RemoteModule:
    """The student's network for one setting, by the course's argument names or in the course's order."""
    spelling = next((candidate for candidate in asked.names if student.defines(candidate)), asked.name)
    model = _called(getattr(student, spelling), setting)
    if not isinstance(model, RemoteModule):
        fail(f"{asked.name}(...) should give an nn.Module.")
    return model


def _called(make: Callable[..., object], setting: Setting) -> object:
    """The class with whichever of the courses' arguments it takes; the older handouts know only grey pictures."""
    values = (setting.kernel, setting.num_filters, setting.num_colours, setting.num_in_channels)
    words = ("kernel", "num_filters", "num_colours", "num_in_channels")
    ways: list[tuple[tuple[int, ...], dict[str, int]]] = [((), dict(zip(words, values, strict=True))), (values, {})]
    if setting.num_in_channels == 1:
        ways.append((values[:3], {}))
    first: StudentRaised | None = None
    for positional, named in ways:
        try:
            return make(*positional, **named)
        except StudentRaised as error:
            if not any(words_ in str(error) for words_ in _OTHER_ARGUMENTS):
                raise
            first = first or error
    assert first is not None
    raise first


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


def layout(student: Student, model: RemoteModule, asked: Architecture, setting: Setting) -> Layout:
    """How `model` is put together; fails the check with a sentence if the number of layers is wrong."""
    if (asked.name, setting) not in _found:
        _found[asked.name, setting] = _layout(student, model, asked, setting)
    return _found[asked.name, setting]


def _layout(student: Student, model: RemoteModule, asked: Architecture, setting: Setting) -> Layout:
    trace = student.trace(model, pictures(setting), training=False)
    facts = model.describe()
    by_name = {module.name: module for module in facts.modules}
    run = convolutions_run(trace)
    ran = [operation.module for operation in run]
    if len(set(ran)) != asked.blocks:
        # A convolution written by hand runs no convolution operation: take the order of definition.
        ran = [module.name for module in filters_in(facts)]
    if len(set(ran)) != asked.blocks:
        fail(
            f"{asked.name} should hold {counted(asked.blocks)} convolutions, one for each block; "
            f"{len(set(ran))} take part."
        )
    normed = list(dict.fromkeys(op.module for op in trace.operations if op.is_a(*_NORM)))
    if len(normed) != asked.blocks - 1:
        normed = [module.name for module in facts.of("BatchNorm2d")]
    if len(normed) != asked.blocks - 1:
        fail(
            f"{asked.name} should hold {counted(asked.blocks - 1)} batch norms, one for each block but the last; "
            f"it holds {len(normed)}."
        )
    turned = {operation.module for operation in run if operation.is_a("conv_transpose2d")}
    places = tuple(
        _place(by_name[module], asked.name, is_transposed=module in turned or is_transposed(by_name[module]))
        for module in dict.fromkeys(ran)
    )
    state = {name: parameter.shape for name, parameter in facts.parameters.items()}
    shapes = tuple(as_convolution(state.get(place.weight, ()), turned=place.is_transposed) for place in places)
    heights = tuple(operation.outputs[0][1][-2] for operation in run if operation.outputs)
    return Layout(_nearest(asked, setting, shapes, heights), places, tuple(normed))


def _nearest(
    asked: Architecture, setting: Setting, shapes: tuple[tuple[int, ...], ...], heights: tuple[int, ...]
) -> Diagram:
    """The accepted reading that agrees in most layers with the shapes and resolutions seen."""

    def agreement(diagram: Diagram) -> int:
        wanted = (*diagram.convolution_shapes(setting), *diagram.resolutions(SIDE))
        return sum(one == other for one, other in zip(wanted, (*shapes, *heights), strict=False))

    return max(asked.diagrams, key=agreement)


def as_convolution(shape: tuple[int, ...], *, turned: bool) -> tuple[int, ...]:
    """A weight's shape as (out, in, k, k): a transposed convolution keeps (in, out, k, k)."""
    return (shape[1], shape[0], *shape[2:]) if turned and len(shape) == FILTER else tuple(shape)


def is_transposed(module: ModuleFacts) -> bool:
    return module.is_a("ConvTranspose2d", "_ConvTransposeNd")


def filters_in(facts: Description) -> tuple[ModuleFacts, ...]:
    """Modules that own a four-dimensional weight."""
    return tuple(m for m in facts.modules if any(len(p.shape) == FILTER for p in m.parameters.values()))


def _place(module: ModuleFacts, name: str, *, is_transposed: bool) -> Place:
    prefix = f"{module.name}." if module.name else ""
    weights = [key for key, facts in module.parameters.items() if len(facts.shape) == FILTER]
    biases = [key for key, facts in module.parameters.items() if len(facts.shape) == 1]
    if len(weights) != 1 or len(biases) > 1:
        fail(f"A convolution of {name} does not keep one weight of shape (out, in, k, k) and at most one bias.")
    return Place(prefix + weights[0], prefix + biases[0] if biases else None, is_transposed)


class Numbers(NamedTuple):
    """Known numbers for every layer, as the reference takes them."""

    convolutions: list[ConvolutionWeights]
    norms: list[Norm]

    @property
    def shapes(self) -> tuple[WeightShape, ...]:
        """Weight shapes as (out, in, k, k)."""
        return tuple(
            as_convolution(tuple(numbers.weight.shape), turned=numbers.is_transposed) for numbers in self.convolutions
        )


def fill(model: RemoteModule, where: Layout, *, positive: bool = False) -> Numbers:
    """Give every convolution and batch norm of `model` known random numbers, and return them.

    `positive` makes all of them such that no ReLU of a correct network is ever closed for positive input: then
    any path from a weight to the output can be seen. The model is left in eval mode.
    """
    model.eval()
    state = model.state_dict()
    convolutions = []
    for place in where.convolutions:
        old = state[place.weight]
        weight = torch.randn_like(old) / (old[0].numel() ** 0.5)
        bias = None if place.bias is None else 0.1 * torch.randn_like(state[place.bias])
        if positive:
            weight = weight.abs()
            bias = None if bias is None else bias.abs()
        state[place.weight] = weight
        if place.bias is not None and bias is not None:
            state[place.bias] = bias
        convolutions.append(ConvolutionWeights(weight, bias, place.is_transposed))
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
    place = where.convolutions[index]
    numbers = {place.weight: weight}
    if bias is not None and place.bias is not None:
        width = weight.shape[1] if place.is_transposed else weight.shape[0]
        numbers[place.bias] = torch.full((width,), bias)
    return numbers


def with_weight(model: RemoteModule, where: Layout, index: int, weight: Tensor, bias: float | None = None) -> None:
    """Replace the weight (and fill the bias) of one convolution."""
    model.load_state_dict(changed(where, index, weight, bias), strict=False)


def difference(one: Tensor, other: Tensor) -> float:
    """Largest difference, as a share of the largest value."""
    size = max(float(one.abs().max()), float(other.abs().max()), 1e-12)
    return float((one - other).abs().max()) / size


def counted(number: int) -> str:
    """Small numbers as words."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else str(number)
