"""Our own key pairs: a JSON Web Key Set in a file, the newest first. It signs; platforms read its public half.

A rotation puts a new key first and keeps the one before, so that what was signed a moment ago still verifies. The file
is read each time it is used: a new key needs no restart.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from grader.domain.errors import SetupError

_BITS = 2048
_KEPT = 2


class BadKeys(SetupError):
    """The file with our LTI keys cannot be used; make one with `grader lti new-key`."""

    code = "bad-lti-keys"


def signing_key(path: Path) -> RSAKey:
    """The newest key. Raises BadKeys."""
    return _keys(path)[0]


def public_set(path: Path) -> dict[str, Any]:
    """What platforms may know: every key's public half, as RFC 7517 writes it. Raises BadKeys."""
    keys = [key.as_dict(private=False) | {"use": "sig", "alg": "RS256"} for key in _keys(path)]
    return {"keys": keys}


def rotate(path: Path) -> str:
    """Put a new key first in the file, and keep the one before it; the new key's id. The file is its owner's alone.

    Raises:
        BadKeys: the file holds something else, or cannot be written.

    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        made, kept = with_new(path.read_text(encoding="utf-8") if path.exists() else "")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write(kept)
        # Containers read secrets as users of their own (docker/make-secrets.sh): who could read it, still can.
        if path.exists():
            fresh.chmod(path.stat().st_mode & 0o777)
        fresh.replace(path)
    except OSError as error:
        raise BadKeys(f"The file {path} cannot be written: {error.strerror}.") from error
    return made


def with_new(content: str) -> tuple[str, str]:
    """(the new key's id, the file's new content). An empty content is that of a file without keys. Raises BadKeys."""
    before = _keys_in(content) if content.strip() else []
    made = RSAKey.generate_key(_BITS, auto_kid=True)
    kept = [key.as_dict(private=True) for key in [made, *before][:_KEPT]]
    return str(made.kid), json.dumps({"keys": kept})


def _keys(path: Path) -> list[RSAKey]:
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadKeys(f"The file {path} with our LTI keys cannot be read: {error.strerror}.") from error
    return _keys_in(content)


def _keys_in(content: str) -> list[RSAKey]:
    try:
        found = KeySet.import_key_set(json.loads(content))
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadKeys from error
    keys = [key for key in found.keys if isinstance(key, RSAKey) and key.is_private and key.kid]
    if not keys:
        raise BadKeys
    return keys
