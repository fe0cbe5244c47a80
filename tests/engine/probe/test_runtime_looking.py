"""DESCRIBE, TRACE and MATCH_PARAMETERS: looking at a model without running a test on it."""

import pytest
import torch
from runtime import Probe, Raised

from grader.engine.wire.messages import Kind
from grader.engine.wire.values import Handle

SOURCE = """
import itertools
import torch
from torch import nn
import torch.nn.functional as F

class Block(nn.Sequential):
    def __init__(self, a, b, stride=1):
        super().__init__(nn.Conv2d(a, b, 3, stride=stride, padding="same" if stride == 1 else 1), nn.BatchNorm2d(b), nn.ReLU(inplace=True))

class UNet(nn.Module):
    def __init__(self, features=4, name="unet"):
        super().__init__()
        self.features, self.name, self.rates = features, name, [1, 2]
        self.down1 = Block(1, features)
        self.down2 = Block(features, 2 * features)
        self.up = nn.Upsample(scale_factor=2)
        self.up1 = Block(3 * features, features)
        self.final = nn.Conv2d(features + 1, 3, 1)
        self.dropped = nn.Dropout(0.1)
    @property
    def angry(self):
        raise RuntimeError
    __constants__ = ["angry", "constant"]
    constant = 7
    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.up1(torch.cat([self.up(b), a], dim=1))
        return self.final(torch.cat((c, x), 1))

class Hidden(nn.Module):
    def forward(self, x):
        return torch._C._VariableFunctions.cat([x, x.view(-1)[:2].view(1, 2)]) + 1

def plain(x):
    return (x + x.T)[0].sum().item()

model = UNet()
net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
forms = {
    "generator": lambda: net.parameters(),
    "list": lambda: list(net.parameters()),
    "named": lambda: net.named_parameters(),
    "groups": lambda: [{"params": net[0].parameters(), "lr": 0.1}, {"params": net[1].weight}],
    "filter": lambda: filter(lambda p: p.requires_grad, net.parameters()),
    "chain": lambda: itertools.chain(net[1].parameters(), net[0].parameters()),
    "single": lambda: net[0].bias,
    "foreign": lambda: [nn.Parameter(torch.zeros(3)), net[0].bias],
    "optimizer": lambda: torch.optim.SGD(net[0].parameters(), lr=1),
    "list of lists": lambda: [list(net[0].parameters()), tuple(net[1].parameters())],
    "dict": lambda: dict(net.named_parameters()),
    "parameter list": lambda: nn.ParameterList([net[0].weight]),
    "empty": lambda: [],
    "state": lambda: net.state_dict(),
    "module": lambda: net,
    "numbers": lambda: [1, 2],
    "endless": lambda: itertools.repeat(net[0].bias),
}
def form(name): return forms[name]()
def optimizer_of(name): return None
def takes(parameters, lr): return None
"""
ALL = ["0.weight", "0.bias", "1.weight", "1.bias"]


@pytest.fixture(scope="module")
def probe():
    started = Probe()
    started.load(SOURCE)
    yield started
    assert started.close() == 0


def test_a_description(probe):
    facts = probe.ask(Kind.DESCRIBE, ref={"name": "model"})
    assert facts["type"] == "student.UNet"
    assert facts["bases"] == ["student.UNet", "torch.nn.modules.module.Module"]
    modules = {module["name"]: module for module in facts["modules"]}
    assert modules[""]["hyper"] == {"features": 4, "name": "unet", "rates": (1, 2), "constant": 7}
    conv = modules["down2.0"]
    assert conv["type"] == "torch.nn.modules.conv.Conv2d"
    assert conv["hyper"]["kernel_size"] == (3, 3)
    assert conv["hyper"]["padding"] == "same"
    assert conv["parameters"]["weight"] == {"shape": [8, 4, 3, 3], "dtype": "torch.float32", "requires_grad": True}
    assert modules["down1.1"]["buffers"]["num_batches_tracked"]["dtype"] == "torch.int64"
    assert modules["up"]["hyper"]["scale_factor"] == 2.0
    assert "torch.nn.modules.container.Sequential" in modules["down1"]["bases"]
    assert len(facts["parameters"]) == 14
    assert probe.ask(Kind.DESCRIBE, ref={"name": "forms"})["modules"] == []


def test_a_trace_says_what_was_concatenated_with_what(probe):
    x = torch.randn(1, 1, 8, 8)
    reply = probe.ask(Kind.TRACE, ref={"name": "model"}, args=[x], kwargs={}, training=False)
    operations = reply["operations"]

    def outputs_of(module, op):
        return [o["outputs"][0] for o in operations if o["module"] == module and o["op"].endswith(op)]

    first, second = (o for o in operations if o["op"] == "torch.cat")
    assert first["options"] == {"dim": 1}
    assert second["options"] == {"1": 1}
    assert first["inputs"] == [outputs_of("up", "interpolate")[0], outputs_of("down1.2", "relu")[0]]
    assert first["module"] == ""
    assert first["module_type"] == "student.UNet"
    assert second["inputs"] == [outputs_of("up1.2", "relu")[0], [reply["arguments"][0], [1, 1, 8, 8]]]
    pooled = next(o for o in operations if "max_pool2d" in o["op"])
    assert pooled["inputs"][0] == first["inputs"][1]
    low = [o for o in reply["low"] if o["op"] == "aten.cat"]
    assert [o["inputs"] for o in low] == [first["inputs"], second["inputs"]]
    convolutions = [o for o in reply["low"] if o["op"] == "aten.convolution"]
    assert [o["module"] for o in convolutions] == ["down1.0", "down2.0", "up1.0", "final"]
    assert convolutions[0]["options"]["stride"] == (1, 1)
    assert convolutions[-1]["outputs"][0][0] == reply["results"][0]
    assert reply["value"].shape == (1, 3, 8, 8)
    assert reply["truncated"] is False


def test_the_lower_list_cannot_be_avoided_by_calling_below(probe):
    hidden = probe.value("Hidden")
    reply = probe.ask(Kind.TRACE, ref={"handle": hidden.number}, args=[torch.randn(3, 2)], kwargs={})
    assert "aten.cat" in [o["op"] for o in reply["low"]]
    assert reply["low"][-1]["op"] == "aten.add"


def test_functions_are_traced_too(probe):
    reply = probe.ask(Kind.TRACE, ref={"name": "plain"}, args=[torch.ones(2, 2)], kwargs={})
    assert [o["op"] for o in reply["operations"]] == ["Tensor.add", "Tensor.__getitem__", "Tensor.sum"]
    assert reply["value"] == 4.0
    # Hooks and modes are gone, also after an error.
    with pytest.raises(Raised):
        probe.ask(Kind.TRACE, ref={"name": "model"}, args=[torch.ones(2)], kwargs={})
    again = probe.ask(Kind.TRACE, ref={"name": "plain"}, args=[torch.ones(2, 2)], kwargs={})
    assert again["operations"] == reply["operations"]


def match(probe, handle):
    found = probe.ask(Kind.MATCH_PARAMETERS, collection={"handle": handle.number}, module={"name": "net"})
    return [member["name"] for member in found["members"]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("generator", ALL), ("list", ALL), ("named", ALL), ("groups", ALL[:3]), ("filter", ALL),
        ("chain", ALL[2:] + ALL[:2]), ("single", ["0.bias"]), ("foreign", [None, "0.bias"]), ("optimizer", ALL[:2]),
        ("list of lists", ALL), ("dict", ALL), ("parameter list", ["0.weight"]), ("empty", []), ("state", [None] * 4),
    ],
)  # fmt: skip
def test_the_classic_forms(probe, name, expected):
    kept = probe.value("form", name, keep=True)
    assert match(probe, kept) == expected
    # An iterator can be asked about twice.
    assert match(probe, kept) == expected


def test_what_no_optimizer_takes(probe):
    for name in ("module", "numbers"):
        kept = probe.value("form", name, keep=True)
        with pytest.raises(Raised, match="an optimizer takes parameters"):
            match(probe, kept)
    endless = probe.value("form", "endless", keep=True)
    refusal = probe.refused(Kind.MATCH_PARAMETERS, collection={"handle": endless.number}, module={"name": "net"})
    assert refusal["code"] == "unsendable"


def test_records_keep_the_identity_of_what_was_given(probe):
    given = probe.value("form", "list", keep=True)
    call = {"ref": {"name": "takes"}, "args": [given], "kwargs": {"lr": 0.5}}
    record = probe.ask(Kind.REPLAY, call=call, intercept=[], names={}, keep=[])["records"][0]
    assert record["kwargs"] == {"lr": 0.5}
    assert isinstance(record["args"][0], Handle)
    assert match(probe, record["args"][0]) == ALL
    single = probe.value("form", "single", keep=True)
    call = {"ref": {"name": "takes"}, "args": [single, torch.ones(2)], "kwargs": {}}
    record = probe.ask(Kind.REPLAY, call=call | {"kwargs": {}}, intercept=[], names={}, keep=[])["records"][0]
    assert isinstance(record["args"][0], Handle)
    torch.testing.assert_close(record["args"][1], torch.ones(2))
