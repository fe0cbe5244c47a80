"""What a webhook is sent, and how it is signed: the Standard Webhooks specification, version 1 (symmetric)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

from grader.domain.notices import Parcel

SECRET_PREFIX = "whsec_"  # noqa: S105  # the word before every secret, and none itself
SECRET_BYTES = 32


def secret_of(random: bytes) -> str:
    """Random bytes as the specification writes a secret."""
    return SECRET_PREFIX + base64.b64encode(random).decode()


def body_of(parcel: Parcel) -> bytes:
    """`{"type", "timestamp", "data"}`: when it happened, ids, and a state."""
    happened_at = parcel.happened_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    whole = {"type": parcel.kind.value, "timestamp": happened_at, "data": parcel.data}
    return json.dumps(whole, allow_nan=False, separators=(",", ":")).encode()


def signed_headers(secret: str, notice: str, body: bytes, now: datetime) -> dict[str, str]:
    """Id, time of this attempt (seconds since 1970) and signature; the id stays the same however often it is tried."""
    stamp = str(int(now.timestamp()))
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signature = hmac.new(key, b".".join((notice.encode(), stamp.encode(), body)), hashlib.sha256).digest()
    return {
        "webhook-id": notice,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(signature).decode(),
    }
