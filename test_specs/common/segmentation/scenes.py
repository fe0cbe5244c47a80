"""Drawn scenes: shapes of several classes on textured ground, for judging segmentation without a real data set.

A class has a colour, a form and a texture of its own, all of which vary from shape to shape, so that it has to be
learned; background is what no shape covers.
"""

from __future__ import annotations

import colorsys
import hashlib
import math

import numpy as np
import torch
from torch import Tensor

BOUNDARY = 255
_FORMS = 3
_NOISE = 0.04
# Half the width of an outline, in pixels.
_OUTLINE = 0.75


def scenes(
    count: int,
    classes: int,
    side: int,
    seed: int,
    *,
    boundary: bool = False,
    rarity: float = 0.0,
    most: int = 3,
    radius: tuple[float, float] = (0.16, 0.34),
) -> tuple[Tensor, Tensor]:
    """Images (count, 3, side, side) float32 in [0, 1] and labels (count, side, side) int64.

    Args:
        count: how many.
        classes: with the background, which is 0.
        side: height and width in pixels.
        seed: the same seed draws the same scenes.
        boundary: put 255 on the outline of every shape, as VOC does.
        most: shapes in a scene, at least one.
        radius: of shapes, smallest and largest, as a share of the side.
        rarity: class c is drawn with a weight of c to the power of minus this; 0 makes all equally frequent.
    """
    generator = np.random.default_rng(seed)
    weights = np.arange(1, classes, dtype=np.float64) ** -rarity
    images = np.empty((count, 3, side, side), np.float32)
    labels = np.zeros((count, side, side), np.int64)
    for image, label in zip(images, labels, strict=True):
        image[:] = _ground(generator, side)
        for _ in range(int(generator.integers(1, most + 1))):
            chosen = int(generator.choice(len(weights), p=weights / weights.sum())) + 1
            distance = _form(generator, chosen % _FORMS, side, radius)
            _paint(generator, image, label, distance, chosen, (chosen - 1) / (classes - 1))
            if boundary:
                label[np.abs(distance) < _OUTLINE] = BOUNDARY
    return torch.from_numpy(images.clip(0, 1)), torch.from_numpy(labels)


def sha256_of(*tensors: Tensor) -> str:
    """One digest of shapes and values; images count to a 255th, so that the last bit of a sine is no other data."""
    digest = hashlib.sha256()
    for part in tensors:
        digest.update(repr(tuple(part.shape)).encode())
        digest.update((part * (255 if part.is_floating_point() else 1)).round().to(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _ground(generator: np.random.Generator, side: int) -> np.ndarray:
    """Greyish ground with soft waves and grain."""
    y, x = np.mgrid[0:side, 0:side] / side
    angle, waves, phase = generator.uniform(0, math.tau), generator.uniform(2, 5), generator.uniform(0, math.tau)
    wave = 0.06 * np.sin(math.tau * waves * (x * math.cos(angle) + y * math.sin(angle)) + phase)
    base = generator.uniform(0.3, 0.6) + generator.uniform(-0.05, 0.05, 3)
    return base[:, None, None] + wave + _NOISE * generator.standard_normal((3, side, side))


def _paint(
    generator: np.random.Generator, image: np.ndarray, label: np.ndarray, distance: np.ndarray, chosen: int, hue: float
) -> None:
    """Fill where `distance` is negative with the class's colour and stripes, in `image` and `label`."""
    inside, side = distance < 0, label.shape[0]
    hue = (hue + generator.normal(0, 0.006)) % 1
    colour = np.array(colorsys.hsv_to_rgb(hue, generator.uniform(0.75, 1.0), generator.uniform(0.7, 1.0)))
    y, x = np.mgrid[0:side, 0:side]
    stripes = 0.1 * np.sin(math.tau * (x if chosen % 2 else y) / (3 + chosen % 4) + generator.uniform(0, math.tau))
    painted = colour[:, None, None] + stripes + _NOISE * generator.standard_normal((3, side, side))
    image[:, inside] = painted[:, inside]
    label[inside] = chosen


def _form(generator: np.random.Generator, form: int, side: int, radii: tuple[float, float]) -> np.ndarray:
    """How far each pixel lies outside a turned disc, square or triangle, in pixels; negative inside."""
    radius = generator.uniform(*radii) * side
    middle, turn = generator.uniform(0.1, 0.9, 2) * side, generator.uniform(0, math.tau)
    y, x = np.mgrid[0:side, 0:side]
    y, x = y - middle[0], x - middle[1]
    if form == 0:
        return np.hypot(y, x) - radius
    edges = 4 if form == 1 else 3
    angles = turn + math.tau * np.arange(edges) / edges
    towards = np.stack([x * np.cos(angle) + y * np.sin(angle) for angle in angles])
    return towards.max(0) - radius * (0.8 if form == 1 else 0.6)
