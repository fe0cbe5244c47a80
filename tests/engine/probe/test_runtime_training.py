"""FIT and PREDICT: the fixed loop, judged by what it sends."""

import math

import pytest
import torch
import torch.nn.functional as F
from runtime import Probe, Raised, local
from torch import nn

from grader.engine.wire.messages import Kind

SOURCE = """
import torch
from torch import nn
class Linear(nn.Module):
    def __init__(self, inputs=4, outputs=3):
        super().__init__()
        self.layer = nn.Linear(inputs, outputs)
    def forward(self, x):
        return self.layer(x)
class Pixels(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 5, 1))
    def forward(self, x):
        return {"out": self.net(x), "aux": None}
class Slow(Linear):
    def forward(self, x):
        import time
        time.sleep(0.05)
        return super().forward(x)
class Breaks(Linear):
    calls = 0
    def forward(self, x):
        self.calls += 1
        if self.calls > 3:
            raise ValueError("enough")
        return super().forward(x)
class Tells(Linear):
    def forward(self, x):
        print("training", self.training, torch.is_grad_enabled())
        return super().forward(x)
class Words(Linear):
    def forward(self, x):
        return "a text"
def my_loss(output, target):
    return ((output - target) ** 2).mean()
def nan_loss(output, target):
    return output.sum() * float("nan")
def vector_loss(output, target):
    return output
"""
OPTIONS = {
    "loss": "cross_entropy", "optimizer": "adam", "lr": 0.05, "weight_decay": 0.0, "batch_size": 16, "steps": 40,
    "seed": 0, "budget_s": 30.0, "report_every": 10, "trainable": "all",
}  # fmt: skip


@pytest.fixture(scope="module")
def probe():
    started = Probe()
    started.load(SOURCE)
    yield started
    assert started.close() == 0


def fit(probe, model, inputs, targets, *, validation=None, stop_at=None, **options):
    """The OK body and the events; STOP at the first event from step `stop_at` on."""
    handle = probe.value(model) if isinstance(model, str) else model
    body = {**OPTIONS, **options, "ref": {"handle": handle.number}}
    probe.send(Kind.FIT, body | {"inputs": inputs, "targets": targets, "validation": validation})
    events = []
    while (reply := probe.take()).kind is Kind.EVENT:
        events.append(local(reply.body))
        stop = stop_at is not None and reply.body["step"] >= stop_at
        probe.pipe.write(Kind.STOP if stop else Kind.GO_ON, probe.serial, b"\x80")
    return probe.answer(reply), events


@pytest.fixture
def points():
    inputs = torch.randn(70, 4)
    return inputs, inputs[:, :3].argmax(1)


def test_it_learns_and_reports_predictions(probe, points):
    inputs, targets = points
    outcome, events = fit(probe, "Linear", inputs, targets, validation=inputs, steps=45)
    assert [event["step"] for event in events] == [10, 20, 30, 40, 45]
    losses = [F.cross_entropy(event["predictions"], targets).item() for event in events]
    assert losses[-1] < losses[0] < 1.5
    assert events[0]["predictions"].shape == (70, 3)
    assert outcome["stopped"] == "steps"
    assert outcome["steps"] == 45
    assert [step for step, _ in outcome["losses"]] == list(range(1, 46))
    assert events[0]["loss"] == outcome["losses"][9][1]


def test_the_loop_is_the_ordinary_one(probe, points):
    inputs, _ = points
    targets = torch.randn(70, 3)
    handle = probe.value("Linear")
    state = probe.ask(Kind.STATE_DICT, ref={"handle": handle.number})["state"]
    outcome, _ = fit(probe, handle, inputs, targets, loss="mse", optimizer="sgd", lr=0.1, weight_decay=0.01, steps=12)
    mine = nn.Linear(4, 3)
    mine.load_state_dict({name.removeprefix("layer."): tensor for name, tensor in state.items()})
    optimizer = torch.optim.SGD(mine.parameters(), lr=0.1, weight_decay=0.01)
    generator = torch.Generator().manual_seed(0)
    steps = []
    while len(steps) < 12:
        for batch in torch.randperm(70, generator=generator).split(16):
            optimizer.zero_grad()
            loss = F.mse_loss(mine(inputs[batch]), targets[batch])
            loss.backward()
            optimizer.step()
            steps.append(loss.item())
    torch.testing.assert_close([loss for _, loss in outcome["losses"]], steps[:12])


def test_it_stops_when_told(probe, points):
    outcome, events = fit(probe, "Linear", *points, steps=1000, stop_at=20)
    assert outcome["stopped"] == "stop"
    assert outcome["steps"] == 20
    assert [event["step"] for event in events] == [10, 20]
    assert events[0]["predictions"] is None


def test_it_stops_at_its_budget_with_a_last_report(probe, points):
    outcome, events = fit(probe, "Slow", *points, steps=10_000, budget_s=0.5, report_every=1000)
    assert outcome["stopped"] == "budget"
    assert outcome["steps"] < 10_000
    assert [event["step"] for event in events] == [outcome["steps"]]


def test_a_loss_that_is_no_number_ends_it(probe, points):
    outcome, events = fit(probe, "Linear", *points, loss={"name": "nan_loss"}, steps=1000)
    assert outcome["stopped"] == "nan"
    assert len(events) == 3
    assert all(math.isnan(event["loss"]) for event in events)


def test_pixels_with_the_students_dict_output(probe):
    inputs = torch.rand(20, 3, 6, 6)
    targets = inputs.argmax(1).to(torch.uint8)
    handle = probe.value("Pixels")
    before = probe.ask(Kind.DESCRIBE, ref={"handle": handle.number})["modules"]
    outcome, events = fit(probe, handle, inputs, targets, validation=inputs, batch_size=7, steps=30)
    assert outcome["losses"][-1][1] < outcome["losses"][0][1]
    predictions = probe.ask(Kind.PREDICT, ref={"handle": handle.number}, inputs=inputs, batch_size=6)["value"]
    torch.testing.assert_close(predictions, events[-1]["predictions"])
    assert predictions.shape == (20, 5, 6, 6)
    assert [m["training"] for m in before] == [
        m["training"] for m in probe.ask(Kind.DESCRIBE, ref={"handle": handle.number})["modules"]
    ]


def test_modes_and_gradients(probe, points):
    outcome, _ = fit(probe, "Tells", *points, validation=points[0], steps=1, batch_size=100)
    assert outcome["steps"] == 1
    handle = probe.value("Tells")
    probe.ask(Kind.PREDICT, ref={"handle": handle.number}, inputs=points[0], batch_size=100)
    assert probe.output == "training False False\n"


def test_the_students_own_loss(probe, points):
    outcome, _ = fit(probe, "Linear", points[0], points[0][:, :3], loss={"name": "my_loss"}, steps=30)
    assert outcome["losses"][-1][1] < outcome["losses"][0][1]


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("Breaks", {}, "enough"), ("Words", {}, "must return a tensor"),
        ("Linear", {"loss": {"name": "vector_loss"}}, "single number"),
    ],
)  # fmt: skip
def test_errors_are_the_students(probe, points, model, options, words):
    with pytest.raises(Raised, match=words):
        fit(probe, model, *points, **options)


def test_requests_that_make_no_sense(probe, points):
    inputs, targets = points
    handle = {"handle": probe.value("Linear").number}
    for wrong in ({"steps": 0}, {"loss": "hinge"}, {"optimizer": "lion"}, {"inputs": inputs[:3]}, {"targets": 3}):
        body = {**OPTIONS, "ref": handle, "inputs": inputs, "targets": targets} | wrong
        assert probe.refused(Kind.FIT, **body)["code"] == "bad_request"
    with pytest.raises(Raised, match="must return a tensor"):
        probe.ask(Kind.PREDICT, ref={"handle": probe.value("Words").number}, inputs=inputs, batch_size=10)
