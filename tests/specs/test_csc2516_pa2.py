"""csc2516-pa2's own parts: its arithmetic against PyTorch's, and what its questions accept. `spec check` proves the rest."""

from __future__ import annotations

import json
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from colourisation.diagrams import SMALL
from colourisation.reference import Network
from torch import nn

from grader.domain.assignment import Assignment
from grader.engine.harness.answers import accepts, load_questions

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "test_specs" / "csc2516-pa2"
MODULES = ("make_questions", "calibration", "networks")


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    return Assignment.model_validate(tomllib.loads((FOLDER / "assignment.toml").read_text()))


@pytest.fixture(scope="module")
def questions():
    return load_questions(FOLDER / "questions.toml")


def test_the_questions_are_what_the_arithmetic_says(spec):
    assert (FOLDER / "questions.toml").read_text() == spec.make_questions.questions()


def _network() -> nn.Sequential:
    """PoolUpsampleNet in PyTorch's own layers, for the table's setting."""
    layers: list[nn.Module] = []
    for into, out, resize in ((3, 32, nn.MaxPool2d(2)), (32, 64, nn.MaxPool2d(2)), (64, 32, None), (32, 24, None)):
        resized = resize or nn.Upsample(scale_factor=2)
        layers += [nn.Conv2d(into, out, 3, padding=1), resized, nn.BatchNorm2d(out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(24, 24, 3, padding=1))


@pytest.mark.parametrize("size", [32, 64])
def test_weights_and_outputs_are_those_of_pytorchs_layers(questions, size):
    network = _network()
    weights = [sum(parameter.numel() for parameter in layer.parameters()) for layer in network]
    outputs, x = [], torch.zeros(1, 3, size, size)
    for layer in network:
        x = layer(x)
        outputs.append(x.numel())
    assert accepts(questions[f"A3.weights_{size}_rows"], weights).ok
    assert accepts(questions[f"A3.weights_{size}"], sum(weights)).ok
    assert accepts(questions[f"A3.outputs_{size}_rows"], outputs).ok
    assert accepts(questions[f"A3.outputs_{size}"], sum(outputs)).ok


def test_connections_of_convolutions_are_the_multiplications_that_reach_an_output(questions):
    multiplications, x = [], torch.zeros(1, 3, 32, 32)
    for layer in _network():
        y = layer(x)
        if isinstance(layer, nn.Conv2d):
            multiplications.append(layer.weight.numel() * y[0, 0].numel())
        x = y
    assert accepts(questions["A3.connections_32_rows"], multiplications).ok
    assert accepts(questions["A3.connections_32"], sum(multiplications)).ok


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        # The document's table: right in its outputs, wrong in its weights and connections.
        ("A3.outputs_32", 217088, True),
        ("A3.outputs_64", 868352, True),
        ("A3.weights_32", 50280, False),
        ("A3.weights_32", 50304, True),
        ("A3.weights_64", 50304, True),
        ("A3.connections_32", 15202304, False),
        ("A3.connections_64", 75014144, False),
        ("A3.connections_64", 56279040, True),
        ("A3.weights_32", "NF*NIC*9 + 36*NF^2 + 9*NC*NF + 9*NC^2", True),
        ("A3.weights_32", "NF*9 + 36*NF^2 + 9*NC*NF + 9*NC^2", True),
        ("A3.weights_32", "NF*9 + 72*NF^2 + 9*NC*NF + 9*NC^2", False),
        ("A3.outputs_64", "5*H*NC*W/4 + 25*H*NF*W/16", True),
        ("A3.outputs_64", "5120 NC + 6400 NF", True),
        ("A3.weights_32_rows", [864, 18432, 18432, 6912, 5184], True),
        ("A3.weights_32_rows", [896, 64, 18496, 128, 18464, 64, 6936, 48, 5208], True),
        ("A3.weights_32_rows", [896, 64, 18496, 128, 18464, 64, 6912, 48, 5208], False),
        ("A3.weights_32_rows", [18496, 896, 18464, 6936, 5208], False),
        ("A3.weights_32_rows", [], False),
        ("B4.conv_padding_4", 1, True),
        ("B4.conv_padding_4", "1", True),
        ("B4.transpose_output_padding_4", 0, True),
        ("B4.transpose_output_padding_5", 1, True),
        ("B4.transpose_output_padding_5", 0, False),
    ],
)
def test_what_the_questions_accept(questions, question, answer, right):
    assert accepts(questions[question], answer).ok is right


def test_the_paddings_keep_sizes_in_pytorch(spec):
    padding = dict(spec.make_questions.paddings())
    for kernel in (4, 5):
        x = torch.zeros(1, 1, 32, 32)
        half = nn.Conv2d(1, 1, kernel, 2, padding[f"B4.conv_padding_{kernel}"])(x)
        transposed, more = (padding[f"B4.transpose_{name}padding_{kernel}"] for name in ("", "output_"))
        whole = nn.ConvTranspose2d(1, 1, kernel, 2, transposed, output_padding=more)(half)
        assert (half.shape[-1], whole.shape[-1]) == (16, 32)


@pytest.mark.parametrize("name", ["POOLED", "STRIDED", "POOLED_WITH_SKIPS", "STRIDED_WITH_SKIPS"])
def test_every_diagram_is_a_network_that_keeps_the_size(spec, name):
    network = Network(SMALL, getattr(spec.networks, name))
    assert network(torch.zeros(2, SMALL.num_in_channels, 32, 32)).shape == (2, SMALL.num_colours, 32, 32)


def test_a_strided_network_has_the_weights_of_the_pooling_one(spec):
    for one, other in (("POOLED", "STRIDED"), ("POOLED_WITH_SKIPS", "STRIDED_WITH_SKIPS")):
        shapes = [getattr(spec.networks, name).convolution_shapes(SMALL) for name in (one, other)]
        assert shapes[0] == shapes[1]


def test_the_thresholds_rest_on_this_data(spec, assignment):
    digests = spec.calibration.digests()
    assert {name: threshold.data_sha256 for name, threshold in assignment.threshold.items()} == digests


def test_each_threshold_lies_between_the_reference_and_the_broken(assignment):
    for threshold in assignment.threshold.values():
        order = [threshold.reference_mean, threshold.value, threshold.best_broken]
        if threshold.direction == "above":
            order.reverse()
        assert all(one < other for one, other in pairwise(order))
        assert abs(threshold.value - threshold.reference_mean) > 3 * threshold.reference_spread


def test_every_question_of_the_document_is_a_part_with_a_check_or_a_person(assignment):
    ids = [part.id for part in assignment.part]
    questions = [f"A{n}" for n in (1, 2, 3)] + [f"B{n}" for n in range(1, 6)] + [f"C{n}" for n in (1, 2, 3)]
    assert ids == ["hand-in", *questions, "D1.1", "D1.2", "D1.3", "D2.1", "D2.2"]
    assert all(part.checks or part.manual for part in assignment.part)
    assert all(item.guide for part in assignment.part for item in part.manual)


def test_starter_and_reference_hold_the_same_questions_in_their_last_cell(questions):
    for path in (FOLDER / "starter" / "pa2.ipynb", ROOT / "reference_solutions" / "csc2516-pa2" / "pa2.ipynb"):
        last = "".join(json.loads(path.read_text())["cells"][-1]["source"])
        keys = {line.split('"')[1] for line in last.splitlines() if line.startswith('"')}
        assert keys == set(questions)


def test_mutants_and_variants_are_many_and_named_once():
    for kind, least in (("mutant", 40), ("variant", 15)):
        entries = tomllib.loads((FOLDER / f"{kind}s" / "index.toml").read_text())[kind]
        names = [entry["name"] for entry in entries]
        assert len(names) >= least
        assert len(set(names)) == len(names)
