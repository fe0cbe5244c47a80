"""A Redis of our own, as a broker that keeps what it was given over a restart."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from grader.local.carriers import redis_program
from grader.local.identity import Identity, hand_over, server_identity
from grader.local.leashed import Command
from grader.local.leftovers import end_leftover
from grader.local.server import LOOPBACK, PrivateServer

PID_FILE = "redis.pid"
STOP_WAIT_S = 20.0


class PrivateRedis(PrivateServer):
    """Redis in `folder`, with an append-only file that is synced every second; `durable=False` keeps nothing."""

    name: ClassVar[str] = "redis"

    @property
    def socket_name(self) -> str:
        return "redis.sock"

    @property
    def url(self) -> str:
        """As Celery writes it; the same before and after a start."""
        if self._port is not None:
            return self.redis_url
        return f"redis+socket://{quote(str(self._socket))}?virtual_host=0"

    @property
    def redis_url(self) -> str:
        """As redis-py writes it."""
        if self._port is not None:
            return f"redis://:{self._password()}@{LOOPBACK}:{self._port}/0"
        return f"unix://{quote(str(self._socket))}?db=0"

    @property
    def _socket(self) -> Path:
        return self._way_in() / self.socket_name

    def _prepare(self) -> Identity | None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        end_leftover(self.data, PID_FILE, signal.SIGTERM)
        identity = server_identity(self.data)
        # A settings file and not arguments, which every user of the machine can read: it may hold the password.
        settings = self.data / "redis.conf"
        settings.unlink(missing_ok=True)
        with os.fdopen(os.open(settings, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write("".join(f"{line}\n" for line in self._settings()))
        if identity:
            hand_over(self.data, identity)
        return identity

    def _settings(self) -> list[str]:
        lines = [
            f"port {self._port or 0}",
            f"bind {LOOPBACK}",
            "unixsocketperm 700",
            f"appendonly {'yes' if self._durable else 'no'}",
            "appendfsync everysec",
            'save ""',  # the append-only file is the one journal
            "daemonize no",
        ]
        return lines if self._port is None else [*lines, f"requirepass {self._password()}"]

    def _command(self, identity: Identity | None, descriptor: int, inside: Path) -> Command:
        argv = [str(redis_program(identity)), str(inside / "redis.conf"), "--dir", str(inside)]
        argv += ["--unixsocket", str(inside / self.socket_name), "--pidfile", str(inside / PID_FILE)]
        return Command(
            argv=argv,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            log=self.log,
            stop_wait_s=STOP_WAIT_S,
            identity=identity,
            keep=(descriptor,),
            hold=(self._lock_descriptor(),),
        )

    def _settle(self) -> None:
        """Nothing: it has its settings."""

    def _answers(self) -> bool:
        password = None if self._port is None else self._password()
        # We ask again ourselves, and look in between whether it still lives.
        once = Retry(NoBackoff(), 0)
        with redis.Redis(unix_socket_path=str(self._socket), password=password, retry=once) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:  # also while it reads its journal
                return False
