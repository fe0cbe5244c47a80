"""Things of the host that no idea may read, reach or harm, each with a secret in it."""

from __future__ import annotations

import os
import secrets
import select
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile

NEIGHBOUR = """
import sys, time
secret = sys.stdin.readline().strip()
open("/tmp/other-submission.py", "w").write(secret)
print("ready", flush=True)
while True:
    sys.stdin.readline()
    print(open("/tmp/other-submission.py").read() == secret and secret, flush=True)
"""


class Canaries:
    """A file, a folder, two listening sockets, a process, a variable of the worker's, and somebody else's sandbox."""

    def __init__(self, backend: SandboxBackend) -> None:
        # Made of what no program writes by chance; every canary holds it.
        self.secret = f"canary-{secrets.token_hex(12)}"
        # Of its own: several backends are attacked at once.
        self._variable = f"ATTACK_CANARY_{secrets.token_hex(4)}"
        self.visitors: list[str] = []
        self._backend = backend
        self._folder = tempfile.TemporaryDirectory(prefix="attack-canaries-")
        self.folder = Path(self._folder.name)
        self._neighbour: Sandbox | None = None

    def __enter__(self) -> Self:
        self.folder.chmod(0o777)
        self.file = self.folder / "secret.txt"
        self.file.write_text(self.secret)
        self.file.chmod(0o666)
        os.environ[self._variable] = self.secret
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._unix = socket.socket(socket.AF_UNIX)
        self._unix.bind(str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o777)
        self._unix.listen()
        for listener in (self._tcp, self._unix):
            threading.Thread(target=self._listen, args=(listener,), daemon=True).start()
        self._process = subprocess.Popen(["sleep", "3600"], env={"SECRET": self.secret})
        small = SandboxProfile(memory_bytes=256 * 2**20, processes=8, warm=False, program=NEIGHBOUR, cpu_s=60)
        self._neighbour = self._backend.start(small)
        assert self._asked() == "ready"
        return self

    def __exit__(self, *error: object) -> None:
        del os.environ[self._variable]
        for listener in (self._tcp, self._unix):
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._process.kill()
        self._process.wait()
        if self._neighbour is not None:
            self._neighbour.kill()
        self._folder.cleanup()

    @property
    def words(self) -> dict[str, str]:
        """What a source knows of them: where they are, not what they hold."""
        return {
            "FILE": str(self.file),
            "PORT": str(self._tcp.getsockname()[1]),
            "SOCKET": str(self.folder / "socket"),
            "PID": str(self._process.pid),
        }

    def problems(self) -> list[str]:
        """What has been touched, harmed or stopped."""
        found = [f"somebody came to {name}" for name in self.visitors]
        names = sorted(path.name for path in self.folder.iterdir())
        if names != ["secret.txt", "socket"] or self.file.read_text() != self.secret:
            found.append(f"the canary's folder was changed: {names}")
        if self._process.poll() is not None:
            found.append("a process of the host was ended")
        if os.environ.get(self._variable) != self.secret:
            found.append("the worker's environment was changed")
        if self._neighbour is None or self._asked() != self.secret:
            found.append("somebody else's sandbox was ended or changed")
        return found

    def _listen(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.visitors.append("a listening socket of the host")
                connection.close()

    def _asked(self) -> str:
        """A line to the neighbour, and the line that it answers."""
        assert self._neighbour is not None
        with suppress(OSError):
            os.write(self._neighbour.write_fd, f"{self.secret}\n".encode())
        answer, ends_at = b"", time.monotonic() + 30
        os.set_blocking(self._neighbour.read_fd, False)
        while not answer.endswith(b"\n") and time.monotonic() < ends_at:
            select.select([self._neighbour.read_fd], [], [], 1.0)
            with suppress(BlockingIOError):
                chunk = os.read(self._neighbour.read_fd, 4096)
                if not chunk:
                    break
                answer += chunk
        return answer.decode().strip()
