"""What a probe does before it says READY, so that the first check does not pay for it.

The first optimiser loads `torch._dynamo` (over a second), the first convolution and backward their kernels. All of it
is the same for every submission; nothing here is secret or random to it.
"""

from __future__ import annotations

import importlib

import torch
import torch.nn.functional as F
from torch import nn

from grader.engine.compat import prepare_torchvision
from grader.engine.probe import devices, gpu, oldapis

# Loaded by the handlers or by usual student code on first use.
_USUAL = (
    "numpy",
    "torch.func",
    "torch.overrides",
    "torch.utils._python_dispatch",
    "torch.utils.data",
    "torchvision",
    "torchvision.transforms",
    "matplotlib.pyplot",
    "PIL.Image",
    "scipy",
    "pypdf",
    "tomllib",
)


def warm_up() -> None:
    """Import the usual, and take one training step on a tiny model."""
    prepare_torchvision()
    for name in _USUAL:
        try:
            importlib.import_module(name)
        except ImportError:
            # An image without torchvision still serves submissions that do without.
            continue
    oldapis.restore()
    devices.make_moves_harmless()
    _one_step(devices.CPU)
    if gpu.is_there():
        gpu.warm_up(_one_step)


def _one_step(device: torch.device) -> None:
    generator_state = torch.get_rng_state()
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)).to(device)
    optimizer = torch.optim.Adam(model.parameters())
    labels = torch.zeros(2, 4, 4, dtype=torch.long, device=device)
    loss = F.cross_entropy(model(torch.zeros(2, 3, 8, 8, device=device)), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    torch.set_rng_state(generator_state)
