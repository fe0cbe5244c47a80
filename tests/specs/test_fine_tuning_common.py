"""What the assignments with a pretrained network share: the accepted readings of the IoU loss, worked out by hand."""

from __future__ import annotations

import pytest
import torch
from fine_tuning import iou_loss


def test_every_reading_is_zero_where_the_scores_are_sure_and_right():
    truth = torch.tensor([[[1, 0], [1, 0]]])
    sure = 30.0 * torch.stack([1 - 2 * truth, 2 * truth - 1], dim=1)
    for reading in iou_loss.readings():
        assert float(reading(sure, truth)) < 1 / 3 + 1e-6
    assert float(next(iou_loss.readings())(sure, truth)) < 1e-6


def test_the_first_reading_divides_the_sums_of_the_whole_batch():
    # Undecided scores: the flower has probability 1/2 everywhere.
    scores = torch.zeros(2, 2, 1, 2)
    truth = torch.tensor([[[1, 1]], [[0, 1]]])
    # Common: 3 * 1/2. Either: 3 * 1 + 1 * 1/2.
    assert float(next(iou_loss.readings())(scores, truth)) == pytest.approx(1 - 1.5 / 3.5)


def test_one_reading_averages_over_pictures_and_one_smooths_with_one():
    scores = torch.zeros(2, 2, 1, 2)
    truth = torch.tensor([[[1, 1]], [[0, 1]]])
    values = [float(reading(scores, truth)) for reading in iou_loss.readings()]
    per_picture = 1 - (1 / 2 + 0.5 / 1.5) / 2
    assert any(value == pytest.approx(per_picture) for value in values)
    assert any(value == pytest.approx(1 - 2.5 / 4.5) for value in values)
