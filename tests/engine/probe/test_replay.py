"""Cells and functions run again while what they call is intercepted."""

from __future__ import annotations

import pytest
import torch
from handing_in import notebook

FINE_TUNE = (
    "import torch\nimport torch.nn as nn\nfrom torch import optim\nfrom torch.optim import Adam\nimport matplotlib.pyplot as plt",
    (
        "def train(args, model):\n    learned = [p for n, p in model.named_parameters() if n.startswith('1')]\n"
        "    optimizer = torch.optim.Adam(learned, lr=args['lr'])\n    raise RuntimeError('not reached')"
    ),
    "model = torch.hub.load('pytorch/vision', 'deeplab', pretrained=True)",
    "args = {'lr': 0.5}\nmodel.requires_grad_(False)\nmodel[1] = nn.Conv2d(4, 2, 1)\ntrain(args, model)",
)
SUPPORT = "import torch\ndef tiny(*args, **kwargs):\n    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.Conv2d(4, 21, 1))\n"


def _intercept(**behaviours):
    return [{"target": target.replace("__", "."), "then": then} for target, then in behaviours.items()]


def test_cells_run_with_stand_ins_until_the_optimiser(hand_in):
    loaded = hand_in({"cnn.ipynb": notebook(*FINE_TUNE)})
    assert loaded.support(SUPPORT) == ["tiny"]
    original = torch.optim.Adam
    outcome = loaded.replayed(
        cells=[3, 4], keep=["model"],
        intercept=[{"target": "torch.hub.load", "then": "using", "using": "tiny"}, {"target": "torch.optim.Adam", "then": "stop"}],
    )  # fmt: skip
    assert outcome["raised"] is None
    assert outcome["stopped_at"] == "torch.optim.Adam"
    assert [record["target"] for record in outcome["records"]] == ["torch.hub.load", "torch.optim.Adam"]
    assert outcome["records"][0]["kwargs"] == {"pretrained": True}
    adam = outcome["records"][1]
    assert adam["kwargs"] == {"lr": 0.5}
    assert adam["args"][0][0] is outcome["names"]["model"][1].weight
    assert torch.optim.Adam is original
    assert not loaded.defines("model")


@pytest.mark.parametrize("call", ["torch.optim.Adam", "optim.Adam", "Adam"])
def test_a_target_is_replaced_under_every_name(hand_in, call):
    loaded = hand_in({"cnn.ipynb": notebook(FINE_TUNE[0], f"def f(p): return {call}(p, lr=1)")})
    outcome = loaded.replayed(
        call={"ref": {"name": "f"}, "args": [[1]]}, intercept=_intercept(torch__optim__Adam="stop")
    )
    assert outcome["stopped_at"] == "torch.optim.Adam"
    assert loaded.resolve("Adam") is torch.optim.Adam


def test_a_stop_passes_except_exception_and_outlasts_a_bare_except(hand_in):
    source = (
        "import torch\ndef a():\n    try:\n        torch.hub.load('x')\n    except Exception:\n        return 'swallowed'\n"
        "def b():\n    try:\n        torch.hub.load('x')\n    except:\n        pass\n    torch.hub.load('y')\n    return 'went on'"
    )
    loaded = hand_in({"cnn.ipynb": notebook(source)})
    for name in ("a", "b"):
        outcome = loaded.replayed(call={"ref": {"name": name}}, intercept=_intercept(torch__hub__load="stop"))
        assert (outcome["stopped_at"], outcome["value"], outcome["raised"]) == ("torch.hub.load", None, None)
        assert len(outcome["records"]) == 1


def test_originals_are_put_back_after_an_exception(hand_in):
    loaded = hand_in(
        {
            "cnn.ipynb": notebook(
                "import torch\ndef helper(): return 1\ndef f():\n    helper()\n    raise ValueError('bad')"
            )
        }
    )
    before = loaded.resolve("helper"), torch.hub.load
    outcome = loaded.replayed(
        call={"ref": {"name": "f"}}, intercept=_intercept(helper="return", torch__hub__load="stop")
    )
    assert outcome["raised"]["type"] == "ValueError"
    assert outcome["raised"]["where"] == "cell 1, line 5, in f: raise ValueError('bad')"
    assert (loaded.resolve("helper"), torch.hub.load) == before


def test_calls_through_are_recorded_and_iterators_stay_whole(hand_in):
    source = "import torch\ndef f(model):\n    return torch.optim.SGD(model.parameters(), lr=0.1), isinstance(1, int)"
    loaded = hand_in({"cnn.ipynb": notebook(source)})
    model = torch.nn.Linear(2, 2)
    outcome = loaded.replayed(
        call={"ref": {"name": "f"}, "args": [model]}, intercept=_intercept(torch__optim__SGD="call")
    )
    assert isinstance(outcome["value"][0], torch.optim.SGD)
    assert [id(p) for p in outcome["records"][0]["args"][0]] == [id(p) for p in model.parameters()]
    assert len(outcome["value"][0].param_groups[0]["params"]) == 2


def test_an_intercepted_class_can_still_be_a_base_and_be_asked_about(hand_in):
    source = "import torch\nclass Mine(torch.optim.Adam): pass\nok = isinstance(Mine([torch.nn.Parameter(torch.zeros(1))]), torch.optim.Adam)"
    outcome = hand_in({"cnn.ipynb": notebook(source)}).replayed(
        cells=[1], keep=["ok"], intercept=_intercept(torch__optim__Adam="call")
    )
    assert outcome["raised"] is None
    assert outcome["names"] == {"ok": True}


def test_a_global_that_the_cell_itself_defines_is_intercepted(hand_in):
    loaded = hand_in({"cnn.ipynb": notebook("def train(x):\n    raise RuntimeError\nresult = train(3)\nprint(result)")})
    outcome = loaded.replayed(cells=[1], intercept=[{"target": "train", "then": "return", "value": 9}], keep=["result"])
    assert outcome["raised"] is None
    assert outcome["names"]["result"] == 9
    assert outcome["records"] == [{"target": "train", "args": (3,), "kwargs": {}}]


def test_an_earlier_cell_sees_the_names_of_its_time(hand_in):
    cells = ("def train(x): return 'first'", "out = train(1)", "def train(x): return 'second'", "out = train(2)")
    loaded = hand_in({"cnn.ipynb": notebook(*cells)})
    assert loaded.replayed(cells=[2], keep=["out"])["names"]["out"] == "first"
    assert loaded.replayed(cells=[4], keep=["out"])["names"]["out"] == "second"
    assert loaded.replayed(cells=[2, 4], keep=["out"])["names"]["out"] == "second"


def test_a_version_is_called_with_its_own_globals_and_preset_names(hand_in):
    cells = (
        "def loss(): return 'first'\ndef train(): return loss(), args",
        "def loss(): return 'second'\ndef train(): return loss()",
    )
    loaded = hand_in({"cnn.ipynb": notebook(*cells)})
    # The first `train` is current until its redefinition, by which time `loss` is the second one.
    outcome = loaded.replayed(call={"ref": {"name": "train", "version": 0}}, names={"args": 5}, keep=["args"])
    assert outcome["value"] == ("second", 5)
    assert outcome["names"] == {"args": 5}
    again = loaded.replayed(call={"ref": {"name": "train", "version": 0}})
    assert again["raised"]["message"] == "name 'args' is not defined"


def test_plots_targets_that_are_missing_and_methods(hand_in):
    source = "import torch\nimport matplotlib.pyplot as plt\ndef f():\n    plt.plot([1])\n    plt.show()\n    return torch.ones(1).backward()"
    loaded = hand_in({"cnn.ipynb": notebook(source)})
    wanted = _intercept(plt__show="return", torch__Tensor__backward="return", nowhere__at__all="stop", cnn="stop")
    outcome = loaded.replayed(call={"ref": {"name": "f"}}, intercept=wanted)
    assert [record["target"] for record in outcome["records"]] == ["plt.show", "torch.Tensor.backward"]
    assert outcome["notes"] == ["there is no nowhere.at.all to intercept", "there is no cnn to intercept"]
    assert not hasattr(torch.Tensor.backward, "_recording")


def test_magics_are_gone_and_the_main_guard_runs_when_a_cell_is_replayed(hand_in):
    loaded = hand_in({"cnn.ipynb": notebook("%cd /nowhere\n!ls\nx = 1\nif __name__ == '__main__':\n    x = 2")})
    assert loaded.replayed(cells=[1], keep=["x"])["names"] == {"x": 2}
    assert loaded.resolve("x") == 1


def test_leaving_and_interrupting_are_the_students(hand_in):
    loaded = hand_in({"a.py": "import sys\ndef f(): sys.exit(3)\ndef g(): raise KeyboardInterrupt"})
    assert loaded.replayed(call={"ref": {"name": "f"}})["raised"]["type"] == "SystemExit"
    assert loaded.replayed(call={"ref": {"name": "g"}})["raised"]["type"] == "KeyboardInterrupt"


def test_support_code_sees_the_submission_and_other_support_code(hand_in):
    loaded = hand_in({"a.py": "class AttrDict(dict): pass"})
    loaded.support("def base(): return 1\n")
    assert loaded.support("def make():\n    return submission('AttrDict')(a=base())\n") == ["make"]
    assert loaded.support_object("make")() == {"a": 1}
    with pytest.raises(LookupError):
        loaded.support_object("missing")


PROGRAM = (
    "import argparse, sys, os\nfrom helper import name_of\nimport torch\n"
    "def main(argv=None):\n    parser = argparse.ArgumentParser()\n    parser.add_argument('--model')\n"
    "    args = parser.parse_args(argv)\n    print('model', name_of(args.model))\n"
    "    open('out.txt', 'w').write(open('given.txt').read())\n    torch.save({}, 'x') if args.model == 'save' else None\n"
    "    if args.model == 'bad': raise ValueError('x')\n    sys.exit(4 if args.model == 'four' else 0)\n"
    "if __name__ == '__main__':\n    main()\n"
)


def _script(hand_in, *argv, **more):
    loaded = hand_in({"hw/prog.py": PROGRAM, "hw/helper.py": "def name_of(x): return x.upper()"})
    return loaded.script({"path": "hw/prog.py", "argv": list(argv), "files": {"hw/given.txt": b"abc"}} | more)


def test_a_script_runs_as_a_program(hand_in):
    outcome = _script(hand_in, "--model", "four")
    assert (outcome["exit_code"], outcome["raised"], outcome["stdout"]) == (4, None, "model FOUR\n")
    assert outcome["files"] == [["hw/out.txt", 3]]


def test_a_script_that_fails_says_where(hand_in):
    outcome = _script(hand_in, "--model", "bad")
    assert outcome["exit_code"] == 1
    assert outcome["raised"]["where"].endswith(
        "prog.py, line 11, in main: if args.model == 'bad': raise ValueError('x')"
    )


def test_a_script_with_wrong_arguments_leaves_through_argparse(hand_in):
    outcome = _script(hand_in, "--wrong")
    assert outcome["exit_code"] == 2
    assert "unrecognized arguments" in outcome["stdout"]


def test_a_script_can_be_intercepted(hand_in):
    outcome = _script(hand_in, "--model", "save", intercept=_intercept(torch__save="stop"))
    assert [record["args"] for record in outcome["records"]] == [({}, "x")]
