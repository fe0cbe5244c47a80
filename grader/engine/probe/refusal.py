"""How the probe says no without blaming the student's code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

T = TypeVar("T")
# Codes of REFUSED; docs/protocol.md lists them.
NOT_DEFINED = "not_defined"
STALE_HANDLE = "stale_handle"
UNSENDABLE = "unsendable"
BAD_REQUEST = "bad_request"


class Refused(Exception):
    """A request that is answered with REFUSED: `code` for the harness, a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def field(body: Mapping[str, Any], name: str, *types: type[T], default: T | None = None) -> T:
    """A field of a request, of one of the given types.

    Raises:
        Refused: it is missing without a default, or of another type.

    """
    value = body.get(name)
    if value is None:
        value = default
    # Whole numbers are welcome where a float is asked for; a bool is nobody's number.
    if type(value) is int and float in types:
        return cast("T", float(value))
    if type(value) not in types:
        raise Refused(BAD_REQUEST, f"the request's field {name!r} is missing or of the wrong type")
    return cast("T", value)


def optional(body: Mapping[str, Any], name: str, *types: type[T]) -> T | None:
    """Like `field`, where None and a missing field mean the same."""
    return None if body.get(name) is None else field(body, name, *types)
