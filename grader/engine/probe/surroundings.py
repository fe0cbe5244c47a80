"""What a submission finds around it: the builtins of a notebook, the usual imports of a kernel, quiet warnings."""

from __future__ import annotations

import builtins
import functools
import importlib
import os
import warnings
from typing import Any

from grader.engine.probe.absent import Absent

# In the kernel of the student's machine these were imported once, in a cell that is gone from the file.
USUAL_IMPORTS = {
    "torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional", "optim": "torch.optim", "np": "numpy",
    "npr": "numpy.random", "os": "os", "sys": "sys", "math": "math", "time": "time", "random": "random", "copy": "copy",
    "plt": "matplotlib.pyplot", "torchvision": "torchvision", "transforms": "torchvision.transforms",
}  # fmt: skip
USUAL_NAMES = {
    "Parameter": "torch.nn.parameter", "Variable": "torch.autograd", "Dataset": "torch.utils.data",
    "DataLoader": "torch.utils.data",
}  # fmt: skip


@functools.cache
def student_builtins() -> dict[str, Any]:
    """Python's builtins as a notebook has them: no keyboard, names of Python 2, IPython's own two."""

    def answer_nothing(prompt: object = "") -> str:
        """Nobody sits at the keyboard."""
        print(prompt, end="")  # noqa: T201 - as `input` does
        return ""

    def display(*values: object, **options: object) -> None:
        """What a notebook shows goes nowhere."""

    # The very dictionary type that Python expects: look-ups of globals are fast only then.
    return {
        **vars(builtins), "input": answer_nothing, "raw_input": answer_nothing, "xrange": range, "unicode": str,
        "long": int, "unichr": chr, "reduce": functools.reduce, "display": display,
        "get_ipython": lambda: Absent("get_ipython()"),
    }  # fmt: skip


def usual_import(name: str) -> Any:
    """The module or class that a bare name usually stands for; None where it cannot be had."""
    try:
        if name in USUAL_NAMES:
            return getattr(importlib.import_module(USUAL_NAMES[name]), name)
        return importlib.import_module(USUAL_IMPORTS[name])
    except Exception:
        return None


def is_usual(name: str) -> bool:
    return name in USUAL_IMPORTS or name in USUAL_NAMES


def prepare() -> None:
    """Settings of the whole process, before the first line of a submission runs."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    # A student's warnings are no findings of ours, and some code turns them into errors.
    warnings.simplefilter("ignore")
    keep_threads()


def keep_threads() -> None:
    """Keep the number of threads the sandbox was given, whatever `train` sets; harmless to call twice.

    Notebooks ask for five threads; on one core of a share that makes every later operation ten times slower.
    """
    import torch

    def leave(count: int) -> None:
        """Accept the wish, change nothing."""
        del count

    torch.set_num_threads = torch.set_num_interop_threads = leave  # type: ignore[assignment]
