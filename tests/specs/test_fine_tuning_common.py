"""What the assignments with a pretrained network share: accepted readings of the IoU loss, flowers, small trainings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fine_tuning import iou_loss, masks, stand_ins
from PIL import Image
from scipy.io import savemat
from segmentation import flowers


@pytest.fixture(autouse=True)
def _one_thread():
    """Small layers gain nothing from several threads, and lose much where other tests run beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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


def test_the_first_reading_and_the_calibrated_loss_are_the_same():
    scores, truth = torch.randn(3, 2, 6, 5), (torch.rand(3, 6, 5) < 0.4).long()
    torch.testing.assert_close(next(iou_loss.readings())(scores, truth).float(), masks.soft_iou(scores, truth))


def test_a_use_of_the_loss_is_told_from_its_definition():
    uses = iou_loss._USES.search
    assert uses("    loss = compute_iou_loss(pred, gt)")
    assert uses("LOSSES = {'iou': compute_IoU_loss}")
    assert not uses("def compute_iou_loss(pred, gt):\n    return 1\n# compute_iou_loss comes later")


def test_whatever_is_not_called_cross_entropy_asks_for_the_iou_loss():
    asked = stand_ins.settings_for_iou().loss
    assert asked == "iou"
    assert asked == "soft-IoU"
    assert asked != "cross-entropy"
    assert "iou" in asked
    assert {"iou": 1}[asked] == 1


def test_a_right_loss_finds_drawn_flowers_and_a_broken_one_does_not():
    data = flowers.drawn()
    assert masks.train(data, masks.soft_iou, 0, steps=40) > 0.5
    assert masks.train(data, masks.FLAWS["iou"]["background's channel"], 0, steps=40) < 0.3


def test_drawn_flowers_are_the_same_every_time_and_differ_from_each_other():
    data = flowers.drawn()
    assert data.sha256 == flowers.drawn().sha256
    assert data.train_inputs.shape == (200, 3, flowers.SIZE, flowers.SIZE)
    assert set(data.train_targets.unique().tolist()) == {0, 1}
    assert len({picture.numpy().tobytes() for picture in torch.cat([data.train_inputs, data.validation_inputs])}) == 264
    assert 0.05 < float(data.validation_targets.float().mean()) < 0.3


def test_mean_iou_is_the_flowers_and_averages_over_pictures():
    truth = torch.tensor([[[1, 1], [0, 0]], [[0, 0], [0, 0]], [[1, 0], [0, 0]]])
    predicted = torch.tensor([[[1, 0], [0, 0]], [[0, 0], [0, 0]], [[0, 1], [0, 0]]])
    scores = torch.stack([1.0 - predicted, predicted], dim=1)
    assert flowers.mean_iou(scores, truth) == pytest.approx((1 / 2 + 1 + 0) / 3)


def _write_flowers(root, count):
    (root / "17flowers" / "jpg").mkdir(parents=True)
    (root / "17flowers" / "trimaps").mkdir()
    for number in range(1, count + 1):
        picture = np.full((40, 60, 3), 10 * number, np.uint8)
        Image.fromarray(picture).save(root / "17flowers" / "jpg" / f"image_{number:04d}.jpg")
        # Ground blue, a flower in the left half red, one stripe that nobody marked.
        mask = np.zeros((40, 60, 3), np.uint8)
        mask[:, :, 2] = 128
        mask[:, :30] = (128, 0, 0)
        mask[:, 28:32] = 0
        if number != 3:
            Image.fromarray(mask).save(root / "17flowers" / "trimaps" / f"image_{number:04d}.png")


def test_the_oxford_flowers_are_read_with_their_masks_and_split(tmp_path):
    _write_flowers(tmp_path, 6)
    savemat(tmp_path / "datasplits.mat", {"trn1": np.array([[1, 2, 3]]), "val1": np.array([[4, 5]])})
    data = flowers.flowers(str(tmp_path))
    assert data.source == "oxford-17"
    # The third has no trimap.
    assert (len(data.train_inputs), len(data.validation_inputs)) == (2, 2)
    assert data.train_inputs.dtype == torch.float32
    assert float(data.train_inputs[1].mean()) == pytest.approx(20 / 255, abs=0.02)
    mask = data.train_targets[0]
    assert bool((mask[:, :20] == 1).all())
    assert not bool(mask[:, 24:].any())


def test_without_a_split_every_fifth_flower_is_held_out(tmp_path):
    _write_flowers(tmp_path, 6)
    data = flowers.flowers(str(tmp_path))
    assert (len(data.train_inputs), len(data.validation_inputs)) == (4, 1)


def test_flowers_are_drawn_where_there_are_none_to_read(tmp_path):
    assert flowers.flowers(str(tmp_path)).source == "drawn"
