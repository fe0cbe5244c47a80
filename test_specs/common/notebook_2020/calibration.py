"""How the thresholds of A2 and B2 were found: `grader spec calibrate` runs it again."""

from __future__ import annotations

from colourisation.data import colourisation
from colourisation.diagrams import SIX_BLOCKS, SIX_BLOCKS_WITH_SKIPS
from colourisation.training import Row, rows


def calibrate() -> list[Row]:
    """Every row the thresholds rest on; about three minutes on one core."""
    return [*rows("cnn", SIX_BLOCKS), *rows("unet", SIX_BLOCKS_WITH_SKIPS)]


def digests() -> dict[str, str]:
    """By threshold, the digest of the data it rests on."""
    return dict.fromkeys(("cnn", "unet"), colourisation().sha256)
