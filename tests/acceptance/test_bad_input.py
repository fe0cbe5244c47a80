"""Whatever is handed in gets one clear sentence and the right status, and the grader goes on.

Each case says what is handed in, the status of the run, and a pattern of the sentence: of the run's own where it is
rejected, of the named check otherwise. Cases about archives alone are in tests/intake.
"""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from grader.domain.run import RunStatus, Timing
from tests.acceptance.conftest import notebook, zipped

pytestmark = pytest.mark.sandbox
CNN = "A1.cnn-output"
MODEL = """
import torch, torch.nn as nn, os, sys
class CNN(nn.Module):
    def __init__(self, kernel, num_filters, num_colours, num_in_channels):
        super().__init__()
        self.nc = num_colours
        {init}
    def forward(self, x):
        {forward}
"""


def cnn(forward: str = "return x", init: str = "pass") -> bytes:
    return notebook(MODEL.format(forward=forward, init=init))


def many_entries() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(100_000):
            archive.writestr(f"f{number}.py", b"")
    return packed.getvalue()


def bomb() -> bytes:
    return zipped(**{"cnn.ipynb": bytes(200 * 2**20)})


def long_output() -> bytes:
    cell = {
        "cell_type": "code",
        "metadata": {},
        "source": "x = 1",
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "x" * 200_000_000}],
    }
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def escaping() -> bytes:
    return zipped(**{"../../etc/cnn.ipynb": notebook("x = 1")})


REJECTED = {
    "not a zip": ("a-b-practical2.zip", b"hello there", "zip"),
    "empty upload": ("a-b-practical2.zip", b"", "empty"),
    "empty zip": ("a-b-practical2.zip", zipped(), "no files|empty|nothing"),
    "path escapes": ("a-b-practical2.zip", escaping(), r"\.\.|outside|path"),
    "no notebook": ("a-b-practical2.zip", zipped(**{"report.txt": b"hello"}), "no code|notebook"),
    "not JSON": ("cnn.ipynb", b"this is { not a notebook", "JSON|notebook"),
    "a list instead of a notebook": ("cnn.ipynb", b"[1, 2, 3]", "notebook"),
}


@pytest.mark.parametrize("case", REJECTED, ids=str)
def test_what_cannot_be_graded_is_rejected_in_one_sentence(grade, case):
    name, content, pattern = REJECTED[case]
    report = grade(name, content, CNN)
    assert report.status is RunStatus.REJECTED, report
    assert report.score is None
    import re

    assert re.search(pattern, report.message, re.IGNORECASE), report.message
    assert "\n" not in report.message.strip() and "Traceback" not in report.message


@pytest.mark.parametrize("make", [bomb, many_entries, long_output])
def test_too_much_is_rejected_before_it_costs_anything(grade, make):
    name = "cnn.ipynb" if make is long_output else "a-b-practical2.zip"
    report = grade(name, make(), CNN)
    assert report.status is RunStatus.REJECTED
    assert any(word in report.message for word in ("limit", "most", "large", "than")), report.message
    assert report.timing == Timing(total=report.timing.total), "no sandbox was asked"


GRADED = {
    "no code in the notebook": (notebook(), "failed", "does not define CNN"),
    "null cells": (b'{"cells": [null, 3, {"cell_type": "code"}], "nbformat": 4}', "failed", "does not define CNN"),
    "a syntax error in every cell": (notebook("def f(:", "class CNN(:\n  x"), None, "CNN|syntax|parse|read"),
    "a class that raises": (notebook("class CNN:\n    raise ValueError('oh no')"), "failed", "CNN"),
    "sys.exit()": (cnn("sys.exit()"), "error", "SystemExit"),
    "os._exit(0)": (cnn("os._exit(0)"), "error", "ended the Python process"),
    "a crash": (cnn("import ctypes; ctypes.string_at(0)"), "error", "crash|ended|stopped"),
    # It sleeps, because this takes as long as the check's time limit; that a busy loop is ended, too, is tested elsewhere.
    "while True": (cnn("while True: __import__('time').sleep(9)"), "timeout", "did not finish in time"),
    "None instead of a tensor": (cnn("pass"), "failed", "None"),
    "text instead of a tensor": (cnn("return 'x'"), "failed", "str"),
    "NaN": (cnn("return torch.full((x.shape[0], self.nc, *x.shape[2:]), float('nan'))"), "failed", "NaN|number|finite"),
    "a tensor of 10 GB": (cnn("return torch.zeros(1).expand(2_500_000_000)"), "failed", "MB|GB"),
    "real 10 GB": (cnn("return torch.ones(2_500_000_000)"), "error", "memory"),
    "hidden in a list": (cnn("return [x] * 1000"), "failed", "list|tensor"),
    "recursion": (cnn("return self.forward(x)"), "error", "RecursionError"),
}


@pytest.mark.parametrize("case", GRADED, ids=str)
def test_what_goes_wrong_in_a_check_costs_that_check(grade, case):
    import re

    content, status, pattern = GRADED[case]
    report = grade("cnn.ipynb", content, CNN)
    if status is None and report.status is RunStatus.REJECTED:
        assert re.search(pattern, report.message, re.IGNORECASE)
        return
    assert report.status is RunStatus.GRADED, report.message
    result = next(result for result in report.checks if result.id == CNN)
    assert status is None or result.status == status, result
    assert result.points == 0
    assert re.search(pattern, result.message, re.IGNORECASE), result.message
    assert "Traceback" not in result.message


def test_not_utf8_is_read_as_well_as_possible_with_a_note(grade):
    content = notebook("def train(args, model):\n    pass  # caf!").replace(b"caf!", b"caf\xe9")
    report = grade("cnn.ipynb", content, "hand-in.code")
    result = next(result for result in report.checks if result.id == "hand-in.code")
    assert result.status == "passed", "the definitions are read all the same"
    assert any("UTF-8" in note for note in report.notes), report.notes


def test_a_notebook_cut_off_in_the_middle_is_read_as_far_as_it_goes_with_a_note(grade):
    report = grade("cnn.ipynb", notebook("def train(args, model):\n    pass", "y = 2")[:-60], "hand-in.code")
    told = " ".join((report.message, *report.notes))
    assert any(word in told for word in ("complete", "cut", "JSON", "damaged")), report


def test_two_notebooks_are_both_looked_at(grade):
    content = zipped(**{"cnn.ipynb": notebook("x = 1"), "old.ipynb": cnn("return x")})
    result = next(r for r in grade("a-b-practical2.zip", content, CNN).checks if r.id == CNN)
    assert "does not define" not in result.message


def test_printing_half_a_gigabyte_is_cut_and_graded(grade):
    content = cnn("[print('x' * 5_000_000) for _ in range(100)]; return x")
    result = next(r for r in grade("cnn.ipynb", content, CNN).checks if r.id == CNN)
    assert len(result.output) < 70_000
    assert result.status in ("failed", "timeout")


def test_after_all_that_the_next_hand_in_is_graded_as_ever(grade):
    result = next(
        r for r in grade("cnn.ipynb", notebook("import torch\nclass CNN:\n    pass"), CNN).checks if r.id == CNN
    )
    assert result.status in ("failed", "error")
