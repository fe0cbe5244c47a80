"""Running a hand-in's training program on a few made pictures, without data loaders and without downloads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import torch
from finding import CLASSES, STAND_INS
from segmentation.voc import as_files
from torch import Tensor

from grader.checks import Student, StudentRaised, calls, fail, returns, using

SIDE = 224
_TRAIN, _OTHER = 3, 2
OPTIMISERS = ("Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "Adamax", "NAdam", "RAdam", "Adadelta")
SCHEDULERS = ("CosineAnnealingLR", "CosineAnnealingWarmRestarts", "StepLR", "MultiStepLR", "ExponentialLR",
              "ReduceLROnPlateau", "OneCycleLR", "LambdaLR")  # fmt: skip
# Copies of train.py for the later questions.
_MOST_PROGRAMS = 6
# Every fourth pixel is enough to see what was turned, and travels fast.
_STEP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What one training program did: names of what it made, and how often it went through its data."""

    path: str
    made: tuple[str, ...]
    trained: int
    validated: int
    loaders: int
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Items of a data set: images (N, 3, h, w), masks (N, h, w)."""

    images: Tensor
    masks: Tensor


def masks() -> Tensor:
    """Labels in which every class and place can be told apart: (5, 224, 224), with 255 between two fields."""
    generator = torch.Generator().manual_seed(251)
    coarse = torch.randint(0, CLASSES, (_TRAIN + _OTHER, 7, 7), generator=generator)
    coarse[:, 0, 0] = 0
    found = coarse.repeat_interleave(SIDE // 7, 1).repeat_interleave(SIDE // 7, 2)
    found[:, 100:104, 40:180] = 255
    return found


def _images(labels: Tensor) -> Tensor:
    """Pictures in which the colour tells the class: background and outlines are black, as what a rotation leaves."""
    colours = torch.rand(CLASSES, 3, generator=torch.Generator().manual_seed(3)) * 0.7 + 0.3
    colours[0] = 0
    return colours[labels.where(labels != 255, 0)].permute(0, 3, 1, 2).contiguous()


def programs(student: Student) -> list[str]:
    """Files of the hand-in that may train: train.py first, then its copies."""
    scripts = [path for path in student.submission.files if path.endswith(".py")]
    found = [path for path in scripts if "train" in PurePosixPath(path).name.lower()]
    found.sort(key=lambda path: (PurePosixPath(path).name.lower() != "train.py", len(path)))
    if not found:
        fail("The hand-in has no train.py that trains the baseline.")
    return found[:_MOST_PROGRAMS]


def program(student: Student, path: str | None = None, *, passes: int = 2) -> Program:
    """Run train.py, or another of `programs`, until it goes through a loader once more than `passes` times."""
    path = path or programs(student)[0]
    student.support(STAND_INS)
    student.supported("forget", passes)
    intercept: dict[str, Any] = {"torch.utils.data.DataLoader": using("data_loader"), "torch.save": returns(None)}
    intercept |= {"plt.show": returns(None), "plt.savefig": returns(None)}
    intercept |= {f"torch.optim.{name}": calls() for name in OPTIMISERS}
    intercept |= {f"torch.optim.lr_scheduler.{name}": calls() for name in SCHEDULERS}
    run = student.script(path, files=_files(path), intercept=intercept)
    seen = student.supported("loaders_seen")
    return Program(
        path=path,
        made=tuple(record.target.rsplit(".", 1)[-1] for record in run.records),
        trained=int(seen.train),
        validated=int(seen.validation),
        loaders=int(seen.count),
        trouble=f" It ended with {run.raised.type}: {run.raised.message}" if run.raised else "",
    )


def _files(path: str) -> dict[str, bytes]:
    """VOC as the course's voc.py looks for it, beside the program."""
    labels = masks()
    images = _images(labels)
    other = (images[_TRAIN:], labels[_TRAIN:])
    made = as_files(
        {"train": (images[:_TRAIN], labels[:_TRAIN]), "val": other, "test": other}, "data/VOCdevkit/VOC2007"
    )
    again = {name.replace("VOC2007", "VOC2007_test", 1): content for name, content in made.items() if "test" in name}
    folder = PurePosixPath(path).parent
    return {str(folder / name): content for name, content in (made | again).items()}


def items(student: Student, run: Program, kind: str, *, draws: int) -> Items:
    """Items of the data set behind the program's loader of a kind ("train" or "validation")."""
    if not run.loaders:
        fail(f"{PurePosixPath(run.path).name} was run, but made no DataLoader.{run.trouble}")
    try:
        found = student.supported("drawn_items", kind, draws, _STEP)
        images, labels = found.images, found.masks
    except StudentRaised as error:
        raise StudentRaised(f"The data set of {PurePosixPath(run.path).name} gives no pictures: {error}") from error
    if not isinstance(images, Tensor) or not isinstance(labels, Tensor) or images.ndim != 4 or labels.ndim != 3:
        fail("An item of the data set should be a picture (3, height, width) and a mask (height, width).")
    return Items(images=images, masks=labels)


def plain_masks(kind: str) -> Tensor:
    """The masks of a kind as they are without augmentation, every fourth pixel, outlines as background."""
    labels = masks()[:_TRAIN] if kind == "train" else masks()[_TRAIN:]
    return labels.where(labels != 255, 0)[..., ::_STEP, ::_STEP]


def explained(items_: Items) -> Tensor:
    """How much of each picture's colours its mask explains, 0 to 1: near 1 where both went through the same."""
    shares = []
    for image, mask in zip(items_.images.double(), items_.masks, strict=True):
        if image.shape[1:] != mask.shape:
            fail("A picture and its mask differ in height or width: transform both alike.")
        whole, left = image - image.mean((1, 2), keepdim=True), 0.0
        for label in mask.unique():
            pixels = image[:, mask == label]
            left += float((pixels - pixels.mean(1, keepdim=True)).square().sum())
        shares.append(1 - left / max(1e-12, float(whole.square().sum())))
    return torch.tensor(shares)
