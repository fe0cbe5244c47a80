from __future__ import annotations

import hashlib
from collections.abc import Iterable


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sha256_of_named(entries: Iterable[tuple[str, bytes]]) -> str:
    """One digest over names and contents; lengths go in, so that no two folders share a digest by shifting bytes."""
    digest = hashlib.sha256()
    for name, content in sorted(entries):
        encoded = name.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()
