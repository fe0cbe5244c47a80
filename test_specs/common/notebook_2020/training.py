"""A2 and B2: the networks learn to colour, in our loop and on our data; and what the notebook shows of its own run."""

from __future__ import annotations

import re

from colourisation import training
from colourisation.diagrams import CNN, UNET

from grader.checks import Student, award, check, expect, threshold_facts

_EPOCHS = 25
# "Epoch [25/25]", "epoch: 25", "Epoch 25 of 25", and progress bars' "25/25".
_EPOCH = re.compile(r"epochs?\W{0,4}(\d{1,4})|\b(\d{1,4})\s*/\s*\d{1,4}\b", re.IGNORECASE)


@check("A2", points=3, stage="train", timeout_s=150, title="CNN learns to colour pictures")
def test_cnn_learns(student: Student) -> None:
    training.learns(student, CNN, threshold_facts("cnn"))


@check("B2", points=2.5, stage="train", timeout_s=150, title="UNet learns to colour pictures")
def test_unet_learns(student: Student) -> None:
    training.learns(student, UNET, threshold_facts("unet"))


def epochs_shown(text: str) -> int:
    """How many epochs of training a cell's output shows, counted from 0 or from 1 and without a gap."""
    numbers = {int(first or second) for first, second in _EPOCH.findall(text)}
    start = 0 if 0 in numbers else 1
    counted = 0
    while start + counted in numbers:
        counted += 1
    return counted


@check("B2", points=1, title="The notebook shows a training of 25 epochs")
def test_epochs_shown(student: Student) -> None:
    most = 0
    for facts in student.cells:
        if facts.kind == "code":
            cell = student.cell(facts.index)
            if "train" in cell.source:
                most = max(most, epochs_shown(cell.outputs))
    expect(
        most > 0,
        "The notebook was handed in without the output of a training, so the 25 epochs of B2 cannot be seen; "
        "run it and save it with its outputs.",
    )
    award(0.5 * min(1.0, most / _EPOCHS))
    expect(
        most >= _EPOCHS, f"The longest training whose output the notebook shows has {most} epochs; 25 were asked for."
    )
