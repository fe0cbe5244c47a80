"""The networks of the handout of 2018, which makes them from three arguments and lets grey pictures in.

"The same layers as RegressionCNN with the exception of the output layer" leaves open how wide the last up-block is: the
regression network's 3 channels and the number of colours are both read from it, and both are accepted.
"""

from __future__ import annotations

from colourisation.diagrams import INPUT, Architecture, Block, Diagram, Setting

SMALL = Setting(kernel=3, num_filters=4, num_colours=5, num_in_channels=1)
WIDE = Setting(kernel=5, num_filters=6, num_colours=7, num_in_channels=1)
COURSE = Setting(kernel=3, num_filters=32, num_colours=24, num_in_channels=1)
# The document's "dilation 1" leaves one pixel out between two taps, which PyTorch counts as 2.
MIDDLE = 2
# Ten times the course's: with 3 channels before the scores, 120 small steps at 1e-3 lead nowhere yet.
RATE = 1e-2

_COLOURS, _THREE = Block(0, 1, "up"), Block(resize="up", plain=3)


def _plain(last: Block) -> Diagram:
    return Diagram((Block(1, 0, "pool"), Block(2, 0, "pool"), Block(2), Block(1, 0, "up"), last, Block(0, 1)))


def _skipping(last: Block, *, dilation: int = 1) -> Diagram:
    joined = Block(last.filters, last.colours, last.resize, skip=0, plain=last.plain)
    return Diagram(
        (
            Block(1, 0, "pool"),
            Block(2, 0, "pool"),
            Block(2, dilation=dilation),
            Block(1, 0, "up", skip=1),
            joined,
            Block(0, 1, skip=INPUT),
        )
    )


CNN = Architecture(name="CNN", spellings=("Cnn", "MyCNN"), diagrams=(_plain(_THREE), _plain(_COLOURS)))
UNET = Architecture(name="UNet", spellings=("Unet", "UNET", "U_Net"), diagrams=(_skipping(_THREE), _skipping(_COLOURS)))
DILATED = Architecture(
    name="DilatedUNet",
    spellings=("DilatedUnet", "DUNet", "DilatedUNET"),
    diagrams=(_skipping(_THREE, dilation=MIDDLE), _skipping(_COLOURS, dilation=MIDDLE)),
)
