"""How the thresholds of A2 and B2 were found. `grader spec calibrate cmp784-practical2` runs it again.

The reference networks are trained as `student.fit` trains (Adam 1e-3, batches of 50 in an order drawn from the
seed) for 80 steps, then broken ones for the 120 steps that a student's network is given at most; a run counts with
the best of its reports, as in the check. The bound lies between the worst reference and the best broken run.
What training cannot tell apart (a missing skip, a ReLU on the output) is checked directly in test_*.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from data import Colourisation, cross_entropy, from_photographs
from reference import Network, Setting
from torch import Tensor, nn

REFERENCE_STEPS = 80
STUDENT_STEPS = 120
REPORT_EVERY = 20
BATCH = 50
RATE = 1e-3
SEEDS = (0, 1, 2, 3, 4, 5)
# Half the course's filters: separates as well, in half the time.
SETTING = Setting(kernel=3, num_filters=16, num_colours=24, num_in_channels=1)


class Row(NamedTuple):
    """One training: which network (`cnn`, `unet`), how it was made, its held-out cross-entropy."""

    name: str
    kind: str
    seed: int
    value: float
    broken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """A way of being wrong: what is done to scores, targets, the model and the optimiser."""

    name: str
    scores: Callable[[Tensor], Tensor] = lambda scores: scores
    targets: Callable[[Tensor], Tensor] = lambda targets: targets
    model: Callable[[nn.Module], object] = lambda _model: None
    rate: float = RATE


def _without_relu(model: nn.Module) -> None:
    import reference

    class Linear(type(model)):
        def forward(self, x: Tensor) -> Tensor:
            kept, reference.F.relu = reference.F.relu, lambda hidden: hidden
            try:
                return super().forward(x)
            finally:
                reference.F.relu = kept

    model.__class__ = Linear


def _last_layer_only(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.convolutions[-1].requires_grad_(True)


FLAWS = (
    Flaw(name="softmax before the loss", scores=lambda scores: scores.softmax(1)),
    Flaw(name="no ReLU between the blocks", model=_without_relu),
    Flaw(name="only the last layer trains", model=_last_layer_only),
    Flaw(name="labels of other pictures", targets=lambda targets: targets.roll(1, 0)),
    Flaw(name="learning rate 0", rate=0.0),
)


def train(data: Colourisation, seed: int, *, skips: bool, steps: int, flaw: Flaw | None = None) -> float:
    """The best held-out cross-entropy that one network reports within `steps` steps."""
    flaw = flaw or Flaw(name="none")
    torch.manual_seed(seed)
    model = Network(SETTING, skips=skips)
    flaw.model(model)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=flaw.rate)
    order = torch.randperm(len(data.train_inputs))
    best = float("inf")
    for step in range(steps):
        model.train()
        at = order[(torch.arange(BATCH) + step * BATCH) % len(order)]
        scores = flaw.scores(model(data.train_inputs[at]))
        loss = nn.functional.cross_entropy(scores, flaw.targets(data.train_targets[at]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % REPORT_EVERY == 0:
            model.eval()
            with torch.no_grad():
                shown = flaw.scores(model(data.validation_inputs))
            best = min(best, cross_entropy(shown, data.validation_targets))
    return best


def calibrate(seeds: Iterable[int] = SEEDS) -> list[Row]:
    """Every row the thresholds rest on; about three minutes on one core."""
    data = from_photographs()
    rows = []
    for name, skips in (("cnn", False), ("unet", True)):
        for seed in seeds:
            value = train(data, seed, skips=skips, steps=REFERENCE_STEPS)
            rows.append(Row(name, "reference", seed, value, broken=False))
        for flaw in FLAWS:
            value = train(data, 0, skips=skips, steps=STUDENT_STEPS, flaw=flaw)
            rows.append(Row(name, flaw.name, 0, value, broken=True))
    return rows


def digests() -> dict[str, str]:
    """By threshold, the digest of the data it rests on."""
    return dict.fromkeys(("cnn", "unet"), from_photographs().sha256)


def main() -> None:
    torch.set_num_threads(1)
    for row in calibrate():
        print(f"{row.name:5} {row.kind:28} seed {row.seed}  {row.value:.3f}", flush=True)  # noqa: T201
    print(from_photographs().sha256)  # noqa: T201


if __name__ == "__main__":
    main()
