"""CALL, VJP, GET, SET and state, against the same computation done here."""

import pytest
import torch
import torch.nn.functional as F
from runtime import Probe, Raised
from torch import nn

from grader.engine.wire.messages import Kind
from grader.engine.wire.values import Handle

SOURCE = """
import torch, numpy as np
from torch import nn
import torch.nn.functional as F

class Conv(nn.Module):
    def __init__(self, channels=3, features=4):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features, channels, 3, 3, dtype=torch.float64))
        self.bias = nn.Parameter(torch.zeros(features, dtype=torch.float64))
    def forward(self, x):
        return F.conv2d(x, self.weight, self.bias, padding=1)
    def halved(self, x):
        return self(x) / 2

class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)
        self.drop = nn.Dropout(0.5)
        self.bn.eval()
    def forward(self, x):
        return self.drop(self.bn(x))

class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3, bias=False)
        self.b = nn.Linear(3, 3, bias=False)
        self.b.weight = self.a.weight
        self.frozen = nn.Linear(3, 3)
        self.frozen.requires_grad_(False)
    def forward(self, x):
        return self.b(self.a(self.frozen(x)))

def two(x, y, *, scale):
    return {"sum": [x * scale + y], "label": x.argmax(), "text": "ok", "array": np.ones(2), "half": (y / 2).detach()}

def in_place(x):
    x += 1
    return F.relu(x, inplace=True)

def steals(x, y):
    y.mul_(2)
    return x

def inside(w):
    w = w.clone().requires_grad_()
    (w ** 2).sum().backward()
    return w.grad

def dice():
    import random
    return [torch.rand(2), random.random(), np.random.rand()]
"""


@pytest.fixture(scope="module")
def probe():
    started = Probe()
    started.load(SOURCE)
    yield started
    assert started.close() == 0


def at(handle, *path):
    return {"handle": handle.number, "path": list(path)}


def test_a_products_with_the_jacobian_equal_local_ones(probe):
    conv = probe.value("Conv")
    state = probe.ask(Kind.STATE_DICT, ref=at(conv))["state"]
    x = torch.randn(2, 3, 5, 5, dtype=torch.float64, requires_grad=True)
    weight, bias = state["weight"].requires_grad_(), state["bias"].requires_grad_()
    y = F.conv2d(x, weight, bias, padding=1)
    cotangent = torch.randn_like(y)
    y.backward(cotangent)
    reply = probe.call(conv, x.detach(), grad={"inputs": [0], "parameters": ["weight", "bias"]})
    assert reply["differentiable"] == [True]
    torch.testing.assert_close(reply["value"], y.detach())
    for _ in range(2):  # the graph is kept
        gradients = probe.ask(Kind.VJP, tape=reply["tape"], cotangents=[cotangent])
        torch.testing.assert_close(gradients["inputs"], [x.grad])
        torch.testing.assert_close(gradients["parameters"], {"weight": weight.grad, "bias": bias.grad})
    probe.ask(Kind.RELEASE, handles=[], tapes=[reply["tape"]])
    assert probe.refused(Kind.VJP, tape=reply["tape"], cotangents=[cotangent])["code"] == "bad_request"


def test_substituted_parameters_are_used_and_differentiated(probe):
    conv = probe.value("Conv")
    own = probe.ask(Kind.STATE_DICT, ref=at(conv))["state"]
    x, other = torch.randn(1, 3, 4, 4, dtype=torch.float64), torch.randn(4, 3, 3, 3, dtype=torch.float64)
    for path, factor in (((), 1), (("halved",), 0.5)):
        reply = probe.call(
            at(conv, *path), x, parameters={"weight": other}, grad={"inputs": [], "parameters": ["weight"]}
        )
        torch.testing.assert_close(reply["value"], F.conv2d(x, other, own["bias"], padding=1) * factor)
        gradient = probe.ask(Kind.VJP, tape=reply["tape"], cotangents=[torch.ones_like(reply["value"])])
        other.grad = None
        (F.conv2d(x, other.requires_grad_(), own["bias"], padding=1) * factor).sum().backward()
        torch.testing.assert_close(gradient["parameters"]["weight"], other.grad)
        other = other.detach()
    torch.testing.assert_close(probe.ask(Kind.STATE_DICT, ref=at(conv))["state"], own)


def test_numerical_gradient_of_a_parameter(probe):
    conv = probe.value("Conv", 1, 1)
    x, weight = torch.randn(1, 1, 4, 4, dtype=torch.float64), torch.randn(1, 1, 3, 3, dtype=torch.float64)

    def remote(candidate):
        return probe.value(conv, x, parameters={"weight": candidate}).sum()

    reply = probe.call(conv, x, parameters={"weight": weight}, grad={"inputs": [], "parameters": ["weight"]})
    exact = probe.ask(Kind.VJP, tape=reply["tape"], cotangents=[torch.ones_like(reply["value"])])["parameters"]
    for index in range(9):
        step = torch.zeros(9, dtype=torch.float64)
        step[index] = 1e-6
        step = step.view_as(weight)
        numeric = (remote(weight + step) - remote(weight - step)) / 2e-6
        torch.testing.assert_close(numeric, exact["weight"].flatten()[index], rtol=1e-5, atol=1e-6)


def test_tied_and_frozen_parameters(probe):
    tied = probe.value("Tied")
    x, other = torch.randn(2, 3), torch.randn(3, 3)
    frozen = probe.value({"handle": tied.number, "path": ["frozen"]}, x)
    reply = probe.call(
        tied, x, parameters={"a.weight": other}, grad={"inputs": [], "parameters": ["a.weight", "frozen.bias"]}
    )
    torch.testing.assert_close(reply["value"], frozen @ other.T @ other.T)
    gradient = probe.ask(Kind.VJP, tape=reply["tape"], cotangents=[torch.ones(2, 3)])["parameters"]
    torch.testing.assert_close(gradient["frozen.bias"], (2 * torch.ones(3)) @ other @ other)
    facts = probe.ask(Kind.DESCRIBE, ref=at(tied))["parameters"]
    assert set(facts) == {"a.weight", "frozen.weight", "frozen.bias"}
    assert facts["frozen.bias"] == {"shape": [3], "dtype": "torch.float32", "requires_grad": False}


def test_only_what_has_a_graph_is_differentiable(probe):
    x, y = torch.randn(3), torch.randn(3)
    reply = probe.call("two", x, kwargs={"y": y, "scale": 3.0}, grad={"inputs": [0, 1], "parameters": []})
    # label, array and half are tensors of the value too.
    assert reply["differentiable"] == [True, False, False, False]
    sent = probe.ask(Kind.VJP, tape=reply["tape"], cotangents=[torch.ones(3), None, None, None])
    torch.testing.assert_close(sent["inputs"], [torch.full((3,), 3.0), torch.ones(3)])
    nothing = probe.ask(Kind.VJP, tape=reply["tape"], cotangents=[None] * 4)
    assert nothing == {"inputs": [None, None], "parameters": {}}
    wrong = probe.refused(Kind.VJP, tape=reply["tape"], cotangents=[torch.ones(4), None, None, None])
    assert wrong["code"] == "bad_request"
    whole = probe.call("steals", torch.ones(2, dtype=torch.long), y, grad={"inputs": [0], "parameters": []})
    assert whole["differentiable"] == [False]


def test_in_place_work_on_a_differentiated_input_is_allowed_and_seen(probe):
    x = torch.randn(4)
    reply = probe.call("in_place", x, grad={"inputs": [0], "parameters": []})
    torch.testing.assert_close(reply["value"], torch.relu(x + 1))
    assert reply["modified_inputs"] == [0]
    sent = probe.ask(Kind.VJP, tape=reply["tape"], cotangents=[torch.ones(4)])
    torch.testing.assert_close(sent["inputs"][0], (x + 1 > 0).float())
    assert probe.call("steals", x, x)["modified_inputs"] == [1]
    assert probe.call("two", x, x, kwargs={"scale": 1})["modified_inputs"] == []


def test_modes_are_for_the_call_and_each_flag_comes_back(probe):
    normed = probe.value("Normed")
    x = torch.randn(4, 3, 5, 5) + 3

    def flags():
        described = probe.ask(Kind.DESCRIBE, ref=at(normed))["modules"]
        return {module["name"]: module["training"] for module in described}

    before = flags()
    assert before == {"": True, "bn": False, "drop": True}
    torch.testing.assert_close(probe.value(normed, x, training=False), x / (1 + 1e-5) ** 0.5)
    trained = probe.call(normed, x, training=True, seed=1, grad={"inputs": [0], "parameters": ["bn.weight"]})
    assert flags() == before
    local = nn.BatchNorm2d(3)
    y = local(leaf := x.clone().requires_grad_())
    kept = trained["value"] != 0
    torch.testing.assert_close(trained["value"][kept], 2 * y.detach()[kept])
    (2 * y * kept).square().sum().backward()
    sent = probe.ask(Kind.VJP, tape=trained["tape"], cotangents=[2 * trained["value"]])
    torch.testing.assert_close(sent["inputs"][0], leaf.grad, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(sent["parameters"]["bn.weight"], local.weight.grad, rtol=1e-4, atol=1e-3)
    state = probe.ask(Kind.STATE_DICT, ref=at(normed))["state"]
    torch.testing.assert_close(state["bn.running_mean"], local.running_mean)


def test_student_code_may_run_backward_itself(probe):
    torch.testing.assert_close(probe.value("inside", torch.tensor([1.0, 2.0])), torch.tensor([2.0, 4.0]))


def test_seeds(probe):
    first, second = probe.value("dice", seed=3), probe.value("dice", seed=3)
    torch.testing.assert_close(first, second)
    assert probe.value("dice")[1] != first[1]


def test_get_set_and_state(probe):
    conv = probe.value("Conv")
    assert probe.ask(Kind.GET, ref=at(conv), name="training")["value"] is True
    new = torch.ones(4, dtype=torch.float64)
    probe.ask(Kind.SET, ref=at(conv), name="bias", value=new)
    torch.testing.assert_close(probe.ask(Kind.GET, ref=at(conv), name="bias")["value"], new)
    probe.ask(Kind.LOAD_STATE_DICT, ref=at(conv), state={"bias": new * 2}, strict=False)
    state = probe.ask(Kind.STATE_DICT, ref=at(conv))["state"]
    torch.testing.assert_close(state["bias"], new * 2)
    outcome = probe.ask(Kind.LOAD_STATE_DICT, ref=at(conv), state={"nonsense": new}, strict=False)
    assert outcome == {"missing": ["weight", "bias"], "unexpected": ["nonsense"]}
    with pytest.raises(Raised, match="RuntimeError"):
        probe.ask(Kind.LOAD_STATE_DICT, ref=at(conv), state={"nonsense": new}, strict=True)
    probe.ask(Kind.SET, ref=at(conv), name="note", value={"any": 1})
    assert probe.ask(Kind.GET, ref=at(conv), name="note")["value"] == {"any": 1}


def test_handles_travel_back_and_grow_stale(probe):
    conv = probe.value("Conv")
    assert conv == Handle(conv.number, "module", "student.Conv")
    probe.ask(Kind.RELEASE, handles=[conv.number], tapes=[])
    assert probe.refused(Kind.GET, ref=at(conv), name="bias")["code"] == "stale_handle"
    assert probe.refused(Kind.CALL, ref={"name": "two"}, args=[conv], kwargs={})["code"] == "stale_handle"
    assert probe.refused(Kind.RESOLVE, ref={"name": "absent"})["code"] == "not_defined"
