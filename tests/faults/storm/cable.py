"""A cable between a process and PostgreSQL: it can be cut, be slow, carry nothing, or carry one way only."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

_CHUNK = 65536
_LOOK_S = 0.02
# Closing resets the connection instead of ending it in order.
_RESET = struct.pack("ii", 1, 0)


class Cable:
    """Listens on a port of its own and passes on what comes to `port` of this machine. Safe between threads."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._is_cut = False
        self._is_closed = False
        self._holds_up = self._holds_down = False
        self._delay_s = 0.0
        self._trap: tuple[int, Callable[[], None]] | None = None
        threading.Thread(target=self._accept, name=f"cable-{self.port}", daemon=True).start()

    def cut(self) -> None:
        """Reset every connection, and refuse new ones until `mend`."""
        self._is_cut = True
        self.reset()

    def reset(self) -> None:
        """Reset every connection; new ones work."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            _reset(*pair)

    def hold(self, *, up: bool, down: bool) -> None:
        """Pass on nothing towards the server, or nothing from it; what comes meanwhile is passed on later."""
        self._holds_up, self._holds_down = up, down

    def slow(self, delay_s: float) -> None:
        """Let everything take so many seconds longer."""
        self._delay_s = delay_s

    def mend(self) -> None:
        self._is_cut = self._holds_up = self._holds_down = False
        self._delay_s = 0.0
        self._trap = None

    def spring(self, statements: int, do: Callable[[], None]) -> None:
        """Call `do` once: as soon as so many statements of a transaction have gone over this cable."""
        self._trap = (statements, do)

    def close(self) -> None:
        self._is_closed = True
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                ours, _ = self._listening.accept()
            except OSError:
                return
            try:
                if self._is_cut:
                    raise ConnectionRefusedError
                theirs = socket.create_connection(("127.0.0.1", self._to), timeout=5)
                theirs.settimeout(None)
            except OSError:
                _reset(ours)
                continue
            with self._lock:
                self._pairs.add((ours, theirs))
            for source, target, is_up in ((ours, theirs, True), (theirs, ours, False)):
                threading.Thread(target=self._pump, args=(source, target, is_up, (ours, theirs)), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_up: bool, pair) -> None:
        seen = -1
        try:
            while chunk := source.recv(_CHUNK):
                while (self._holds_up if is_up else self._holds_down) and not self._is_closed:
                    time.sleep(_LOOK_S)
                if self._delay_s:
                    time.sleep(self._delay_s)
                if is_up:
                    seen = 0 if b"BEGIN" in chunk else seen + 1 if seen >= 0 else -1
                    if b"COMMIT" in chunk or b"ROLLBACK" in chunk:
                        seen = -1
                target.sendall(chunk)
                if is_up:
                    self._look_at_trap(seen)
        except OSError:
            pass
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _look_at_trap(self, seen: int) -> None:
        trap = self._trap
        if trap is not None and seen >= trap[0]:
            self._trap = None
            trap[1]()


def _reset(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            # Wakes the thread that reads from it; closing alone would not.
            end.shutdown(socket.SHUT_RD)
        end.close()
