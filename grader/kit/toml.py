"""TOML that somebody else wrote, in time that is bounded by its length, and with one kind of error."""

from __future__ import annotations

import re
import tomllib
from typing import Any

# The reader of the standard library takes time as the square of a key's parts: a megabyte of them is an hour.
_MOST_PARTS = 32
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_MOST_PARTS},}}")


class BadToml(ValueError):
    """The text is no TOML; the message says why, in words for whoever wrote it."""


def parsed(text: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        BadToml: it is none, a whole number in it has thousands of digits, or it is nested too deep.

    """
    if _LONG_KEY.search(text) is not None:
        raise BadToml(f"a key has more than {_MOST_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise BadToml("it is nested too deep") from error
    except ValueError as error:
        # Python reads no whole number of more than 4,300 digits, and says so in words for programmers.
        is_toml = isinstance(error, tomllib.TOMLDecodeError)
        raise BadToml(str(error) if is_toml else "a whole number in it is too long") from error
