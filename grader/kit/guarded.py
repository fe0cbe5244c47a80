"""HTTP to addresses that somebody else named: httpx's own transport, led through `grader.kit.destinations`.

The connection goes to the address that was judged and to no other; no redirect is followed, no proxy of the environment
is used, an answer is read up to a limit, and all of it has to be over in time.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import httpx

from grader.kit.destinations import Network, destination_of, resolved

_PATIENCE_S = 10.0
_ALTOGETHER_S = 15.0
_MOST_BYTES = 512 * 2**10


class TooSlow(OSError):
    """The other side took longer than it may."""


class TooLong(OSError):
    """The other side's answer is longer than any that is wanted."""


def ask(
    method: str,
    url: str,
    networks: Sequence[Network],
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    content: bytes | None = None,
    altogether_s: float = _ALTOGETHER_S,
) -> httpx.Response:
    """One request and its whole answer, whatever its status. `networks` may be reached though they are not public.

    Raises:
        BadDestination: the address may not be called.
        OSError: it could not be reached, or took too long or sent too much.

    """
    destination = destination_of(url, networks)
    address = resolved(destination, networks)
    line = _Line()
    watch = threading.Timer(altogether_s, line.cut)
    watch.daemon = True
    until = time.monotonic() + altogether_s
    request = httpx.Request(method, url, headers=headers, data=form, content=content)
    request.headers["Connection"] = "close"
    request.extensions = {
        "timeout": dict.fromkeys(("connect", "read", "write", "pool"), min(_PATIENCE_S, altogether_s)),
        # The certificate is held against the name, though the connection goes to the address.
        "sni_hostname": destination.host,
        "trace": line.note,
    }
    request.url = request.url.copy_with(host=str(address), port=destination.port)
    watch.start()
    try:
        with httpx.HTTPTransport(verify=_tls(), trust_env=False) as transport:
            answer = transport.handle_request(request)
            body = _body(answer, until)
    except httpx.HTTPError as error:
        if line.was_cut:
            raise TooSlow(f"It did not answer within {altogether_s:g} s.") from error
        raise OSError(f"It could not be reached: {_reason(error)}.") from error
    finally:
        watch.cancel()
    if line.was_cut:
        raise TooSlow(f"It did not answer within {altogether_s:g} s.")
    return httpx.Response(answer.status_code, headers=_plain(answer.headers), content=body)


def _body(answer: httpx.Response, until: float) -> bytes:
    found = bytearray()
    for piece in answer.iter_bytes():
        found += piece
        if len(found) > _MOST_BYTES:
            raise TooLong(f"Its answer is longer than {_MOST_BYTES // 2**10} KiB.")
        if time.monotonic() > until:
            raise TooSlow("Its answer took too long.")
    return bytes(found)


def _plain(headers: httpx.Headers) -> list[tuple[str, str]]:
    # The body is decoded already.
    return [(name, value) for name, value in headers.multi_items() if name not in _OF_THE_BODY]


_OF_THE_BODY = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class _Line:
    """Remembers the socket of a request, so that another thread can end it: whoever waits for a byte hears at once."""

    def __init__(self) -> None:
        self.was_cut = False
        self._socket: socket.socket | None = None

    def note(self, event: str, about: Mapping[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = about["return_value"].get_extra_info("socket")
            if self.was_cut:
                self.cut()

    def cut(self) -> None:
        self.was_cut = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
