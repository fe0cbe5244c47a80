"""B1: skip connections where they belong, by what is joined and by what still reaches the output without the rest."""

from __future__ import annotations

from colourisation import structure
from colourisation.diagrams import COLOUR, COURSE, SMALL, UNET
from colourisation.networks import build

from grader.checks import Student, check


@check("B1", points=1, title="UNet gives one score per colour for every pixel")
def test_unet_output(student: Student) -> None:
    for setting in (SMALL, COLOUR, COURSE):
        structure.gives_scores(build(student, UNET, setting), setting)


@check("B1", points=1, title="The layers of UNet have room for what the skip connections bring")
def test_unet_parameters(student: Student) -> None:
    for setting in (SMALL, COLOUR, COURSE):
        structure.has_shapes(build(student, UNET, setting).describe(), setting, UNET)


@check("B1", points=1.5, title="UNet joins the right results with torch.cat at each resolution")
def test_unet_concatenates(student: Student) -> None:
    structure.concatenates(student, build(student, UNET, COLOUR), COLOUR, UNET)


@check("B1", points=2, title="Each skip connection of UNet carries information past the layers it skips")
def test_unet_skips(student: Student) -> None:
    structure.carries_skips(student, build(student, UNET, SMALL), SMALL, UNET)


@check("B1", points=1, title="UNet calculates what the diagram with skip connections says")
def test_unet_forward(student: Student) -> None:
    for setting in (SMALL, COLOUR):
        structure.calculates(student, build(student, UNET, setting), setting, UNET)


@check("B1", points=0.5, title="UNet keeps the batch norms and ReLUs of CNN")
def test_unet_layers(student: Student) -> None:
    model = build(student, UNET, SMALL)
    structure.normalises(model, SMALL, UNET)
    structure.rectifies(student, model, SMALL, UNET)
    structure.gives_plain_scores(student, model, SMALL, UNET)


@check("B1", points=0.5, title="A gradient reaches every weight of UNet")
def test_unet_gradients(student: Student) -> None:
    structure.learns_everywhere(student, build(student, UNET, SMALL), SMALL, UNET)


@check("B1", points=0.5, title="UNet works for other picture sizes")
def test_unet_other_sizes(student: Student) -> None:
    structure.takes_other_sizes(build(student, UNET, SMALL), SMALL, UNET)
