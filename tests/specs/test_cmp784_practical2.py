"""The first spec's own parts: its arithmetic, its data, its reading of notebooks. `grader spec check` proves the rest."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from notebook_2020 import training

from grader.domain.assignment import Assignment
from grader.engine.handins import entries_of
from grader.engine.harness.answers import accepts, load_questions
from grader.specs.load import load_spec

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "test_specs" / "cmp784-practical2"
REFERENCE = ROOT / "reference_solutions" / "cmp784-practical2"
MODULES = ("make_questions", "calibration")


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    return Assignment.model_validate(tomllib.loads((FOLDER / "assignment.toml").read_text()))


def test_the_questions_are_what_the_arithmetic_says(spec):
    assert (FOLDER / "questions.toml").read_text() == spec.make_questions.questions()


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        ("A3.weights", 86784, True),
        ("A3.weights", "9*NC^2 + 9*NC*NF + 72*NF^2 + 9*NF", True),
        ("A3.weights", "K^2*(NIC*NF + 8*NF^2 + NF*NC + NC^2) + 2*NC + 6*NF", True),
        ("A3.weights", "9*NC^2 + 9*NC*NF + 36*NF^2 + 9*NF", False),
        ("A3.outputs", "H*W*NC", True),
        ("A3.outputs", "1024 NC", True),
        ("A3.outputs", 86016, True),
        ("A3.outputs", "", False),
        ("A3.connections", 15630336, True),
        ("A3.connections", 15630337, False),
        ("A3.weights_doubled", 86784, True),
        ("A3.weights_doubled", 4 * 86784, False),
        ("A3.outputs_doubled", "4096*NC", True),
        ("A3.outputs_doubled", "2048*NC", False),
        ("A3.connections_doubled", 4 * 15630336, True),
        ("A3.connections_doubled", 15630336, False),
    ],
)
def test_answers_are_judged(question, answer, right):
    assert accepts(load_questions(FOLDER / "questions.toml")[question], answer).ok is right


@pytest.mark.parametrize(
    ("text", "epochs"),
    [
        ("".join(f"Epoch [{n}/25], Loss: 1.0\nEpoch [{n}/25], Val Loss: 1.1\n" for n in range(1, 26)), 25),
        ("".join(f"epoch {n}: 0.5\n" for n in range(25)), 25),
        ("".join(f"Epoch: {n}\n" for n in range(1, 11)), 10),
        ("Epoch [25/25], Loss: 1.0", 0),
        ("nothing", 0),
    ],
)
def test_epochs_are_counted_in_what_a_cell_shows(spec, text, epochs):
    assert training.epochs_shown(text) == epochs


def test_the_thresholds_rest_on_this_data(spec, assignment):
    digests = spec.calibration.digests()
    assert {name: threshold.data_sha256 for name, threshold in assignment.threshold.items()} == digests


def test_forty_points_and_every_question_of_the_document(assignment):
    assert assignment.max_points == 40
    ids = [part.id for part in assignment.part]
    assert ids == [
        "hand-in",
        *(f"A{n}" for n in range(1, 5)),
        *(f"B{n}" for n in range(1, 5)),
        *(f"C{n}" for n in range(1, 6)),
    ]
    by_hand = {part.id for part in assignment.part if part.manual}
    assert by_hand == {"A2", "A4", "B3", "B4", "C3", "C4", "C5"}


def test_the_thresholds_lie_between_reference_and_broken(assignment):
    for threshold in assignment.threshold.values():
        assert threshold.reference_mean + 3 * threshold.reference_spread < threshold.value < threshold.best_broken


@pytest.mark.parametrize("path", [REFERENCE / "cnn.ipynb", FOLDER / "starter" / "cnn.ipynb"])
def test_notebooks_are_format_4(path):
    notebook = json.loads(path.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell in notebook["cells"]:
        assert isinstance(cell["source"], list)
        if cell["cell_type"] == "code":
            assert {"execution_count", "outputs", "metadata"} <= set(cell)


def test_there_are_enough_mutants_and_variants():
    spec = load_spec("cmp784-practical2")
    for kind, enough in (("mutant", 40), ("variant", 15)):
        names = [entry.name for entry in entries_of(spec, kind)]
        assert len(set(names)) == len(names) >= enough
