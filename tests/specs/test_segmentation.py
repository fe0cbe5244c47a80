"""Scenes, VOC and the two measures that the segmentation assignments share."""

from __future__ import annotations

import math

import pytest
import torch
from segmentation.metrics import overlap, pixel_accuracy
from segmentation.scenes import BOUNDARY, scenes, sha256_of
from segmentation.voc import CLASSES, as_files, drawn, real, voc


def test_the_same_seed_draws_the_same_scenes_and_another_draws_others():
    once, again, other = (scenes(3, 5, 24, seed) for seed in (1, 1, 2))
    assert sha256_of(*once) == sha256_of(*again) != sha256_of(*other)
    assert once[0].shape == (3, 3, 24, 24)
    assert 0 <= once[0].min() <= once[0].max() <= 1


def test_every_class_is_drawn_and_outlines_only_where_asked_for():
    _, plain = scenes(120, 5, 24, 0)
    _, outlined = scenes(120, 5, 24, 0, boundary=True)
    assert set(plain.unique().tolist()) == {0, 1, 2, 3, 4}
    assert set(outlined.unique().tolist()) == {0, 1, 2, 3, 4, BOUNDARY}


def test_rarity_makes_later_classes_rarer():
    _, labels = scenes(200, 5, 24, 0, rarity=2.0)
    assert (labels == 1).sum() > 4 * (labels == 4).sum()


def test_the_measures_count_over_all_pictures_at_once():
    labels = torch.tensor([[[0, 1], [1, 255]], [[0, 0], [2, 2]]])
    predicted = torch.tensor([[[0, 1], [0, 0]], [[0, 1], [2, 0]]])
    found = overlap(predicted, labels, 4)
    assert pixel_accuracy(predicted, labels) == pytest.approx(5 / 8)
    assert found.intersections.tolist() == [3, 1, 1, 0]
    assert found.unions.tolist() == [6, 3, 2, 0]
    assert math.isnan(found.by_class[3])
    assert found.mean == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 3)


def test_what_is_written_as_voc_is_read_as_it_was(tmp_path):
    images, labels = scenes(3, CLASSES, 24, 5, boundary=True)
    files = as_files({"train": (images[:2], labels[:2]), "val": (images[2:], labels[2:])})
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    found = real(tmp_path, side=24)
    assert found is not None
    assert found.is_real
    assert torch.equal(found.train_labels, labels[:2])
    assert torch.equal(found.validation_labels, labels[2:])
    assert torch.allclose(found.train_images, images[:2], atol=1 / 255)


def test_without_the_real_set_scenes_are_drawn(tmp_path):
    found = voc(str(tmp_path))
    assert found.sha256 == drawn().sha256
    assert not found.is_real
    assert 0.4 < float((found.validation_labels == 0).double().mean()) < 0.85
