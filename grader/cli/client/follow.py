"""A submission from its receipt to its score: looked at whenever the service tells of news, and now and then anyway."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from grader.cli.client.events import EventReader
from grader.cli.client.service import Service

FINAL = frozenset({"graded", "rejected", "failed"})
# Without a stream we look this often; with one only in case it lies.
_POLL_S = 2.0
_LIVE_POLL_S = 20.0
# Checks come in bursts; more looks than this in a second show nothing more to a person.
_SHORTEST_S = 0.2


def is_final(submission: dict[str, Any], run: str | None = None) -> bool:
    """Whether the newest run has ended (and is `run`, where one is named)."""
    newest = submission.get("run") or {}
    if run is not None and newest.get("id") != run:
        return False
    return newest.get("state") in FINAL


def follow(service: Service, submission: str, *, run: str | None = None) -> Iterator[dict[str, Any]]:
    """The submission object each time it has changed, until its newest run (or `run`) is final.

    Raises what `Service.send` raises: after its patience, also for a service that stays away.
    """
    tag = ""
    with EventReader(service, submission) as events:
        while True:
            events.news.clear()
            seen_at = time.monotonic()
            answer = service.send("GET", f"/submissions/{submission}", headers={"If-None-Match": tag} if tag else {})
            if answer.status_code != 304:
                tag = answer.headers.get("ETag", "")
                found: dict[str, Any] = answer.json()
                yield found
                if is_final(found, run):
                    return
            events.news.wait(_LIVE_POLL_S if events.is_live else _POLL_S)
            time.sleep(max(0.0, seen_at + _SHORTEST_S - time.monotonic()))
