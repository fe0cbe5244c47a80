"""The student's own lines of a traceback. Code of ours, of torch and of Python is left out.

Code compiled from a submission has a label as its file name ("cnn.ipynb cell 7", "model.py"); its source is put into
`linecache`, so that tracebacks and `inspect.getsource` show it.
"""

from __future__ import annotations

import linecache
import traceback
from types import TracebackType
from typing import Any

LINES = 8
LINE_CHARACTERS = 160
# Label (the file name in code objects) -> how the student's messages call it.
_shown: dict[str, str] = {}


def register(label: str, source: str, shown: str | None = None) -> None:
    """Make `source` known as the student's code under `label`, called `shown` in messages."""
    _shown[label] = shown or label
    lines = [line + "\n" for line in source.split("\n")]
    # No modification time: linecache then never looks for a file.
    linecache.cache[label] = (len(source), None, lines, label)


def is_student_code(label: str) -> bool:
    return label in _shown


def where_of(error: BaseException) -> str:
    """Where an exception passed through the student's code, outermost first, one line each.

    Such as "cell 7, line 3, in train: x = foo(y)"; empty when it never did.
    """
    found = [
        _line(frame.filename, frame.lineno, frame.name)
        for frame in _frames(error.__traceback__)
        if frame.filename in _shown
    ]
    if isinstance(error, SyntaxError) and error.filename in _shown and error.lineno:
        found.append(_line(error.filename, error.lineno, "<module>"))
    return "\n".join(_shortened(found))


def message_of(error: BaseException) -> str:
    """An exception's text; the student's own `__str__` may fail."""
    try:
        if isinstance(error, SyntaxError):
            return str(error.msg)
        return str(error)
    except BaseException:
        return "(the exception's own text cannot be had)"


def sentence_of(error: BaseException) -> str:
    """An exception in one line: type, text and the last line of the student's code it passed."""
    text = message_of(error).strip().split("\n")[0][:300]
    last = where_of(error).rpartition("\n")[2]
    place = f" ({last})" if last else ""
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


def raised_of(error: BaseException) -> dict[str, str]:
    """An exception as the protocol describes it."""
    return {"type": type(error).__name__, "message": message_of(error)[:4_000], "where": where_of(error)}


def _frames(trace: TracebackType | None) -> list[Any]:
    # A recursion error has a thousand frames; its ends say everything.
    return list(traceback.StackSummary.extract(_walk(trace), lookup_lines=False))


def _walk(trace: TracebackType | None) -> list[tuple[Any, int]]:
    walked = [(frame, line) for frame, line in traceback.walk_tb(trace) if frame.f_code.co_filename in _shown]
    return walked if len(walked) <= 2 * LINES else [*walked[:LINES], *walked[-LINES:]]


def _line(label: str, number: int | None, function: str) -> str:
    inside = "" if function == "<module>" else f", in {function}"
    text = linecache.getline(label, number or 0).strip()[:LINE_CHARACTERS]
    return f"{_shown[label]}, line {number}{inside}" + (f": {text}" if text else "")


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= LINES:
        return lines
    half = LINES // 2
    return [*lines[:half], "...", *lines[-half:]]
