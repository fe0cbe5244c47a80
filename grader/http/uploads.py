"""One file out of a multipart request, streamed into the blob store, limits enforced while it streams."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from grader.domain.course import Reader
from grader.domain.grading import OfferedAssignment
from grader.domain.submission import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A text field that came along (at most 200 characters)."""

    name: str
    value: str


async def receive_upload(
    request: Request, reader: Reader, assignment: OfferedAssignment, *, idempotency_key: str | None
) -> Receipt:
    """The whole of an upload: refuse early, stream, list the archive, match the file rules, keep, write the rows.

    The receipt is returned after bytes and rows are durable. Both doors call this. The multipart field is `file`; a
    field `idempotency_key` may precede it. Blocking work runs in threads.

    Raises:
        UploadTooLarge, BadArchive, MissingFile, BadRequest (no file field), QuotaUsed, PastDeadline, StorageFull,
        DatabaseBusy.

    """
    raise NotImplementedError
