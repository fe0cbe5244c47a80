"""Networks as data: what each block does, and which sizes follow for one choice of the parameters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

# Index of the network's own input where a skip connection starts there.
INPUT = -1
# What a block does to height and width: pooling or upsampling after its convolution, or a convolution of stride 2
# ("half") or a transposed one ("double").
Resize = Literal["", "pool", "up", "half", "double"]
WeightShape = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One choice of the four parameters of the networks."""

    kernel: int
    num_filters: int
    num_colours: int
    num_in_channels: int

    @property
    def words(self) -> str:
        return f"for kernel={self.kernel}, NF={self.num_filters}, NC={self.num_colours}, NIC={self.num_in_channels}"


# Small, and no two of NF, 2NF, NC and NIC alike, so that a mixed-up width never fits by chance.
SMALL = Setting(kernel=3, num_filters=4, num_colours=5, num_in_channels=1)
COLOUR = Setting(kernel=5, num_filters=6, num_colours=7, num_in_channels=3)
COURSE = Setting(kernel=3, num_filters=32, num_colours=24, num_in_channels=1)


@dataclass(frozen=True, slots=True)
class Block:
    """One convolution and what follows it: batch norm and ReLU too, unless it is the last.

    It has filters * NF + colours * NC + plain output channels. `skip` is the index of the earlier block whose result is
    joined to its input (or INPUT); `dilation` counts as PyTorch counts, 1 for none.
    """

    filters: int = 0
    colours: int = 0
    resize: Resize = ""
    skip: int | None = None
    plain: int = 0
    dilation: int = 1

    def width(self, nf: Any, nc: Any) -> Any:
        """Output channels, for numbers and for symbols."""
        return self.filters * nf + self.colours * nc + self.plain


@dataclass(frozen=True, slots=True)
class Diagram:
    """Blocks in the order of the forward pass; the last one gives the scores and nothing follows its convolution."""

    blocks: tuple[Block, ...]

    def widths(self, setting: Setting) -> tuple[int, ...]:
        """Output channels of the convolutions."""
        return tuple(block.width(setting.num_filters, setting.num_colours) for block in self.blocks)

    def incoming(self, setting: Setting) -> tuple[int, ...]:
        """Input channels of the convolutions, with what skip connections bring."""
        widths = self.widths(setting)
        sources = (*widths, setting.num_in_channels)
        before = (setting.num_in_channels, *widths[:-1])
        return tuple(
            width + (0 if block.skip is None else sources[block.skip])
            for width, block in zip(before, self.blocks, strict=True)
        )

    def convolution_shapes(self, setting: Setting) -> tuple[WeightShape, ...]:
        """Weight shapes (out, in, k, k) in the order of the forward pass."""
        k = setting.kernel
        pairs = zip(self.widths(setting), self.incoming(setting), strict=True)
        return tuple((out, into, k, k) for out, into in pairs)

    def norm_widths(self, setting: Setting) -> tuple[int, ...]:
        """Features of the batch norms in the order of the forward pass."""
        return self.widths(setting)[:-1]

    def heights(self, height: int) -> tuple[tuple[int, int, int], ...]:
        """For each block the height that enters, that of its convolution's result, and that of its own result."""
        found = []
        for block in self.blocks:
            convolved = {"half": height // 2, "double": height * 2}.get(block.resize, height)
            after = {"pool": convolved // 2, "up": convolved * 2}.get(block.resize, convolved)
            found.append((height, convolved, after))
            height = after
        return tuple(found)

    def resolutions(self, height: int) -> tuple[int, ...]:
        """Height of each convolution's result."""
        return tuple(convolved for _, convolved, _ in self.heights(height))

    def joins(self, setting: Setting, height: int) -> Counter[tuple[int, tuple[int, ...]]]:
        """What skip connections concatenate: (height, sorted channel counts) for each."""
        widths = self.widths(setting)
        sources, before = (*widths, setting.num_in_channels), (setting.num_in_channels, *widths[:-1])
        return Counter(
            (enters, tuple(sorted((before[index], sources[block.skip]))))
            for index, (block, (enters, _, _)) in enumerate(zip(self.blocks, self.heights(height), strict=True))
            if block.skip is not None
        )

    @property
    def skips(self) -> tuple[tuple[int, int], ...]:
        """(block whose result is joined or INPUT, block it is joined to), deepest last."""
        found = [(block.skip, index) for index, block in enumerate(self.blocks) if block.skip is not None]
        return tuple(sorted(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network an assignment asks for: its class, spellings that can only mean that, and every accepted reading."""

    name: str
    spellings: tuple[str, ...] = ()
    diagrams: tuple[Diagram, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the class may be called."""
        return (self.name, *self.spellings)

    @property
    def blocks(self) -> int:
        """How many convolutions it has, in every reading."""
        return len(self.diagrams[0].blocks)

    @property
    def has_skips(self) -> bool:
        return bool(self.diagrams[0].skips)


SIX_BLOCKS = Diagram(
    (Block(1, 0, "pool"), Block(2, 0, "pool"), Block(2), Block(1, 0, "up"), Block(0, 1, "up"), Block(0, 1))
)
SIX_BLOCKS_WITH_SKIPS = Diagram(
    (
        Block(1, 0, "pool"),
        Block(2, 0, "pool"),
        Block(2),
        Block(1, 0, "up", skip=1),
        Block(0, 1, "up", skip=0),
        Block(0, 1, skip=INPUT),
    )
)
CNN = Architecture(name="CNN", spellings=("Cnn", "MyCNN", "ConvNet", "ColourNet"), diagrams=(SIX_BLOCKS,))
UNET = Architecture(name="UNet", spellings=("Unet", "UNET", "U_Net", "MyUNet"), diagrams=(SIX_BLOCKS_WITH_SKIPS,))
