"""C1: the network with skip connections, built on that of Part A or that of Part B: both are accepted."""

from __future__ import annotations

from colourisation import structure
from colourisation.diagrams import COLOUR, SMALL
from colourisation.networks import build
from networks import TABLE, UNET

from grader.checks import Student, check


@check("C1", points=1, title="UNet gives one score per colour for every pixel")
def test_output(student: Student) -> None:
    for setting in (SMALL, COLOUR, TABLE):
        structure.gives_scores(build(student, UNET, setting), setting)


@check("C1", points=2, title="UNet has the weights of the diagram, for any choice of its parameters")
def test_parameters(student: Student) -> None:
    for setting in (SMALL, COLOUR, TABLE):
        structure.has_shapes(build(student, UNET, setting).describe(), setting, UNET)


@check("C1", points=1, title="The blocks of UNet work at the resolutions of the diagram")
def test_resolutions(student: Student) -> None:
    structure.has_resolutions(student, build(student, UNET, SMALL), SMALL, UNET)


@check("C1", points=1.5, title="UNet calculates what the diagram with skip connections says")
def test_forward(student: Student) -> None:
    for setting in (SMALL, COLOUR):
        structure.calculates(student, build(student, UNET, setting), setting, UNET)


@check("C1", points=0.5, title="Each of the first four blocks of UNet has its batch norm")
def test_batch_norm(student: Student) -> None:
    structure.normalises(build(student, UNET, SMALL), SMALL, UNET)


@check("C1", points=0.5, title="Each of the first four blocks of UNet ends in a ReLU")
def test_activations(student: Student) -> None:
    structure.rectifies(student, build(student, UNET, SMALL), SMALL, UNET)


@check("C1", points=0.5, title="UNet gives plain scores, without softmax or activation at the end")
def test_raw_scores(student: Student) -> None:
    structure.gives_plain_scores(student, build(student, UNET, SMALL), SMALL, UNET)


@check("C1", points=0.5, title="A gradient reaches every weight of UNet")
def test_gradients(student: Student) -> None:
    structure.learns_everywhere(student, build(student, UNET, SMALL), SMALL, UNET)


@check("C1", points=0.25, title="UNet answers alike for the same picture and leaves it unchanged")
def test_pure(student: Student) -> None:
    structure.answers_alike(student, build(student, UNET, SMALL), SMALL, UNET)


@check("C1", points=0.25, title="UNet works for other picture sizes")
def test_other_sizes(student: Student) -> None:
    structure.takes_other_sizes(build(student, UNET, SMALL), SMALL, UNET)


@check("C1", points=1.5, title="UNet joins the right results with torch.cat at each resolution")
def test_concatenates(student: Student) -> None:
    structure.concatenates(student, build(student, UNET, COLOUR), COLOUR, UNET)


@check("C1", points=1.5, title="Each skip connection of UNet carries information past the layers it skips")
def test_skips(student: Student) -> None:
    structure.carries_skips(student, build(student, UNET, SMALL), SMALL, UNET)
