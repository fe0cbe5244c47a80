"""Text as PostgreSQL can keep it: everything but NUL and lone surrogates, which JSON from a sandbox may well hold."""

from __future__ import annotations

import re
from typing import Any

_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


def keepable(value: Any) -> Any:
    """The value with what cannot be kept replaced by U+FFFD, in all its strings; tuples become lists, as in JSON."""
    if isinstance(value, str):
        return _UNKEEPABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {keepable(key): keepable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [keepable(entry) for entry in value]
    return value
