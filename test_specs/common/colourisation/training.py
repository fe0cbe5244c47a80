"""Whether a network learns to colour: the body of a training check, and the trainings its threshold rests on.

The reference networks are trained as `student.fit` trains (Adam 1e-3, batches of 50 in an order drawn from the seed)
for REFERENCE_STEPS, then broken ones for the STUDENT_STEPS that a student's network is given at most; a run counts with
the best of its reports, as in the check. The bound lies between the worst reference and the best broken run. What
training cannot tell apart (a missing skip, a ReLU on the output) is checked directly: see `structure`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from colourisation.data import Colourisation, calibrated_on, colourisation, cross_entropy
from colourisation.diagrams import Architecture, Diagram, Setting
from colourisation.networks import build
from colourisation.reference import Network
from grader.checks import Student, ThresholdFacts, curve, expect, fail, grid, picture, tensor

REFERENCE_STEPS = 80
STUDENT_STEPS = 120
REPORT_EVERY = 20
BATCH = 50
RATE = 1e-3
SEEDS = (0, 1, 2, 3, 4, 5)
# Half the course's filters: separates as well, in half the time.
SETTING = Setting(kernel=3, num_filters=16, num_colours=24, num_in_channels=1)
_SHOWN = 8
# All tries together; a training takes about ten seconds on a core of its own.
_BUDGET_S = 120.0


def learns(student: Student, asked: Architecture, bound: ThresholdFacts, *, rate: float = RATE, tries: int = 1) -> None:
    """The student's network, trained by our loop on our data, predicts pictures it has not seen well enough.

    Where trainings spread widely, several `tries` from fresh weights keep a right network from failing by bad luck.
    """
    data = calibrated_on(bound.data_sha256)
    size = (len(data.validation_inputs), SETTING.num_colours, *data.validation_inputs.shape[2:])
    predicted: Tensor | None = None

    def judge(predictions: Tensor) -> float:
        nonlocal predicted
        predicted = tensor(predictions, shape=size, what=f"The result of {asked.name}").double()
        return cross_entropy(predicted, data.validation_targets)

    for seed in range(tries):
        result = student.fit(
            build(student, asked, SETTING),
            data.train_inputs,
            data.train_targets,
            batch_size=BATCH,
            lr=rate,
            steps=STUDENT_STEPS,
            seed=seed,
            report_every=REPORT_EVERY,
            budget_s=_BUDGET_S / tries,
            validation=data.validation_inputs,
            judge=judge,
            below=bound.value,
        )
        if result.reached:
            break
    if predicted is not None:
        _show(asked.name, data, predicted, result.history, bound)
    if result.reached:
        return
    if result.steps < STUDENT_STEPS:
        fail(
            f"{asked.name} is too slow: the time was over after {result.steps} of {STUDENT_STEPS} small training steps."
        )
    expect(
        result.reached,
        f"{asked.name} does not learn to colour as well as it should: after {result.steps} training steps on small "
        f"pictures its cross-entropy on pictures it has not seen is still {result.best:.2f} at best.",
    )


def _show(
    name: str, data: Colourisation, predicted: Tensor, history: tuple[tuple[int, float], ...], bound: ThresholdFacts
) -> None:
    """The training's curve and the last report's colours, for whoever wonders why it did or did not pass."""
    curve(
        "held-out",
        history,
        title=f"{name} on pictures it has not seen",
        y_label=f"{bound.metric} per pixel",
        threshold=bound.value,
        direction=bound.direction,
        band=bound.band,
    )
    picture("colours", _coloured(data, predicted), title=f"What {name} makes of grey pictures it has not seen")


def _coloured(data: Colourisation, predictions: Tensor) -> Tensor:
    """Above what went in, below the likeliest colours for the network. The true ones are labels and stay out."""
    # Half of the pictures are of one shade, and show nothing.
    liveliest = data.validation_inputs.flatten(1).std(1).topk(_SHOWN).indices
    grey = data.validation_inputs[liveliest].expand(-1, 3, -1, -1)
    likeliest = torch.from_numpy(data.colours)[predictions[liveliest].argmax(1)].permute(0, 3, 1, 2)
    return grid(torch.cat([grey, likeliest / 255]), columns=_SHOWN)


class Row(NamedTuple):
    """One training for a threshold: how the network was made, and its held-out cross-entropy."""

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
    model: Callable[[Any], object] = lambda _model: None
    # As a share of the usual rate.
    rate: float = 1.0


def _without_relu(model: nn.Module) -> None:
    from colourisation import reference

    class Linear(type(model)):
        def forward(self, x: Tensor) -> Tensor:
            kept, reference.F.relu = reference.F.relu, lambda hidden: hidden
            try:
                return super().forward(x)
            finally:
                reference.F.relu = kept

    model.__class__ = Linear


def _last_layer_only(model: Any) -> None:
    model.requires_grad_(False)
    model.convolutions[-1].requires_grad_(True)


FLAWS = (
    Flaw(name="softmax before the loss", scores=lambda scores: scores.softmax(1)),
    Flaw(name="no ReLU between the blocks", model=_without_relu),
    Flaw(name="only the last layer trains", model=_last_layer_only),
    Flaw(name="labels of other pictures", targets=lambda targets: targets.roll(1, 0)),
    Flaw(name="learning rate 0", rate=0.0),
)


def train(
    data: Colourisation, diagram: Diagram, seed: int, *, steps: int, flaw: Flaw | None = None, rate: float = RATE
) -> float:
    """The best held-out cross-entropy that one network reports within `steps` steps."""
    flaw = flaw or Flaw(name="none")
    torch.manual_seed(seed)
    model = Network(SETTING, diagram)
    flaw.model(model)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=rate * flaw.rate)
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


def rows(
    name: str,
    diagram: Diagram,
    seeds: Iterable[int] = SEEDS,
    *,
    reference_steps: int = REFERENCE_STEPS,
    rate: float = RATE,
) -> Iterator[Row]:
    """Every training that one threshold rests on; a minute and a half on one core.

    `reference_steps` may be as many as a student's network gets where the reference learns more slowly.
    """
    data = colourisation()
    for seed in seeds:
        yield Row(name, "reference", seed, train(data, diagram, seed, steps=reference_steps, rate=rate), broken=False)
    for flaw in FLAWS:
        yield Row(name, flaw.name, 0, train(data, diagram, 0, steps=STUDENT_STEPS, flaw=flaw, rate=rate), broken=True)
