"""What a server reads from its environment, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.domain.errors import SetupError
from grader.kit.addresses import BadAddress, address
from grader.kit.destinations import BadDestination, Network, networks_of


class BadSettings(SetupError):
    """A setting is missing or cannot be used."""

    code = "bad-settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    issuer: str
    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """`public_url` decides whether cookies are marked Secure (https) and what forms may come from.

    A server that is told to stop serves on for `drain_s` seconds, in which it says that it is not ready. Webhooks may
    be registered for `networks` though they are not public; learning platforms may be asked there, too. `lti_keys` is
    the file with our key pairs for them; without it there is no LTI.
    """

    database_url: str
    broker_url: str
    blobs_url: str
    public_url: str
    secret: str
    oidc: OidcSettings | None = None
    drain_s: float = 0.0
    networks: tuple[Network, ...] = ()
    lti_keys: Path | None = None

    @property
    def has_tls(self) -> bool:
        return self.public_url.startswith("https://")


def server_settings(environment: Mapping[str, str]) -> ServerSettings:
    """Read them.

    Raises:
        BadSettings: one is missing; the sentence names it.

    """
    issuer = environment.get("GRADER_OIDC_ISSUER", "")
    oidc = (
        OidcSettings(
            issuer=issuer,
            client_id=_needed(environment, "GRADER_OIDC_CLIENT_ID"),
            client_secret=_secret(environment, "GRADER_OIDC_CLIENT_SECRET_FILE"),
        )
        if issuer
        else None
    )
    return ServerSettings(
        database_url=_address(environment, "GRADER_DATABASE_URL"),
        broker_url=_address(environment, "GRADER_BROKER_URL"),
        blobs_url=_needed(environment, "GRADER_BLOBS_URL"),
        public_url=environment.get("GRADER_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/"),
        secret=_secret(environment, "GRADER_SECRET_FILE"),
        oidc=oidc,
        drain_s=_seconds(environment, "GRADER_DRAIN_S"),
        networks=_networks(environment),
        lti_keys=Path(environment["GRADER_LTI_KEYS_FILE"]) if environment.get("GRADER_LTI_KEYS_FILE") else None,
    )


def _networks(environment: Mapping[str, str]) -> tuple[Network, ...]:
    try:
        return networks_of(environment.get("GRADER_WEBHOOK_NETWORKS", ""))
    except BadDestination as error:
        raise BadSettings(f"GRADER_WEBHOOK_NETWORKS: {error}") from error


def _seconds(environment: Mapping[str, str], name: str) -> float:
    text = environment.get(name) or "0"
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise BadSettings(f"{name} should be a number of seconds, but is {text!r}.")
    return seconds


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise BadSettings(f"{name} is not set; docs/settings.md says what it is for.")
    return value


def _address(environment: Mapping[str, str], name: str) -> str:
    _needed(environment, name)
    try:
        return address(environment, name)
    except BadAddress as error:
        raise BadSettings(str(error)) from error


def _secret(environment: Mapping[str, str], name: str) -> str:
    path = Path(_needed(environment, name))
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadSettings(f"{name} names {path}, which cannot be read: {error.strerror}.") from error
    if len(secret) < 16:
        raise BadSettings(f"{path}, named by {name}, should hold a random secret of at least 16 characters.")
    return secret
