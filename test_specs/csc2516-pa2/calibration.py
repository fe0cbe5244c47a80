"""How the thresholds were found. `grader spec calibrate csc2516-pa2` runs it again.

Strided networks start more slowly than pooling ones, so that every reference gets all the steps that a student's
network gets. UNet may be built either way: both count, and the bound is for the worse.
"""

from __future__ import annotations

from typing import NamedTuple

from colourisation.data import colourisation
from colourisation.training import STUDENT_STEPS, rows
from fine_tuning import masks
from networks import POOLED, POOLED_WITH_SKIPS, STRIDED, STRIDED_WITH_SKIPS
from segmentation.flowers import flowers

_FEW = (0, 1, 2)


class Row(NamedTuple):
    """One training for a threshold."""

    name: str
    kind: str
    seed: int
    value: float
    broken: bool


def calibrate() -> list[Row]:
    """Every row the thresholds rest on; about six minutes on one core."""
    found = [*rows("pool_upsample", POOLED, reference_steps=STUDENT_STEPS)]
    found += rows("conv_transpose", STRIDED, reference_steps=STUDENT_STEPS)
    found += rows("unet", POOLED_WITH_SKIPS, reference_steps=STUDENT_STEPS)
    strided = rows("unet", STRIDED_WITH_SKIPS, _FEW, reference_steps=STUDENT_STEPS)
    found += (row._replace(kind=f"{row.kind}, strided") for row in strided)
    data = flowers()
    found += masks.rows("cross_entropy", "cross_entropy", data)
    found += masks.rows("iou", "iou", data)
    return [Row(*row) for row in found]


def digests() -> dict[str, str]:
    """By threshold, the digest of the data it rests on."""
    colours, masked = colourisation().sha256, flowers().sha256
    names = ("pool_upsample", "conv_transpose", "unet")
    return dict.fromkeys(names, colours) | dict.fromkeys(("cross_entropy", "iou"), masked)
