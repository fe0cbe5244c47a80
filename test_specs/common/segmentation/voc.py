"""VOC-2007 segmentation, 21 classes and 255 on outlines: the real set where the operator keeps it, or drawn scenes.

The real set is the folder `VOC2007` anywhere below `GRADER_DATA_DIR`, with `JPEGImages`, `SegmentationClass` (palette
PNGs whose indexes are the classes) and `ImageSets/Segmentation/{train,val}.txt`. Labels of `validation` never leave the
trusted side.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from grader.checks import BadSpec
from segmentation.scenes import scenes, sha256_of

CLASSES = 21
REAL_SIDE, MADE_SIDE = 64, 32
_MADE_TRAIN, _MADE_VALIDATION = 192, 48
# Few classes and large shapes: a network with a bottleneck of 1/32 learns them in some dozen small steps.
_MADE_CLASSES = 5
_MADE_RADIUS = (0.3, 0.5)
_MADE_RARITY = 0.3
_PALETTE_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Voc:
    """Images (N, 3, S, S) float32 in [0, 1]; labels (N, S, S) int64 of 0 to 20, and 255 on outlines."""

    train_images: Tensor
    train_labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    source: str

    @property
    def is_real(self) -> bool:
        return self.source == "voc-2007"

    @property
    def sha256(self) -> str:
        """Digest of everything the thresholds depend on."""
        return sha256_of(self.train_images, self.train_labels, self.validation_images, self.validation_labels)


def voc(folder: str | None = None) -> Voc:
    """The data set; `folder` overrides GRADER_DATA_DIR. Drawn scenes when VOC-2007 is not there."""
    root = folder if folder is not None else os.environ.get("GRADER_DATA_DIR")
    found = real(Path(root)) if root else None
    return drawn() if found is None else found


@lru_cache(maxsize=2)
def calibrated_on(sha256: str) -> Voc:
    """The data of that digest.

    Raises:
        BadSpec: this machine does not have it.
    """
    for made in (drawn, voc):
        data = made()
        if data.sha256 == sha256:
            return data
    raise BadSpec(
        "The training thresholds were calibrated on other pictures than this machine has: set GRADER_DATA_DIR to the "
        "folder of the VOC-2007 they rest on, or calibrate again."
    )


@lru_cache(maxsize=1)
def drawn() -> Voc:
    """Scenes with the outlines of VOC and some of its classes, later ones rarer; the same ones every time."""
    train, validation = _scenes(_MADE_TRAIN, 2007), _scenes(_MADE_VALIDATION, 2008)
    return Voc(
        train_images=train[0],
        train_labels=train[1],
        validation_images=validation[0],
        validation_labels=validation[1],
        source="drawn",
    )


def _scenes(count: int, seed: int) -> tuple[Tensor, Tensor]:
    return scenes(
        count,
        _MADE_CLASSES,
        MADE_SIDE,
        seed,
        boundary=True,
        rarity=_MADE_RARITY,
        most=1,
        radius=_MADE_RADIUS,
    )


def real(root: Path, side: int = REAL_SIDE) -> Voc | None:
    """VOC-2007 below `root`, every picture resized to `side`; None when it is not there."""
    lists = next(iter(sorted(root.rglob("ImageSets/Segmentation/val.txt"))), None)
    if lists is None:
        return None
    base = lists.parents[2]
    parts = []
    for split in ("train", "val"):
        place = lists.with_name(f"{split}.txt")
        names = place.read_text(encoding="utf-8").split() if place.is_file() else []
        pairs = [_read(base, name, side) for name in names]
        if not pairs:
            return None
        parts.append((torch.stack([image for image, _ in pairs]), torch.stack([label for _, label in pairs])))
    return Voc(
        train_images=parts[0][0],
        train_labels=parts[0][1],
        validation_images=parts[1][0],
        validation_labels=parts[1][1],
        source="voc-2007",
    )


def _read(base: Path, name: str, side: int) -> tuple[Tensor, Tensor]:
    from PIL import Image

    with Image.open(base / "JPEGImages" / f"{name}.jpg") as opened:
        image = np.asarray(opened.convert("RGB").resize((side, side), Image.Resampling.BILINEAR), np.float32) / 255
    with Image.open(base / "SegmentationClass" / f"{name}.png") as opened:
        label = np.asarray(opened.resize((side, side), Image.Resampling.NEAREST), np.int64)
    return torch.from_numpy(image.copy()).permute(2, 0, 1).contiguous(), torch.from_numpy(label.copy())


def as_files(splits: dict[str, tuple[Tensor, Tensor]], folder: str = "VOCdevkit/VOC2007") -> dict[str, bytes]:
    """Pictures and labels as the files of VOC, path to content; `splits` is name of the list to (images, labels).

    The pictures are written without loss (PNG content under a .jpg name), which every reader of pictures takes.
    """
    files: dict[str, bytes] = {}
    for split, (images, labels) in splits.items():
        names = [f"{split}_{number:06d}" for number in range(len(images))]
        for name, image, label in zip(names, images, labels, strict=True):
            files[f"{folder}/JPEGImages/{name}.jpg"] = _png((image * 255).round().byte().permute(1, 2, 0).numpy())
            files[f"{folder}/SegmentationClass/{name}.png"] = _png(label.byte().numpy(), palette=_palette())
        files[f"{folder}/ImageSets/Segmentation/{split}.txt"] = "".join(f"{name}\n" for name in names).encode()
    return files


def _png(pixels: np.ndarray, palette: Sequence[int] | None = None) -> bytes:
    from PIL import Image

    picture = Image.fromarray(pixels)
    if palette is not None:
        picture.putpalette(list(palette))
    packed = io.BytesIO()
    picture.save(packed, "PNG")
    return packed.getvalue()


def _palette() -> list[int]:
    """VOC's colours: the bits of an index are dealt to red, green and blue, highest first."""
    colours = []
    for index in range(256):
        channels = [0, 0, 0]
        for bit in range(_PALETTE_BITS):
            for channel in range(3):
                channels[channel] |= ((index >> (3 * bit + channel)) & 1) << (_PALETTE_BITS - 1 - bit)
        colours += channels
    return colours
