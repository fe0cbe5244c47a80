"""The spec's own arithmetic and data. `grader spec check` proves the rest."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch

from grader.domain.assignment import Assignment
from grader.engine.handins import entries_of, hand_in
from grader.engine.harness.answers import accepts, load_questions
from grader.specs.load import load_spec

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "test_specs" / "cse251b-pa3"
MODULES = ("make_questions", "learning", "reference", "running")


def test_the_questions_are_what_the_arithmetic_says(spec):
    assert (FOLDER / "questions.toml").read_text() == spec.make_questions.questions()


def test_the_arithmetic_is_that_of_torch(spec):
    figure = spec.make_questions.channels((FOLDER / "figure.toml").read_text())
    maps = torch.tensor([[channel.map for channel in figure]]).double()
    filters = torch.tensor([[channel.filter for channel in figure]]).double()
    grids = spec.make_questions.grids(figure)
    whole = torch.nn.functional.conv2d(maps, filters)
    assert grids["I.1.output"] == whole[0, 0].tolist()
    assert grids["I.4.output"] == torch.nn.functional.max_pool2d(whole, 2, 1)[0, 0].tolist()
    assert grids["I.5.output"] == torch.nn.functional.conv2d(maps, filters, dilation=2)[0, 0].tolist()
    assert grids["I.1.channel2"] == torch.nn.functional.conv2d(maps[:, 1:], filters[:, 1:])[0, 0].tolist()


def test_the_network_of_the_last_question_has_these_shapes(spec):
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, 5, 5), torch.nn.Conv2d(5, 10, 7), torch.nn.MaxPool2d(3, 2), torch.nn.Conv2d(10, 1, 13, 10)
    )
    x = torch.zeros(1, 3, 256, 256)
    shapes = spec.make_questions.shapes()
    for layer, name in zip(layers, ("conv1", "conv2", "maxpool", "conv3"), strict=True):
        x = layer(x)
        assert "x".join(map(str, x.shape[1:])) in shapes[f"I.6.{name}"]
    assert x.numel() == spec.make_questions.units()["I.6.fc1_in"]


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        ("I.1.channel2", [[-1, -4, -2], [-1, -2, -3], [1, 5, 2]], True),
        ("I.1.channel2", "-1 -4 -2 x x; -1 -2 -3 x x; 1 5 2 x x; x x x x x; x x x x x", True),
        ("I.1.channel2", [[1, 5, 2], [-1, -2, -3], [-1, -4, -2]], False),
        ("I.3.patch1", "1 x -1; 1 x -1; 1 x -1", True),
        ("I.3.patch1", "1 0 -1; 1 0 -1; 1 0 -1", False),
        ("I.5.output", -2, True),
        ("I.5.output", [[-2]], True),
        ("I.5.output", "x x x; x -2 x; x x x", True),
        ("I.6.conv1_filter", "5x5x5", True),
        ("I.6.conv1_filter", "(5, 3, 5, 5)", True),
        ("I.6.conv1_filter", "5x5x3", False),
        ("I.6.maxpool", "10x122x122", True),
        ("I.6.maxpool", "123x123x10", False),
    ],
)
def test_written_answers_are_read_as_students_write_them(question, answer, right):
    assert accepts(load_questions(FOLDER / "questions.toml")[question], answer).ok is right


def test_the_first_map_is_said_to_be_a_stand_in(spec):
    assert [one.is_stand_in for one in spec.make_questions.channels((FOLDER / "figure.toml").read_text())] == [
        True,
        False,
    ]


def test_a_mask_explains_its_own_picture_and_no_mirrored_one(spec):
    labels = spec.running.masks()
    plain = labels.where(labels != 255, 0)
    images = spec.running._images(labels)
    alike = spec.running.explained(spec.running.Items(images=images, masks=plain))
    mirrored = spec.running.explained(spec.running.Items(images=images, masks=plain.flip(2)))
    assert alike.min() > 0.99
    assert mirrored.max() < 0.75


def test_guessing_background_is_below_the_goal(spec):
    from segmentation.voc import drawn

    data = drawn()
    scores = torch.zeros(len(data.validation_labels), 21, *data.validation_labels.shape[1:])
    scores[:, 0] = 1
    bound = tomllib.loads((FOLDER / "assignment.toml").read_text())["threshold"]["fcn"]
    assert data.sha256 == bound["data_sha256"]
    assert spec.learning.share_of_goal(scores, data.validation_labels, is_real=False) < bound["value"] / 2


def test_every_wrong_and_every_other_hand_in_can_be_made():
    spec = load_spec("cse251b-pa3", ROOT / "test_specs")
    mutants, variants = entries_of(spec, "mutant"), entries_of(spec, "variant")
    assert len(mutants) >= 40
    assert len(variants) >= 15
    for kind, entries in (("mutant", mutants), ("variant", variants)):
        for entry in entries:
            assert hand_in(spec, kind, entry).content


def test_every_question_of_the_document_has_a_part():
    assignment = Assignment.model_validate(tomllib.loads((FOLDER / "assignment.toml").read_text()))
    parts = {part.id for part in assignment.part}
    wanted = {f"I.{number}" for number in range(1, 7)} | {"II.1", "II.2", "II.3", "report"}
    assert wanted | {"II.4a", "II.4b", "II.4c", "II.5a", "II.5b", "II.5c"} <= parts
    assert assignment.team_size == (3, 4)
