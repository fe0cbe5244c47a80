"""A1: the network that shrinks pictures by pooling and brings them back by upsampling."""

from __future__ import annotations

from colourisation import structure
from colourisation.diagrams import COLOUR, SMALL
from colourisation.networks import build
from networks import POOL_UPSAMPLE, TABLE

from grader.checks import Student, check


@check("A1", points=1, title="PoolUpsampleNet gives one score per colour for every pixel")
def test_output(student: Student) -> None:
    for setting in (SMALL, COLOUR, TABLE):
        structure.gives_scores(build(student, POOL_UPSAMPLE, setting), setting)


@check("A1", points=2, title="PoolUpsampleNet has the weights of the diagram, for any choice of its parameters")
def test_parameters(student: Student) -> None:
    for setting in (SMALL, COLOUR, TABLE):
        structure.has_shapes(build(student, POOL_UPSAMPLE, setting).describe(), setting, POOL_UPSAMPLE)


@check("A1", points=1, title="The blocks of PoolUpsampleNet work at the resolutions of the diagram")
def test_resolutions(student: Student) -> None:
    structure.has_resolutions(student, build(student, POOL_UPSAMPLE, SMALL), SMALL, POOL_UPSAMPLE)


@check("A1", points=1.5, title="PoolUpsampleNet calculates what the diagram says")
def test_forward(student: Student) -> None:
    for setting in (SMALL, COLOUR):
        structure.calculates(student, build(student, POOL_UPSAMPLE, setting), setting, POOL_UPSAMPLE)


@check("A1", points=0.5, title="Each of the first four blocks of PoolUpsampleNet has its batch norm")
def test_batch_norm(student: Student) -> None:
    structure.normalises(build(student, POOL_UPSAMPLE, SMALL), SMALL, POOL_UPSAMPLE)


@check("A1", points=0.5, title="Each of the first four blocks of PoolUpsampleNet ends in a ReLU")
def test_activations(student: Student) -> None:
    structure.rectifies(student, build(student, POOL_UPSAMPLE, SMALL), SMALL, POOL_UPSAMPLE)


@check("A1", points=0.5, title="PoolUpsampleNet gives plain scores, without softmax or activation at the end")
def test_raw_scores(student: Student) -> None:
    structure.gives_plain_scores(student, build(student, POOL_UPSAMPLE, SMALL), SMALL, POOL_UPSAMPLE)


@check("A1", points=0.5, title="A gradient reaches every weight of PoolUpsampleNet")
def test_gradients(student: Student) -> None:
    structure.learns_everywhere(student, build(student, POOL_UPSAMPLE, SMALL), SMALL, POOL_UPSAMPLE)


@check("A1", points=0.25, title="PoolUpsampleNet answers alike for the same picture and leaves it unchanged")
def test_pure(student: Student) -> None:
    structure.answers_alike(student, build(student, POOL_UPSAMPLE, SMALL), SMALL, POOL_UPSAMPLE)


@check("A1", points=0.25, title="PoolUpsampleNet works for other picture sizes")
def test_other_sizes(student: Student) -> None:
    structure.takes_other_sizes(build(student, POOL_UPSAMPLE, SMALL), SMALL, POOL_UPSAMPLE)
