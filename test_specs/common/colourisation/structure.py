"""What the assignments ask of their networks. Each function is the body of a check."""

from __future__ import annotations

from collections import Counter

import torch

from colourisation.diagrams import INPUT, Architecture, Diagram, Setting
from colourisation.networks import (
    FILTER,
    SIDE,
    as_convolution,
    changed,
    convolutions_run,
    counted,
    difference,
    fill,
    is_transposed,
    layout,
    pictures,
    with_weight,
)
from colourisation.reference import forward, readings
from grader.checks import Description, RemoteModule, Student, assert_close, award, expect, fail, tensor

# Share of the largest value under which two results count as equal: float32 sums in another order differ by 1e-6.
SAME = 1e-5
# So much louder than what comes over a skip connection that it decides the sign.
_LOUD = 100.0
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_JOIN = ("cat", "concat", "concatenate", "hstack")


def ordinal(index: int, blocks: int) -> str:
    """How a block is called in a message."""
    return "last" if index == blocks - 1 else _ORDINALS[index]


def gives_scores(model: RemoteModule, setting: Setting) -> None:
    """Shape (N, NC, H, W), numbers that are numbers."""
    x = pictures(setting)
    words = (
        f"The result for kernel={setting.kernel}, num_filters={setting.num_filters}, "
        f"num_colours={setting.num_colours}, num_in_channels={setting.num_in_channels}"
    )
    out = tensor(model(x), shape=(len(x), setting.num_colours, SIDE, SIDE), what=words)
    expect(bool(torch.isfinite(out).all()), f"{words} holds NaN or infinity.")


def has_shapes(facts: Description, setting: Setting, asked: Architecture) -> None:
    """The shapes of all weights as a collection: names, nesting and order are the student's.

    Biases of convolutions may be missing (the text does not ask for them); everything else has to be there.
    """
    found: Counter[tuple[int, ...]] = Counter()
    rest: Counter[tuple[int, ...]] = Counter()
    for module in facts.modules:
        shapes = [parameter.shape for parameter in module.parameters.values()]
        filters = [shape for shape in shapes if len(shape) == FILTER]
        found.update(as_convolution(shape, turned=is_transposed(module)) for shape in filters)
        if not filters:
            rest.update(shapes)
    layers = sum(found.values())
    if layers != asked.blocks:
        fail(
            f"{asked.name} should have {counted(asked.blocks)} convolutions with weights of their own; "
            f"it has {layers} ({setting.words})."
        )
    fitting = next((one for one in asked.diagrams if found == Counter(one.convolution_shapes(setting))), None)
    if fitting is None:
        strange = found - Counter(asked.diagrams[0].convolution_shapes(setting))
        shown = ", ".join(str(shape) for shape in strange)
        fail(
            f"A convolution of {asked.name} has a weight of a shape that the diagram does not have: {shown} "
            f"({setting.words})."
        )
    norms = Counter((width,) for width in fitting.norm_widths(setting) for _ in range(2))
    if norms - rest:
        fail(f"The batch norms of {asked.name} do not have the widths of the diagram ({setting.words}).")
    if rest - norms:
        strange_shapes = ", ".join(str(shape) for shape in (rest - norms))
        fail(f"{asked.name} holds weights that the diagram does not have: {strange_shapes} ({setting.words}).")


def has_resolutions(student: Student, model: RemoteModule, setting: Setting, asked: Architecture) -> None:
    """At which height each convolution works, as the trace says; `calculates` tests the same by effect."""
    trace = student.trace(model, pictures(setting), training=False)
    heights = tuple(operation.outputs[0][1][-2] for operation in convolutions_run(trace) if operation.outputs)
    if not heights:
        # Convolutions written by hand: the tensors that enter them cannot be told from the trace.
        layout(student, model, asked, setting)
        return
    if len(heights) != asked.blocks:
        fail(
            f"{asked.name} runs {len(heights)} convolutions in one forward pass; "
            f"the diagram has {counted(asked.blocks)}."
        )
    if any(heights == diagram.resolutions(SIDE) for diagram in asked.diagrams):
        return
    diagram = layout(student, model, asked, setting).diagram
    for index, (height, right) in enumerate(zip(heights, diagram.resolutions(SIDE), strict=True)):
        expect(
            height == right,
            f"The convolution of the {ordinal(index, asked.blocks)} block gives {height} rows for a picture of {SIDE}; "
            "look at what changes the size up to there.",
        )


def calculates(student: Student, model: RemoteModule, setting: Setting, asked: Architecture) -> None:
    """With known numbers in every layer, the result is the diagram's in one of its accepted readings."""
    where = layout(student, model, asked, setting)
    numbers = fill(model, where)
    x = pictures(setting)
    out = tensor(model(x), shape=(len(x), setting.num_colours, SIDE, SIDE), what=f"The result of {asked.name}")
    diagram = where.diagram
    if numbers.shapes != diagram.convolution_shapes(setting):
        fail(f"The convolutions of {asked.name} do not follow each other with the sizes of the diagram.")
    turned = [one.is_transposed for one in numbers.convolutions]
    if any(block.resize == "half" and one for block, one in zip(diagram.blocks, turned, strict=True)):
        fail(f"{asked.name} makes the picture smaller with a transposed convolution.")
    if any(block.resize == "double" and not one for block, one in zip(diagram.blocks, turned, strict=True)):
        fail(f"{asked.name} makes the picture larger without a transposed convolution.")
    results = (forward(x, *numbers, reading, diagram) for reading in readings(diagram))
    # The first reading that fits, else any: readings differ in a handful of ways, and most hand-ins fit the first.
    nearest = next((result for result in results if difference(out.double(), result) < 1e-4), None)
    if nearest is None:
        nearest = forward(x, *numbers, next(iter(readings(diagram))), diagram)
    assert_close(
        out,
        nearest,
        rtol=1e-3,
        atol=1e-4,
        message=f"With known weights, {asked.name} gives other numbers than the network of the diagram: "
        "see what follows each convolution, and in which order.",
    )


def normalises(model: RemoteModule, setting: Setting, asked: Architecture) -> None:
    """A batch norm in every block but the last, of the right widths; their statistics move, two modes differ."""
    norms = model.describe().of("BatchNorm2d")
    widths = Counter(norm.hyper.get("num_features") for norm in norms)
    expect(bool(norms), f"{asked.name} holds no nn.BatchNorm2d.")
    expect(
        len(norms) == asked.blocks - 1,
        f"{asked.name} should hold {counted(asked.blocks - 1)} nn.BatchNorm2d, one for each block but the last; "
        f"it holds {len(norms)}.",
    )
    expect(
        any(widths == Counter(diagram.norm_widths(setting)) for diagram in asked.diagrams),
        f"The batch norms of {asked.name} do not have the widths of the diagram.",
    )
    x = pictures(setting, count=4)
    model.eval()
    resting = tensor(model(x), what=f"The result of {asked.name}")
    before = model.state_dict()
    model.train()
    training = tensor(model(x), what=f"The result of {asked.name}")
    after = model.state_dict()
    for norm in norms:
        key = f"{norm.name}.running_mean"
        expect(key in before and key in after, "A batch norm keeps no running statistics.")
        moved = difference(before[key], after[key]) > SAME
        expect(moved, f"The batch norm {norm.name} of {asked.name} takes no part in the forward pass.")
    expect(
        difference(resting, training) > SAME, f"{asked.name} gives the same result in training and in evaluation mode."
    )


def rectifies(student: Student, model: RemoteModule, setting: Setting, asked: Architecture) -> None:
    """A block whose convolution gives only negative numbers is silenced by its ReLU, however negative they are."""
    where = layout(student, model, asked, setting)
    numbers = fill(model, where, positive=True)
    x = pictures(setting)
    words = f"The result of {asked.name}"
    usual = tensor(model(x), what=words)
    for index in range(asked.blocks - 1):
        block = ordinal(index, asked.blocks)
        weight, after = (numbers.convolutions[at].weight for at in (index, index + 1))
        closed = changed(where, index, -_LOUD * weight, bias=-1.0)
        shut = tensor(model.call(x, parameters=closed), what=words)
        expect(difference(usual, shut) > SAME, f"The {block} block of {asked.name} has no influence on the result.")
        # What gets through may be negative: the next convolution turns it around, or the next ReLU would hide it.
        # Functions that level off (sigmoid, ELU) show near zero, leaky ones far from it.
        for loud, sign in ((_LOUD, -1), (1 / _LOUD, 1)):
            turned = changed(where, index + 1, sign * after)
            results = []
            for factor in (-loud, -2 * loud):
                numbers_now = turned | changed(where, index, factor * weight, bias=factor)
                results.append(tensor(model.call(x, parameters=numbers_now), what=words))
            expect(
                difference(*results) < SAME,
                f"The {block} block of {asked.name} lets negative values pass: it should end in a ReLU.",
            )


def gives_plain_scores(student: Student, model: RemoteModule, setting: Setting, asked: Architecture) -> None:
    """The result is linear in the last convolution, below zero as well."""
    where = layout(student, model, asked, setting)
    numbers = fill(model, where, positive=True)
    x = pictures(setting)
    weight = numbers.convolutions[-1].weight
    results = []
    for factor in (1.0, -2.0):
        last = changed(where, asked.blocks - 1, factor * weight, bias=0.1 * factor)
        results.append(tensor(model.call(x, parameters=last), what=f"The result of {asked.name}"))
    expect(
        difference(-2 * results[0], results[1]) < 1e-4,
        f"{asked.name} does something to the scores after its last convolution (a softmax or an activation): "
        "cross-entropy expects the scores as they are.",
    )


def learns_everywhere(student: Student, model: RemoteModule, setting: Setting, asked: Architecture) -> None:
    """Every parameter moves the result, seen as a gradient in eval mode (in training mode a batch norm takes
    away what the bias before it adds)."""
    fill(model, layout(student, model, asked, setting), positive=True)
    mine = model.parameters_by_name()
    out = tensor(model(pictures(setting)), what=f"The result of {asked.name}")
    expect(out.requires_grad, f"The result of {asked.name} is cut off from its weights: no gradient can flow.")
    gradients = torch.autograd.grad((out * torch.randn_like(out)).sum(), list(mine.values()), allow_unused=True)
    cold = [key for key, gradient in zip(mine, gradients, strict=True) if gradient is None or not bool(gradient.any())]
    expect(not cold, f"No gradient reaches {', '.join(cold[:4])} of {asked.name}.")


def takes_other_sizes(model: RemoteModule, setting: Setting, asked: Architecture) -> None:
    """Nothing in the diagram depends on 32."""
    model.eval()
    for height, width in ((64, 64), (16, 24)):
        x = torch.rand(1, setting.num_in_channels, height, width)
        words = f"The result of {asked.name} for a picture of {height} x {width}"
        tensor(model(x), shape=(1, setting.num_colours, height, width), what=words)


def concatenates(student: Student, model: RemoteModule, setting: Setting, asked: Architecture) -> None:
    """Skip connections join the right results, along the channels; a share of the points for a share of them."""
    trace = student.trace(model, pictures(setting), training=False)
    joined = [operation for operation in trace.of(*_JOIN) if len(operation.outputs) == 1]
    if not joined:
        joined = [operation for operation in trace.low if operation.is_a(*_JOIN)]
    expect(bool(joined), f"{asked.name} concatenates nothing: a skip connection joins two results with torch.cat.")
    found: Counter[tuple[int, tuple[int, ...]]] = Counter()
    for operation in joined:
        shapes = [shape for _, shape in operation.inputs]
        result = operation.outputs[0][1]
        if any(len(shape) != FILTER for shape in (*shapes, result)):
            continue
        channels = sum(shape[1] for shape in shapes)
        expect(
            result[1] == channels and all(shape[2:] == result[2:] for shape in shapes),
            f"{asked.name} concatenates along a wrong dimension: channels are dimension 1.",
        )
        expect(
            len({number for number, _ in operation.inputs}) == len(shapes),
            f"{asked.name} concatenates a result with itself instead of with an earlier one.",
        )
        found[(result[2], tuple(sorted(shape[1] for shape in shapes)))] += 1
    # Several readings may ask for the same joins; the nearest one is spoken of.
    wanted = max(
        (diagram.joins(setting, SIDE) for diagram in asked.diagrams), key=lambda joins: sum((found & joins).values())
    )
    award(sum((found & wanted).values()) / sum(wanted.values()))
    names = {
        SIDE // 4: "a quarter of the picture's size",
        SIDE // 2: "half the picture's size",
        SIDE: "the picture's own size",
    }
    for height, _ in wanted - found:
        fail(
            f"What {asked.name} concatenates at {names.get(height, f'height {height}')} is not the earlier block's "
            "result with the deeper one's."
        )
    expect(
        found == wanted,
        f"{asked.name} concatenates more often than the {counted(sum(wanted.values()))} skip connections need.",
    )


def carries_skips(student: Student, model: RemoteModule, setting: Setting, asked: Architecture) -> None:
    """Each skip connection carries information past the layers it skips; a share of the points for each."""
    where = layout(student, model, asked, setting)
    diagram = where.diagram
    x, other = pictures(setting), pictures(setting)
    missing = []
    for source, target in diagram.skips:
        # Everything deeper than the skip is cut by a convolution of zeros; what is left went through the skip.
        numbers = fill(model, where, positive=True)
        cut = source + 1
        with_weight(model, where, cut, torch.zeros_like(numbers.convolutions[cut].weight))
        felt_by = x.clone().requires_grad_() if source == INPUT else model.parameter(where.convolutions[source].weight)
        before = tensor(model(felt_by if source == INPUT else x), what=f"The result of {asked.name}")
        (felt,) = torch.autograd.grad(before.sum(), felt_by, allow_unused=True) if before.requires_grad else (None,)
        if source != INPUT:
            with_weight(model, where, source, 2 * numbers.convolutions[source].weight)
        after = tensor(model(other if source == INPUT else x), what=f"The result of {asked.name}")
        carried = difference(before.detach(), after.detach()) > SAME
        if not carried or felt is None or not bool(felt.any()):
            missing.append(_skip_in_words(diagram, source, target))
    award(1 - len(missing) / len(diagram.skips))
    expect(not missing, f"With the layers in between silenced, nothing gets from {' nor from '.join(missing)}.")


def _skip_in_words(diagram: Diagram, source: int, target: int) -> str:
    blocks = len(diagram.blocks)
    start = "the picture" if source == INPUT else f"the {ordinal(source, blocks)} block"
    return f"{start} to the {ordinal(target, blocks)} {'convolution' if target == blocks - 1 else 'block'}"


# Runs in the sandbox: what a forward pass does to its own input.
_FACTS_OF_CALL = """
import types
import torch

def facts_of_call(model, x):
    before = x.clone()
    with torch.no_grad():
        model(x)
    return types.SimpleNamespace(changed=float((x - before).abs().max()))
"""


def answers_alike(student: Student, model: RemoteModule, setting: Setting, asked: Architecture) -> None:
    """The same picture gives the same answer, whatever came between, and is left alone."""
    model.eval()
    x = pictures(setting)
    first = tensor(model(x), what=f"The result of {asked.name}")
    model(pictures(setting, count=3))
    # One machine, one thread, the same numbers: what differs at all was remembered, however little it shows.
    assert_close(
        model(x),
        first,
        rtol=1e-5,
        atol=1e-7,
        message=f"{asked.name} gives another answer for the same picture when it is called again.",
    )
    student.support(_FACTS_OF_CALL)
    facts = student.supported("facts_of_call", model, x)
    expect(facts.changed == 0, f"{asked.name} changes the tensor it is given.")
