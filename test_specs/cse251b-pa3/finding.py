"""What a hand-in calls its measures, networks and losses, told by what they do rather than by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from grader.checks import RemoteModule, Student, StudentRaised, fail

CLASSES = 21
SIDE = 64
# Enough for four halvings, in double precision.
_SKIP_SIDE = 32
STAND_INS = Path(__file__).with_name("stand_ins.py").read_text(encoding="utf-8")
IOU_NAMES = ("iou", "IoU", "IOU", "compute_iou", "iou_score", "get_iou", "calculate_iou", "mean_iou", "iou_per_class")
ACCURACY_NAMES = ("pixel_acc", "pixel_accuracy", "pixelwise_acc", "compute_pixel_acc", "pix_acc", "accuracy")
_LOSS = re.compile(r"loss|weighted|criterion|focal|balanced|dice|entropy|tversky", re.IGNORECASE)
_UNET = re.compile(r"u_?net", re.IGNORECASE)
# A hand-in has a handful of networks and blocks; more are not looked at.
_MOST_CLASSES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network of the hand-in that takes pictures and gives scores of 21 classes at their size."""

    name: str
    model: RemoteModule
    pretrained: tuple[str, ...]
    is_borrowed: bool

    @property
    def is_unet(self) -> bool:
        return _UNET.search(self.name) is not None


def own_names(student: Student, kind: str) -> list[str]:
    """Names that the hand-in itself defines, of a kind such as "class"."""
    names = student.load_report.names.items()
    return [name for name, facts in names if facts.kind == kind and not facts.supplied]


def networks(student: Student) -> Iterator[Network]:
    """Every network of the hand-in but the baseline; parts of networks are left out, as they give no scores."""
    student.support(STAND_INS)
    for name in own_names(student, "class")[:_MOST_CLASSES]:
        if name != "FCN" and student.supported("is_network", name).yes is True:
            found = _network(student, name)
            if found is not None:
                yield found


def _network(student: Student, name: str) -> Network | None:
    try:
        made = student.supported("scored", name, torch.randn(1, 3, SIDE, SIDE))
        scores, model = made.scores, made.model
    except StudentRaised:
        return None
    if not isinstance(scores, torch.Tensor) or not isinstance(model, RemoteModule):
        return None
    if tuple(scores.shape) != (1, CLASSES, SIDE, SIDE):
        return None
    zoo = student.supported("from_zoo", model)
    return Network(name=name, model=model, pretrained=tuple(map(str, zoo.names)), is_borrowed=zoo.borrowed is True)


def unet(student: Student) -> Network:
    """The hand-in's U-Net: by its name, or else the network with the most skips."""
    found = list(networks(student))
    named = [network for network in found if network.is_unet]
    if named:
        return named[0]
    by_skips = [network for network in found if len(skips(student, network)) > 1]
    if not by_skips:
        fail("No U-Net was found: a class such as UNet(n_class) whose result is (N, 21, height, width) for pictures.")
    return by_skips[0]


def skips(student: Student, network: Network) -> list[tuple[int, float]]:
    """Where the way down is joined to the way up: width there, and how much cutting the join changes the result."""
    found = student.supported("skips", network.model, torch.randn(2, 3, _SKIP_SIDE, _SKIP_SIDE)).found
    return [(int(side), float(change)) for side, change in found]


def losses(student: Student, weights: torch.Tensor) -> Iterator[tuple[str, RemoteModule]]:
    """Every loss that the hand-in defines, ready to be given scores and labels."""
    student.support(STAND_INS)
    for name in (*own_names(student, "class"), *own_names(student, "function")):
        if _LOSS.search(name):
            try:
                made = student.supported("criterion", name, weights)
            except StudentRaised:
                continue
            if isinstance(made, RemoteModule):
                yield name, made
