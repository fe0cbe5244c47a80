"""Points around fresh centres; the label of a point is the centre that it lies around."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Blobs(NamedTuple):
    """Inputs of shape (n, 6) and labels of shape (n,), to train on and held out."""

    inputs: torch.Tensor
    labels: torch.Tensor
    held_out: torch.Tensor
    held_out_labels: torch.Tensor


def blobs(count: int = 90) -> Blobs:
    centres = 4 * torch.randn(3, 6)

    def some() -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.randint(0, 3, (count,))
        return centres[labels] + torch.randn(count, 6), labels

    return Blobs(*some(), *some())
