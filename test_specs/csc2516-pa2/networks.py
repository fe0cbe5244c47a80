"""The three networks of Parts A, B and C as data."""

from __future__ import annotations

from colourisation.diagrams import INPUT, Architecture, Block, Diagram, Setting

POOLED = Diagram((Block(1, 0, "pool"), Block(2, 0, "pool"), Block(1, 0, "up"), Block(0, 1, "up"), Block(0, 1)))
STRIDED = Diagram((Block(1, 0, "half"), Block(2, 0, "half"), Block(1, 0, "double"), Block(0, 1, "double"), Block(0, 1)))
POOLED_WITH_SKIPS = Diagram(
    (
        Block(1, 0, "pool"),
        Block(2, 0, "pool"),
        Block(1, 0, "up"),
        Block(0, 1, "up", skip=0),
        Block(0, 1, skip=INPUT),
    )
)
STRIDED_WITH_SKIPS = Diagram(
    (
        Block(1, 0, "half"),
        Block(2, 0, "half"),
        Block(1, 0, "double"),
        Block(0, 1, "double", skip=0),
        Block(0, 1, skip=INPUT),
    )
)
POOL_UPSAMPLE = Architecture(
    name="PoolUpsampleNet", spellings=("PoolUpSampleNet", "PoolUpsamplenet", "PoolUpsample"), diagrams=(POOLED,)
)
CONV_TRANSPOSE = Architecture(
    name="ConvTransposeNet", spellings=("ConvTransposedNet", "ConvTransposenet", "ConvTranspose"), diagrams=(STRIDED,)
)
# The document asks for skip connections in either of the earlier networks.
UNET = Architecture(
    name="UNet", spellings=("Unet", "UNET", "U_Net", "MyUNet"), diagrams=(POOLED_WITH_SKIPS, STRIDED_WITH_SKIPS)
)
# The counts of A3 are for colour pictures in the document's table; a grey input is the other reading.
TABLE = Setting(kernel=3, num_filters=32, num_colours=24, num_in_channels=3)
