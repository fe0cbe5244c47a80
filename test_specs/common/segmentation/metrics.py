"""Pixel accuracy and intersection over union as the documents define them: pixels counted over a whole data set."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from segmentation.scenes import BOUNDARY


class Overlap(NamedTuple):
    """Intersections and unions by class, float64 of shape (classes,)."""

    intersections: Tensor
    unions: Tensor

    @property
    def present(self) -> Tensor:
        """Classes that occur in the predictions or in the truth."""
        return self.unions > 0

    @property
    def by_class(self) -> Tensor:
        """Intersection over union; NaN for a class that occurs in neither."""
        return self.intersections / self.unions.where(self.present, torch.nan)

    @property
    def mean(self) -> float:
        """The mean over the classes that occur."""
        return float(self.by_class.nanmean())


def without_boundary(labels: Tensor) -> Tensor:
    """Labels with the pixels on outlines counted as background, as asked."""
    return labels.where(labels != BOUNDARY, 0)


def pixel_accuracy(predicted: Tensor, labels: Tensor) -> float:
    """The share of pixels of `labels` (N, H, W) that `predicted` (N, H, W) has right; outlines are background."""
    return float((predicted == without_boundary(labels)).double().mean())


def overlap(predicted: Tensor, labels: Tensor, classes: int) -> Overlap:
    """Counts over all pixels of all pictures at once; outlines are background."""
    truth = without_boundary(labels)
    confusion = torch.bincount(truth.flatten() * classes + predicted.flatten(), minlength=classes**2)
    confusion = confusion.view(classes, classes).double()
    both = confusion.diagonal()
    return Overlap(both, confusion.sum(0) + confusion.sum(1) - both)
