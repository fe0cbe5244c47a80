"""Running one statement of a submission: under a time budget, with every exception caught and kept."""

from __future__ import annotations

import ast
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# What an import may take at least: torchvision or scikit-learn on a cold, busy machine.
IMPORT_S = 30.0
# A bare `except:` may swallow the first alarm.
AGAIN_S = 0.5


class TooSlow(BaseException):
    """The student's statement took longer than its budget; no `except Exception` catches it."""


@contextmanager
def budget(seconds: float) -> Iterator[None]:
    """Raise TooSlow in the body after `seconds`; does nothing off the main thread or inside another budget."""
    if threading.current_thread() is not threading.main_thread() or signal.getitimer(signal.ITIMER_REAL)[0] > 0:
        yield
        return

    def too_slow(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise TooSlow(f"it took longer than {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, too_slow)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def execute(node: ast.stmt, namespace: dict[str, Any], label: str, flags: int = 0) -> None:
    """Run one statement; whatever it raises passes through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        code = compile(ast.Module([node], []), label, "exec", flags, dont_inherit=True)
    exec(code, namespace)  # noqa: S102 - running the submission is what the sandbox is for


def evaluate(node: ast.expr, namespace: dict[str, Any], label: str, flags: int = 0) -> Any:
    """The value of one expression; whatever it raises passes through."""
    code = compile(ast.Expression(node), label, "eval", flags, dont_inherit=True)
    return eval(code, namespace)  # noqa: S307 - see `execute`


def attempt(
    node: ast.stmt, namespace: dict[str, Any], label: str, seconds: float, flags: int = 0
) -> BaseException | None:
    """Run one statement within a budget; what it raised, SystemExit and KeyboardInterrupt included."""
    try:
        with budget(seconds):
            execute(node, namespace, label, flags)
    except BaseException as error:
        return error
    return None
