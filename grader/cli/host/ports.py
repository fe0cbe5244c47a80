"""Ports and addresses on this machine."""

from __future__ import annotations

import errno
import socket

from grader.domain.errors import BadArguments
from grader.kit.text import one_line

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 -- not bound here: turned into loopback


def refuse_taken(host: str, port: int) -> None:
    """Raise BadArguments, with what to do, unless a server could listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise BadArguments(
            f"{one_line(host)!r} is no address of this machine; --host takes one such as 127.0.0.1."
        ) from error
    with socket.socket(family, kind, protocol) as probe:
        # As the server does: connections of a server that just ended are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            raise BadArguments(_why(error, host, port)) from error


def free_port(host: str, wanted: int) -> int:
    """`wanted`, or one that is free."""
    try:
        refuse_taken(host, wanted)
    except BadArguments:
        with socket.create_server((host, 0)) as probe:
            return int(probe.getsockname()[1])
    return wanted


def url_of(host: str, port: int) -> str:
    """How a browser on this machine reaches a server that listens there."""
    named = _ANY.get(host, host)
    return f"http://[{named}]:{port}" if ":" in named else f"http://{named}:{port}"


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Something already listens on port {port} of {host} (another grader?); stop it, or choose another --port."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is open to root alone; choose another --port, 1024 or higher."
    return f"Nothing can listen on port {port} of {one_line(host)}: {(error.strerror or str(error)).lower()}."
