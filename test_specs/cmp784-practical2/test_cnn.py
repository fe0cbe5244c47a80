"""A1: the network of the diagram, by what it holds and by what it does."""

from __future__ import annotations

import networks
import structure
from fine_tuning import STAND_INS
from networks import COLOUR, COURSE, SMALL, build

from grader.checks import Student, assert_close, check, expect, tensor

_NAME = "CNN"


@check("A1", points=1, title="CNN gives one score per colour for every pixel")
def test_cnn_output(student: Student) -> None:
    for setting in (SMALL, COLOUR, COURSE):
        structure.gives_scores(build(student, _NAME, setting), setting)


@check("A1", points=1.5, title="The layers of CNN have the sizes of the diagram")
def test_cnn_parameters(student: Student) -> None:
    for setting in (SMALL, COLOUR, COURSE):
        structure.has_shapes(build(student, _NAME, setting).describe(), setting, _NAME, skips=False)


@check("A1", points=2, title="CNN is built of MyConv2d and of no other convolution")
def test_cnn_own_convolution(student: Student) -> None:
    model = build(student, _NAME, SMALL)
    facts = model.describe()
    ready_made = [module.name for module in facts.modules if module.is_a("_ConvNd")]
    expect(
        not ready_made,
        f"CNN uses one of PyTorch's own convolution layers ({', '.join(ready_made[:3])}); the task asks for MyConv2d.",
    )
    own = facts.of("MyConv2d")
    expect(
        len(own) == 6, f"CNN should hold six MyConv2d layers, one for each block of the diagram; it holds {len(own)}."
    )
    trace = student.trace(model, networks.pictures(SMALL), training=False)
    for operation in (*trace.operations, *trace.low):
        if operation.is_a("conv2d", "convolution", "conv_transpose2d"):
            inside = any(base.rsplit(".", 1)[-1] == "MyConv2d" for base in operation.module_bases)
            expect(inside, "CNN calls a convolution of PyTorch outside MyConv2d.")


@check("A1", points=1, title="The blocks of CNN work at the resolutions of the diagram")
def test_cnn_resolutions(student: Student) -> None:
    structure.has_resolutions(student, build(student, _NAME, SMALL), SMALL, _NAME)


@check("A1", points=1, title="CNN calculates what the diagram says")
def test_cnn_forward(student: Student) -> None:
    for setting in (SMALL, COLOUR):
        structure.calculates(student, build(student, _NAME, setting), setting, _NAME, skips=False)


@check("A1", points=1, title="CNN normalises every block but the last with nn.BatchNorm2d")
def test_cnn_batch_norm(student: Student) -> None:
    structure.normalises(build(student, _NAME, SMALL), SMALL, _NAME)


@check("A1", points=1, title="Every block of CNN but the last ends in a ReLU")
def test_cnn_activations(student: Student) -> None:
    structure.rectifies(student, build(student, _NAME, SMALL), SMALL, _NAME)


@check("A1", points=0.5, title="CNN gives plain scores, with nothing after the last convolution")
def test_cnn_raw_scores(student: Student) -> None:
    structure.gives_plain_scores(student, build(student, _NAME, SMALL), SMALL, _NAME)


@check("A1", points=0.5, title="A gradient reaches every weight of CNN")
def test_cnn_gradients(student: Student) -> None:
    structure.learns_everywhere(student, build(student, _NAME, SMALL), SMALL, _NAME)


@check("A1", points=0.25, title="CNN gives the same answer twice and leaves its input alone")
def test_cnn_repeatable(student: Student) -> None:
    model = build(student, _NAME, SMALL)
    model.eval()
    x = networks.pictures(SMALL)
    first = tensor(model(x), what="The result of CNN")
    model(networks.pictures(SMALL, count=3))
    assert_close(model(x), first, message="CNN gives another answer for the same picture when it is called again.")
    student.support(STAND_INS)
    facts = student.supported("facts_of_call", model, x)
    expect(facts.changed == 0, "CNN changes the tensor it is given.")


@check("A1", points=0.25, title="CNN works for other picture sizes")
def test_cnn_other_sizes(student: Student) -> None:
    structure.takes_other_sizes(build(student, _NAME, SMALL), SMALL, _NAME)
