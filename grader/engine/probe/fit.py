"""FIT and PREDICT: one fixed training loop, so that a check measures the student's model and not their loop.

Labels of held-out data never come here: the loop sends predictions, and the harness says whether to go on. Losses are
kept as tensors and read when there is something to report, so that no step waits for a device.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F

from grader.engine.probe import gpu
from grader.engine.probe.calls import mode_of, seed_everything
from grader.engine.probe.handles import is_a, qualified_name
from grader.engine.probe.refusal import BAD_REQUEST, Refused, field, optional
from grader.engine.probe.room import Room
from grader.engine.wire.values import TensorData

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
# A loss that is no number, or infinite, may recover once; three reports in a row do not.
NAN_REPORTS = 3
# What LOSSES may hold of one training; longer ones keep every second, third, ... step.
LOSS_POINTS = 5_000
_LOSSES: dict[str, Loss] = {"cross_entropy": F.cross_entropy, "mse": F.mse_loss, "l1": F.l1_loss}
_OPTIMIZERS = ("adam", "adamw", "sgd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A request for training, checked."""

    inputs: torch.Tensor
    targets: torch.Tensor
    validation: torch.Tensor | None
    loss: Loss
    optimizer: str
    lr: float
    weight_decay: float
    batch_size: int
    steps: int
    seed: int
    budget_s: float
    report_every: int
    trainable: str

    def on(self, device: torch.device) -> Plan:
        """The same with its tensors on `device`."""
        validation = None if self.validation is None else self.validation.to(device)
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device), validation=validation)


def fit(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    """FIT: see docs/protocol.md."""
    model = room.module(body.get("ref"))
    plan = _plan(room, body)
    trainings: list[_Training] = []

    def train(device: torch.device) -> dict[str, Any]:
        trainings.append(_Training(room, model, plan.on(device)))
        with torch.enable_grad(), mode_of(model, training=True):
            return {**trainings[-1].run(), "device": device.type}

    return gpu.computed(model, train, may_repeat=lambda: not any(training.has_reported for training in trainings))


class _Training:
    def __init__(self, room: Room, model: torch.nn.Module, plan: Plan) -> None:
        self._room = room
        self._model = model
        self._plan = plan
        self._losses: list[tuple[int, torch.Tensor]] = []
        self._nan_reports = 0
        self._reported = 0
        self.has_reported = False

    def run(self) -> dict[str, Any]:
        plan, model = self._plan, self._model
        seed_everything(plan.seed)
        optimizer = _optimizer(model, plan)
        batches = _batches(plan)
        self._started = time.monotonic()
        step, stopped = 0, None
        while stopped is None and step < plan.steps:
            step += 1
            inputs, targets = next(batches)
            optimizer.zero_grad(set_to_none=True)
            loss = plan.loss(tensor_of(model(inputs)), targets)
            if (type(loss) is not torch.Tensor and not is_a(loss, torch.Tensor)) or loss.numel() != 1:
                raise TypeError("the loss function must return a tensor with a single number")
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            self._losses.append((step, loss.detach()))
            if time.monotonic() - self._started > plan.budget_s:
                stopped = "budget"
            elif step % plan.report_every == 0:
                stopped = self._report(step)
        if stopped in (None, "budget") and self._reported != step:
            stopped = self._report(step) or stopped
        return self._outcome(step, stopped or "steps")

    def _report(self, step: int) -> str | None:
        """Tell the harness; why to stop, or None to go on."""
        self._reported = step
        loss = float(self._losses[-1][1])
        self._nan_reports = self._nan_reports + 1 if not math.isfinite(loss) else 0
        predictions = None
        if self._plan.validation is not None:
            found = predictions_of(self._model, self._plan.validation, self._plan.batch_size)
            predictions = self._room.outgoing().plain_tensor(found)
        seconds = time.monotonic() - self._started
        event = {"step": step, "loss": loss, "seconds": seconds, "predictions": predictions}
        self.has_reported = True
        if not self._room.report(event):
            return "stop"
        return "nan" if self._nan_reports >= NAN_REPORTS else None

    def _outcome(self, step: int, stopped: str) -> dict[str, Any]:
        stride = max(1, math.ceil(len(self._losses) / LOSS_POINTS))
        kept = self._losses[stride - 1 :: stride]
        return {
            "steps": step,
            "losses": [[number, float(loss)] for number, loss in kept],
            "seconds": time.monotonic() - self._started,
            "stopped": stopped,
            "diverged_at": self._diverged_at() if stopped == "nan" else None,
        }

    def _diverged_at(self) -> int | None:
        """The first step of the stretch without a finite loss in which the training ended."""
        finite = [torch.isfinite(loss) for _, loss in self._losses]
        last = max((index for index, is_finite in enumerate(finite) if is_finite), default=-1)
        return self._losses[last + 1][0] if last + 1 < len(self._losses) else None


def predict(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    """PREDICT: see docs/protocol.md."""
    model = room.module(body.get("ref"))
    inputs = _tensor(room, body, "inputs")
    batch_size = _at_least_one(field(body, "batch_size", int, default=100), "batch_size")

    def value(device: torch.device) -> TensorData:
        return room.outgoing().plain_tensor(predictions_of(model, inputs.to(device), batch_size))

    return {"value": gpu.computed(model, value, may_repeat=lambda: True)}


def predictions_of(model: torch.nn.Module, inputs: torch.Tensor, batch_size: int) -> torch.Tensor:
    """A model's outputs for all inputs, in evaluation mode and without gradients, joined along dimension 0."""
    with torch.no_grad(), mode_of(model, training=False):
        outputs = [tensor_of(model(batch)) for batch in torch.split(inputs, batch_size)]
    if any(output.dim() == 0 for output in outputs):
        raise TypeError("the model returned a single number for a batch of inputs")
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


def tensor_of(output: Any) -> torch.Tensor:
    """What a model computed. torchvision's segmentation models return a dict with their prediction under "out".

    Raises:
        TypeError: there is no tensor.

    """
    if type(output) is torch.Tensor:
        return output
    if is_a(output, dict) and is_a(output.get("out"), torch.Tensor):
        output = output["out"]
    if not is_a(output, torch.Tensor):
        raise TypeError(f"the model must return a tensor, and returned a {qualified_name(type(output))}")
    tensor: torch.Tensor = output
    return tensor


def _batches(plan: Plan) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Shuffled batches without end; the order depends on the seed and on nothing the student's code does."""
    generator = torch.Generator(device="cpu").manual_seed(plan.seed)
    count = len(plan.inputs)
    while True:
        # On the CPU whatever the device: the same batches on a GPU.
        order = torch.randperm(count, generator=generator, device="cpu").to(plan.inputs.device)
        for batch in torch.split(order, plan.batch_size):
            # Batch normalisation cannot take a last batch of one.
            if len(batch) > 1 or count == 1 or plan.batch_size == 1:
                yield plan.inputs[batch], plan.targets[batch]


def _optimizer(model: torch.nn.Module, plan: Plan) -> torch.optim.Optimizer:
    parameters = [p for p in model.parameters() if plan.trainable == "all" or p.requires_grad]
    if plan.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=plan.lr, weight_decay=plan.weight_decay)
    if plan.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=plan.lr, weight_decay=plan.weight_decay)
    return torch.optim.SGD(parameters, lr=plan.lr, weight_decay=plan.weight_decay)


def _plan(room: Room, body: dict[str, Any]) -> Plan:
    inputs, targets = _tensor(room, body, "inputs"), _tensor(room, body, "targets")
    if not inputs.dim() or not targets.dim() or len(inputs) != len(targets) or not len(inputs):
        raise Refused(BAD_REQUEST, "training needs as many targets as inputs, and at least one")
    given = body.get("validation")
    validation = None if given is None else _tensor(room, body, "validation")
    if validation is not None and (not validation.dim() or not len(validation)):
        raise Refused(BAD_REQUEST, "validation needs at least one input")
    return Plan(
        inputs=inputs,
        targets=targets,
        validation=validation,
        loss=_loss(room, body.get("loss", "cross_entropy")),
        optimizer=_choice(body, "optimizer", _OPTIMIZERS),
        lr=field(body, "lr", float, default=1e-3),
        weight_decay=field(body, "weight_decay", float, default=0.0),
        batch_size=_at_least_one(field(body, "batch_size", int, default=50), "batch_size"),
        steps=_at_least_one(field(body, "steps", int), "steps"),
        seed=optional(body, "seed", int) or 0,
        budget_s=field(body, "budget_s", float, default=60.0),
        report_every=_at_least_one(field(body, "report_every", int, default=20), "report_every"),
        trainable=_choice(body, "trainable", ("all", "requires_grad")),
    )


def _loss(room: Room, loss: Any) -> Loss:
    if type(loss) is dict:
        function: Loss = room.resolve(loss)
        return function
    if type(loss) is not str or loss not in _LOSSES:
        raise Refused(BAD_REQUEST, "there is no loss of that name")
    return _cross_entropy if loss == "cross_entropy" else _LOSSES[loss]


def _cross_entropy(output: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    whole = not (targets.is_floating_point() or targets.dtype is torch.bool)
    if whole and output.is_cuda and output.dim() > 2:
        # One row for each pixel: for pictures CUDA has only a form that adds up in another order each time.
        output, targets = output.movedim(1, -1).flatten(0, -2), targets.flatten()
    return F.cross_entropy(output, targets.long() if whole else targets)


def _choice(body: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    chosen = field(body, name, str, default=choices[0])
    if chosen not in choices:
        raise Refused(BAD_REQUEST, f"{name} is one of {', '.join(choices)}")
    return chosen


def _at_least_one(number: int, name: str) -> int:
    if number < 1:
        raise Refused(BAD_REQUEST, f"{name} must be at least 1")
    return number


def _tensor(room: Room, body: dict[str, Any], name: str) -> torch.Tensor:
    if type(body.get(name)) is not TensorData:
        raise Refused(BAD_REQUEST, f"{name} must be a tensor")
    return torch.as_tensor(room.incoming().live(body[name])).detach()
