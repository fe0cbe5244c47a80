"""The first spec's own parts: its arithmetic, its data, its reading of notebooks. `grader spec check` proves the rest."""

from __future__ import annotations

import importlib
import json
import struct
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grader.domain.assignment import Assignment
from grader.engine.harness.answers import accepts, load_questions

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "test_specs" / "cmp784-practical2"
REFERENCE = ROOT / "reference_solutions" / "cmp784-practical2"
MODULES = ("reference", "make_patches", "data", "make_questions", "calibration", "networks", "fine_tuning")


@pytest.fixture(scope="module")
def spec():
    """The spec's modules, imported by plain name as in the harness, and forgotten afterwards."""
    own = {path.stem for path in FOLDER.glob("*.py")}
    before = {name: sys.modules.pop(name) for name in own if name in sys.modules}
    sys.path.insert(0, str(FOLDER))
    try:
        names = (*MODULES, "test_training")
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    finally:
        sys.path.remove(str(FOLDER))
        for name in own:
            sys.modules.pop(name, None)
        sys.modules.update(before)


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    return Assignment.model_validate(tomllib.loads((FOLDER / "assignment.toml").read_text()))


@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (3, 1), (3, 0), (5, 2), (5, 1)])
def test_the_reference_convolution_is_torchs(spec, kernel, padding):
    x, weight, bias = torch.randn(2, 3, 7, 6), torch.randn(4, 3, kernel, kernel), torch.randn(4)
    expected = F.conv2d(x.double(), weight.double(), bias.double(), padding=padding)
    torch.testing.assert_close(spec.reference.convolution(x, weight, bias, padding), expected)


@pytest.mark.parametrize("skips", [False, True])
def test_the_reference_forward_is_one_reading_of_the_trainable_network(spec, skips):
    setting = spec.networks.COLOUR
    network = spec.reference.Network(setting, skips=skips).eval()
    x = torch.rand(2, setting.num_in_channels, 16, 16)
    convolutions = [spec.reference.ConvolutionWeights(layer.weight, layer.bias) for layer in network.convolutions]
    scale = (1 + 1e-5) ** -0.5
    norms = [spec.reference.Norm(torch.full((width,), scale), torch.zeros(width)) for width in setting.norm_widths()]
    reading = spec.reference.Reading(relu_first=False, skip_first=(False, False, False))
    out = spec.reference.forward(x, convolutions, norms, reading, skips=skips)
    torch.testing.assert_close(out.float(), network(x), rtol=1e-4, atol=1e-5)


def test_the_readings_differ(spec):
    setting = spec.networks.SMALL
    network = spec.reference.Network(setting, skips=True)
    convolutions = [spec.reference.ConvolutionWeights(layer.weight, layer.bias) for layer in network.convolutions]
    norms = [spec.reference.Norm(torch.rand(w), torch.randn(w)) for w in setting.norm_widths()]
    x = torch.rand(1, 1, 8, 8)
    results = [
        spec.reference.forward(x, convolutions, norms, reading, skips=True)
        for reading in spec.reference.readings(skips=True)
    ]
    assert len({round(float(result.detach().sum()), 8) for result in results}) == len(results) == 16


def test_counts_agree_with_a_real_network(spec):
    network = spec.reference.Network(
        spec.reference.Setting(kernel=5, num_filters=6, num_colours=7, num_in_channels=3), skips=False
    )
    counts = spec.reference.counts(6, 7, k=5, nic=3, height=16, width=16)
    total = sum(parameter.numel() for parameter in network.parameters())
    assert counts["weights"]["convolutions, biases and batch norms"] == total
    assert counts["weights"]["convolutions"] == sum(layer.weight.numel() for layer in network.convolutions)
    outputs, connections = [], []

    def record(module, _, out):
        outputs.append(out.numel())
        connections.append(out[0, 0].numel() * module.weight.numel())

    for layer in network.convolutions:
        layer.register_forward_hook(record)
    final = network.eval()(torch.rand(1, 3, 16, 16))
    assert counts["outputs"]["convolutions"] == sum(outputs)
    assert counts["outputs"]["the network's own output"] == final.numel()
    assert counts["connections"]["convolutions"] == sum(connections)
    assert counts["connections"]["convolutions and biases"] == sum(connections) + sum(outputs)


def test_counts_of_the_published_report(spec):
    """Formulas (1.1) and (1.2) of a student's report for this task, at the course's setting."""
    k, nf, nc = 3, 32, 24
    weights = k**2 * nc**2 + k**2 * nc * nf + 8 * k**2 * nf**2 + k**2 * nf + 2 * nc + 12 * nf
    connections = 1024 * k**2 * nc**2 + 256 * k**2 * nc * nf + 896 * k**2 * nf**2 + 1024 * k**2 * nf
    counts = spec.reference.counts(nf, nc)
    assert weights in counts["weights"].values()
    assert connections in counts["connections"].values()


def test_doubling_leaves_weights_and_quadruples_the_rest(spec):
    once, twice = spec.reference.counts(5, 4), spec.reference.counts(5, 4, height=64, width=64)
    assert once["weights"] == twice["weights"]
    for quantity in ("outputs", "connections"):
        assert {name: 4 * value for name, value in once[quantity].items()} == twice[quantity]


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


def test_the_photographs_give_the_data_that_was_calibrated_on(spec, assignment):
    data = spec.data.from_photographs()
    assert data.train_inputs.shape == (2500, 1, 32, 32)
    assert data.validation_targets.shape == (128, 32, 32)
    assert 0 <= float(data.train_inputs.min()) < float(data.train_inputs.max()) < 1
    assert int(data.train_targets.max()) == 23
    assert {threshold.data_sha256 for threshold in assignment.threshold.values()} == {data.sha256}


def test_no_network_is_needed_to_beat_guessing(spec):
    """The threshold lies far below what a constant prediction reaches."""
    data = spec.data.from_photographs()
    share = torch.bincount(data.train_targets.flatten(), minlength=24).double()
    constant = (share / share.sum()).log()[None, :, None, None].expand(128, 24, 32, 32)
    assert spec.data.cross_entropy(constant, data.validation_targets) > 2.6


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3000, 3, 32, 32), dtype=np.uint8)


def test_cifar_is_read_in_its_binary_version(spec, pictures, tmp_path):
    records = np.concatenate([np.zeros((len(pictures), 1), np.uint8), pictures.reshape(len(pictures), -1)], axis=1)
    (tmp_path / "cifar-10-batches-bin").mkdir()
    (tmp_path / "cifar-10-batches-bin" / "data_batch_1.bin").write_bytes(records.tobytes())
    data = spec.data.colourisation(str(tmp_path))
    assert data.source == "cifar-10"
    np.testing.assert_allclose(data.train_inputs[7, 0], pictures[7].mean(0) / 256, atol=1e-6)


@pytest.mark.parametrize("opcode", [b"T", b"B"])
def test_cifar_is_read_in_its_python_version_without_unpickling(spec, pictures, tmp_path, opcode):
    """A pickle that holds the pixels as Python 2 or Python 3 wrote them, and fails whoever runs it."""
    pixels = pictures.tobytes()
    bomb = b"0cpytest\nfail\n(S'the file was unpickled'\ntR."
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x03" + opcode + struct.pack("<I", len(pixels)) + pixels + bomb)
    np.testing.assert_array_equal(spec.data.cifar_pictures(tmp_path), pictures)


def test_without_cifar_the_photographs_are_used(spec, tmp_path):
    assert spec.data.colourisation(str(tmp_path)).source == "photographs"


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
    assert spec.test_training.epochs_shown(text) == epochs


def test_the_picture_shows_inputs_and_likeliest_colours_and_no_label(spec):
    data = spec.data.from_photographs()
    chosen = torch.randint(0, 24, (128, 32, 32))
    shown = spec.test_training._coloured(data, F.one_hot(chosen, 24).movedim(3, 1).double())
    assert shown.shape == (66, 8 * 34 - 2, 3)
    liveliest = data.validation_inputs.flatten(1).std(1).argsort(descending=True)[:8].tolist()
    for column, index in enumerate(liveliest):
        place = slice(34 * column, 34 * column + 32)
        assert torch.equal(shown[34:, place], torch.from_numpy(data.colours)[chosen[index]])
        grey = (data.validation_inputs[index, 0] * 255).round().to(torch.uint8)
        assert all(torch.equal(shown[:32, place, channel], grey) for channel in range(3))


def test_the_soft_iou_loss(spec):
    scores = torch.full((1, 2, 2, 2), -30.0, dtype=torch.float64)
    truth = torch.tensor([[[1, 0], [1, 0]]])
    scores[:, 1][truth == 1] = 30.0
    scores[:, 0][truth == 0] = 30.0
    for loss in spec.fine_tuning.soft_iou_losses(scores, truth):
        assert abs(float(loss)) < 1e-6


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
    mutants = tomllib.loads((FOLDER / "mutants" / "index.toml").read_text())["mutant"]
    variants = tomllib.loads((FOLDER / "variants" / "index.toml").read_text())["variant"]
    assert len({entry["name"] for entry in mutants}) == len(mutants) >= 32
    assert len({entry["name"] for entry in variants}) == len(variants) >= 16
