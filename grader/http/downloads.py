"""Bytes on their way out: what somebody handed in is always an attachment and never a document of ours."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from grader.http.security import SANDBOXED_POLICY
from grader.kit.text import one_line


def attachment(name: str, content: bytes, media_type: str = "application/octet-stream") -> Response:
    """A file to be saved under `name`, whatever characters that holds (RFC 6266)."""
    return Response(
        content,
        media_type=media_type,
        headers={
            "Content-Disposition": disposition(name),
            "Content-Security-Policy": SANDBOXED_POLICY,
            "X-Content-Type-Options": "nosniff",
        },
    )


def disposition(name: str) -> str:
    """`attachment` with the name in both spellings that browsers know."""
    shown = one_line(name, limit=200).replace("/", "_").replace("\\", "_") or "file"
    plain = "".join(character if character.isascii() and character not in '"%;' else "_" for character in shown)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"


def shown_picture(kind: str, content: bytes) -> Response:
    """A "png" or "jpeg" that we encoded, which never changes under its address; kept by the reader's browser alone."""
    return Response(
        content,
        media_type=f"image/{kind}",
        headers={
            "Cache-Control": "private, max-age=86400, immutable",
            "Content-Security-Policy": SANDBOXED_POLICY,
            "X-Content-Type-Options": "nosniff",
        },
    )
