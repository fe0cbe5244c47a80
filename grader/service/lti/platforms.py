"""Learning platforms: registered by administrators, by the addresses that the platform's own pages show."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from grader.domain.course import Reader, Role, Scope
from grader.domain.errors import AlreadyExists, BadRequest, NeedsRole, UnknownThing
from grader.domain.lti import Platform
from grader.kit.destinations import BadDestination, Network, destination_of
from grader.kit.text import one_line
from grader.service import audit
from grader.storage.database import Work
from grader.storage.repositories import lti

_MOST_DEPLOYMENTS = 20
_LONGEST = 255


class Registration(NamedTuple):
    """What an administrator says of a platform; `lti.md` says where it shows each of these."""

    name: str
    issuer: str
    client_id: str
    deployments: Sequence[str]
    auth_url: str
    token_url: str
    jwks_url: str
    trusts_email: bool = False
    roles: Collection[Role] = frozenset({Role.STUDENT})


def register(work: Work, reader: Reader, said: Registration, networks: Sequence[Network] = ()) -> Platform:
    """A new platform. Administrators with scope manage. Audited.

    `networks` are those that may be asked though they are not public.

    Raises:
        NeedsRole, NeedsScope, AlreadyExists (issuer and client id together).
        BadRequest: an address is none that is called, or something is missing.

    """
    _require_admin(reader)
    values = _values(said, networks)
    made = lti.add(work, values | {"created_by": reader.id})
    if made is None:
        raise AlreadyExists("A platform with this issuer and client id is registered already.")
    audit.note(work, reader, "register platform", f"platform:{made}", _words(values))
    return found(work, made)


def change(work: Work, reader: Reader, platform: int, said: Registration, networks: Sequence[Network] = ()) -> Platform:
    """Say anew what a platform is; who people are on it stays. As `register`, and UnknownThing.

    Issuer and client id stay as they are: under others it would be another platform, and its users others.
    """
    _require_admin(reader)
    before = found(work, platform)
    if (said.issuer.strip(), said.client_id.strip()) != (before.issuer, before.client_id):
        raise BadRequest("Issuer and client id stay as they are; register another platform for others.")
    values = _values(said, networks)
    lti.change(work, platform, values)
    audit.note(work, reader, "change platform", f"platform:{platform}", _words(values))
    return found(work, platform)


def remove(work: Work, reader: Reader, platform: int) -> None:
    """Forget a platform, with who people are on it and what it was sent. Audited. Raises NeedsRole, UnknownThing."""
    _require_admin(reader)
    before = found(work, platform)
    lti.remove(work, platform)
    audit.note(work, reader, "remove platform", f"platform:{platform}", f"{before.name}, {before.issuer}")


def listed(work: Work, reader: Reader) -> list[Platform]:
    """Administrators with scope read."""
    if not reader.person.is_admin:
        raise NeedsRole("Only administrators may do this.")
    reader.require_scope(Scope.READ)
    return lti.platforms(work)


def found(work: Work, platform: int) -> Platform:
    """Raises UnknownThing."""
    one = next((one for one in lti.platforms(work) if one.id == platform), None)
    if one is None:
        raise UnknownThing("There is no such platform.")
    return one


def of_login(work: Work, issuer: str, client_id: str) -> Platform:
    """Whom a login request comes from; without a client id the issuer's only platform. Raises UnknownThing."""
    those = [one for one in lti.platforms(work) if one.issuer == issuer and client_id in ("", one.client_id)]
    if len(those) != 1:
        raise UnknownThing("Nobody has registered this platform here; an administrator has to do that first.")
    return those[0]


def _require_admin(reader: Reader) -> None:
    if not reader.person.is_admin:
        raise NeedsRole("Only administrators may do this.")
    reader.require_scope(Scope.MANAGE)


def _values(said: Registration, networks: Sequence[Network]) -> dict[str, Any]:
    deployments = list(dict.fromkeys(_word(one, "deployment id") for one in said.deployments if one.strip()))
    if not 0 < len(deployments) <= _MOST_DEPLOYMENTS:
        raise BadRequest(
            f"A platform has 1 to {_MOST_DEPLOYMENTS} deployment ids; its page on the platform shows them."
        )
    for what, url in (("log-in", said.auth_url), ("token", said.token_url), ("keys", said.jwks_url)):
        try:
            destination_of(url.strip(), networks)
        except BadDestination as error:
            raise BadRequest(f"The {what} address: {error}") from error
    return {
        "name": _word(said.name, "name"), "issuer": _word(said.issuer, "issuer"),
        "client_id": _word(said.client_id, "client id"), "deployments": deployments,
        "auth_url": said.auth_url.strip(), "token_url": said.token_url.strip(), "jwks_url": said.jwks_url.strip(),
        "trusts_email": said.trusts_email, "roles": sorted(role.value for role in said.roles),
    }  # fmt: skip


def _word(given: str, what: str) -> str:
    word = one_line(given, limit=_LONGEST + 1).strip()
    if not 0 < len(word) <= _LONGEST:
        raise BadRequest(f"A platform's {what} is 1 to {_LONGEST} characters.")
    return word


def _words(values: dict[str, Any]) -> str:
    trust = "trusted" if values["trusts_email"] else "not trusted"
    roles = ", ".join(values["roles"]) or "none"
    return f"{values['name']}, {values['issuer']}, client {values['client_id']}; e-mail {trust}; roles {roles}"
