"""Both halves together: `python -m grader.engine.probe`, as a sandbox starts it."""

import sys

import pytest
import torch
from runtime import Probe, Raised

from grader.engine.wire.messages import Kind

SOURCE = b"""
import torch
from torch import nn
class Twice(nn.Module):
    def forward(self, x):
        return x * 2
def breaks():
    return {}["absent"]
"""


def test_load_resolve_call_and_blame(tmp_path):
    start = (
        "from pathlib import Path; from grader.engine.probe import workspace, __main__ as probe; "
        f"probe.main(lambda: workspace.Workspace(Path({str(tmp_path / 'submission')!r})))"
    )
    probe = Probe(command=[sys.executable, "-c", start])
    report = probe.ask(
        Kind.LOAD, archive=SOURCE, name="model.py", kind="py", entries=[{"path": "model.py", "role": "code"}],
        prefer=["Twice"], starter="", starter_names=[], statement_s=10.0,
    )  # fmt: skip
    assert set(report["names"]) >= {"Twice", "breaks"}
    model = probe.value("Twice")
    assert model.kind == "module"
    assert torch.equal(probe.value(model, torch.ones(2)), torch.full((2,), 2.0))
    assert probe.refused(Kind.RESOLVE, ref={"name": "absent"})["code"] == "not_defined"
    with pytest.raises(Raised) as raised:
        probe.call("breaks")
    assert raised.value.args[0]["type"] == "KeyError"
    assert "line 8" in raised.value.args[0]["where"]
    assert probe.close() == 0


def test_the_module_starts_and_ends_with_its_pipe():
    probe = Probe(command=[sys.executable, "-m", "grader.engine.probe"])
    assert probe.ready.body["protocol"] == 1
    assert probe.close() == 0
