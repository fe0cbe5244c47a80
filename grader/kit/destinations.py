"""Where the service itself may connect to when somebody else names the address.

The invariant: a name is resolved once, every address it has must be allowed, and the connection goes to one of those
and to no other. So a name that answers differently the second time leads nowhere new. Addresses that are not public
(private networks, loopback, link-local with the clouds' metadata, multicast) are allowed only where the operator lists
their network. The accepted gap: a public address may belong to a machine that forwards into a private network.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST_URL = 500
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class BadDestination(ValueError):
    """The service will not connect there; its text is a sentence that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The parts of an address that may be called; `host` has no brackets, `target` begins with a slash."""

    is_tls: bool
    host: str
    port: int
    target: str

    @property
    def shown_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def networks_of(text: str) -> tuple[Network, ...]:
    """`10.1.0.0/16, ::1/128` as networks. Raises BadDestination."""
    try:
        return tuple(ipaddress.ip_network(word.strip()) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise BadDestination(f"{text!r} is no list of networks such as 10.1.0.0/16.") from error


def destination_of(url: str, networks: Sequence[Network]) -> Destination:
    """What may be said of an address without resolving its name.

    Raises:
        BadDestination: it is no https address, names a user or a fragment, or a network that is not allowed. Plain http
            is allowed for loopback addresses where `networks` hold them.

    """
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise BadDestination(f"An address is at most {_LONGEST_URL} printable ASCII characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadDestination("That is no address; write one like https://example.org/hooks/grader.") from error
    if parts.scheme not in ("https", "http") or not host or "%" in host:
        raise BadDestination("That is no address; write one like https://example.org/hooks/grader.")
    if "@" in parts.netloc or parts.fragment:
        raise BadDestination("Leave user, password and fragment out of the address.")
    literal = _literal(host)
    if literal is not None and not is_allowed(literal, networks):
        raise BadDestination(f"{host} is no public address.")
    if parts.scheme == "http" and not (_is_loopback(host, literal) and _holds_loopback(networks)):
        raise BadDestination("Only https is called: what is told must not be read or changed on its way.")
    if host == "localhost" and not _holds_loopback(networks):
        raise BadDestination("localhost is no public address.")
    is_tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(is_tls=is_tls, host=host, port=port or (443 if is_tls else 80), target=target)


def resolved(destination: Destination, networks: Sequence[Network]) -> Address:
    """The one address to connect to. Raises BadDestination, OSError (the name cannot be resolved)."""
    found = socket.getaddrinfo(destination.host, destination.port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        if not is_allowed(address, networks):
            raise BadDestination(f"{destination.host} has the address {address}, which is no public one.")
        if not destination.is_tls and not address.is_loopback:
            raise BadDestination(f"{destination.host} is not loopback, and only https is called.")
    return addresses[0]


def is_allowed(address: Address, networks: Sequence[Network]) -> bool:
    """Whether it is public, or in one of these networks."""
    if any(address in network for network in networks if network.version == address.version):
        return True
    inner = _inner(address)
    if inner is not None:
        return is_allowed(inner, networks)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """The older address that a newer one leads to: mapped, 6to4, Teredo or through a translator."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo is not None else None)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str, literal: Address | None) -> bool:
    return host == "localhost" or (literal is not None and literal.is_loopback)


def _holds_loopback(networks: Sequence[Network]) -> bool:
    return any(network.is_loopback for network in networks)
