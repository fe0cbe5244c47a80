"""A1: the network of the diagram, by what it holds and by what it does."""

from __future__ import annotations

from colourisation import my_conv, structure
from colourisation.diagrams import CNN, COLOUR, COURSE, SMALL
from colourisation.networks import build

from grader.checks import Student, check


@check("A1", points=1, title="CNN gives one score per colour for every pixel")
def test_cnn_output(student: Student) -> None:
    for setting in (SMALL, COLOUR, COURSE):
        structure.gives_scores(build(student, CNN, setting), setting)


@check("A1", points=1.5, title="The layers of CNN have the sizes of the diagram")
def test_cnn_parameters(student: Student) -> None:
    for setting in (SMALL, COLOUR, COURSE):
        structure.has_shapes(build(student, CNN, setting).describe(), setting, CNN)


@check("A1", points=2, title="CNN is built of MyConv2d and of no other convolution")
def test_cnn_own_convolution(student: Student) -> None:
    model = build(student, CNN, SMALL)
    my_conv.is_built_of_my_conv(student, model, SMALL, CNN)


@check("A1", points=1, title="The blocks of CNN work at the resolutions of the diagram")
def test_cnn_resolutions(student: Student) -> None:
    structure.has_resolutions(student, build(student, CNN, SMALL), SMALL, CNN)


@check("A1", points=1, title="CNN calculates what the diagram says")
def test_cnn_forward(student: Student) -> None:
    for setting in (SMALL, COLOUR):
        structure.calculates(student, build(student, CNN, setting), setting, CNN)


@check("A1", points=1, title="CNN normalises every block but the last with nn.BatchNorm2d")
def test_cnn_batch_norm(student: Student) -> None:
    structure.normalises(build(student, CNN, SMALL), SMALL, CNN)


@check("A1", points=1, title="Every block of CNN but the last ends in a ReLU")
def test_cnn_activations(student: Student) -> None:
    structure.rectifies(student, build(student, CNN, SMALL), SMALL, CNN)


@check("A1", points=0.5, title="CNN gives plain scores, with nothing after the last convolution")
def test_cnn_raw_scores(student: Student) -> None:
    structure.gives_plain_scores(student, build(student, CNN, SMALL), SMALL, CNN)


@check("A1", points=0.5, title="A gradient reaches every weight of CNN")
def test_cnn_gradients(student: Student) -> None:
    structure.learns_everywhere(student, build(student, CNN, SMALL), SMALL, CNN)


@check("A1", points=0.25, title="CNN gives the same answer twice and leaves its input alone")
def test_cnn_repeatable(student: Student) -> None:
    model = build(student, CNN, SMALL)
    structure.answers_alike(student, model, SMALL, CNN)


@check("A1", points=0.25, title="CNN works for other picture sizes")
def test_cnn_other_sizes(student: Student) -> None:
    structure.takes_other_sizes(build(student, CNN, SMALL), SMALL, CNN)
