"""A2, B2 and C2: the three networks learn to colour, in our loop and on our data."""

from __future__ import annotations

from colourisation import training
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
