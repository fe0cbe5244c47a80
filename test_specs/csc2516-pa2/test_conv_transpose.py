"""B1: the network that shrinks pictures by strides and brings them back by transposed convolutions."""

from __future__ import annotations

from colourisation import structure
from colourisation.diagrams import COLOUR, SMALL
from colourisation.networks import build
from networks import CONV_TRANSPOSE, TABLE

from grader.checks import Student, check


@check("B1", points=1, title="ConvTransposeNet gives one score per colour for every pixel")
def test_output(student: Student) -> None:
    for setting in (SMALL, COLOUR, TABLE):
        structure.gives_scores(build(student, CONV_TRANSPOSE, setting), setting)


@check("B1", points=2, title="ConvTransposeNet has the weights of the diagram, for any choice of its parameters")
def test_parameters(student: Student) -> None:
    for setting in (SMALL, COLOUR, TABLE):
        structure.has_shapes(build(student, CONV_TRANSPOSE, setting).describe(), setting, CONV_TRANSPOSE)


@check("B1", points=1, title="The blocks of ConvTransposeNet work at the resolutions of the diagram")
def test_resolutions(student: Student) -> None:
    structure.has_resolutions(student, build(student, CONV_TRANSPOSE, SMALL), SMALL, CONV_TRANSPOSE)


@check("B1", points=1.5, title="ConvTransposeNet calculates what the diagram says")
def test_forward(student: Student) -> None:
    for setting in (SMALL, COLOUR):
        structure.calculates(student, build(student, CONV_TRANSPOSE, setting), setting, CONV_TRANSPOSE)


@check("B1", points=0.5, title="Each of the first four blocks of ConvTransposeNet has its batch norm")
def test_batch_norm(student: Student) -> None:
    structure.normalises(build(student, CONV_TRANSPOSE, SMALL), SMALL, CONV_TRANSPOSE)


@check("B1", points=0.5, title="Each of the first four blocks of ConvTransposeNet ends in a ReLU")
def test_activations(student: Student) -> None:
    structure.rectifies(student, build(student, CONV_TRANSPOSE, SMALL), SMALL, CONV_TRANSPOSE)


@check("B1", points=0.5, title="ConvTransposeNet gives plain scores, without softmax or activation at the end")
def test_raw_scores(student: Student) -> None:
    structure.gives_plain_scores(student, build(student, CONV_TRANSPOSE, SMALL), SMALL, CONV_TRANSPOSE)


@check("B1", points=0.5, title="A gradient reaches every weight of ConvTransposeNet")
def test_gradients(student: Student) -> None:
    structure.learns_everywhere(student, build(student, CONV_TRANSPOSE, SMALL), SMALL, CONV_TRANSPOSE)


@check("B1", points=0.25, title="ConvTransposeNet answers alike for the same picture and leaves it unchanged")
def test_pure(student: Student) -> None:
    structure.answers_alike(student, build(student, CONV_TRANSPOSE, SMALL), SMALL, CONV_TRANSPOSE)


@check("B1", points=0.25, title="ConvTransposeNet works for other picture sizes")
def test_other_sizes(student: Student) -> None:
    structure.takes_other_sizes(build(student, CONV_TRANSPOSE, SMALL), SMALL, CONV_TRANSPOSE)
