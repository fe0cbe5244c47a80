"""Who waits for news of a submission: one LISTEN connection per server process, however many browsers are open."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict

import psycopg

from grader.domain.ids import SubmissionId

log = logging.getLogger(__name__)
CHANNEL = "grader_progress"
_LOOK_S = 0.5
_RECONNECT_S = 1.0
_CONNECT_S = 5
# News older than this many others is forgotten: whoever still waits for it looks by itself.
_REMEMBERED = 10_000


class Announcements:
    """Hears NOTIFY of PostgreSQL (sent in the transaction that writes progress events) and wakes whoever waits.

    A thread of its own holds the connection and reconnects. What was announced while nobody listened is unknown, so
    everybody who waits is woken as soon as it listens (again), and looks.
    """

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self._news = threading.Condition()
        self._count = 0
        # Submission to the number of its newest announcement.
        self._heard: OrderedDict[str, int] = OrderedDict()
        # The number given to the beginning of the last connection: news of anybody may have come just before.
        self._listening_since = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._listen, name="announcements", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and lets everybody who waits go on."""
        self._stopping.set()
        with self._news:
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def mark(self) -> int:
        """Where the news stand now: take it before reading the database, and wait from there."""
        with self._news:
            return self._count

    def wait(self, submission: SubmissionId, timeout_s: float, *, after: int | None = None) -> bool:
        """True as soon as something about the submission is, or may have been, announced after `after`.

        Without `after`: after this call.
        """
        with self._news:
            since = self._count if after is None else after
            return self._news.wait_for(
                lambda: (
                    self._stopping.is_set() or max(self._heard.get(str(submission), 0), self._listening_since) > since
                ),
                timeout_s,
            )

    def _listen(self) -> None:
        url = self.database_url.replace("postgresql+psycopg://", "postgresql://")
        while not self._stopping.is_set():
            try:
                with psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_S) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._wake_everybody()
                    while not self._stopping.is_set():
                        for notice in connection.notifies(timeout=_LOOK_S):
                            self._tell(notice.payload)
            except psycopg.Error as error:
                log.warning("announcements are not heard: %s", str(error).splitlines()[0] if str(error) else error)
                self._stopping.wait(_RECONNECT_S)

    def _wake_everybody(self) -> None:
        with self._news:
            self._count += 1
            self._listening_since = self._count
            self._news.notify_all()

    def _tell(self, submission: str) -> None:
        with self._news:
            self._count += 1
            self._heard[submission] = self._count
            self._heard.move_to_end(submission)
            while len(self._heard) > _REMEMBERED:
                self._heard.popitem(last=False)
            self._news.notify_all()
