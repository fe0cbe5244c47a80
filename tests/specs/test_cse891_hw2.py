"""The spec with the scripts of 2018: its answers, its dilation convention, its list of hyperparameters, its extra part."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from colourisation import reference
from colourisation.convolution import convolution

from grader.domain.assignment import Assignment
from grader.engine.handins import entries_of
from grader.engine.harness.answers import accepts, load_questions
from grader.specs.load import load_spec

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "test_specs" / "cse891-hw2"
MODULES = ("networks", "hyperparameters", "source")


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    return Assignment.model_validate(tomllib.loads((FOLDER / "assignment.toml").read_text()))


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        ("1.1.layers", 6, True),
        ("1.1.layers", 5, False),
        ("1.1.kernels", "[3, 3, 3, 3, 3, 3]", True),
        ("1.1.filters", [32, 64, 64, 32, 3, 3], True),
        ("1.1.filters", [32, 64, 64, 32, 24, 24], False),
        ("4.1.weights_dilated", 9, True),
        ("4.1.weights_dilated", 25, False),
        ("4.1.field_dilated", "5x5", True),
        ("4.1.field_dilated", "(5, 5)", True),
        ("4.1.field_dilated", "25", True),
        ("4.1.field_dilated", "3x3", False),
        ("4.1.field_3x3", "3 x 3", True),
        ("4.1.field_5x5", "9", False),
    ],
)
def test_answers_are_judged(question, answer, right):
    assert accepts(load_questions(FOLDER / "questions.toml")[question], answer).ok is right


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("learning rate, batch size, number of epochs, number of filters, kernel size", 5),
        ("lr, learning rate, learning rate decay", 1),
        ("1) LR 2) mini-batch size 3) epochs 4) weight decay 5) the optimizer", 5),
        ("Depth, dropout, the activation functions, momentum and stride", 5),
        ("colours of horses", 0),
        ("", 0),
    ],
)
def test_kinds_of_hyperparameters_are_counted_not_words(spec, text, kinds):
    assert len(spec.hyperparameters.named(text)) == kinds


def test_dilation_one_of_the_document_leaves_one_pixel_out(spec):
    """A filter of ones on a single bright pixel shows where its taps lie."""
    x = torch.zeros(1, 1, 7, 7, dtype=torch.float64)
    x[0, 0, 3, 3] = 1
    seen = convolution(x, torch.ones(1, 1, 3, 3), None, 2, dilation=spec.networks.MIDDLE)[0, 0]
    assert seen[3].tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert int(seen.sum()) == 9


def test_the_definition_agrees_with_the_native_operator():
    for size, dilation in ((3, 2), (5, 3), (3, 1)):
        x, weight, bias = torch.randn(2, 3, 11, 9), torch.randn(4, 3, size, size), torch.randn(4)
        padding = dilation * (size - 1) // 2
        native = F.conv2d(x, weight, bias, padding=padding, dilation=dilation)
        torch.testing.assert_close(convolution(x, weight, bias, padding, dilation=dilation).float(), native)


def test_both_readings_of_the_output_layer_are_networks(spec):
    for asked in (spec.networks.CNN, spec.networks.UNET, spec.networks.DILATED):
        middles = set()
        for diagram in asked.diagrams:
            model = reference.Network(spec.networks.SMALL, diagram)
            assert model(torch.rand(2, 1, 32, 32)).shape == (2, 5, 32, 32)
            middles.add(diagram.widths(spec.networks.SMALL)[4])
        assert middles == {3, 5}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("F.conv2d(x, w, b, padding=2, dilation=2)", "conv2d"),
        ("F.conv2d(x, w, b, 1, 2, step)", "conv2d"),
        ("nn.Conv2d(1, 1, 3, dilation=self.dilation + 1)", "Conv2d"),
        ("F.unfold(x, 3, dilation=2)", "unfold"),
        ("F.conv2d(x, w, b, dilation=1)", ""),
        ("F.conv2d(x, w, b, 1, 2)", ""),
        ("MyConv2d(1, 1, 3, dilation=2)", ""),
    ],
)
def test_a_native_dilation_is_seen_in_the_source(spec, line, found):
    assert spec.source._dilating(ast.parse(line).body[0].value) == found


def test_the_points_are_the_documents(assignment):
    """Question 5 is for a person alone; 7 comes on top."""
    points: dict[str, float] = {}
    for part in assignment.part:
        number = part.id.split(".")[0]
        points[number] = round(points.get(number, 0) + part.points, 6)
    assert points == {"hand-in": 0, "1": 2, "2": 2, "3": 3, "4": 1, "5": 0, "6": 1, "7": 1}
    assert assignment.max_points == pytest.approx(9)
    assert {part.id for part in assignment.part if part.extra} == {"7.1", "7.2"}


def test_every_question_has_a_check_or_a_person(assignment):
    assert all(part.checks or part.manual for part in assignment.part)
    assert all(item.guide for part in assignment.part for item in part.manual)


def test_there_are_enough_mutants_and_variants():
    loaded = load_spec("cse891-hw2")
    assert len(entries_of(loaded, "mutant")) >= 40
    assert len(entries_of(loaded, "variant")) >= 15
