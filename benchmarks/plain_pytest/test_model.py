"""Checks of the kind our spec has, as plain pytest runs them: in one process with the code they judge."""

import pytest
import torch
import torch.nn.functional as F
from model import CNN, MyConv2d, UNet

SIZES = [(3, 4, 5, 1), (5, 6, 7, 3), (3, 8, 24, 1)]


def test_convolution():
    layer = MyConv2d(3, 8, 3)
    x = torch.randn(2, 3, 16, 16)
    assert torch.allclose(layer(x), F.conv2d(x, layer.weight, layer.bias, padding=1), atol=1e-5)


def test_gradients():
    layer = MyConv2d(1, 2, 3).double()
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))
    assert torch.autograd.gradcheck(lambda *_: layer(x.detach()), (layer.weight, layer.bias))


@pytest.mark.parametrize("kind", [CNN, UNet])
@pytest.mark.parametrize("size", SIZES)
def test_shape(kind, size):
    kernel, filters, colours, channels = size
    model = kind(kernel, filters, colours, channels)
    assert model(torch.randn(2, channels, 32, 32)).shape == (2, colours, 32, 32)
    assert model(torch.randn(1, channels, 64, 64)).shape == (1, colours, 64, 64)


@pytest.mark.parametrize("kind", [CNN, UNet])
def test_every_parameter_gets_a_gradient(kind):
    model = kind(3, 4, 5, 1)
    model(torch.randn(2, 1, 32, 32)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for name, parameter in model.named_parameters() if "weight" in name)


@pytest.mark.parametrize("kind", [CNN, UNet])
def test_modes_differ(kind):
    model, x = kind(3, 4, 5, 1), torch.randn(4, 1, 32, 32)
    trained = model(x)
    assert not torch.allclose(trained, model.eval()(x))
