"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

# Long enough for a slow machine; a test that needs it all has found something that hangs.
PATIENCE_S = 300.0
# Asked less and less often: who asks takes processor time from whom it waits for.
_FIRST_PAUSE_S = 0.002
_LONGEST_PAUSE_S = 0.2
_GROWTH = 1.3

Found = TypeVar("Found")


def until(condition: Callable[[], Found], what: str, timeout_s: float = PATIENCE_S) -> Found:
    """What the condition answers once it is true of something; a failed test with its name when it never is."""
    found = _ask(condition, timeout_s)
    assert found, f"after {timeout_s:g} s still not: {what}"
    return found


def eventually(condition: Callable[[], object], timeout_s: float = PATIENCE_S) -> bool:
    """Whether it became true."""
    return bool(_ask(condition, timeout_s))


def _ask(condition: Callable[[], Found], timeout_s: float) -> Found:
    ends_at, pause_s = time.monotonic() + timeout_s, _FIRST_PAUSE_S
    while not (found := condition()) and time.monotonic() < ends_at:
        time.sleep(pause_s)
        pause_s = min(_GROWTH * pause_s, _LONGEST_PAUSE_S)
    return found
