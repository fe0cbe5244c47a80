"""One thing `grader doctor` looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PASSWORD = re.compile(r"(?<=://)[^@/\s]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at; `remedy` says what to do. Not `ok` is an error if it is `essential`, else a warning."""

    name: str
    ok: bool
    essential: bool
    facts: str
    remedy: str = ""

    @property
    def level(self) -> str:
        """`ok`, `warning` or `error`."""
        return "ok" if self.ok else "error" if self.essential else "warning"


def fine(name: str, facts: str) -> Finding:
    return Finding(name=name, ok=True, essential=True, facts=facts)


def warning(name: str, facts: str, remedy: str) -> Finding:
    return Finding(name=name, ok=False, essential=False, facts=facts, remedy=remedy)


def error(name: str, facts: str, remedy: str) -> Finding:
    return Finding(name=name, ok=False, essential=True, facts=facts, remedy=remedy)


def shown(url: str) -> str:
    """An address without who signs in and with what, and without what follows a question mark."""
    return _PASSWORD.sub("", url.partition("?")[0])


def duration(seconds: float) -> str:
    """In the largest unit that fits: `3 days`, `2 hours`, `40 seconds`."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return f"{seconds:.0f} seconds"
