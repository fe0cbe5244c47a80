"""B1: skip connections where they belong, by what is joined and by what still reaches the output without the rest."""

from __future__ import annotations

from collections import Counter

import structure
import torch
from networks import COLOUR, COURSE, SIDE, SMALL, build, difference, fill, layout, pictures, with_weight

from grader.checks import Student, award, check, expect, fail, tensor

_NAME = "UNet"
_JOIN = ("cat", "concat", "concatenate", "hstack")


@check("B1", points=1, title="UNet gives one score per colour for every pixel")
def test_unet_output(student: Student) -> None:
    for setting in (SMALL, COLOUR, COURSE):
        structure.gives_scores(build(student, _NAME, setting), setting)


@check("B1", points=1, title="The layers of UNet have room for what the skip connections bring")
def test_unet_parameters(student: Student) -> None:
    for setting in (SMALL, COLOUR, COURSE):
        structure.has_shapes(build(student, _NAME, setting).describe(), setting, _NAME, skips=True)


@check("B1", points=1.5, title="UNet joins the right results with torch.cat at each resolution")
def test_unet_concatenates(student: Student) -> None:
    setting = COLOUR
    trace = student.trace(build(student, _NAME, setting), pictures(setting), training=False)
    joined = [operation for operation in trace.of(*_JOIN) if len(operation.outputs) == 1]
    if not joined:
        joined = [operation for operation in trace.low if operation.is_a(*_JOIN)]
    expect(bool(joined), "UNet concatenates nothing: a skip connection joins two results with torch.cat.")
    found: Counter[tuple[int, tuple[int, ...]]] = Counter()
    for operation in joined:
        shapes = [shape for _, shape in operation.inputs]
        result = operation.outputs[0][1]
        if any(len(shape) != 4 for shape in (*shapes, result)):
            continue
        channels = sum(shape[1] for shape in shapes)
        expect(
            result[1] == channels and all(shape[2:] == result[2:] for shape in shapes),
            "UNet concatenates along a wrong dimension: channels are dimension 1.",
        )
        expect(
            len({number for number, _ in operation.inputs}) == len(shapes),
            "UNet concatenates a result with itself instead of with an earlier one.",
        )
        found[(result[2], tuple(sorted(shape[1] for shape in shapes)))] += 1
    wanted = setting.joins(SIDE)
    award(sum((found & wanted).values()) / sum(wanted.values()))
    names = {
        SIDE // 4: "a quarter of the picture's size",
        SIDE // 2: "half the picture's size",
        SIDE: "the picture's own size",
    }
    for height, _ in wanted - found:
        fail(f"What UNet concatenates at {names[height]} is not the earlier block's result with the deeper one's.")
    expect(found == wanted, "UNet concatenates more often than the three skip connections need.")


@check("B1", points=2, title="Each skip connection of UNet carries information past the layers it skips")
def test_unet_skips(student: Student) -> None:
    model = build(student, _NAME, SMALL)
    where = layout(student, model, _NAME, SMALL)
    x = pictures(SMALL)
    other = pictures(SMALL)
    missing = []
    skips = ("the picture to the last convolution", "the first block to the fifth", "the second block to the fourth")
    for index, words in enumerate(skips):
        # Everything deeper than the skip is cut by a convolution of zeros; what is left went through the skip.
        numbers = fill(model, where, positive=True)
        with_weight(model, where, index, torch.zeros_like(numbers.convolutions[index].weight))
        source = x.clone().requires_grad_() if index == 0 else model.parameter(where.convolutions[index - 1][0])
        before = tensor(model(source if index == 0 else x), what="The result of UNet")
        (felt,) = torch.autograd.grad(before.sum(), source, allow_unused=True) if before.requires_grad else (None,)
        if index:
            with_weight(model, where, index - 1, 2 * numbers.convolutions[index - 1].weight)
        after = tensor(model(x if index else other), what="The result of UNet")
        carried = difference(before.detach(), after.detach()) > structure.SAME
        if not carried or felt is None or not bool(felt.any()):
            missing.append(words)
    award(1 - len(missing) / len(skips))
    expect(not missing, f"With the layers in between silenced, nothing gets from {' nor from '.join(missing)}.")


@check("B1", points=1, title="UNet calculates what the diagram with skip connections says")
def test_unet_forward(student: Student) -> None:
    for setting in (SMALL, COLOUR):
        structure.calculates(student, build(student, _NAME, setting), setting, _NAME, skips=True)


@check("B1", points=0.5, title="UNet keeps the batch norms and ReLUs of CNN")
def test_unet_layers(student: Student) -> None:
    model = build(student, _NAME, SMALL)
    structure.normalises(model, SMALL, _NAME)
    structure.rectifies(student, model, SMALL, _NAME)
    structure.gives_plain_scores(student, model, SMALL, _NAME)


@check("B1", points=0.5, title="A gradient reaches every weight of UNet")
def test_unet_gradients(student: Student) -> None:
    structure.learns_everywhere(student, build(student, _NAME, SMALL), SMALL, _NAME)


@check("B1", points=0.5, title="UNet works for other picture sizes")
def test_unet_other_sizes(student: Student) -> None:
    structure.takes_other_sizes(build(student, _NAME, SMALL), SMALL, _NAME)
