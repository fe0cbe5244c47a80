"""Wake-ups over Celery: "look into the database". Sent after the commit, allowed to fail, never waited for."""

from __future__ import annotations

from celery import Celery

from grader.domain.grading import Queue


class CeleryWakeUps:
    """Sends task "grade" to the Celery queue of that name; a broker that is down costs a second and a log line."""

    def __init__(self, broker_url: str) -> None:
        self.app = Celery("grader", broker=broker_url)

    def send(self, queue: Queue) -> None:
        raise NotImplementedError
