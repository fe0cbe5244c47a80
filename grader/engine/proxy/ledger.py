"""The containers made through this proxy, and when each must be gone.

The invariant: a container is written down before the engine is asked for it, and crossed out only when the engine has
said that it is gone. So whatever dies in between, something here still knows its name.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

# From the request to create it until somebody holds its streams: longer than the engine is waited for.
UNATTACHED_S = 90.0
# After the streams were let go: the worker, if it lives, is just reading why it ended.
GRACE_S = 3.0
RETRY_S = 5.0


@dataclass(slots=True, kw_only=True)
class Entry:
    """`identity` is the engine's, None until it has answered; `due` is when it is to be removed, None for not yet."""

    name: str
    identity: str | None = None
    is_attached: bool = False
    is_started: bool = False
    due: float | None = None


class Ledger:
    """Thread-safe. A container is called by its name or by its identity."""

    def __init__(self, most: int, *, grace_s: float = GRACE_S) -> None:
        self._most = most
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._names: dict[str, str] = {}

    def reserve(self, name: str) -> str | None:
        """Why no container of that name may be made now; None where it may, and is written down."""
        with self._lock:
            if name in self._entries:
                return f"there is a container {name} already"
            if len(self._entries) >= self._most:
                return f"{self._most} containers at a time are the most here"
            self._entries[name] = Entry(name=name, due=time.monotonic() + UNATTACHED_S)
            return None

    def made(self, name: str, identity: str) -> None:
        with self._lock:
            if (entry := self._entries.get(name)) is not None:
                entry.identity = identity
                self._names[identity] = name

    def forget(self, reference: str) -> None:
        with self._lock:
            entry = self._entries.pop(self._names.get(reference, reference), None)
            if entry is not None and entry.identity is not None:
                self._names.pop(entry.identity, None)

    def identity(self, reference: str) -> str | None:
        """The engine's name for a container of ours; None where it is not one."""
        with self._lock:
            entry = self._entries.get(self._names.get(reference, reference))
            return entry.identity if entry is not None else None

    def attach(self, reference: str) -> bool:
        """Take its streams: once."""
        with self._lock:
            entry = self._entries.get(self._names.get(reference, reference))
            if entry is None or entry.is_attached:
                return False
            entry.is_attached, entry.due = True, None
            return True

    def start(self, reference: str) -> bool:
        """Start it: once, and only while somebody holds its streams."""
        with self._lock:
            entry = self._entries.get(self._names.get(reference, reference))
            if entry is None or entry.is_started or not entry.is_attached or entry.due is not None:
                return False
            entry.is_started = True
            return True

    def let_go(self, reference: str) -> None:
        """Nobody holds its streams any more: it goes after the grace."""
        self.postpone(reference, self._grace_s)

    def postpone(self, reference: str, seconds: float = RETRY_S) -> None:
        with self._lock:
            entry = self._entries.get(self._names.get(reference, reference))
            if entry is not None:
                entry.due = time.monotonic() + seconds

    def due(self) -> list[str]:
        """Names of those whose time has come."""
        now = time.monotonic()
        with self._lock:
            return [entry.name for entry in self._entries.values() if entry.due is not None and entry.due <= now]

    def all(self) -> list[str]:
        with self._lock:
            return list(self._entries)
