"""Where the service is and by which token it knows us: options, then the environment, then the config file.

The invariant: a token goes only to the service it was kept or set for. One from the config file is not sent to another
address that an option or the environment names.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from grader.domain.errors import BadArguments, NotSignedIn
from grader.kit.text import one_line

URL_VARIABLE, TOKEN_VARIABLE, CONFIG_VARIABLE = "GRADER_URL", "GRADER_TOKEN", "GRADER_CONFIG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A service and our token there; `url` has no slash at its end."""

    url: str
    token: str


def find_address(url: str | None, token: str | None, environment: Mapping[str, str] = os.environ) -> Address:
    """The service to talk to.

    Raises:
        BadArguments: no service is named, its address is none, or the config file cannot be read.
        NotSignedIn: there is no token for it.

    """
    kept = read_config(config_path(environment))
    named = url or environment.get(URL_VARIABLE) or kept.get("url")
    if not named:
        raise BadArguments(f"No service is named: run `grader login URL`, give --url, or set {URL_VARIABLE}.")
    address = checked_url(named)
    secret = token or environment.get(TOKEN_VARIABLE)
    if not secret and kept.get("url", "").rstrip("/") == address:
        secret = kept.get("token")
    if not secret:
        raise NotSignedIn(
            f"There is no token for {address}: run `grader login {address}`, give --token, or set {TOKEN_VARIABLE}."
        )
    return Address(url=address, token=checked_token(secret))


def checked_url(url: str) -> str:
    """The address without a slash at its end. Raises BadArguments unless it is an http(s) address."""
    shown = one_line(url, limit=200)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or not url.isascii():
        raise BadArguments(f"{shown!r} is no address of a service; one looks like https://grader.example.org.")
    return url.rstrip("/")


def checked_token(token: str) -> str:
    """The token without blanks around it. Raises BadArguments for one that could not be sent."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise BadArguments("The token is not one of this service's: copy it again, it begins with grd_.")
    return token


def config_path(environment: Mapping[str, str] = os.environ) -> Path:
    """$GRADER_CONFIG, else grader/config.toml in the user's folder of settings."""
    if named := environment.get(CONFIG_VARIABLE):
        return Path(named)
    settings = environment.get("XDG_CONFIG_HOME")
    return (Path(settings) if settings else Path.home() / ".config") / "grader" / "config.toml"


def read_config(path: Path) -> dict[str, str]:
    """`url` and `token` as they were kept; empty without a file.

    Raises:
        BadArguments: the file cannot be read, or holds something else.

    """
    try:
        kept = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadArguments(f"{path} cannot be read ({one_line(str(error))}); mend or remove it.") from error
    strange = [key for key, value in kept.items() if key not in ("url", "token") or not isinstance(value, str)]
    if strange:
        raise BadArguments(f"{path} holds {one_line(strange[0])!r}; it should hold url and token, both text.")
    return kept


def write_config(path: Path, address: Address) -> None:
    """Keep the address for later commands; nobody else may read the file.

    Raises:
        BadArguments: it cannot be written.

    """
    # A JSON text is the same in TOML.
    lines = f"url = {json.dumps(address.url)}\ntoken = {json.dumps(address.token)}\n"
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write(lines)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise BadArguments(f"{path} cannot be written: {(error.strerror or '').lower()}.") from error
