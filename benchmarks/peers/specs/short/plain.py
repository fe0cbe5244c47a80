"""The checks as peers run them: in one process with the code they judge. See peers/assignment.py."""
# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202, ARG001, SIM105, D400, D415, F821, B905, PT018  # as a teacher writes

from collections import Counter
from types import SimpleNamespace
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import nn

SIZES = ((3, 4, 5, 1), (5, 6, 7, 3), (3, 8, 24, 1))
LAST = {"classifier.4.weight", "classifier.4.bias"}


def filters(model):
    shapes = (tuple(parameter.shape) for parameter in model.parameters())
    return Counter(shape for shape in shapes if len(shape) == 4)


def stand_in():
    heads = [
        nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(), nn.Conv2d(8, 21, 1)) for _ in "12"
    ]
    return nn.ModuleDict({"backbone": nn.Conv2d(3, 8, 3), "classifier": heads[0], "aux_classifier": heads[1]})


class Stopped(Exception):
    pass


def given_by(train):
    found = []

    def stop(parameters, *rest, **options):
        for item in parameters:
            found.extend(item["params"] if isinstance(item, dict) else [item[1] if isinstance(item, tuple) else item])
        raise Stopped

    model = stand_in()
    settings = SimpleNamespace(
        seed=0, experiment_name="peer", learn_rate=0.1, train_batch_size=2, val_batch_size=2, epochs=1, gpu=False
    )
    with patch("torch.optim.Adam", stop), patch("torch.optim.SGD", stop):
        try:
            train(settings, model)
        except Stopped:
            pass
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [names.get(id(parameter)) for parameter in found]


def test_conv_parameters():
    """1 points: MyConv2d"""
    layer = MyConv2d(3, 8, 5)
    assert tuple(layer.weight.shape) == (8, 3, 5, 5)
    bound = (3 * 5**2) ** -0.5
    assert 0.2 * bound < float(layer.weight.detach().std()) < 2 * bound
    assert tuple(layer(torch.rand(1, 3, 9, 7)).shape) == (1, 8, 9, 7)


def test_conv_forward():
    """2 points: MyConv2d"""
    layer = MyConv2d(3, 8, 3)
    x = torch.randn(2, 3, 16, 15)
    assert torch.allclose(layer(x), F.conv2d(x, layer.weight, layer.bias, padding=1), atol=1e-5)


def test_conv_gradients():
    """1 points: MyConv2d"""
    layer = MyConv2d(2, 3, 3).double()
    x = torch.randn(1, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(1, 3, 5, 4, dtype=torch.float64)
    asked = (x, layer.weight, layer.bias)
    wanted = torch.autograd.grad((F.conv2d(*asked, padding=1) * weights).sum(), asked)
    got = torch.autograd.grad((layer(x) * weights).sum(), asked)
    assert all(torch.allclose(one, other) for one, other in zip(got, wanted))


def test_cnn_output():
    """1 points: CNN"""
    for kernel, filter_count, colours, channels in SIZES:
        out = CNN(kernel, filter_count, colours, channels)(torch.randn(2, channels, 32, 32))
        assert tuple(out.shape) == (2, colours, 32, 32)


def test_cnn_parameters():
    """1 points: CNN"""
    for k, nf, nc, nic in SIZES:
        wanted = [(nf, nic), (2 * nf, nf), (2 * nf, 2 * nf), (nf, 2 * nf), (nc, nf), (nc, nc)]
        assert filters(CNN(k, nf, nc, nic)) == Counter((*size, k, k) for size in wanted)


def test_cnn_own_convolution():
    """1 points: CNN, MyConv2d"""
    layers = list(CNN(3, 4, 5, 1).modules())
    assert not any(isinstance(layer, nn.Conv2d) for layer in layers)
    assert sum(isinstance(layer, MyConv2d) for layer in layers) == 6


def test_cnn_gradients():
    """1 points: CNN"""
    model = CNN(3, 4, 5, 1)
    out = model(torch.randn(4, 1, 32, 32))
    (out * torch.randn_like(out)).sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters() if p.ndim == 4)


def test_unet_output():
    """1 points: UNet"""
    for kernel, filter_count, colours, channels in SIZES:
        out = UNet(kernel, filter_count, colours, channels)(torch.randn(2, channels, 32, 32))
        assert tuple(out.shape) == (2, colours, 32, 32)


def test_unet_parameters():
    """1 points: UNet"""
    for k, nf, nc, nic in SIZES:
        wanted = [(nf, nic), (2 * nf, nf), (2 * nf, 2 * nf), (nf, 4 * nf), (nc, 2 * nf), (nc, nc + nic)]
        assert filters(UNet(k, nf, nc, nic)) == Counter((*size, k, k) for size in wanted)


def test_unet_joins():
    """2 points: UNet"""
    joined = []
    real = torch.cat

    def noted(tensors, *rest, **options):
        result = real(tensors, *rest, **options)
        if len({id(one) for one in tensors}) == len(tensors):
            joined.append((result.shape[2], *sorted(one.shape[1] for one in tensors)))
        return result

    with patch("torch.cat", noted):
        result = UNet(3, 4, 5, 1)(torch.randn(1, 1, 32, 32))
    assert tuple(result.shape) == (1, 5, 32, 32)
    assert sorted(joined) == [(8, 8, 8), (16, 4, 4), (32, 1, 5)]


def test_last_layer_selected():
    """1 points: train"""
    assert set(given_by(train)) >= LAST


def test_nothing_else_selected():
    """1 points: train"""
    given = given_by(train)
    assert given and set(given) <= LAST
