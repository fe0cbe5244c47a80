"""2.2, 3.2, 3.3 and 7.2: the program, run by the document's own commands."""

from __future__ import annotations

import running
from colourisation import training
from networks import CNN, DILATED, RATE, UNET

from grader.checks import Student, check, threshold_facts

# Three channels before the scores make small trainings spread widely: one in 200 right networks would miss the bound.
_TRIES = 2


@check("2.2", points=0.35, timeout_s=40, title="--model CNN --checkpoint weights/cnn_k3_f32.pkl --valid runs")
def test_validates(student: Student) -> None:
    running.validate(student, CNN, "CNN", "weights/cnn_k3_f32.pkl")


@check("2.2", points=0.3, stage="train", timeout_s=150, title="CNN learns to colour pictures")
def test_learns(student: Student) -> None:
    training.learns(student, CNN, threshold_facts("cnn"), rate=RATE, tries=_TRIES)


@check(
    "3.2", points=0.35, stage="train", timeout_s=90, title="--model UNet --checkpoint unet_k3_f32.pkl -b 10 -e 5 runs"
)
def test_trains(student: Student) -> None:
    running.train(student, "UNet")


@check("3.2", points=0.3, stage="train", timeout_s=150, title="UNet learns to colour pictures")
def test_learns_unet(student: Student) -> None:
    training.learns(student, UNET, threshold_facts("unet"), rate=RATE, tries=_TRIES)


@check("3.3", points=0.35, timeout_s=40, title="--model UNet --checkpoint weights/unet_k3_f32.pkl --valid runs")
def test_validates_unet(student: Student) -> None:
    running.validate(student, UNET, "UNet", "weights/unet_k3_f32.pkl")


@check("7.2", points=0.1, timeout_s=40, title="--model DUNet --checkpoint weights/dunet_k3_f32.pkl --valid runs")
def test_validates_dilated(student: Student) -> None:
    running.validate(student, DILATED, "DUNet", "weights/dunet_k3_f32.pkl")


@check("7.2", points=0.05, stage="train", timeout_s=150, title="DilatedUNet learns to colour pictures")
def test_learns_dilated(student: Student) -> None:
    training.learns(student, DILATED, threshold_facts("dilated"), rate=RATE, tries=_TRIES)
