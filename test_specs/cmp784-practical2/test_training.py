"""A2 and B2: the networks learn to colour, in our loop and on our data; and what the notebook shows of its own run."""

from __future__ import annotations

import re

import torch
from calibration import BATCH, RATE, REPORT_EVERY, SETTING, STUDENT_STEPS
from data import Colourisation, cross_entropy, from_photographs
from networks import build
from torch import Tensor

from grader.checks import (
    Student,
    ThresholdFacts,
    award,
    check,
    curve,
    expect,
    fail,
    grid,
    picture,
    tensor,
    threshold_facts,
)

_EPOCHS = 25
_SHOWN = 8
# "Epoch [25/25]", "epoch: 25", "Epoch 25 of 25", and progress bars' "25/25".
_EPOCH = re.compile(r"epochs?\W{0,4}(\d{1,4})|\b(\d{1,4})\s*/\s*\d{1,4}\b", re.IGNORECASE)


def _learns(student: Student, name: str, bound: ThresholdFacts) -> None:
    data = from_photographs()
    size = (len(data.validation_inputs), SETTING.num_colours, *data.validation_inputs.shape[2:])
    predicted: Tensor | None = None

    def judge(predictions: Tensor) -> float:
        nonlocal predicted
        predicted = tensor(predictions, shape=size, what=f"The result of {name}").double()
        return cross_entropy(predicted, data.validation_targets)

    result = student.fit(
        build(student, name, SETTING),
        data.train_inputs,
        data.train_targets,
        batch_size=BATCH,
        lr=RATE,
        steps=STUDENT_STEPS,
        report_every=REPORT_EVERY,
        budget_s=90,
        validation=data.validation_inputs,
        judge=judge,
        below=bound.value,
    )
    if predicted is not None:
        _show(name, data, predicted, result.history, bound)
    if result.reached:
        return
    if result.steps < STUDENT_STEPS:
        fail(f"{name} is too slow: the time was over after {result.steps} of {STUDENT_STEPS} small training steps.")
    expect(
        result.reached,
        f"{name} does not learn to colour as well as it should: after {result.steps} training steps on small "
        f"pictures its cross-entropy on pictures it has not seen is still {result.best:.2f} at best.",
    )


def _show(
    name: str, data: Colourisation, predicted: Tensor, history: tuple[tuple[int, float], ...], bound: ThresholdFacts
) -> None:
    """The training's curve and the last report's colours, for whoever wonders why it did or did not pass."""
    curve(
        "held-out",
        history,
        title=f"{name} on pictures it has not seen",
        y_label=f"{bound.metric} per pixel",
        threshold=bound.value,
        direction=bound.direction,
        band=bound.band,
    )
    picture("colours", _coloured(data, predicted), title=f"What {name} makes of grey pictures it has not seen")


def _coloured(data: Colourisation, predictions: Tensor) -> Tensor:
    """Above what went in, below the likeliest colours for the network. The true ones are labels and stay out."""
    # Half of the pictures are of one shade, and show nothing.
    liveliest = data.validation_inputs.flatten(1).std(1).topk(_SHOWN).indices
    grey = data.validation_inputs[liveliest].expand(-1, 3, -1, -1)
    likeliest = torch.from_numpy(data.colours)[predictions[liveliest].argmax(1)].permute(0, 3, 1, 2)
    return grid(torch.cat([grey, likeliest / 255]), columns=_SHOWN)


@check("A2", points=3, stage="train", timeout_s=150, title="CNN learns to colour pictures")
def test_cnn_learns(student: Student) -> None:
    _learns(student, "CNN", threshold_facts("cnn"))


@check("B2", points=2.5, stage="train", timeout_s=150, title="UNet learns to colour pictures")
def test_unet_learns(student: Student) -> None:
    _learns(student, "UNet", threshold_facts("unet"))


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
