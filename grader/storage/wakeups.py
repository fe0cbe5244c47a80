"""Wake-ups over Celery: "look into the database". Sent after the commit, allowed to fail, never waited for."""

from __future__ import annotations

import logging
import time

from celery import Celery
from kombu.exceptions import OperationalError

from grader.domain.grading import Queue

log = logging.getLogger(__name__)
TASK = "grader.grade"
# An upload must not wait for a broker that is away; the sweep and the workers' own looking make up for it.
_CONNECT_S = 1.0
# After a failure nothing is sent for so long: a sweep that wakes twenty would else stand still for twenty timeouts, and
# workers look by themselves as often.
_AWAY_S = 2.0
_TRANSPORT = {"socket_connect_timeout": _CONNECT_S, "socket_timeout": _CONNECT_S, "max_retries": 0}


class CeleryWakeUps:
    """Sends task "grader.grade" to the Celery queue of that name.

    A broker that is down costs a second and a log line every two seconds, whatever is sent; one that comes back is used
    again.
    """

    def __init__(self, broker_url: str) -> None:
        self.app = Celery("grader-wakeups", broker=broker_url, set_as_current=False)
        self.app.conf.update(
            broker_transport_options=_TRANSPORT,
            broker_connection_timeout=_CONNECT_S,
            task_ignore_result=True,
            # A wake-up of an hour ago wakes nobody who has not looked since.
            task_publish_retry=False,
        )
        self._away_until = 0.0

    def send(self, queue: Queue) -> None:
        if time.monotonic() < self._away_until:
            return
        try:
            self.app.send_task(TASK, queue=queue.value, expires=600, retry=False)
        except (OperationalError, OSError) as error:
            self._away_until = time.monotonic() + _AWAY_S
            log.warning("the broker took no wake-up for %s (%s); the sweep makes up for it", queue.value, error)
