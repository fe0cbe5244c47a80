"""The spec of the report: its formulas, its table row by row, its factors, the table of batch sizes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import sympy
from colourisation.counting import rows
from colourisation.diagrams import SIX_BLOCKS
from colourisation.formulas import NC, NF, H, K, W
from notebook_2020 import batch_sizes, calibration

from grader.domain.assignment import Assignment
from grader.engine.handins import entries_of
from grader.engine.harness.answers import accepts, load_questions
from grader.engine.harness.authoring import CheckFailed
from grader.specs.load import load_spec

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "test_specs" / "csc413-pa2"
REFERENCE = ROOT / "reference_solutions" / "csc413-pa2"
LAYERS = ("b1", "b2", "b3", "b4", "b5", "out")
# As the report has them.
WEIGHTS = "k^2 NC^2 + k^2 NC NF + 8 k^2 NF^2 + k^2 NF + 2 NC + 12 NF"
CONNECTIONS = "1024 k^2 NC^2 + 256 k^2 NC NF + 896 k^2 NF^2 + 1024 k^2 NF"


@pytest.fixture(scope="module")
def questions():
    return load_questions(FOLDER / "questions.toml")


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    return Assignment.model_validate(tomllib.loads((FOLDER / "assignment.toml").read_text()))


def test_the_questions_are_what_the_arithmetic_says():
    made: dict[str, object] = {"__name__": "make_questions"}
    # By its text: another spec has a module of the same name.
    exec((FOLDER / "make_questions.py").read_text(), made)
    assert (FOLDER / "questions.toml").read_text() == made["questions"]()


def test_the_reports_formulas_are_the_sums_of_its_table():
    """Formula (1.1) is the convolutions without biases and the batch norms, (1.2) the convolutions."""
    table = list(rows(SIX_BLOCKS, NF, NC, k=K, nic=1, height=32, width=32))
    kinds = {"convolution", "batch norm"}
    assert kinds <= {row.layer for row in table}
    weights = sum(row.weights for row in table if row.layer in kinds)
    norms = sum(row.biases for row in table if row.layer == "batch norm")
    connections = sum(row.multiplications for row in table if row.layer == "convolution")
    assert sympy.expand(weights + norms - (K**2 * (NC**2 + NC * NF + 8 * NF**2 + NF) + 2 * NC + 12 * NF)) == 0
    assert sympy.expand(connections - K**2 * (1024 * NC**2 + 256 * NC * NF + 896 * NF**2 + 1024 * NF)) == 0
    assert not {H, W} & sympy.sympify(connections).free_symbols


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        ("A3.weights", WEIGHTS, True),
        ("A3.weights", 86544, True),
        ("A3.weights", WEIGHTS.replace("+ 2 NC + 12 NF", "+ 4 NC + 18 NF"), True),
        ("A3.weights", "9*NC^2 + 9*NC*NF + 72*NF^2 + 9*NF", True),
        ("A3.weights", WEIGHTS.replace("+ 2 NC + 12 NF", "+ NC + 6 NF"), False),
        ("A3.weights", WEIGHTS.replace("8 k^2", "4 k^2"), False),
        ("A3.weights", WEIGHTS.replace("k^2", "k"), False),
        ("A3.connections", CONNECTIONS, True),
        ("A3.connections", "H W k^2 (NC^2 + NF) + 1/4 H W k^2 NC NF + 7/8 H W k^2 NF^2", True),
        ("A3.connections", CONNECTIONS.replace("896", "8192"), False),
        ("A3.connections", "4*(" + CONNECTIONS + ")", False),
        ("A3.outputs", "1280*NC + 1728*NF", True),
        ("A3.outputs", "1024*NC", True),
        ("A3.outputs", "32*32*6", False),
        ("A3.weights_b4", "k^2 * 2NF * NF", True),
        ("A3.weights_b4", "k^2 * 2NF * 2NF", False),
        ("A3.weights_b1", "9*NIC*NF", True),
        ("A3.outputs_b2", "16*16*2*NF", True),
        ("A3.outputs_b2", "8*8*2*NF", False),
        ("A3.connections_b2", "16^2 * NF * 2NF * k^2", True),
        ("A3.connections_b2", "16^2 * (NF * 2NF * k^2 + 2NF)", True),
        ("A3.connections_out", "32^2 * NC^2 * k^2", True),
        ("A3.connections_out", "NC^2 * k^2", False),
        ("A3.weights_factor", "unchanged", True),
        ("A3.weights_factor", "It stays the same.", True),
        ("A3.weights_factor", 1, True),
        ("A3.weights_factor", "4", False),
        ("A3.outputs_factor", "4x", True),
        ("A3.outputs_factor", "2", False),
        ("A3.connections_factor", "400 %", True),
        ("A3.connections_factor", "Four times", True),
        ("A3.connections_factor", "40", False),
        ("A3.connections_factor", "16", False),
        ("C5.memory_factor", "quadruples", True),
        ("C5.memory_factor", "unchanged", False),
        ("C5.parameters_factor", "no change", True),
        ("C5.parameters_factor", "They do not change.", True),
        ("C5.parameters_factor", "stays constant", True),
        ("C5.parameters_factor", "four times", False),
        ("C5.parameters_factor", "They change.", False),
    ],
)
def test_answers_are_judged(questions, question, answer, right):
    verdict = accepts(questions[question], answer)
    assert verdict.ok == right, verdict.message


def test_no_message_about_a_wrong_answer_gives_the_right_one(questions):
    for name in ("A3.weights", "A3.connections_b4", "A3.outputs_factor", "C5.parameters_factor"):
        message = accepts(questions[name], "7").message
        assert not any(str(one.answer) in message for one in questions[name].accept)


def test_every_row_of_the_table_is_asked_and_answered(questions):
    asked = {f"A3.{quantity}_{layer}" for quantity in ("weights", "outputs", "connections") for layer in LAYERS}
    assert asked <= set(questions)
    notebook = json.loads((REFERENCE / "pa2.ipynb").read_text())
    answers = tomllib.loads("".join(notebook["cells"][-1]["source"]))
    assert set(answers) == set(questions)
    starter = json.loads((FOLDER / "starter" / "pa2.ipynb").read_text())
    assert set(tomllib.loads("".join(starter["cells"][-1]["source"]))) == set(questions)


TABLE = [[50, 1.32, 50], [100, 1.36, 49], [500, 1.52, 43], [1000, 1.63, 41]]


def with_table(table):
    return SimpleNamespace(answers=lambda: {} if table is None else {"B4.table": table})


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        TABLE[:3],
        str(TABLE),
        "50 1.32 50%\n100 1.36 49%\n500 1.52 43%",
        [[8, 1.2, 0.5], [9, 1.3, 0.4], [10, 1.3, 0.3]],
        [[32, "1.30", "51 %"], [100, 1.36, 49], [400, 1.5, 44]],
    ],
)
def test_a_table_of_batch_sizes_is_read(table):
    batch_sizes.make_a_table(with_table(table))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (None, "No table of batch sizes was found"),
        ([], "No table of batch sizes was found"),
        ("see the report", "cannot be read"),
        (TABLE[:2], "at least 3 batch sizes"),
        ([row[:2] for row in TABLE], "three numbers a row"),
        ([row[0] for row in TABLE], "three numbers a row"),
        (7, "three numbers a row"),
        ([[*TABLE[0][:2], "x"], *TABLE[1:]], "three numbers a row"),
        ([TABLE[0], *TABLE[:3]], "each once"),
        ([[0.5, 1.3, 50], *TABLE], "should hold batch sizes"),
        ([[row[0], row[2], row[1]] for row in TABLE], "second column"),
        ([[32, 1.3, 130], *TABLE], "third column"),
        ([[32, -1.3, 13], *TABLE], "second column"),
        ([[row[0], 1.35, 49] for row in TABLE], "same loss and accuracy"),
    ],
)
def test_what_is_no_table_of_batch_sizes_is_told_why(table, words):
    with pytest.raises(CheckFailed, match=words):
        batch_sizes.make_a_table(with_table(table))


def test_every_question_of_the_document(assignment):
    ids = [f"{letter}{number}" for letter, count in (("A", 4), ("B", 4), ("C", 5)) for number in range(1, count + 1)]
    assert [part.id for part in assignment.part] == ["hand-in", *ids]
    by_hand = {part.id for part in assignment.part if part.manual}
    assert by_hand == {"A2", "A3", "A4", "B3", "B4", "C3", "C4", "C5"}
    assert all(len(item.guide) > 40 for part in assignment.part for item in part.manual)


def test_the_thresholds_rest_on_this_data_and_lie_between_reference_and_broken(assignment):
    assert {name: one.data_sha256 for name, one in assignment.threshold.items()} == calibration.digests()
    for threshold in assignment.threshold.values():
        assert threshold.reference_mean + 3 * threshold.reference_spread < threshold.value < threshold.best_broken


@pytest.mark.parametrize("path", [REFERENCE / "pa2.ipynb", FOLDER / "starter" / "pa2.ipynb"])
def test_notebooks_are_format_4(path):
    notebook = json.loads(path.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])


def test_there_are_enough_mutants_and_variants():
    spec = load_spec("csc413-pa2")
    for kind, enough in (("mutant", 40), ("variant", 15)):
        names = [entry.name for entry in entries_of(spec, kind)]
        assert len(set(names)) == len(names) >= enough
