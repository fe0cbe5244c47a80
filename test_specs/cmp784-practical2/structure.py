"""What A1 asks of `CNN` and B1 of `UNet` alike. Each function is the body of a check."""

from __future__ import annotations

from collections import Counter

import torch
from networks import SIDE, changed, convolutions_run, difference, fill, layout, pictures
from reference import Setting, forward, readings

from grader.checks import Description, RemoteModule, Student, assert_close, expect, fail, tensor

# Dimensions of a convolution's weight: (out, in, k, k).
_FILTER = 4
# Share of the largest value under which two results count as equal: float32 sums in another order differ by 1e-6.
SAME = 1e-5
# So much louder than what comes over a skip connection that it decides the sign.
_LOUD = 100.0
_BLOCKS = ("first", "second", "third", "fourth", "fifth", "last")


def gives_scores(model: RemoteModule, setting: Setting) -> None:
    """Shape (N, NC, H, W), numbers that are numbers."""
    x = pictures(setting)
    words = (
        f"The result for kernel={setting.kernel}, num_filters={setting.num_filters}, "
        f"num_colours={setting.num_colours}, num_in_channels={setting.num_in_channels}"
    )
    out = tensor(model(x), shape=(len(x), setting.num_colours, SIDE, SIDE), what=words)
    expect(bool(torch.isfinite(out).all()), f"{words} holds NaN or infinity.")


def has_shapes(facts: Description, setting: Setting, name: str, *, skips: bool) -> None:
    """The shapes of all weights as a collection: names, nesting and order are the student's.

    Biases of convolutions may be missing (the text does not ask for them); everything else has to be there.
    """
    shapes = Counter(parameter.shape for parameter in facts.parameters.values())
    nf, nc, nic = setting.num_filters, setting.num_colours, setting.num_in_channels
    words = f"for kernel={setting.kernel}, NF={nf}, NC={nc}, NIC={nic}"
    found = Counter({shape: count for shape, count in shapes.items() if len(shape) == _FILTER})
    wanted = Counter(setting.convolution_shapes(skips=skips))
    if found != wanted:
        layers = sum(found.values())
        if layers != 6:
            fail(f"{name} should have six convolutions with weights of their own; it has {layers} ({words}).")
        strange = ", ".join(str(shape) for shape in (found - wanted))
        fail(f"A convolution of {name} has a weight of a shape that the diagram does not have: {strange} ({words}).")
    rest = Counter(
        parameter.shape
        for module in facts.modules
        for parameter in module.parameters.values()
        if not any(len(own.shape) == _FILTER for own in module.parameters.values())
    )
    norms = Counter((width,) for width in setting.norm_widths() for _ in range(2))
    if norms - rest:
        fail(f"The batch norms of {name} do not have the widths of the diagram ({words}).")
    if rest - norms:
        strange = ", ".join(str(shape) for shape in (rest - norms))
        fail(f"{name} holds weights that the diagram does not have: {strange} ({words}).")


def has_resolutions(student: Student, model: RemoteModule, setting: Setting, name: str) -> None:
    """At which height each convolution works, as the trace says; `calculates` tests the same by effect."""
    trace = student.trace(model, pictures(setting), training=False)
    heights = tuple(operation.outputs[0][1][-2] for operation in convolutions_run(trace) if operation.outputs)
    wanted = setting.resolutions(SIDE)
    if not heights:
        # Convolutions written by hand: the tensors that enter MyConv2d cannot be told from the trace.
        layout(student, model, name, setting)
        return
    if len(heights) != len(wanted):
        fail(f"{name} runs {len(heights)} convolutions in one forward pass; the diagram has six.")
    for block, height, right in zip(_BLOCKS, heights, wanted, strict=True):
        expect(
            height == right,
            f"The convolution of the {block} block works on {height} rows of a picture of {SIDE}; "
            "look at the pooling and upsampling before it.",
        )


def calculates(student: Student, model: RemoteModule, setting: Setting, name: str, *, skips: bool) -> None:
    """With known numbers in every layer, the result is the diagram's in one of its accepted readings."""
    numbers = fill(model, layout(student, model, name, setting))
    x = pictures(setting)
    out = tensor(model(x), shape=(len(x), setting.num_colours, SIDE, SIDE), what=f"The result of {name}")
    if tuple(numbers.shapes) != setting.convolution_shapes(skips=skips):
        fail(f"The convolutions of {name} do not follow each other with the sizes of the diagram.")
    results = (forward(x, *numbers, reading, skips=skips) for reading in readings(skips=skips))
    # The first reading that fits, else any: readings differ in a handful of ways, and most hand-ins fit the first.
    nearest = next((result for result in results if difference(out.double(), result) < 1e-4), None)
    if nearest is None:
        nearest = forward(x, *numbers, next(iter(readings(skips=skips))), skips=skips)
    assert_close(
        out,
        nearest,
        rtol=1e-3,
        atol=1e-4,
        message=f"With known weights, {name} gives other numbers than the network of the diagram: "
        "see what follows each convolution, and in which order.",
    )


def normalises(model: RemoteModule, setting: Setting, name: str) -> None:
    """Five batch norms of the right widths whose statistics all move, and two modes that differ."""
    norms = model.describe().of("BatchNorm2d")
    widths = Counter(norm.hyper.get("num_features") for norm in norms)
    expect(bool(norms), f"{name} holds no nn.BatchNorm2d.")
    expect(
        len(norms) == 5,
        f"{name} should hold five nn.BatchNorm2d, one for each block but the last; it holds {len(norms)}.",
    )
    expect(
        widths == Counter(setting.norm_widths()), f"The batch norms of {name} do not have the widths of the diagram."
    )
    x = pictures(setting, count=4)
    model.eval()
    resting = tensor(model(x), what=f"The result of {name}")
    before = model.state_dict()
    model.train()
    training = tensor(model(x), what=f"The result of {name}")
    after = model.state_dict()
    for norm in norms:
        key = f"{norm.name}.running_mean"
        expect(key in before and key in after, "A batch norm keeps no running statistics.")
        moved = difference(before[key], after[key]) > SAME
        expect(moved, f"The batch norm {norm.name} of {name} takes no part in the forward pass.")
    expect(difference(resting, training) > SAME, f"{name} gives the same result in training and in evaluation mode.")


def rectifies(student: Student, model: RemoteModule, setting: Setting, name: str) -> None:
    """A block whose convolution gives only negative numbers is silenced by its ReLU, however negative they are."""
    where = layout(student, model, name, setting)
    numbers = fill(model, where, positive=True)
    x = pictures(setting)
    words = f"The result of {name}"
    usual = tensor(model(x), what=words)
    for index, block in enumerate(_BLOCKS[:-1]):
        weight, after = (numbers.convolutions[at].weight for at in (index, index + 1))
        closed = changed(where, index, -_LOUD * weight, bias=-1.0)
        shut = tensor(model.call(x, parameters=closed), what=words)
        expect(difference(usual, shut) > SAME, f"The {block} block of {name} has no influence on the result.")
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
                f"The {block} block of {name} lets negative values pass: it should end in a ReLU.",
            )


def gives_plain_scores(student: Student, model: RemoteModule, setting: Setting, name: str) -> None:
    """The result is linear in the last convolution, below zero as well."""
    where = layout(student, model, name, setting)
    numbers = fill(model, where, positive=True)
    x = pictures(setting)
    weight = numbers.convolutions[-1].weight
    results = []
    for factor in (1.0, -2.0):
        last = changed(where, 5, factor * weight, bias=0.1 * factor)
        results.append(tensor(model.call(x, parameters=last), what=f"The result of {name}"))
    expect(
        difference(-2 * results[0], results[1]) < 1e-4,
        f"{name} does something to the scores after its last convolution (a softmax or an activation): "
        "cross-entropy expects the scores as they are.",
    )


def learns_everywhere(student: Student, model: RemoteModule, setting: Setting, name: str) -> None:
    """Every parameter moves the result, seen as a gradient in eval mode (in training mode a batch norm takes
    away what the bias before it adds)."""
    where = layout(student, model, name, setting)
    fill(model, where, positive=True)
    mine = model.parameters_by_name()
    out = tensor(model(pictures(setting)), what=f"The result of {name}")
    expect(out.requires_grad, f"The result of {name} is cut off from its weights: no gradient can flow.")
    gradients = torch.autograd.grad((out * torch.randn_like(out)).sum(), list(mine.values()), allow_unused=True)
    cold = [key for key, gradient in zip(mine, gradients, strict=True) if gradient is None or not bool(gradient.any())]
    expect(not cold, f"No gradient reaches {', '.join(cold[:4])} of {name}.")


def takes_other_sizes(model: RemoteModule, setting: Setting, name: str) -> None:
    """Nothing in the diagram depends on 32."""
    model.eval()
    for height, width in ((64, 64), (16, 24)):
        x = torch.rand(1, setting.num_in_channels, height, width)
        words = f"The result of {name} for a picture of {height} x {width}"
        tensor(model(x), shape=(1, setting.num_colours, height, width), what=words)
