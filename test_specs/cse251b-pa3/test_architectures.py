"""II.5: an architecture of one's own, one with a pretrained encoder, and a U-Net."""

from __future__ import annotations

import finding
import torch
from finding import Network
from reference import Baseline

from grader.checks import Student, check, expect, fail

_SHAPE = "a class whose result is (N, 21, height, width) for pictures, made with the number of classes"
# The paper's U-Net has four; three still are a U-Net on small pictures.
_FEWEST_SKIPS = 3
_MOST_CHANGED = 3
_TRIED = 8


def _own(student: Student) -> list[Network]:
    found = [
        network
        for network in finding.networks(student)
        if not network.is_unet and not network.pretrained and not network.is_borrowed
    ]
    if not found:
        fail(
            f"No architecture of your own was found beside FCN, U-Net and the one with a pretrained encoder: {_SHAPE}."
        )
    return found


def _layers(shapes: list[tuple[int, ...]]) -> dict[tuple[int, ...], int]:
    """How often each shape of a convolution's weights occurs."""
    return {shape: shapes.count(shape) for shape in shapes if len(shape) == 4}


@check("II.5a", points=1, title="There is an architecture of one's own", timeout_s=60)
def test_own(student: Student) -> None:
    _own(student)


@check("II.5a", points=3, title="The own architecture is more than the baseline with a layer added", timeout_s=60)
def test_differs(student: Student) -> None:
    baseline = _layers([tuple(parameter.shape) for parameter in Baseline(finding.CLASSES).parameters()])
    for network in _own(student):
        shapes = [tuple(facts.shape) for facts in network.model.describe().parameters.values()]
        own = _layers(shapes)
        shared = sum(min(count, own.get(shape, 0)) for shape, count in baseline.items())
        changed = (sum(own.values()) - shared) + (sum(baseline.values()) - shared)
        if changed > _MOST_CHANGED:
            return
    fail(
        "The own architecture has nearly the convolutions of the baseline: change the number of layers, their widths "
        "and kernels more than by one layer."
    )


@check("II.5b", points=2, title="An encoder comes with pretrained weights", timeout_s=60)
def test_pretrained(student: Student) -> None:
    found = list(finding.networks(student))
    if any(network.pretrained for network in found):
        return
    expect(
        not any(network.is_borrowed for network in found),
        "A network of torchvision is used, but without pretrained weights: ask for them with weights=...",
    )
    fail(f"No network with a pretrained encoder of torchvision was found: {_SHAPE}.")


@check("II.5b", points=2, title="The pretrained encoder takes part in the result", timeout_s=60)
def test_encoder_matters(student: Student) -> None:
    x = torch.randn(1, 3, finding.SIDE, finding.SIDE)
    for network in finding.networks(student):
        names = [name for name in network.pretrained if name.endswith("weight")][:_TRIED]
        if not names:
            continue
        state = {name: value for name, value in network.model.state_dict().items() if name in names}
        plain = _scores(network, x)
        changed = {name: torch.randn_like(value) * 0.3 for name, value in state.items()}
        if not torch.allclose(plain, _scores(network, x, changed), atol=1e-5):
            return
    fail("Changing the weights of the pretrained encoder changes nothing in the result, or there is no such encoder.")


def _scores(network: Network, x: torch.Tensor, parameters: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
    found = network.model.call(x, training=False, parameters=parameters or {})
    return found["out"] if isinstance(found, dict) else found


@check("II.5c", points=1, title="There is a U-Net with the right output shape", timeout_s=60)
def test_unet(student: Student) -> None:
    finding.unet(student)


@check("II.5c", points=4, title="The U-Net joins its way down with its way up", timeout_s=60)
def test_skips(student: Student) -> None:
    found = finding.skips(student, finding.unet(student))
    sides = {side for side, _ in found}
    expect(
        bool(sides),
        "The U-Net never joins (torch.cat along the channels) what it computed on the way down with what comes up.",
    )
    expect(
        len(sides) >= _FEWEST_SKIPS,
        f"The U-Net joins its way down with its way up at {len(sides)} sizes; the paper's does so at every one, four.",
    )
    expect(
        all(change > 0 for _, change in found),
        "What one of the U-Net's skip connections brings makes no difference to the result.",
    )
