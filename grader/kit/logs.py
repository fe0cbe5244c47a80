"""Lines of a log: one form for ours and for the libraries', as text for people or JSON for programs.

The invariant: one record is one entry, whoever chose its words. In text a line that begins with a time is ours: control
characters are written as escapes and a traceback is indented; in JSON an entry is one line. What a line is about (run,
submission, stage, request) is noted once, with `about`, for everything said meanwhile. Passwords, tokens and e-mail
addresses that an error's text carries along are blacked out. The accepted gap: a name or a student's words cannot be
told from other words, so nobody may log them; the parameters of statements, where they would come from, are hidden by
the database's own errors.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from types import MappingProxyType
from typing import Any, TextIO

FORMAT_VARIABLE = "GRADER_LOG_FORMAT"
FORMATS = ("text", "json")
# What a line can be about, in the order in which text shows it.
FIELDS = ("run", "submission", "stage", "request")
# A line is read by people; an error that carries a whole upload along is not.
_MOST_CHARACTERS = 8_000
_TEXT = "%(asctime)sZ %(levelname)s %(name)s: %(message)s"
# Each request of httpx, each message of Celery and that Alembic looked is no news.
_QUIET = ("alembic", "amqp", "celery", "httpx", "kombu", "urllib3")
_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_SECRETS = (
    # A token of ours, wherever it stands.
    (re.compile(r"\bgrd_[\w-]{8,}"), "grd_***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 ***"),
    # A password inside an address: everything up to the last @ before the host.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/]*@"), r"\1:***@"),
    (
        re.compile(r"(?i)((?:password|passwd|secret|token|cookie|csrf|authorization)[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&)}]+)"),
        r"\1***",
    ),
    (re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)+"), "***@***"),
)  # fmt: skip


class BadLogFormat(ValueError):
    """GRADER_LOG_FORMAT is neither text nor json."""


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Every line said in the block, by whatever module, carries these fields (names of `FIELDS`).

    A thread that the block starts does not know them by itself: see `carried`.
    """
    token = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def about_now(**fields: str) -> None:
    """From here to the end of the block of `about` these fields hold instead."""
    _about.set({**_about.get(), **fields})


def carried(function: Callable[..., Any], *arguments: object) -> Callable[[], Any]:
    """A thread's target that says what it says under the fields of whoever starts it."""
    return partial(copy_context().run, function, *arguments)


def log_to_stderr(environment: Mapping[str, str], *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Have this process log to stderr in the form that GRADER_LOG_FORMAT names.

    Raises:
        BadLogFormat: it names none.

    """
    chosen = environment.get(FORMAT_VARIABLE) or FORMATS[0]
    if chosen not in FORMATS:
        raise BadLogFormat(f"{FORMAT_VARIABLE} is {' or '.join(FORMATS)}, but is {chosen!r}.")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if chosen == "json" else TextLines())
    handler.addFilter(_note_what_it_is_about)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Warnings of Python's own would otherwise be lines in a form of their own.
    logging.captureWarnings(capture=True)


def name_process(name: str) -> None:
    """What JSON lines give as `worker` from now on."""
    JsonLines.worker = name


def _note_what_it_is_about(record: logging.LogRecord) -> bool:
    # At the record's birth: a formatter may run in another thread one day.
    for name, value in _about.get().items():
        if not hasattr(record, name):
            setattr(record, name, value)
    return True


def without_secrets(text: str) -> str:
    """`text` with what looks like a password, a token or an e-mail address blacked out, and no longer than a page."""
    if len(text) > _MOST_CHARACTERS:
        # The end of a traceback says what happened, its beginning where.
        half = _MOST_CHARACTERS // 2
        text = f"{text[:half]} ... ({len(text) - 2 * half:,} characters left out) ... {text[-half:]}"
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _escaped(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: found.group().encode("unicode_escape", "backslashreplace").decode(), text)


def _one_line(text: str) -> str:
    return _escaped(text).replace("\n", "\\n").replace("\t", " ")


def _fields(record: logging.LogRecord) -> dict[str, str]:
    return {name: without_secrets(str(getattr(record, name))) for name in FIELDS if getattr(record, name, "")}


class TextLines(logging.Formatter):
    """A line a record for people, times in UTC, what it is about as name=value; tracebacks below it, indented."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(_TEXT, "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        # Not in the record: another handler may want its words as they are.
        record.message = _one_line(without_secrets(record.message))
        said = [f"{name}={_one_line(value)}" for name, value in _fields(record).items()]
        return " ".join([super().formatMessage(record), *said])

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's own name
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802  # logging's own name
        return _indented(stack_info)


def _indented(text: str) -> str:
    return "\n".join(f"  {_escaped(line)}" for line in without_secrets(text).split("\n"))


class JsonLines(logging.Formatter):
    """An object a line: time (UTC, ms), level, logger, message, what it is about, worker, exception."""

    worker = ""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            **_fields(record),
        }
        if self.worker:
            entry["worker"] = self.worker
        if record.exc_info:
            entry["exception"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=True)
