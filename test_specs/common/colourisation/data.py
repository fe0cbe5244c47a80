"""Colourisation data for A2 and B2: grey pictures in, the index of one of 24 colours for every pixel out.

The horses of CIFAR-10 are used where the operator keeps it (`GRADER_DATA_DIR`, python or binary version) and has
calibrated on it; everywhere else the two photographs of `photographs.npz` are cut into patches. A check trains on the
data its threshold rests on, told by the digest. The labels of `validation` never leave the trusted side.
"""

from __future__ import annotations

import hashlib
import os
import pickletools
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from colourisation.make_patches import COLOURS, colours_of, nearest_colour
from grader.checks import BadSpec

SIZE = 32
# Left 75 % of each photograph to train on, the rest to judge on: no pixel is in both.
_SPLIT = 480
_TRAIN_PATCHES = 2500
_VALIDATION_PATCHES = 128
_CIFAR_BYTES = 3 * SIZE * SIZE
_HORSE = 7
_BATCHES = 5
_INTEGERS = ("BININT", "BININT1", "BININT2", "INT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Colourisation:
    """Inputs are (N, 1, 32, 32) float32 in [0, 1], targets (N, 32, 32) int64; `colours` is (24, 3) uint8."""

    train_inputs: Tensor
    train_targets: Tensor
    validation_inputs: Tensor
    validation_targets: Tensor
    colours: np.ndarray
    source: str

    @property
    def sha256(self) -> str:
        """Digest of everything the thresholds depend on."""
        digest = hashlib.sha256()
        for part in (self.train_inputs, self.train_targets, self.validation_inputs, self.validation_targets):
            digest.update(part.numpy().tobytes())
        return digest.hexdigest()


def colourisation(folder: str | None = None) -> Colourisation:
    """The data set; `folder` overrides GRADER_DATA_DIR. Falls back on the photographs when CIFAR-10 is not there."""
    root = folder if folder is not None else os.environ.get("GRADER_DATA_DIR")
    pictures = cifar_pictures(Path(root)) if root else None
    return from_photographs() if pictures is None else from_pictures(pictures)


@lru_cache(maxsize=1)
def calibrated_on(sha256: str) -> Colourisation:
    """The data of that digest.

    Raises:
        BadSpec: this machine does not have it.
    """
    for made in (from_photographs, colourisation):
        data = made()
        if data.sha256 == sha256:
            return data
    raise BadSpec(
        "The training thresholds were calibrated on other pictures than this machine has: set GRADER_DATA_DIR to the "
        "folder of CIFAR-10 they rest on, or calibrate again."
    )


def from_photographs() -> Colourisation:
    """Patches of the two photographs, at fixed random places, half of them mirrored."""
    with np.load(Path(__file__).with_name("photographs.npz"), allow_pickle=False) as stored:
        grey, labels, colours = stored["grey"], stored["labels"], stored["colours"]
    generator = np.random.default_rng(784)
    width, height = grey.shape[2], grey.shape[1]
    train = _patches(grey, labels, generator, _TRAIN_PATCHES, (0, _SPLIT), height)
    validation = _patches(grey, labels, generator, _VALIDATION_PATCHES, (_SPLIT, width), height)
    return Colourisation(
        train_inputs=train[0],
        train_targets=train[1],
        validation_inputs=validation[0],
        validation_targets=validation[1],
        colours=colours,
        source="photographs",
    )


def _patches(
    grey: np.ndarray,
    labels: np.ndarray,
    generator: np.random.Generator,
    count: int,
    columns: tuple[int, int],
    height: int,
) -> tuple[Tensor, Tensor]:
    inputs = np.empty((count, 1, SIZE, SIZE), np.float32)
    targets = np.empty((count, SIZE, SIZE), np.int64)
    for index in range(count):
        photograph = index % len(grey)
        top = int(generator.integers(0, height - SIZE + 1))
        left = int(generator.integers(columns[0], columns[1] - SIZE + 1))
        step = 1 if generator.random() < 0.5 else -1
        window = (photograph, slice(top, top + SIZE), slice(left, left + SIZE))
        # The course divides by 256, not by 255.
        inputs[index, 0] = grey[window][:, ::step] / 256
        targets[index] = labels[window][:, ::step]
    return torch.from_numpy(inputs), torch.from_numpy(targets)


def from_pictures(pictures: np.ndarray) -> Colourisation:
    """The same task from colour pictures (N, 3, 32, 32) uint8; colours are found on the training part."""
    train, validation = pictures[:_TRAIN_PATCHES], pictures[_TRAIN_PATCHES:][:_VALIDATION_PATCHES]
    colours = colours_of(train.transpose(0, 2, 3, 1).reshape(-1, 3)[::97], COLOURS)

    def pair(images: np.ndarray) -> tuple[Tensor, Tensor]:
        grey = images.mean(1, keepdims=True, dtype=np.float32) / 256
        labels = nearest_colour(images.transpose(0, 2, 3, 1).reshape(-1, 3), colours)
        return torch.from_numpy(grey), torch.from_numpy(labels.reshape(-1, SIZE, SIZE).astype(np.int64))

    (train_inputs, train_targets), (inputs, targets) = pair(train), pair(validation)
    return Colourisation(
        train_inputs=train_inputs,
        train_targets=train_targets,
        validation_inputs=inputs,
        validation_targets=targets,
        colours=colours,
        source="cifar-10",
    )


def cifar_pictures(root: Path) -> np.ndarray | None:
    """The horses of CIFAR-10 under `root`, (N, 3, 32, 32) uint8, or None when it is not there.

    Everything is taken where there are too few horses, as in a part of the set.
    """
    for name, read in (("data_batch_{}.bin", _from_binary), ("data_batch_{}", _from_python)):
        found = [next(iter(sorted(root.rglob(name.format(number)))), None) for number in range(1, _BATCHES + 1)]
        batches = [read(path.read_bytes()) for path in found if path is not None]
        if batches:
            pictures, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
            horses = pictures[labels == _HORSE]
            return horses if len(horses) >= _TRAIN_PATCHES + _VALIDATION_PATCHES else pictures
    return None


def _from_binary(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + _CIFAR_BYTES)
    return records[:, 1:].reshape(-1, 3, SIZE, SIZE), records[:, 0]


def _from_python(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The python version is a pickle, and nothing is ever unpickled here: its longest string holds the pixels, and
    the numbers after the word `labels` are the labels."""
    longest, numbers, is_labels = b"", [], False
    for opcode, argument, _ in pickletools.genops(content):
        text = _as_bytes(argument)
        longest = max(longest, text, key=len)
        if text:
            is_labels = text == b"labels"
        elif is_labels and opcode.name in _INTEGERS:
            numbers.append(argument)
    pictures = np.frombuffer(longest, np.uint8).reshape(-1, 3, SIZE, SIZE)
    return pictures, np.array(numbers if len(numbers) == len(pictures) else [-1] * len(pictures))


def _as_bytes(argument: object) -> bytes:
    if isinstance(argument, bytes):
        return argument
    # Strings of protocol 2 are bytes read as Latin-1.
    return argument.encode("latin-1", "ignore") if isinstance(argument, str) else b""


def cross_entropy(scores: Tensor, targets: Tensor) -> float:
    """Mean cross-entropy per pixel of class scores (N, C, H, W) against targets (N, H, W), in float64."""
    return float(torch.nn.functional.cross_entropy(scores.double(), targets))
