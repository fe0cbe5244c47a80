"""2.1, 3.1 and 7.2: the three networks, by what they hold and by what they do."""

from __future__ import annotations

from colourisation import my_conv, structure
from colourisation.networks import build
from networks import CNN, COURSE, DILATED, SMALL, UNET, WIDE

from grader.checks import Student, check

_SETTINGS = (SMALL, WIDE, COURSE)


@check("2.1", points=0.15, title="CNN gives one score per colour for every pixel")
def test_cnn_output(student: Student) -> None:
    for setting in _SETTINGS:
        structure.gives_scores(build(student, CNN, setting), setting)


@check("2.1", points=0.25, title="The layers of CNN have the sizes of RegressionCNN")
def test_cnn_parameters(student: Student) -> None:
    for setting in _SETTINGS:
        structure.has_shapes(build(student, CNN, setting).describe(), setting, CNN)


@check("2.1", points=0.25, title="CNN is built of MyConv2d and of no other convolution")
def test_cnn_own_convolution(student: Student) -> None:
    my_conv.is_built_of_my_conv(student, build(student, CNN, SMALL), SMALL, CNN)


@check("2.1", points=0.05, title="MyConv2d still equals a reference convolution")
def test_conv_forward(student: Student) -> None:
    my_conv.convolves(student)


@check("2.1", points=0.05, title="The gradients of MyConv2d are right for input, weight and bias")
def test_conv_gradients(student: Student) -> None:
    my_conv.differentiates(student)


@check("2.1", points=0.1, title="The blocks of CNN work at the resolutions of RegressionCNN")
def test_cnn_resolutions(student: Student) -> None:
    structure.has_resolutions(student, build(student, CNN, SMALL), SMALL, CNN)


@check("2.1", points=0.15, title="CNN calculates what RegressionCNN does up to its output layer")
def test_cnn_forward(student: Student) -> None:
    for setting in (SMALL, WIDE):
        structure.calculates(student, build(student, CNN, setting), setting, CNN)


@check("2.1", points=0.1, title="CNN normalises every block but the last with nn.BatchNorm2d")
def test_cnn_batch_norm(student: Student) -> None:
    structure.normalises(build(student, CNN, SMALL), SMALL, CNN)


@check("2.1", points=0.1, title="Every block of CNN but the last ends in a ReLU")
def test_cnn_activations(student: Student) -> None:
    structure.rectifies(student, build(student, CNN, SMALL), SMALL, CNN)


@check("2.1", points=0.05, title="CNN gives plain scores, with nothing after the last convolution")
def test_cnn_raw_scores(student: Student) -> None:
    structure.gives_plain_scores(student, build(student, CNN, SMALL), SMALL, CNN)


@check("2.1", points=0.05, title="A gradient reaches every weight of CNN")
def test_cnn_gradients(student: Student) -> None:
    structure.learns_everywhere(student, build(student, CNN, SMALL), SMALL, CNN)


@check("2.1", points=0.05, title="CNN gives the same answer twice and leaves its input alone")
def test_cnn_repeatable(student: Student) -> None:
    structure.answers_alike(student, build(student, CNN, SMALL), SMALL, CNN)


@check("3.1", points=0.25, title="UNet gives one score per colour for every pixel")
def test_unet_output(student: Student) -> None:
    for setting in _SETTINGS:
        structure.gives_scores(build(student, UNET, setting), setting)


@check("3.1", points=0.25, title="The layers of UNet have room for what the skip connections bring")
def test_unet_parameters(student: Student) -> None:
    for setting in _SETTINGS:
        structure.has_shapes(build(student, UNET, setting).describe(), setting, UNET)


@check("3.1", points=0.4, title="UNet joins the right results with torch.cat at each resolution")
def test_unet_concatenates(student: Student) -> None:
    structure.concatenates(student, build(student, UNET, WIDE), WIDE, UNET)


@check("3.1", points=0.5, title="Each skip connection of UNet carries information past the layers it skips")
def test_unet_skips(student: Student) -> None:
    structure.carries_skips(student, build(student, UNET, SMALL), SMALL, UNET)


@check("3.1", points=0.25, title="UNet calculates what CNN with skip connections does")
def test_unet_forward(student: Student) -> None:
    for setting in (SMALL, WIDE):
        structure.calculates(student, build(student, UNET, setting), setting, UNET)


@check("3.1", points=0.2, title="UNet keeps the batch norms and ReLUs of CNN")
def test_unet_layers(student: Student) -> None:
    model = build(student, UNET, SMALL)
    structure.normalises(model, SMALL, UNET)
    structure.rectifies(student, model, SMALL, UNET)
    structure.gives_plain_scores(student, model, SMALL, UNET)


@check("3.1", points=0.15, title="A gradient reaches every weight of UNet")
def test_unet_gradients(student: Student) -> None:
    structure.learns_everywhere(student, build(student, UNET, SMALL), SMALL, UNET)


@check("7.2", points=0.1, title="DilatedUNet gives one score per colour for every pixel")
def test_dilated_output(student: Student) -> None:
    for setting in _SETTINGS:
        structure.gives_scores(build(student, DILATED, setting), setting)


@check("7.2", points=0.1, title="DilatedUNet has the weights of UNet")
def test_dilated_parameters(student: Student) -> None:
    for setting in _SETTINGS:
        structure.has_shapes(build(student, DILATED, setting).describe(), setting, DILATED)


@check("7.2", points=0.15, title="DilatedUNet calculates what UNet does with its middle convolution dilated by 1")
def test_dilated_forward(student: Student) -> None:
    for setting in (SMALL, WIDE):
        structure.calculates(student, build(student, DILATED, setting), setting, DILATED)
