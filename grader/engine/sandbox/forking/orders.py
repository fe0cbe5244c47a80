"""What the host asks of the fork server, and the words both sides use. Imported on both sides of the wall."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

# A message that does not fit a kernel's usual socket buffer (208 kB) would never be sent.
MOST_BYTES = 160 * 2**10
# Descriptors that come with an order: the job's standard input, output and error, and its socket.
DESCRIPTORS = 4
READY = b"ready"
HERE = b"here"
GO = b"go"
STATUS = b"status "


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One job: sizes in bytes; `limits` as (name of RLIMIT_, soft, hard); `program` in place of the probe."""

    scratch_bytes: int
    shm_bytes: int
    limits: tuple[tuple[str, int, int], ...]
    environment: dict[str, str]
    hidden_files: tuple[str, ...]
    program: str | None = None

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, data: bytes) -> Order:
        """The order of a message.

        Raises:
            ValueError, TypeError, KeyError: it is none.

        """
        fields = json.loads(data)
        fields["limits"] = tuple((str(name), int(soft), int(hard)) for name, soft, hard in fields["limits"])
        fields["hidden_files"] = tuple(fields["hidden_files"])
        return cls(**fields)


def status_message(status: int) -> bytes:
    """A job's end, as `wait` gives it."""
    return STATUS + str(status).encode()


def read_status(message: bytes) -> int | None:
    """The number in a job's last message; None where it is another message."""
    digits = message.removeprefix(STATUS)
    return int(digits) if message.startswith(STATUS) and digits.isdigit() else None
