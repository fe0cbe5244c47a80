"""One request to a webhook: to an address that is allowed, signed, with limits on all that the other side may do.

No redirect is followed, no proxy of the environment is used, and nothing of the answer but its status is read.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from grader.domain.notices import Outcome, Parcel
from grader.formats.webhooks import body_of, signed_headers
from grader.kit.destinations import Address, BadDestination, Destination, Network, destination_of, resolved

# Each wait for the other side, and all of them together.
_PATIENCE_S = 10.0
_ALTOGETHER_S = 15.0
_GONE = 410


class WebhookSender:
    """Safe to use from several threads. `networks` are those that may be reached though they are not public."""

    def __init__(
        self, networks: Sequence[Network] = (), *, patience_s: float = _PATIENCE_S, altogether_s: float = _ALTOGETHER_S
    ) -> None:
        self._networks = tuple(networks)
        self._patience_s = patience_s
        self._altogether_s = altogether_s
        self._tls = ssl.create_default_context()

    def send(self, parcel: Parcel) -> Outcome:
        """How it went: delivered is any status from 200 to 299; 410 says that nothing more is wanted."""
        body = body_of(parcel)
        headers = {
            **signed_headers(parcel.secret, str(parcel.notice), body, datetime.now(UTC)),
            "Content-Type": "application/json",
            "User-Agent": "grader-webhook/1",
            "Connection": "close",
        }
        try:
            destination = destination_of(parcel.url, self._networks)
            address = resolved(destination, self._networks)
            status = self._status(destination, address, body, headers)
        except BadDestination as error:
            # A name may lead elsewhere tomorrow, by mistake or not, so it is asked again.
            return Outcome(problem=str(error))
        except TimeoutError:
            return Outcome(problem=f"It did not answer within {self._altogether_s:g} s.")
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Outcome(problem=f"It could not be reached: {_reason(error)}.")
        if 200 <= status < 300:
            return Outcome()
        if status == _GONE:
            return Outcome(problem="It answered 410: it wants nothing more.", is_final=True, is_gone=True)
        redirected = "; redirects are not followed" if 300 <= status < 400 else ""
        return Outcome(problem=f"It answered {status}{redirected}.")

    def _status(self, destination: Destination, address: Address, body: bytes, headers: dict[str, str]) -> int:
        connection = _Pinned(destination, address, self._patience_s, self._tls)
        # A wait for each byte has its limit; this one is for whoever sends a byte in each.
        watch = threading.Timer(self._altogether_s, connection.cut)
        watch.daemon = True
        watch.start()
        try:
            connection.request("POST", destination.target, body=body, headers=headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise (TimeoutError() if connection.was_cut else error) from error
        else:
            if connection.was_cut:
                # What there is of an answer that was cut reads like a whole one.
                raise TimeoutError
            return status
        finally:
            watch.cancel()
            connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, whatever its host's name would resolve to; TLS is held against the name."""

    def __init__(self, destination: Destination, address: Address, patience_s: float, tls: ssl.SSLContext) -> None:
        super().__init__(destination.host, destination.port, timeout=patience_s)
        self.was_cut = False
        self._destination = destination
        self._address = address
        self._patience_s = patience_s
        self._tls = tls

    def connect(self) -> None:
        target = (str(self._address), self._destination.port)
        plain = socket.create_connection(target, timeout=self._patience_s)
        self.sock = plain
        if self._destination.is_tls:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self._destination.host)
        if self.was_cut:
            raise TimeoutError

    def cut(self) -> None:
        """End it from another thread: whoever reads or writes hears of it at once."""
        self.was_cut = True
        sock = self.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
