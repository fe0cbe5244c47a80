"""The database: one engine per process, one transaction per unit of work, messages only after the commit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.orm import Session

from grader.domain.errors import DatabaseBusy
from grader.domain.grading import Queue

log = logging.getLogger(__name__)

# A statement that waits longer for a lock than this meets something stuck; nothing of ours holds one for a second.
_LOCK_TIMEOUT_MS = 10_000
_STATEMENT_TIMEOUT_MS = 30_000
# A process that stands still (frozen, or its machine is) answers keep-alives and would hold its locks for ever. Less
# than the wait for a lock, so that whoever waits for one of them gets it.
_IDLE_TIMEOUT_MS = 8_000
_CONNECT_S = 5
# A cable that is cut says nothing. Both ends notice within 25 s: ours, so that it does not wait for an answer for ever,
# and the server's, so that a transaction of a machine that is gone holds its locks no longer.
_SILENT_MS = 20_000
_CLIENT_NOTICES: dict[str, Any] = {
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": _SILENT_MS,
}  # fmt: skip
_SERVER_NOTICES = (
    f"-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout={_SILENT_MS}"
)
_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"


@cache
def code() -> str:
    """Which code this is: the newest migration it knows. The database refuses old code what that would do wrongly."""
    return max(path.name.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*.py"))


class WakeUps(Protocol):
    """Tells workers to look into the database. May fail: the sweep makes up for it."""

    def send(self, queue: Queue) -> None: ...


class NoWakeUps:
    """For processes that never queue work, and for tests that drive the queue themselves."""

    def send(self, queue: Queue) -> None:
        del queue


@dataclass(slots=True)
class Work:
    """A unit of work: one session, one transaction, and what is to be sent once it is committed."""

    session: Session
    _queues: list[Queue] = field(default_factory=list)

    def wake(self, queue: Queue) -> None:
        """Have a worker of this queue woken after the commit."""
        self._queues.append(queue)

    def queues_to_wake(self) -> tuple[Queue, ...]:
        return tuple(self._queues)


class Database:
    """Connections to one PostgreSQL. Safe to share between threads.

    Args:
        url: an SQLAlchemy URL, `postgresql+psycopg://...`.
        wakeups: told about new work after each commit.
        pool: connections kept open; as many again may be opened under load.

    """

    def __init__(self, url: str, wakeups: WakeUps | None = None, *, pool: int = 10) -> None:
        self.url = url
        self._wakeups = wakeups or NoWakeUps()
        self._pool = pool
        self.engine: Engine = create_engine(
            url,
            pool_size=pool,
            max_overflow=pool,
            pool_timeout=10,
            # A connection that died with a restarted server is noticed before it is used.
            pool_pre_ping=True,
            # What a statement was given may be anybody's name or work, and an error's text ends in a log.
            hide_parameters=True,
            connect_args={
                "connect_timeout": _CONNECT_S,
                **_CLIENT_NOTICES,
                "options": f"-c lock_timeout={_LOCK_TIMEOUT_MS} -c statement_timeout={_STATEMENT_TIMEOUT_MS} "
                f"-c idle_in_transaction_session_timeout={_IDLE_TIMEOUT_MS} -c timezone=UTC -c grader.code={code()} "
                f"{_SERVER_NOTICES}",
            },
        )

    @contextmanager
    def begin(self) -> Iterator[Work]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            DatabaseBusy: the database cannot be reached, was restarted under us, gave up waiting for our next
                statement (8 s), or all our connections are in use;
                nothing was committed unless the connection broke during the commit itself, which is why whoever
                tries again must be idempotent.

        """
        session = Session(self.engine, expire_on_commit=False)
        work = Work(session)
        try:
            with session:
                yield work
                session.commit()
        except (OperationalError, InterfaceError, NoConnectionLeft) as error:
            raise DatabaseBusy from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise DatabaseBusy from error
            raise
        for queue in work.queues_to_wake():
            self._wakeups.send(queue)

    def is_ready(self) -> bool:
        """Whether the database answers."""
        try:
            with self.begin() as work:
                work.session.execute(select(func.now()))
        except DatabaseBusy:
            return False
        return True

    def watch(self, used: Callable[[int], None]) -> int:
        """Tell `used` of each connection that is taken (1) or given back (-1); the most that can be taken at once."""
        event.listen(self.engine, "checkout", lambda *_: used(1))
        event.listen(self.engine, "checkin", lambda *_: used(-1))
        return 2 * self._pool

    def close(self) -> None:
        self.engine.dispose()
