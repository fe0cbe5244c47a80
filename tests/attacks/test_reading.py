"""What student code can find out from inside: nothing of the spec, the host, or another submission."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import notebook

pytestmark = pytest.mark.sandbox
LOOK = """
import os, sys, torch, torch.nn as nn
class CNN(nn.Module):
    def __init__(self, *sizes):
        super().__init__()
    def forward(self, x):
        found = []
        for folder, folders, files in os.walk("/", followlinks=False):
            if folder.startswith(("/proc", "/sys", "/usr", "/lib", "/opt/packages")):
                folders[:] = []
                continue
            found += [os.path.join(folder, name) for name in files]
        words = ("test_specs", "reference_solutions", "questions.toml", "assignment.toml", "shadow", "id_rsa", "harness", "student/")
        print("SECRET", [path for path in found if any(word in path for word in words)])
        print("MODULES", [name for name in sys.modules if name.startswith("grader") and "probe" not in name and "wire" not in name])
        print("ENV", sorted(os.environ), os.environ.get("HOME"))
        print("UID", os.getuid(), os.getgid(), os.getgroups())
        print("PIDS", sorted(int(p) for p in os.listdir("/proc") if p.isdigit())[-1] < 50)
        return x
"""


def test_nothing_of_ours_is_visible(grade):
    report = grade("cnn.ipynb", notebook(LOOK), "A1.cnn-output")
    output = next(result.output for result in report.checks if result.id == "A1.cnn-output")
    lines = dict(line.split(" ", 1) for line in output.splitlines() if " " in line)
    assert lines["SECRET"] == "[]"
    assert set(eval(lines["MODULES"])) <= {"grader", "grader.engine", "grader.engine.compat"}
    assert not any(word in lines["ENV"] for word in ("SSH", "GRADER_DATA", "DATABASE", "TOKEN"))
    assert lines["ENV"].endswith(("None", "/tmp"))
    assert lines["UID"].split()[0] != "0"
    assert lines["PIDS"] == "True"


@pytest.mark.parametrize(
    "attempt",
    [
        "__import__('socket').create_connection(('127.0.0.1', 22), 1)",
        "__import__('socket').socket(__import__('socket').AF_UNIX)",
        "open('/etc/shadow').read()",
        "open('/proc/sys/kernel/core_pattern', 'w')",
        "open('/usr/bin/python3', 'w')",
        "__import__('ctypes').CDLL(None, use_errno=True).unshare(0x10000000) and (_ for _ in ()).throw(PermissionError())",
    ],
)
def test_each_way_out_is_refused(grade, attempt):
    source = f"import torch, torch.nn as nn\nclass CNN(nn.Module):\n    def __init__(self, *s):\n        super().__init__()\n    def forward(self, x):\n        try:\n            {attempt}\n        except OSError as e:\n            print('REFUSED', type(e).__name__)\n        else:\n            print('DONE')\n        return x\n"
    output = next(
        result.output
        for result in grade("cnn.ipynb", notebook(source), "A1.cnn-output").checks
        if result.id == "A1.cnn-output"
    )
    assert "REFUSED" in output and "DONE" not in output
