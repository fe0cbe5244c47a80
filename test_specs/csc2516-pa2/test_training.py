"""A2, B2 and C2: the three networks learn to colour; D1.2 and D2.1: a last layer learns to find flowers, by
cross-entropy and by the student's loss. All in our loop and on our data."""

from __future__ import annotations

from colourisation import training
from fine_tuning import masks
from networks import CONV_TRANSPOSE, POOL_UPSAMPLE, UNET

from grader.checks import Student, check, threshold_facts


@check("A2", points=3, stage="train", timeout_s=150, title="PoolUpsampleNet learns to colour pictures")
def test_pool_upsample_learns(student: Student) -> None:
    training.learns(student, POOL_UPSAMPLE, threshold_facts("pool_upsample"))


@check("B2", points=3, stage="train", timeout_s=150, title="ConvTransposeNet learns to colour pictures")
def test_conv_transpose_learns(student: Student) -> None:
    training.learns(student, CONV_TRANSPOSE, threshold_facts("conv_transpose"))


@check("C2", points=3, stage="train", timeout_s=150, title="UNet learns to colour pictures")
def test_unet_learns(student: Student) -> None:
    training.learns(student, UNET, threshold_facts("unet"))


@check("D1.2", points=2, stage="train", timeout_s=120, title="The prepared network learns flowers from cross-entropy")
def test_cross_entropy_learns(student: Student) -> None:
    masks.cross_entropy_finds_flowers(student, threshold_facts("cross_entropy"))


@check("D2.1", points=2, stage="train", timeout_s=120, title="A network learns flowers from compute_iou_loss")
def test_iou_loss_learns(student: Student) -> None:
    masks.iou_loss_finds_flowers(student, threshold_facts("iou"))
