"""Whether the broker answers. Nothing waits for it but a report: uploads go on without it."""

from __future__ import annotations

from celery import Celery
from kombu.exceptions import OperationalError

_WAIT_S = 1.0


def broker_answers(url: str) -> bool:
    """One try, a second long at most."""
    with Celery("grader-broker-check", broker=url, set_as_current=False).connection(
        connect_timeout=_WAIT_S,
        transport_options={"socket_connect_timeout": _WAIT_S, "socket_timeout": _WAIT_S},
    ) as connection:
        try:
            connection.ensure_connection(max_retries=1, timeout=_WAIT_S, interval_start=0)
        except (OperationalError, OSError):
            return False
    return True
