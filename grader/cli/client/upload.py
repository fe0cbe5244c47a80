"""Handing in: one file, one idempotency key, as many tries as it takes."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from grader.domain.errors import BadArguments
from grader.kit.text import one_line

if TYPE_CHECKING:
    from grader.cli.client.service import Service

# No assignment allows nearly as much; a data set given by mistake is not read into memory.
MOST_BYTES = 1 << 30


def read_file(path: Path) -> bytes:
    """Its bytes.

    Raises:
        BadArguments: it is not there, no ordinary file, or far too large.

    """
    shown = one_line(str(path))
    try:
        if path.is_dir():
            raise BadArguments(f"{shown} is a folder; pack it into a zip file first.")
        if not path.is_file():
            raise BadArguments(f"{shown} {'is not an ordinary file' if path.exists() else 'does not exist'}.")
        if path.stat().st_size > MOST_BYTES:
            raise BadArguments(f"{shown} is larger than 1 GiB, which no assignment allows; leave out data sets.")
        return path.read_bytes()
    except OSError as error:
        raise BadArguments(f"{shown} cannot be read: {(error.strerror or 'unknown reason').lower()}.") from error


def upload(
    service: Service,
    assignment: str,
    name: str,
    content: bytes | None,
    *,
    answers: str = "",
    own: bool = False,
    contribution: str = "",
) -> dict[str, Any]:
    """The receipt. However often the request has to be sent, it makes one submission. `answers` is JSON or TOML.

    With `own` it is a member's own, for parts of a team's assignment, and there need be no file. `contribution` is who
    did what in the team.
    """
    from grader.cli.client.service import object_of

    given = {"answers": "" if content is None else answers, "contribution": contribution}
    fields = {field: text for field, text in given.items() if text}
    answer = service.send(
        "POST",
        f"/assignments/{quote(assignment, safe='')}/submissions",
        again=True,
        params={"own": "true"} if own else {},
        data=fields,
        # Without a file the answers come as one, so that the form is of several parts all the same.
        files={"answers": ("answers", answers.encode(), "text/plain")}
        if content is None
        else {"file": (name, content, "application/octet-stream")},
        headers={"Idempotency-Key": secrets.token_hex(16)},
    )
    return object_of(answer)
