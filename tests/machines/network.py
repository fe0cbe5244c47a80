"""Machines made of network namespaces, and servers that they reach over TCP alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from grader.local.leashed import Command
from grader.local.postgres import PrivatePostgres
from grader.local.redis import PrivateRedis
from grader.local.server import LOOPBACK

# A network of the tests' own: 100.64.0.0/10 is nobody's on the internet and rarely anybody's at home.
# Each process has one of its own, so that two runs at once, or what a killed one left, do no harm.
_PREFIX = f"100.{64 + os.getpid() % 64}"
SERVERS = f"{_PREFIX}.0.1"
NETWORK = f"{_PREFIX}.0.0/16"


def ip(*words: str, check: bool = True) -> bool:
    return subprocess.run(["ip", *words], check=check, capture_output=True).returncode == 0


class TcpPostgres(PrivatePostgres):
    """A PostgreSQL that other machines reach, with a password."""

    @property
    def url(self) -> str:
        return super().url.replace(LOOPBACK, SERVERS)

    def _initialise(self) -> None:
        super()._initialise()
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {NETWORK} scram-sha-256\n")

    def _command(self, *arguments) -> Command:
        command = super()._command(*arguments)
        return replace(command, argv=[word.replace(LOOPBACK, SERVERS) for word in command.argv])


class TcpRedis(PrivateRedis):
    """A Redis that other machines reach, with a password."""

    @property
    def redis_url(self) -> str:
        return super().redis_url.replace(LOOPBACK, SERVERS)

    def _settings(self) -> list[str]:
        return [line.replace(LOOPBACK, SERVERS) for line in super()._settings()]


@dataclass(frozen=True)
class Machine:
    """A network namespace with one cable to the host."""

    number: int

    @property
    def name(self) -> str:
        return f"grader{os.getpid()}-{self.number}"

    @property
    def cable(self) -> str:
        # 15 characters at most.
        return f"gr{os.getpid()}h{self.number}"

    def plug_in(self) -> None:
        inside = self.cable.replace("h", "n")
        ip("netns", "add", self.name)
        ip("link", "add", self.cable, "type", "veth", "peer", "name", inside, "netns", self.name)
        ip("addr", "add", f"{_PREFIX}.{self.number}.1/30", "dev", self.cable)
        ip("link", "set", self.cable, "up")
        ip("-n", self.name, "addr", "add", f"{_PREFIX}.{self.number}.2/30", "dev", inside)
        ip("-n", self.name, "link", "set", inside, "up")
        ip("-n", self.name, "link", "set", "lo", "up")
        ip("-n", self.name, "route", "add", "default", "via", f"{_PREFIX}.{self.number}.1")

    def cut(self) -> None:
        ip("link", "set", self.cable, "down")

    def mend(self) -> None:
        ip("link", "set", self.cable, "up")

    def remove(self) -> None:
        ip("link", "del", self.cable, check=False)
        ip("netns", "del", self.name, check=False)

    def start(
        self, *arguments: str, environment: Mapping[str, str], hide: Path, cwd: Path, output: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Python there, with this environment and no other, an empty folder for `cwd`, and nothing in `hide`.

        The namespace is entered without `ip netns exec`, which would put away the control groups too.
        """
        hidden = 'mount -t tmpfs tmpfs "$0" && exec "$@"'
        return subprocess.Popen(
            [
                # What is started goes with the tests, however those end.
                "setpriv", "--pdeathsig", "KILL",
                "nsenter", f"--net=/run/netns/{self.name}", "unshare", "--mount", "sh", "-c", hidden, str(hide),
                sys.executable, *arguments,
            ],
            env=dict(environment), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip


def network_problem(machines: Sequence[Machine]) -> str:
    """Plug the machines in; why that is not possible here, or nothing."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    try:
        ip("addr", "add", f"{SERVERS}/32", "dev", "lo", check=False)
        for machine in machines:
            machine.plug_in()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"network namespaces cannot be made here: {error}"
    return ""
