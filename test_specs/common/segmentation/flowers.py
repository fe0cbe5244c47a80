"""Flowers and their masks, background 0 and flower 1: the Oxford 17 flowers, or drawn ones.

The real set is used where the operator keeps it under `GRADER_DATA_DIR` (`jpg/image_*.jpg`, `trimaps/image_*.png`,
`datasplits.mat`) and has calibrated on it; everywhere else blossoms are drawn on textured ground. A check trains on the
data its threshold rests on, told by the digest. The masks of `validation` never leave the trusted side.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grader.checks import BadSpec

SIZE = 48
_TRAIN = 200
_VALIDATION = 64
# Trimaps: flowers are red, ground is blue and what nobody marked is black.
_RED_FROM, _DARK_BELOW = 96, 64
_PETALS = (4, 8)
_BLOSSOMS = (1, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flowers:
    """Inputs are (N, 3, 48, 48) float32 in [0, 1], targets (N, 48, 48) int64 of 0 and 1."""

    train_inputs: Tensor
    train_targets: Tensor
    validation_inputs: Tensor
    validation_targets: Tensor
    source: str

    @property
    def sha256(self) -> str:
        """Digest of everything the thresholds depend on."""
        digest = hashlib.sha256()
        for part in (self.train_inputs, self.train_targets, self.validation_inputs, self.validation_targets):
            # To a 255th, so that the last bit of a sine does not make other data of drawn flowers.
            digest.update((part * (255 if part.is_floating_point() else 1)).round().to(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def flowers(folder: str | None = None) -> Flowers:
    """The data set; `folder` overrides GRADER_DATA_DIR. Draws when the Oxford flowers are not there."""
    root = folder if folder is not None else os.environ.get("GRADER_DATA_DIR")
    found = oxford(Path(root)) if root else None
    return drawn() if found is None else found


@lru_cache(maxsize=1)
def calibrated_on(sha256: str) -> Flowers:
    """The data of that digest.

    Raises:
        BadSpec: this machine does not have it.
    """
    for made in (drawn, flowers):
        data = made()
        if data.sha256 == sha256:
            return data
    raise BadSpec(
        "The training thresholds were calibrated on other flowers than this machine has: set GRADER_DATA_DIR to the "
        "folder of the Oxford 17 flowers they rest on, or calibrate again."
    )


def mean_iou(scores: Tensor, targets: Tensor) -> float:
    """Intersection over union of the flower, averaged over the pictures; scores (N, 2, H, W), targets (N, H, W)."""
    predicted, true = scores.argmax(1) == 1, targets == 1
    both = (predicted & true).sum((1, 2)).double()
    either = (predicted | true).sum((1, 2)).double()
    # A picture without a flower in which none is found is right.
    return float(torch.where(either > 0, both / either.clamp(min=1), torch.ones_like(both)).mean())


def drawn() -> Flowers:
    """Blossoms of 4 to 7 petals in light reddish colours on dark greenish ground; the same ones every time."""
    generator = np.random.default_rng(17)
    train, validation = _drawn(generator, _TRAIN), _drawn(generator, _VALIDATION)
    return Flowers(
        train_inputs=train[0],
        train_targets=train[1],
        validation_inputs=validation[0],
        validation_targets=validation[1],
        source="drawn",
    )


def _drawn(generator: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
    inputs, targets = torch.empty(count, 3, SIZE, SIZE), torch.zeros(count, SIZE, SIZE, dtype=torch.int64)
    for index in range(count):
        picture = _ground(generator)
        for _ in range(int(generator.integers(*_BLOSSOMS))):
            blossom = _blossom(generator)
            colour = torch.tensor(generator.uniform((0.6, 0.2, 0.4), (1.0, 0.6, 0.8)), dtype=torch.float32)
            petals = colour[:, None, None] + 0.08 * _noise(generator, SIZE)
            picture = torch.where(blossom, petals, picture)
            targets[index][blossom] = 1
        inputs[index] = picture.clamp(0, 1)
    return inputs, targets


def _ground(generator: np.random.Generator) -> Tensor:
    colour = torch.tensor(generator.uniform(0, (0.4, 0.6, 0.4)), dtype=torch.float32)
    coarse = F.interpolate(_noise(generator, SIZE // 4)[None], size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    return colour[:, None, None] + 0.12 * coarse[0] + 0.05 * _noise(generator, SIZE)


def _noise(generator: np.random.Generator, size: int) -> Tensor:
    return torch.from_numpy(generator.standard_normal((3, size, size), dtype=np.float32))


def _blossom(generator: np.random.Generator) -> Tensor:
    """Where one blossom is, (SIZE, SIZE) bool: a circle whose radius goes up and down with the angle."""
    middle_y, middle_x = generator.uniform(0, SIZE, 2)
    radius, turn = generator.uniform(0.12, 0.3) * SIZE, generator.uniform(0, 2 * math.pi)
    petals = int(generator.integers(*_PETALS))
    y, x = torch.meshgrid(torch.arange(SIZE) - middle_y, torch.arange(SIZE) - middle_x, indexing="ij")
    edge = radius * (0.7 + 0.3 * torch.cos(petals * torch.atan2(y, x) + turn))
    return torch.hypot(y, x) < edge


def oxford(root: Path) -> Flowers | None:
    """The Oxford 17 flowers that have a trimap, split as the first split of `datasplits.mat`; None when not there.

    Without that file every fifth picture is held out.
    """
    masks = {path.stem: path for folder in sorted(root.rglob("trimaps")) for path in sorted(folder.rglob("*.png"))}
    pictures = {path.stem: path for path in sorted(root.rglob("image_*.jpg"))}
    names = [name for name in sorted(masks) if name in pictures]
    if not names:
        return None
    train, validation = _split(root, names)
    if not train or not validation:
        return None
    pairs = [
        [_read(pictures[name], masks[name]) for name in chosen[:most]]
        for chosen, most in ((train, _TRAIN), (validation, _VALIDATION))
    ]
    return Flowers(
        train_inputs=torch.stack([picture for picture, _ in pairs[0]]),
        train_targets=torch.stack([mask for _, mask in pairs[0]]),
        validation_inputs=torch.stack([picture for picture, _ in pairs[1]]),
        validation_targets=torch.stack([mask for _, mask in pairs[1]]),
        source="oxford-17",
    )


def _split(root: Path, names: Sequence[str]) -> tuple[list[str], list[str]]:
    stored = next(iter(sorted(root.rglob("datasplits.mat"))), None)
    if stored is None:
        held_out = set(names[::5])
        return [name for name in names if name not in held_out], sorted(held_out)
    from scipy.io import loadmat

    # Numbers of pictures, counted from 1; loadmat reads arrays and runs nothing.
    arrays = loadmat(stored, variable_names=("trn1", "val1"))
    chosen = ({f"image_{int(number):04d}" for number in arrays[key].ravel()} for key in ("trn1", "val1"))
    train, validation = ([name for name in names if name in part] for part in chosen)
    return train, validation


def _read(picture: Path, mask: Path) -> tuple[Tensor, Tensor]:
    from PIL import Image

    with Image.open(picture) as opened:
        small = np.asarray(opened.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR), np.float32)
    with Image.open(mask) as opened:
        colours = np.asarray(opened.convert("RGB").resize((SIZE, SIZE), Image.Resampling.NEAREST))
    is_flower = (colours[..., 0] >= _RED_FROM) & (colours[..., 1:] < _DARK_BELOW).all(-1)
    return torch.from_numpy(small / 255).permute(2, 0, 1).contiguous(), torch.from_numpy(is_flower.astype(np.int64))
