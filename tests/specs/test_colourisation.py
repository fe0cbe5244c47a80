"""The colourisation package: its convolutions against PyTorch's, its arithmetic, its data."""

from __future__ import annotations

import pickle  # noqa: TID251 - writes files as the makers of the data set did; nothing reads them so
import struct

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from colourisation import data, reference, training
from colourisation.convolution import convolution, transposed
from colourisation.counting import counts, rows
from colourisation.diagrams import COLOUR, INPUT, SIX_BLOCKS, SIX_BLOCKS_WITH_SKIPS, SMALL, Block, Diagram
from torch import nn

from grader.domain.errors import BadSpec


@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (3, 1), (3, 0), (5, 2), (5, 1)])
def test_the_reference_convolution_is_torchs(kernel, padding):
    x, weight, bias = torch.randn(2, 3, 7, 6), torch.randn(4, 3, kernel, kernel), torch.randn(4)
    expected = F.conv2d(x.double(), weight.double(), bias.double(), padding=padding)
    torch.testing.assert_close(convolution(x, weight, bias, padding), expected)


STRIDED = Diagram(
    (Block(1, 0, "half"), Block(2, 0, "half"), Block(1, 0, "double"), Block(0, 1, "double", skip=0), Block(0, 1))
)
DILATED = Diagram((Block(1, 0, "pool"), Block(2, 0, dilation=2), Block(1, 0, "up", skip=0), Block(0, 1, skip=INPUT)))


@pytest.mark.parametrize("diagram", [SIX_BLOCKS, SIX_BLOCKS_WITH_SKIPS, STRIDED, DILATED])
def test_the_reference_forward_is_one_reading_of_the_trainable_network(diagram):
    setting = COLOUR
    network = reference.Network(setting, diagram).eval()
    x = torch.rand(2, setting.num_in_channels, 16, 16)
    convolutions = [
        reference.ConvolutionWeights(layer.weight, layer.bias, isinstance(layer, nn.ConvTranspose2d))
        for layer in network.convolutions
    ]
    scale = (1 + 1e-5) ** -0.5
    norms = [reference.Norm(torch.full((width,), scale), torch.zeros(width)) for width in diagram.norm_widths(setting)]
    reading = next(iter(reference.readings(diagram)))
    out = reference.forward(x, convolutions, norms, reading, diagram)
    torch.testing.assert_close(out.float(), network(x), rtol=1e-4, atol=1e-5)


def test_the_readings_differ():
    setting, diagram = SMALL, SIX_BLOCKS_WITH_SKIPS
    # Where a ReLU happens to close a whole block, some readings agree.
    torch.manual_seed(0)
    network = reference.Network(setting, diagram)
    convolutions = [reference.ConvolutionWeights(layer.weight, layer.bias) for layer in network.convolutions]
    norms = [reference.Norm(torch.rand(w), torch.randn(w)) for w in diagram.norm_widths(setting)]
    x = torch.rand(1, 1, 8, 8)
    results = [reference.forward(x, convolutions, norms, reading, diagram) for reading in reference.readings(diagram)]
    assert len({round(float(result.detach().sum()), 8) for result in results}) == len(results) == 16


def test_counts_agree_with_a_real_network():
    network = reference.Network(COLOUR, SIX_BLOCKS)
    found = counts(SIX_BLOCKS, 6, 7, k=5, nic=3, height=16, width=16)
    total = sum(parameter.numel() for parameter in network.parameters())
    assert found["weights"]["convolutions, biases and batch norms"] == total
    assert found["weights"]["convolutions"] == sum(layer.weight.numel() for layer in network.convolutions)
    outputs, connections = [], []

    def record(module, _, out):
        outputs.append(out.numel())
        connections.append(out[0, 0].numel() * module.weight.numel())

    for layer in network.convolutions:
        layer.register_forward_hook(record)
    final = network.eval()(torch.rand(1, 3, 16, 16))
    assert found["outputs"]["convolutions"] == sum(outputs)
    assert found["outputs"]["the network's own output"] == final.numel()
    assert found["connections"]["convolutions"] == sum(connections)
    assert found["connections"]["convolutions and biases"] == sum(connections) + sum(outputs)


def test_counts_of_the_published_report():
    """Formulas (1.1) and (1.2) of a student's report for this task, at the course's setting."""
    k, nf, nc = 3, 32, 24
    weights = k**2 * nc**2 + k**2 * nc * nf + 8 * k**2 * nf**2 + k**2 * nf + 2 * nc + 12 * nf
    connections = 1024 * k**2 * nc**2 + 256 * k**2 * nc * nf + 896 * k**2 * nf**2 + 1024 * k**2 * nf
    found = counts(SIX_BLOCKS, nf, nc)
    assert weights in found["weights"].values()
    assert connections in found["connections"].values()


def test_doubling_leaves_weights_and_quadruples_the_rest():
    once, twice = counts(SIX_BLOCKS, 5, 4), counts(SIX_BLOCKS, 5, 4, height=64, width=64)
    assert once["weights"] == twice["weights"]
    for quantity in ("outputs", "connections"):
        assert {name: 4 * value for name, value in once[quantity].items()} == twice[quantity]


def test_the_photographs_are_pictures_and_colours():
    made = data.from_photographs()
    assert made.train_inputs.shape == (2500, 1, 32, 32)
    assert made.validation_targets.shape == (128, 32, 32)
    assert 0 <= float(made.train_inputs.min()) < float(made.train_inputs.max()) < 1
    assert int(made.train_targets.max()) == 23


def test_no_network_is_needed_to_beat_guessing():
    """The threshold lies far below what a constant prediction reaches."""
    made = data.from_photographs()
    share = torch.bincount(made.train_targets.flatten(), minlength=24).double()
    constant = (share / share.sum()).log()[None, :, None, None].expand(128, 24, 32, 32)
    assert data.cross_entropy(constant, made.validation_targets) > 2.6


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3000, 3, 32, 32), dtype=np.uint8)


def test_cifar_is_read_in_its_binary_version(pictures, tmp_path):
    records = np.concatenate([np.zeros((len(pictures), 1), np.uint8), pictures.reshape(len(pictures), -1)], axis=1)
    (tmp_path / "cifar-10-batches-bin").mkdir()
    (tmp_path / "cifar-10-batches-bin" / "data_batch_1.bin").write_bytes(records.tobytes())
    made = data.colourisation(str(tmp_path))
    assert made.source == "cifar-10"
    np.testing.assert_allclose(made.train_inputs[7, 0], pictures[7].mean(0) / 256, atol=1e-6)


@pytest.mark.parametrize("opcode", [b"T", b"B"])
def test_cifar_is_read_in_its_python_version_without_unpickling(pictures, tmp_path, opcode):
    """A pickle that holds the pixels as Python 2 or Python 3 wrote them, and fails whoever runs it."""
    pixels = pictures.tobytes()
    bomb = b"0cpytest\nfail\n(S'the file was unpickled'\ntR."
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x03" + opcode + struct.pack("<I", len(pixels)) + pixels + bomb)
    np.testing.assert_array_equal(data.cifar_pictures(tmp_path), pictures)


@pytest.mark.parametrize("protocol", [1, 2, 4])
def test_the_horses_are_taken_where_there_are_enough(tmp_path, protocol):
    """Files as the makers of CIFAR-10 wrote them, in two batches."""
    generator = np.random.default_rng(1)
    horses = []
    for number in (1, 2):
        pictures = generator.integers(0, 256, (3000, 3072), dtype=np.uint8)
        labels = [7 if index % 2 else index % 10 for index in range(3000)]
        batch = {
            b"batch_label": b"training batch",
            b"labels": labels,
            b"data": pictures,
            b"filenames": [b"a.png"] * 3000,
        }
        (tmp_path / f"data_batch_{number}").write_bytes(pickle.dumps(batch, protocol))
        horses.append(pictures[np.array(labels) == 7])
    found = data.cifar_pictures(tmp_path)
    np.testing.assert_array_equal(found, np.concatenate(horses).reshape(-1, 3, 32, 32))


def test_a_check_trains_on_the_data_its_threshold_rests_on(pictures, tmp_path, monkeypatch):
    photographs = data.from_photographs()
    (tmp_path / "data_batch_1.bin").write_bytes(np.pad(pictures.reshape(len(pictures), -1), ((0, 0), (1, 0))).tobytes())
    monkeypatch.setenv("GRADER_DATA_DIR", str(tmp_path))
    assert data.calibrated_on(photographs.sha256).source == "photographs"
    assert data.calibrated_on(data.colourisation().sha256).source == "cifar-10"
    monkeypatch.delenv("GRADER_DATA_DIR")
    with pytest.raises(BadSpec, match="GRADER_DATA_DIR"):
        data.calibrated_on("0" * 64)


def test_without_cifar_the_photographs_are_used(tmp_path):
    assert data.colourisation(str(tmp_path)).source == "photographs"


def test_the_picture_shows_inputs_and_likeliest_colours_and_no_label():
    made = data.from_photographs()
    chosen = torch.randint(0, 24, (128, 32, 32))
    shown = training._coloured(made, F.one_hot(chosen, 24).movedim(3, 1).double())
    assert shown.shape == (66, 8 * 34 - 2, 3)
    liveliest = made.validation_inputs.flatten(1).std(1).argsort(descending=True)[:8].tolist()
    for column, index in enumerate(liveliest):
        place = slice(34 * column, 34 * column + 32)
        assert torch.equal(shown[34:, place], torch.from_numpy(made.colours)[chosen[index]])
        grey = (made.validation_inputs[index, 0] * 255).round().to(torch.uint8)
        assert all(torch.equal(shown[:32, place, channel], grey) for channel in range(3))


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 2, 1), (5, 2, 1), (3, 1, 2), (3, 1, 4), (5, 2, 3)])
def test_strides_and_dilations_are_torchs(kernel, stride, dilation):
    x, weight, bias = torch.randn(2, 3, 12, 10), torch.randn(4, 3, kernel, kernel), torch.randn(4)
    padding = dilation * (kernel // 2)
    options = {"padding": padding, "stride": stride, "dilation": dilation}
    expected = F.conv2d(x.double(), weight.double(), bias.double(), **options)
    torch.testing.assert_close(convolution(x, weight, bias, padding, stride=stride, dilation=dilation), expected)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "left_over"), [(3, 2, 1, 1), (4, 2, 1, 0), (5, 2, 2, 1), (3, 1, 1, 0)]
)
def test_the_transposed_convolution_is_torchs(kernel, stride, padding, left_over):
    x, weight, bias = torch.randn(2, 3, 5, 4), torch.randn(3, 2, kernel, kernel), torch.randn(2)
    expected = F.conv_transpose2d(x.double(), weight.double(), bias.double(), stride, padding, left_over)
    assert torch.allclose(transposed(x, weight, bias, padding, stride=stride, output_padding=left_over), expected)
    assert expected.shape[2:] == (5 * stride, 4 * stride)


def test_rows_add_up_to_the_totals():
    layers = list(rows(STRIDED, 6, 7, k=3, nic=1, height=16, width=16))
    network = reference.Network(SMALL, STRIDED)
    mine = list(rows(STRIDED, SMALL.num_filters, SMALL.num_colours, k=3, nic=1, height=16, width=16))
    assert sum(row.weights + row.biases for row in mine) == sum(p.numel() for p in network.parameters())
    assert [row.layer for row in layers[:3]] == ["convolution", "batch norm", "ReLU"]
    assert layers[0].outputs == 6 * 8 * 8
    assert (
        sum(row.outputs for row in layers if row.layer == "convolution")
        == counts(STRIDED, 6, 7, k=3, nic=1, height=16, width=16)["outputs"]["convolutions"]
    )
