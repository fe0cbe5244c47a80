"""A PostgreSQL of our own. The programs come from a package; their life and death are ours."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import psycopg
from psycopg import sql

from grader.local.carriers import POSTGRES_VERSION, postgres_program
from grader.local.faults import FolderUnusable, ServiceFailed
from grader.local.identity import Identity, hand_over, named_identity, server_identity
from grader.local.leashed import Command, LeashedProcess, last_words
from grader.local.leftovers import end_leftover
from grader.local.places import opened
from grader.local.server import LOOPBACK, PrivateServer

USER = DATABASE = "grader"
USUAL_PORT = 5432  # without a port of its own it still names the socket
MAX_CONNECTIONS = 200
PID_FILE = "postmaster.pid"
# A shutdown writes a checkpoint first; with much data on a slow disk that takes its time.
STOP_WAIT_S = 60.0
# The builtin provider sorts by code point and knows Unicode's upper and lower case, the same on every machine.
INITDB = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    f"--username={USER}",
)
# Synchronous commit stays on: without fsync it costs a write to the kernel, and a commit then survives kill -9.
UNDURABLE = ("fsync=off", "full_page_writes=off")


class PrivatePostgres(PrivateServer):
    """PostgreSQL in `folder`, with one database and one superuser, both named grader."""

    name: ClassVar[str] = "postgres"

    @property
    def socket_name(self) -> str:
        return f".s.PGSQL.{self._socket_port}"

    @property
    def url(self) -> str:
        """For SQLAlchemy and psycopg 3; the same before and after a start."""
        if self._port is not None:
            return f"postgresql+psycopg://{USER}:{self._password()}@{LOOPBACK}:{self._port}/{DATABASE}"
        return f"postgresql+psycopg://{USER}@/{DATABASE}?host={quote(str(self._way_in()))}&port={USUAL_PORT}"

    @property
    def _socket_port(self) -> int:
        return self._port or USUAL_PORT

    def _prepare(self) -> Identity | None:
        if not self.data.exists():
            self._initialise()
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != POSTGRES_VERSION:
            raise FolderUnusable(
                f"The data in {self.data} were made by PostgreSQL {version}, and this is {POSTGRES_VERSION}: "
                "dump them with the old version and load them with the new one, or use another folder."
            )
        identity = server_identity(self.data)
        if identity and self.data.stat().st_uid != identity.uid:
            hand_over(self.data, identity)
        end_leftover(self.data, PID_FILE, signal.SIGINT)
        for stale in self.data.glob(".s.PGSQL.*"):  # sockets, and their own pid files
            stale.unlink()
        return identity

    def _initialise(self) -> None:
        """Made beside its place and then renamed: after a crash there is either no data folder or a whole one."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        identity = server_identity(fresh)
        # initdb wants a name for its user; the server does not, so the data change hands afterwards.
        maker = named_identity()
        if maker:
            hand_over(fresh, maker)
        log = self.folder / "initdb.log"
        with opened(fresh) as (descriptor, inside):
            argv = [str(postgres_program("initdb", maker)), *INITDB, f"--pgdata={inside}"]
            if not self._durable:
                argv.append("--no-sync")
            making = LeashedProcess(
                Command(
                    argv=argv,
                    env=_environment(),
                    log=log,
                    identity=maker,
                    keep=(descriptor,),
                    hold=(self._lock_descriptor(),),
                )
            )
        if making.wait() != 0:
            raise ServiceFailed(
                f"PostgreSQL could not make its data folder; the last words of {log}: {last_words(log)}"
            )
        if identity:
            hand_over(fresh, identity)
        fresh.rename(self.data)

    def _command(self, identity: Identity | None, descriptor: int, inside: Path) -> Command:
        settings = [
            f"listen_addresses={LOOPBACK if self._port else ''}",
            f"port={self._socket_port}",
            f"unix_socket_directories={inside}",
            "unix_socket_permissions=0700",
            f"max_connections={MAX_CONNECTIONS}",
            "timezone=UTC",
            "cluster_name=grader",  # `ps` shows it
            *(() if self._durable else UNDURABLE),
        ]
        argv = [str(postgres_program("postgres", identity)), "-D", str(inside)]
        for setting in settings:
            argv += ["-c", setting]
        return Command(
            argv=argv,
            env=_environment(),
            log=self.log,
            stop_signal=signal.SIGINT,  # fast: it ends the sessions, and does not wait for them
            stop_wait_s=STOP_WAIT_S,
            identity=identity,
            keep=(descriptor,),
            hold=(self._lock_descriptor(),),
        )

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _settle(self) -> None:
        with self._connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
            if self._port is not None:
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(USER), sql.Literal(self._password()))
                )

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self._way_in()),
            port=self._socket_port,
            user=USER,
            dbname="postgres",
            connect_timeout=5,
            autocommit=True,
        )


def _environment() -> dict[str, str]:
    """None of the PG* variables that somebody may have set for a server of their own."""
    return {"PATH": os.defpath, "LC_ALL": "C"}
