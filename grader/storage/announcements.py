"""Who waits for news of a submission: one LISTEN connection per server process, however many browsers are open."""

from __future__ import annotations

from grader.domain.ids import SubmissionId

CHANNEL = "grader_progress"


class Announcements:
    """Hears NOTIFY of PostgreSQL (sent in the transaction that writes progress events) and wakes whoever waits.

    A thread of its own holds the connection and reconnects; news that was missed meanwhile is found because waiting
    always ends after `timeout_s` at the latest.
    """

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def wait(self, submission: SubmissionId, timeout_s: float) -> bool:
        """True as soon as something about the submission was announced since the last call of `mark`."""
        raise NotImplementedError
