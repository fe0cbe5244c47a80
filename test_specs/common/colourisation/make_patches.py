"""Make `photographs.npz`, the colourisation data a machine without CIFAR-10 trains on.

Run by hand, once: `python make_patches.py`. The two photographs are scikit-learn's samples (china.jpg by
danielbuechele and flower.jpg by vultilion, Creative Commons by attribution 2.0). Stored are the grey levels, the
nearest of 24 colours for every pixel and the colours: enough for the task, and half a megabyte instead of the
pictures' one and a half.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

COLOURS = 24
HERE = Path(__file__).parent


def colours_of(pixels: np.ndarray, count: int = COLOURS, rounds: int = 40) -> np.ndarray:
    """`count` representative colours (k-means, Lloyd's rounds) of `pixels` (N, 3), uint8, the same on every machine.

    The start is the k-quantiles of the pixels sorted by brightness, so that no random numbers are involved;
    a colour that loses all its pixels stays where it was.
    """
    pixels = pixels.astype(np.float64)
    by_brightness = pixels[np.argsort(pixels.sum(1), kind="stable")]
    centres = by_brightness[np.linspace(0, len(pixels) - 1, count).astype(int)]
    for _ in range(rounds):
        nearest = nearest_colour(pixels, centres)
        for index in range(count):
            mine = pixels[nearest == index]
            if len(mine):
                centres[index] = mine.mean(0)
    return centres.round().astype(np.uint8)


def nearest_colour(pixels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Index of the nearest of `colours` (C, 3) in RGB space for each of `pixels` (N, 3); uint8."""
    colours = colours.astype(np.float64)
    distance = (colours**2).sum(1)[None] - 2 * pixels.astype(np.float64) @ colours.T
    return distance.argmin(1).astype(np.uint8)


def main() -> None:
    from sklearn.datasets import load_sample_images

    photographs = np.stack(load_sample_images().images)
    flat = photographs.reshape(-1, 3)
    colours = colours_of(flat[::37])
    labels = nearest_colour(flat, colours).reshape(photographs.shape[:3])
    grey = flat.mean(1).round().astype(np.uint8).reshape(photographs.shape[:3])
    target = HERE / "photographs.npz"
    np.savez_compressed(target, grey=grey, labels=labels, colours=colours)
    print(f"{target.name}: {target.stat().st_size} bytes, {len(np.unique(labels))} colours in use")  # noqa: T201


if __name__ == "__main__":
    main()
