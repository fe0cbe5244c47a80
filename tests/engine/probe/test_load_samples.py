"""Whole hand-ins in the manner of each family, as `tests/submissions` keeps them."""

from __future__ import annotations

import pytest
import torch
from handing_in import SAMPLES, HandedIn

TINY = (
    "import torch\nfrom torch import nn\ndef tiny(*a, **k):\n    m = nn.Module()\n"
    "    m.classifier = nn.Sequential(*[nn.ReLU() for _ in range(4)], nn.Conv2d(256, 21, 1))\n"
    "    m.aux_classifier = nn.Sequential(*[nn.ReLU() for _ in range(4)], nn.Conv2d(256, 21, 1))\n    return m\n"
)


def _sample(hand_in, name: str, **body) -> HandedIn:
    place = SAMPLES / name
    files = [place] if place.is_file() else sorted(place.glob("*.py"))
    return hand_in({file.name: file.read_bytes() for file in files}, **body)


def test_a_colab_notebook_of_2021_gives_everything_it_defines(hand_in):
    loaded = _sample(hand_in, "colab_2021.ipynb")
    by_number = {cell["number"]: cell["status"] for cell in loaded.report["cells"]}
    assert by_number == {
        1: "empty", 2: "partial", 3: "loaded", 4: "loaded", 5: "partial", 6: "partial", 7: "partial", 8: "partial",
        9: "loaded", 10: "deferred", 11: "partial",
    }  # fmt: skip
    assert loaded.report["missing_imports"] == ["google.colab"]
    assert loaded.resolve("UNet")(3, 2, 24, 1)(torch.zeros(1)) is None
    assert loaded.resolve("MyConv2d")(1, 2, 3)(torch.zeros(1, 1, 4, 4)).shape == (1, 2, 4, 4)
    assert (
        loaded.resolve("train", 0)(loaded.resolve("AttrDict")(epochs=1, model="UNet"))
        is loaded.resolve("train", 0).__globals__["UNet"]
    )


def test_the_selected_parameters_of_a_colab_notebook_can_be_seen(hand_in):
    loaded = _sample(hand_in, "colab_2021.ipynb")
    loaded.support(TINY)
    outcome = loaded.replayed(
        cells=[10, 11], keep=["model"],
        intercept=[{"target": "torch.hub.load", "then": "using", "using": "tiny"}, {"target": "torch.optim.Adam", "then": "stop"}],
    )  # fmt: skip
    assert outcome["stopped_at"] == "torch.optim.Adam"
    classifier = outcome["names"]["model"].classifier
    assert [id(p) for p in outcome["records"][-1]["args"][0]] == [id(classifier[4].weight), id(classifier[4].bias)]
    assert classifier[4].out_channels == 2


def test_a_notebook_of_python_2_loads(hand_in):
    loaded = _sample(hand_in, "python_2.ipynb")
    assert loaded.resolve("Net")().size == 3
    assert loaded.resolve("rgb")(torch.ones(2)).shape == (2,)
    assert loaded.report["missing_imports"] == []


def test_scripts_of_2018_load_without_their_data_and_run_as_programs(hand_in):
    loaded = _sample(hand_in, "script_2018", prefer=["MyConv2d", "CNN"])
    assert loaded.report["files"][0]["path"] == "colourization.py"
    assert loaded.resolve("MyConv2d")(1, 2, 3)(torch.zeros(1, 1, 4, 4)).shape == (1, 2, 4, 4)
    assert (
        loaded.replayed(call={"ref": {"name": "run"}, "args": [0]}, names={"args": torch.nn.Module()})["raised"]["type"]
        == "AttributeError"
    )
    outcome = loaded.script({
        "path": "colourization.py", "argv": ["-n", "8"], "files": {},
        "intercept": [{"target": "load_data.load_cifar10", "then": "stop"}],
    })  # fmt: skip
    assert outcome["stdout"] == "filters 8 False\n"
    assert outcome["stopped_at"] == "load_data.load_cifar10"


def test_an_unfilled_starter_of_scripts_defines_what_it_can(hand_in):
    loaded = _sample(hand_in, "unfinished_cse251b", prefer=["FCN", "iou", "pixel_acc"])
    assert loaded.resolve("iou")(None, None) == []
    assert loaded.resolve("pixel_acc")(None, None) is None
    assert loaded.resolve("FCN")(3).n_class == 3
    assert loaded.resolve("val")(4) == 4
    assert loaded.report["missing_imports"] == ["voc"]
    with pytest.raises(NameError, match="__"):
        loaded.resolve("FCN")(3)(torch.zeros(1))
    with pytest.raises(SyntaxError, match="train cannot be used: line 4"):
        loaded.resolve("train")()
