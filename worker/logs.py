from __future__ import annotations

import logging
import time
from typing import ClassVar


class _WithFields(logging.Formatter):
    """A line a record, times in UTC, and what a record is about as name=value, so that logs can be filtered by it."""

    converter = staticmethod(time.gmtime)
    fields: ClassVar[tuple[str, ...]] = ("run", "submission", "stage")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        about = [f"{name}={getattr(record, name)}" for name in self.fields if hasattr(record, name)]
        return " ".join([super().formatMessage(record), *about])


def log_to_stderr() -> None:
    """For a process of ours: INFO and above."""
    handler = logging.StreamHandler()
    handler.setFormatter(_WithFields("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Celery announces every message, and Alembic that it looked; neither is news.
    for name in ("celery", "kombu", "amqp", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
