"""Addresses of servers, whose passwords may lie in files of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit


class BadAddress(ValueError):
    """An address and the file with its password do not go together."""


def address(environment: Mapping[str, str], name: str) -> str:
    """The URL that variable `name`, such as GRADER_DATABASE_URL, holds; an empty text where it is not set.

    Where GRADER_DATABASE_PASSWORD_FILE names a file, the password in it (without the line's end) becomes part of it.

    Raises:
        BadAddress: the file cannot be read or is empty, or the URL has a password of its own; in one sentence.

    """
    url = environment.get(name, "")
    file_variable = f"{name.removesuffix('_URL')}_PASSWORD_FILE"
    path = environment.get(file_variable, "")
    if not url or not path:
        return url
    parts = urlsplit(url)
    if parts.password is not None or "password" in parse_qs(parts.query):
        raise BadAddress(f"{name} holds a password and {file_variable} names a file with one; leave one of them out.")
    user, _, hosts = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(_password(path, file_variable), safe='')}@{hosts}"))


def _password(path: str, variable: str) -> str:
    try:
        password = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadAddress(f"{variable} names {path}, which cannot be read: {why}.") from error
    if not password:
        raise BadAddress(f"{path}, named by {variable}, should hold a password, but is empty.")
    return password
