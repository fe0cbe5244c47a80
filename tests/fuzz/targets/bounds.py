"""How long a reader may take on short input: in processor time, so that a busy machine changes nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from grader.kit.text import plain

# Ten processes on one core take each other's caches: a bound is for what grows, not for what is slow today.
_BUSY = 4.0
# What atheris writes between the instructions costs about this much.
_INSTRUMENTED = 4.0


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises AssertionError if the body took several times as long."""
    allowed = seconds * _BUSY * (_INSTRUMENTED if "atheris" in sys.modules else 1.0)
    began = time.thread_time()
    yield
    took = time.thread_time() - began
    assert took <= allowed, f"{took:.2f} s of processor time, more than {allowed:.2f}"


def is_a_sentence(error: Exception, *, among: str = "") -> None:
    """Raises AssertionError unless the error's words could be shown to somebody as they are."""
    text = str(error)
    assert text.strip() and plain(text) == text and not set(text) & set("\n\t\v\f\r\u2028\u2029"), repr(text)
    assert len(text) < 2_000, len(text)
    assert among in text, text
