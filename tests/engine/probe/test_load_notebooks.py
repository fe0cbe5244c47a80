"""What breaks loaders, from real hand-ins: one test each."""

from __future__ import annotations

import json
import random
import time

import pytest
import torch
from handing_in import SAMPLES, cell, notebook
from torch import nn

from grader.engine.probe.magics import without_magics
from grader.engine.probe.notebook import read_notebook


def test_a_format_string_that_continues_with_a_percent_sign_is_no_magic(hand_in):
    source = "%matplotlib inline\ndef report(epoch, loss):\n    return ('Epoch [%d], Loss: %.1f'\n        % (epoch + 1, loss))\n"
    assert hand_in({"cnn.ipynb": notebook(source)}).resolve("report")(1, 2.0) == "Epoch [2], Loss: 2.0"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%cd /content\nx = 1", "pass\nx = 1"),
        ("!pip install \\\n   torch\nx = 1", "pass\n\nx = 1"),
        ("if a:\n    !wget x", "if a:\n    pass"),
        ("if not exists('d'): !wget http://x", "if not exists('d'): pass"),
        ("files = !ls *.jpg", "files = []"),
        ("x = %who", "x = None"),
        ("?help\nnn.Conv2d??", "pass\npass"),
        ("%time model = train()", "model = train()"),
        ("text = '''\n%cd x\n!ls\n'''", "text = '''\n%cd x\n!ls\n'''"),
        ("x = (5\n% 3)", "x = (5\n% 3)"),
        ("x = 5 \\\n% 3", "x = 5 \\\n% 3"),
        ("x = {'a': 5 %\n  3}", "x = {'a': 5 %\n  3}"),
        ("# '''\n%cd x", "# '''\npass"),
        ("%%time\nx = 1", "\nx = 1"),
        ("%%capture out\n!pip install x\nx = 1", "\npass\nx = 1"),
        ("%%bash\nrm -rf x", "\n"),
        ("%%html\n<b>", "\n"),
        ("%run helper.py", "from helper import *"),
        ("x = a if b else c  # why?\ny = 'what?'", "x = a if b else c  # why?\ny = 'what?'"),
    ],
)
def test_magics_are_dropped_line_by_line(source, expected):
    assert without_magics(source).source == expected


def test_a_shell_line_that_was_the_body_of_an_if_leaves_the_if_whole(hand_in):
    source = "import os\nif not os.path.exists('data'):\n    !wget http://example.org/data\ndef after(): return 1"
    assert hand_in({"cnn.ipynb": notebook(source)}).resolve("after")() == 1


def test_an_unfilled_method_costs_only_itself(hand_in):
    source = (
        "class MyConv2d(nn.Module):\n    def forward(self, x):\n        return x\n\n"
        "class CNN(nn.Module):\n    def __init__(self, kernel):\n        super().__init__()\n        # TODO\n\n"
        "    def forward(self, x):\n        # TODO: fill in\n\ndef last(a,\n         b):  # todo\n    # nothing\n"
    )
    loaded = hand_in({"cnn.ipynb": notebook("import torch.nn as nn", source)})
    assert isinstance(loaded.resolve("MyConv2d")(), nn.Module)
    assert loaded.resolve("CNN")(3)(torch.zeros(1)) is None
    assert loaded.resolve("last")(1, 2) is None
    assert loaded.status(1) == "partial"
    assert "CNN: line 11" in loaded.error(1)


def test_a_broken_method_leaves_the_others_and_says_where_it_is_broken(hand_in):
    source = (
        "import torch\nclass Net(torch.nn.Module):\n    depth = 3\n    def good(self):\n        return self.depth\n\n"
        "    def bad(self, x):\n        y = (x +\n        return y\n\n    def fine(self):\n        return 2\n"
    )
    net = hand_in({"cnn.ipynb": notebook(source)}).resolve("Net")()
    assert (net.good(), net.fine()) == (3, 2)
    with pytest.raises(SyntaxError, match=r"bad cannot be used: line 8"):
        net.bad(1)


def test_a_function_that_does_not_parse_raises_its_own_sentence(hand_in):
    loaded = hand_in({"cnn.ipynb": notebook("def train(args):\n    x = = 3\n\ndef other():\n    return 1\n")})
    assert loaded.resolve("other")() == 1
    with pytest.raises(SyntaxError, match="train cannot be used: line 2"):
        loaded.resolve("train")(None)


def test_prints_of_python_2_take_nothing_with_them(hand_in):
    source = (
        'import sys\nprint "start"\ndef f(x):\n    print "x is", x\n    print >>sys.stderr, "e"\n    return x + 1\n'
    )
    assert hand_in({"cnn.ipynb": notebook(source)}).resolve("f")(1) == 2


def test_each_version_of_a_name_lives_among_the_names_of_its_time(hand_in):
    loaded = hand_in({
        "cnn.ipynb": notebook(
            "def compute_loss(): return 'colours'\ndef train(): return compute_loss(), SIZE\nSIZE = 1",
            "train()",
            "def compute_loss(): return 'flowers'\nSIZE = 2",
            "def train(): return compute_loss(), SIZE, 'last'",
        )
    })  # fmt: skip
    assert loaded.resolve("train", 0)() == ("flowers", 2)
    assert loaded.resolve("compute_loss", 0)() == "colours"
    assert loaded.resolve("train", 1)() == loaded.resolve("train")() == ("flowers", 2, "last")
    assert loaded.report["names"]["train"]["versions"] == [1, 4]
    with pytest.raises(LookupError, match="defined 2 times"):
        loaded.resolve("train", 2)


def test_the_first_version_of_two_is_as_it_was_before_the_second(hand_in):
    loaded = hand_in({
        "cnn.ipynb": notebook(
            "def loss(): return 1\ndef train(): return loss()", "def train(): return 'second'\ndef loss(): return 2"
        )
    })  # fmt: skip
    assert loaded.resolve("train", 0)() == 1
    assert loaded.resolve("train", 0).__globals__ is not loaded.resolve("train").__globals__


def test_cells_that_work_are_deferred_and_cells_that_set_up_run(hand_in):
    loaded = hand_in({
        "cnn.ipynb": notebook(
            "import os, torch\nimport numpy as np\nimport torch.nn as nn",
            "%cd /content\nfrom google.colab import drive\ndrive.mount('/content/drive')",
            "class AttrDict(dict):\n    def __init__(self, *a, **k):\n        super().__init__(*a, **k)\n        self.__dict__ = self",
            "args = AttrDict()\nargs.update({'gpu': True, 'epochs': 25})\nargs.lr = 1e-3\nargs['seed'] = 0",
            "model = torch.hub.load('pytorch/vision:v0.5.0', 'deeplabv3_resnet101', pretrained=True)",
            "torch.manual_seed(1)\ncriterion = nn.CrossEntropyLoss()\ndevice = torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
            "for epoch in range(10**9):\n    pass",
            "colours = np.load('colours.npy')[0]\nnum_colours = np.shape(colours)[0]\nNC = num_colours + 1",
            "print(undefined)",
        )
    })  # fmt: skip
    assert [cell["status"] for cell in loaded.report["cells"]] == [
        "loaded", "partial", "loaded", "loaded", "deferred", "loaded", "deferred", "deferred", "deferred"
    ]  # fmt: skip
    assert loaded.resolve("args") == {"gpu": True, "epochs": 25, "lr": 1e-3, "seed": 0}
    assert loaded.resolve("device").type == "cpu"
    assert all(cell["error"] == "" for cell in loaded.report["cells"])
    assert loaded.report["cells"][4]["calls"] == ["torch.hub.load"]
    with pytest.raises(LookupError, match=r"num_colours is made by cnn\.ipynb cell 8, which is not run"):
        loaded.resolve("num_colours")


def test_a_value_that_a_deferred_cell_replaces_is_not_built_upon(hand_in):
    loaded = hand_in({"cnn.ipynb": notebook("n = 1", "n = int(open('x').read())", "m = n + 1")})
    assert not loaded.defines("m")


def test_imports_that_do_not_resolve_cost_only_what_calls_them(hand_in):
    source = (
        "import torch, tensorflow as tf, pandas\nfrom keras.layers import Dense, Conv2D\nfrom scipy.misc import imsave\n"
        "import google.colab.drive\n@tf.function\ndef f(x): return x\n@pandas.api.register(name='x')\ndef g(): return 2\n"
        "class A(Dense): pass\n"
        "class Lit(tf.LightningModule):\n    pass\ndef bad(): return tf.zeros(3)\n"
    )
    loaded = hand_in({"cnn.ipynb": notebook(source)})
    assert loaded.resolve("f")(3) == 3
    assert loaded.resolve("g")() == 2
    assert loaded.defines("A")
    assert callable(loaded.resolve("imsave"))
    assert issubclass(loaded.resolve("Lit"), nn.Module)
    assert {"tensorflow", "pandas", "keras.layers"} <= set(loaded.report["missing_imports"])
    with pytest.raises(ModuleNotFoundError, match=r"tensorflow.zeros is not available"):
        loaded.resolve("bad")()
    with pytest.raises(LookupError, match="could not be imported"):
        loaded.resolve("Dense")


def test_an_import_with_a_fallback_takes_the_fallback(hand_in):
    source = "try:\n    import google.colab\n    IN_COLAB = True\nexcept ImportError:\n    IN_COLAB = False"
    assert hand_in({"cnn.ipynb": notebook(source)}).resolve("IN_COLAB") is False


def test_old_names_of_libraries_are_there(hand_in):
    source = (
        "import numpy as np, collections, time\nfrom six.moves import urllib, cPickle\nfrom scipy.misc import toimage\n"
        "from tqdm import tqdm\nfrom IPython.display import display\n"
        "KIND = np.float\nFLAG = isinstance(print, collections.Callable)\n"
        "def f(): return [np.float(i) for i in tqdm(xrange(3), desc='x')], raw_input('?')"
    )
    loaded = hand_in({"cnn.ipynb": notebook(source)})
    assert loaded.report["missing_imports"] == []
    assert loaded.resolve("f")() == ([0.0, 1.0, 2.0], "")
    assert loaded.resolve("KIND") is float


def test_moving_to_a_gpu_that_is_not_there_does_nothing(hand_in):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    source = (
        "import torch, torch.nn as nn\ndef f(x):\n    m = nn.Linear(2, 2).cuda()\n    device = torch.device('cuda:0')\n"
        "    m = m.to(device).to('cuda')\n    y = m(x.cuda().to(device)).to(0) + torch.zeros(2, device='cuda')\n"
        "    return y.device.type, x.type(torch.cuda.FloatTensor).dtype"
    )
    assert hand_in({"a.ipynb": notebook(source)}).resolve("f")(torch.ones(1, 2)) == ("cpu", torch.float32)


def test_the_main_guard_is_not_run_and_argparse_does_not_exit(hand_in):
    source = (
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--model', required=True)\n"
        "args = parser.parse_args()\nlr = args.lr\ndef f(): return 1\nif __name__ == '__main__':\n    raise SystemExit(3)\n"
    )
    loaded = hand_in({"colorization.py": source})
    assert loaded.resolve("f")() == 1
    assert not loaded.defines("args")
    assert loaded.error() == ""


def test_a_statement_that_hangs_is_stopped_and_the_rest_goes_on(hand_in):
    source = "import time\nclass Slow:\n    while True:\n        time.sleep(0.01)\nclass Quick:\n    pass"
    loaded = hand_in({"cnn.ipynb": notebook(source)}, statement_s=0.3)
    assert loaded.defines("Quick")
    assert not loaded.defines("Slow")
    assert "line 2 was stopped: it took longer than 0.3 seconds" in loaded.error()


@pytest.mark.parametrize("raised", ["SystemExit(1)", "KeyboardInterrupt()", "ValueError('no')"])
def test_a_class_body_that_raises_is_recorded_and_stops_nothing(hand_in, raised):
    loaded = hand_in({"cnn.ipynb": notebook(f"class A:\n    raise {raised}\ndef f(): return 1")})
    assert loaded.resolve("f")() == 1
    assert "A: " + raised.partition("(")[0] in loaded.error()
    assert "cell 1, line 2" in loaded.error()


def test_a_default_that_only_deferred_code_makes_does_not_cost_the_function(hand_in):
    loaded = hand_in({"cnn.ipynb": notebook("import torch\ncolours = load()", "def f(a, c=colours, d=2): return a, d")})
    assert loaded.resolve("f")(1, 3) == (1, 2)


def test_usual_imports_of_the_kernel_are_supplied_with_a_note(hand_in):
    loaded = hand_in({"cnn.ipynb": notebook("class Net(nn.Module):\n    def forward(self, x): return F.relu(x)")})
    assert loaded.resolve("Net")()(torch.tensor([-1.0])).item() == 0
    assert any("F, nn without importing" in note for note in loaded.report["notes"])


def test_the_starter_supplies_a_class_that_was_deleted(hand_in):
    starter = "import torch.nn as nn\nclass MyConv2d(nn.Conv2d):\n    pass\nclass CNN(nn.Module):\n    pass\n"
    source = "import torch.nn as nn\nclass CNN(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = MyConv2d(1, 1, 1)"
    loaded = hand_in({"cnn.ipynb": notebook(source)}, starter=starter, starter_names=["MyConv2d", "CNN"])
    assert isinstance(loaded.resolve("CNN")().a, nn.Conv2d)
    assert loaded.report["names"]["MyConv2d"]["supplied"] is True
    assert loaded.report["names"]["CNN"]["supplied"] is False
    assert any("MyConv2d" in note for note in loaded.report["notes"])


def test_a_base_class_from_the_starter_is_there_before_the_students_code(hand_in):
    starter = "class Base:\n    pass\n"
    loaded = hand_in({"a.ipynb": notebook("class Mine(Base): pass")}, starter=starter, starter_names=["Base"])
    assert loaded.resolve("Mine").__mro__[1].__name__ == "Base"


@pytest.mark.parametrize("version", [2, 3])
def test_old_notebook_formats_are_read(version):
    sheet = {
        "cells": [
            {"cell_type": "code", "input": ["x = 1\n", "y = 2"], "outputs": []},
            {"cell_type": "markdown", "source": "hi"},
        ]
    }
    read = read_notebook(json.dumps({"nbformat": version, "worksheets": [sheet]}).encode())
    assert [(cell.kind, cell.source) for cell in read.cells] == [("code", "x = 1\ny = 2"), ("markdown", "hi")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_any_encoding_is_read(hand_in, encoding):
    content = notebook("# ölçü\nx = 'ü'").decode("unicode_escape").replace("\n", "\\n").encode(encoding)
    loaded = hand_in({"cnn.ipynb": content})
    assert loaded.resolve("x") == "ü"
    assert ("Latin-1" in loaded.report["files"][0]["note"]) is (encoding == "latin-1")


@pytest.mark.parametrize(
    "content", [b"", b"   ", b"{", b"hello", b"[1, 2]", b'{"a": 1}', b"\x00\x01\xff", b"[" * 100_000]
)
def test_what_is_no_notebook_is_unreadable_with_a_sentence(hand_in, content):
    loaded = hand_in({"cnn.ipynb": content})
    assert loaded.report["files"][0]["status"] == "unreadable"
    assert "Traceback" not in loaded.report["files"][0]["note"]
    assert len(loaded.report["files"][0]["note"]) > 20


def test_a_notebook_that_was_cut_off_gives_the_cells_before_the_cut(hand_in):
    content = notebook("def f(): return 1", "def g(): return 2")
    loaded = hand_in({"cnn.ipynb": content[: content.index(b"def g")]})
    assert loaded.resolve("f")() == 1
    assert "damaged" in loaded.report["files"][0]["note"]


def test_odd_cells_do_no_harm(hand_in):
    cells = [None, 5, {}, {"cell_type": "code"}, {"cell_type": "code", "source": None, "outputs": None}, {"cell_type": "raw", "source": "x"},
             cell("x = 1", execution_count="7", outputs=[None, 3, {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]}]),
             {"cell_type": "code", "source": [1, "y = 2", None]}]  # fmt: skip
    loaded = hand_in({"cnn.ipynb": json.dumps({"cells": cells}).encode()})
    assert (loaded.resolve("x"), loaded.resolve("y")) == (1, 2)
    assert loaded.cell(7) == {"source": "x = 1", "outputs": "E: v\n"}


def test_thirty_megabytes_of_outputs_are_read_quickly_and_let_go(hand_in):
    picture = {"output_type": "display_data", "data": {"image/png": "A" * 3_000_000, "text/plain": "<Figure>"}}
    stream = {"output_type": "stream", "text": ["line\n"] * 100_000}
    content = notebook(*[cell("x = 1", outputs=[picture, stream]) for _ in range(10)])
    # Of the processor, which others may be using, too.
    began = time.process_time()
    loaded = hand_in({"cnn.ipynb": content})
    assert time.process_time() - began < 5
    shown = loaded.cell(1)["outputs"]
    assert shown.startswith("<Figure>line\n")
    assert len(shown) < 21_000


def test_tracebacks_show_the_students_own_lines(hand_in):
    from grader.engine.probe.blame import where_of

    loaded = hand_in(
        {
            "cnn.ipynb": notebook(
                "import torch", "def inner(x):\n    return torch.cat(x)\n\ndef f(x):\n    return inner(x)"
            )
        }
    )
    with pytest.raises(TypeError) as caught:
        loaded.resolve("f")(3)
    assert (
        where_of(caught.value) == "cell 2, line 5, in f: return inner(x)\ncell 2, line 2, in inner: return torch.cat(x)"
    )


def test_a_cell_magic_that_writes_a_module_makes_it_importable(hand_in):
    loaded = hand_in({"cnn.ipynb": notebook("%%writefile helper.py\ndef h(): return 5", "from helper import h")})
    assert loaded.resolve("h")() == 5


def test_data_classes_named_tuples_and_future_imports_work_in_every_version(hand_in):
    first = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: Unknown = 1\ndef f() -> Nothing: return P().x"
    loaded = hand_in({"cnn.ipynb": notebook(first, "def f(y: Other): return 2")})
    assert (loaded.resolve("f", 0)(), loaded.resolve("f")(1)) == (1, 2)


def test_a_loss_of_the_students_own_is_there_for_functions_that_use_it(hand_in):
    source = "import torch\nclass IoULoss(torch.nn.Module):\n    def forward(self, x): return x.sum()\ncriterion = IoULoss()\ndef f(x): return criterion(x)"
    assert hand_in({"a.ipynb": notebook(source)}).resolve("f")(torch.ones(3)).item() == 3


def test_transforms_and_containers_of_layers_are_set_up(hand_in):
    source = (
        "from torchvision import transforms\nimport torchvision.transforms as T\n"
        "transform = transforms.Compose([T.ToTensor(), T.Normalize((0.5,), (0.5,))])\nclasses = [str(i) for i in range(3)]\n"
        "lookup = {name: i for i, name in enumerate(classes)}\nact = lambda x: x + 1\nname = 'run_{}'.format(3)"
    )
    loaded = hand_in({"a.ipynb": notebook(source)})
    assert len(loaded.resolve("transform").transforms) == 2
    assert (loaded.resolve("lookup"), loaded.resolve("act")(1), loaded.resolve("name")) == (
        {"0": 0, "1": 1, "2": 2},
        2,
        "run_3",
    )


def test_no_text_whatsoever_breaks_the_reading_of_a_cell():
    from grader.engine.probe.blocks import parse

    pieces = json.loads((SAMPLES / "colab_2021.ipynb").read_text())["cells"]
    text = "\n".join("".join(piece["source"]) for piece in pieces)
    chance = random.Random(7)
    for _ in range(150):
        start = chance.randrange(len(text))
        odd = chance.choice(
            ["(", '"""', "'", "\\", "%", "!", ":", "\t", "\n", "\0", "def ", "class A:", "#", "é", "}", "\r", "@"]
        )
        cut = text[start : start + chance.randrange(1500)]
        at = chance.randrange(len(cut) + 1)
        source = without_magics(cut[:at] + odd + cut[at:]).source
        for node in parse(source).statements:
            assert 1 <= node.lineno <= source.count("\n") + 1


@pytest.mark.parametrize(
    "source", ["else:\n    x = 1", ")\nx = 1", "    ) y\n  z", "\\", "@", "class A:\n)", "def", "'''"]
)
def test_pieces_that_belong_to_nothing_are_recorded(hand_in, source):
    loaded = hand_in({"a.ipynb": notebook(source, "def f(): return 1")})
    assert loaded.resolve("f")() == 1
    assert loaded.status() in ("unparsed", "partial", "deferred", "loaded")
    assert "does not parse" in loaded.error()


@pytest.mark.parametrize(
    "statement",
    [
        "X = os.path.join('a', os.path.abspath('b'))", "X = copy.deepcopy({'a': 1})", "X = argparse.Namespace(lr=1)",
        "X = types.SimpleNamespace(a=1); X.b = 2", "X = dict(a=1, **{'b': 2})", "X = np.array([1, 2]) * 2",
        "X = torch.tensor([1.0])", "X = 3 if torch.cuda.is_available() else 4", "X = collections.namedtuple('X', 'a b')",
        "X = parser.parse_args([])", "X, Y = 1, [2]", "X: int = 5", "X = 1; X += 2", "os.environ['A_B'] = '1'; X = os.environ.get('A_B')",
        "sys.path.append('/content'); X = 1", "torch.backends.cudnn.deterministic = True; X = 1", "X = nn.Sequential(nn.ReLU())",
        "np.random.seed(0); random.seed(0); torch.cuda.manual_seed_all(0); X = 1", "X = [] ; X.append(3)",
    ],
)  # fmt: skip
def test_harmless_statements_run(hand_in, statement):
    imports = "import os, sys, copy, argparse, types, collections, random, torch\nimport numpy as np\nfrom torch import nn\nparser = argparse.ArgumentParser()\n"
    loaded = hand_in({"a.ipynb": notebook(imports + statement)})
    assert loaded.defines("X")
    assert loaded.status() == "loaded"


@pytest.mark.parametrize(
    "statement",
    [
        "X = train()", "X = open('f').read()", "X = torch.hub.load('a', 'b')", "print('x')", "plt.plot([1])", "X = model(torch.zeros(1))",
        "X = parser.parse_args()", "X = os.system('ls')", "X = [train() for i in range(3)]", "X = input_model.cuda()", "X = torch.load('f')",
        "os.path.join(train())", "X = __name__", "X = subprocess.run(['ls'])",
    ],
)  # fmt: skip
def test_statements_that_work_are_deferred(hand_in, statement):
    imports = "import os, subprocess, argparse, torch\nimport matplotlib.pyplot as plt\nparser = argparse.ArgumentParser()\ndef train(): raise SystemExit\n"
    loaded = hand_in({"a.ipynb": notebook(imports, statement)})
    assert not loaded.defines("X")
    assert loaded.status(1) == "deferred"
