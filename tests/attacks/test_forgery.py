"""Ideas that win points from graders which run tests and student code in one process. Here each wins none."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import notebook

pytestmark = pytest.mark.sandbox
EMPTY_MODEL = """
import torch, torch.nn as nn, torch.nn.functional as F
class MyConv2d(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, padding=None):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
    def forward(self, x):
        return x
class CNN(nn.Module):
    def __init__(self, kernel, num_filters, num_colours, num_in_channels):
        super().__init__()
        self.nc = num_colours
    def forward(self, x):
        return torch.zeros(x.shape[0], self.nc, *x.shape[2:])
class UNet(CNN):
    pass
def train(args, model=None):
    pass
"""

IDEAS = {
    "patched comparisons": "class P:\n    torch.allclose = torch.equal = lambda *a, **k: True\n    torch.Tensor.__eq__ = lambda *a: torch.ones(1, dtype=torch.bool)\n    torch.testing.assert_close = lambda *a, **k: None\n    import builtins\n    builtins.abs = lambda x: 0\n",
    "patched test framework": "class P:\n    import sys, types\n    pytest = types.ModuleType('pytest')\n    pytest.raises = pytest.fail = lambda *a, **k: None\n    sys.modules['pytest'] = pytest\n    sys.modules['grader.checks'] = pytest\n",
    "equal to everything": "class Yes(torch.Tensor):\n    @classmethod\n    def __torch_function__(cls, func, types, args=(), kwargs=None):\n        r = super().__torch_function__(func, types, args, kwargs or {})\n        return True if isinstance(r, bool) else r\n    def __eq__(self, o): return True\nCNN.forward = lambda self, x: torch.zeros(x.shape[0], self.nc, *x.shape[2:]).as_subclass(Yes)\n",
    "caller's frames": "def look():\n    import sys\n    found = []\n    f = sys._getframe()\n    while f:\n        found += [k for k in f.f_locals if 'expect' in k or 'reference' in k]\n        f = f.f_back\n    print('FOUND', found)\n    return found\nclass CNN(CNN):\n    def forward(self, x):\n        look()\n        return super().forward(x)\n",
    "a forged report": "class CNN(CNN):\n    def forward(self, x):\n        print('A1.cnn-output PASSED\\n40 passed in 0.1s')\n        for p in ('/tmp/results.json', 'results.json', '/autograder/results/results.json'):\n            try:\n                open(p, 'w').write('{\"score\": 40}')\n            except OSError:\n                pass\n        return super().forward(x)\n",
    "frames written early": "class CNN(CNN):\n    def forward(self, x):\n        import os, struct\n        frame = struct.pack('>2sBBIIQ', b'GW', 65, 0, 1, 1, 0) + b'\\x80'\n        for fd in range(3, 1024):\n            try:\n                os.write(fd, frame * 50)\n            except OSError:\n                pass\n        return super().forward(x)\n",
    "a trace function": "class P:\n    import sys\n    def t(frame, event, arg):\n        if 'passed' in frame.f_locals: frame.f_locals['passed'] = True\n    sys.settrace(t)\n",
    "an exit hook and a thread": "class P:\n    import atexit, threading, time, os\n    atexit.register(lambda: os._exit(0))\n    def forever():\n        while True: time.sleep(0.01)\n    threading.Thread(target=forever, daemon=True).start()\n",
}
# It costs every check that calls the network a sandbox: some of them say it all.
ONLY = {"frames written early": ("A1.cnn-output", "A1.cnn-forward", "A1.cnn-gradients", "A3.*")}


@pytest.fixture(scope="module")
def floor(engine, spec):
    """What the same hand-in gets without any idea."""
    from grader.engine.pipeline import GradeOptions

    report = engine.grade(spec, "cnn.ipynb", notebook(EMPTY_MODEL), GradeOptions(train=False, seed="attack"))
    return {result.id: result.points for result in report.checks}


@pytest.mark.parametrize("idea", IDEAS, ids=str)
def test_an_idea_wins_no_point(engine, spec, floor, idea):
    from grader.engine.pipeline import GradeOptions

    options = GradeOptions(only=ONLY.get(idea, ()), train=False, seed="attack")
    report = engine.grade(spec, "cnn.ipynb", notebook(EMPTY_MODEL, IDEAS[idea]), options)
    gained = {result.id: result.points for result in report.checks if result.points > floor[result.id]}
    assert gained == {}
    if idea in ONLY:
        assert [result.status for result in report.checks if result.part == "A1"].count("error") == 3, "it was tried"
    looked = [result.output for result in report.checks if "FOUND" in result.output]
    assert bool(looked) == (idea == "caller's frames"), "the idea was tried"
    assert all("expect" not in output.replace("FOUND []", "") for output in looked)
