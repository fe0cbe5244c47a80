"""The service over HTTP: one request at a time, problems as errors of ours, patience while it is briefly away."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from grader.cli.client.address import Address
from grader.domain.errors import (
    AccessError,
    BadArguments,
    ConflictError,
    GraderError,
    InputError,
    NotSignedIn,
    TransientError,
)
from grader.kit.text import one_line

PREFIX = "/api/v1"
# Long enough for a restart of the server behind its proxy; a wrong address is said soon all the same.
USUAL_PATIENCE_S = 5.0
LONG_PATIENCE_S = 90.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.3, 5.0
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
# What a proxy or the service says while something behind it restarts.
_AWAY = frozenset({502, 503, 504})
_SAFE = frozenset({"GET", "PUT", "DELETE"})

Params = Mapping[str, str | int | bool | None]


class Service:
    """One service and one token; a context manager.

    Args:
        address: where and by which token.
        patience_s: for how many seconds a service that is away is tried again.
        say: told one sentence when it is found to be away.

    All methods raise:
        NotSignedIn, AccessError, InputError, ConflictError: the service's own sentence.
        TransientError: it could not be reached, or failed by a fault of its own.

    """

    def __init__(
        self, address: Address, *, patience_s: float = USUAL_PATIENCE_S, say: Callable[[str], None] | None = None
    ) -> None:
        self.address = address
        self.patience_s = patience_s
        self._say = say or _say_on_stderr
        self.http = httpx.Client(
            base_url=address.url,
            headers={"Authorization": f"Bearer {address.token}", "Accept": "application/json"},
            timeout=_TIMEOUT,
            # A redirect would carry an upload to a place nobody named.
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def get(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """The object at `path` (below /api/v1)."""
        return object_of(self.send("GET", path, params=_given(params)))

    def items(self, path: str, params: Params | None = None, *, most: int | None = None) -> Iterator[dict[str, Any]]:
        """The items of a list, page after page; at most `most` of them."""
        given = _given(params)
        left = most
        while left is None or left > 0:
            page = self.get(path, {**given, "limit": 200 if left is None else min(left, 200)})
            items = _listed(page)
            yield from items if left is None else items[:left]
            if not page.get("next_cursor"):
                return
            left = None if left is None else left - len(items)
            given["cursor"] = str(page["next_cursor"])

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return object_of(self.send("POST", path, json=body))

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return object_of(self.send("PUT", path, json=body))

    def send(self, method: str, path: str, *, again: bool | None = None, **request: Any) -> httpx.Response:
        """An answer below 400. `again`: whether sending it twice does no harm (by default GET, PUT and DELETE).

        What cannot have arrived is sent again in any case.
        """
        harmless = method in _SAFE if again is None else again
        until = time.monotonic() + self.patience_s
        wait_s, is_said = _FIRST_WAIT_S, False
        while True:
            try:
                answer = self.http.request(method, PREFIX + path, **request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                problem, may_repeat = self._unreachable(error), True
            except httpx.TransportError as error:
                problem, may_repeat = self._unreachable(error), harmless
            else:
                if answer.status_code not in _AWAY:
                    return _accepted(answer, self.address.url)
                problem, may_repeat = problem_of(answer, self.address.url), harmless
            left_s = until - time.monotonic()
            if not may_repeat or left_s <= 0:
                raise problem
            if not is_said:
                is_said = True
                self._say(f"{one_line(str(problem))} Trying again for {left_s:.0f} s.")
            # Many clients that lost one server must not all come back at the same moment.
            time.sleep(min(left_s, wait_s * random.uniform(0.7, 1.3)))  # noqa: S311
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def _unreachable(self, error: httpx.TransportError) -> GraderError:
        reason = one_line(str(error), limit=120) or type(error).__name__
        return TransientError(f"The service at {self.address.url} cannot be reached ({reason}).")


def _say_on_stderr(sentence: str) -> None:
    print(f"grader: {sentence}", file=sys.stderr)  # noqa: T201 -- the edge


def _given(params: Params | None) -> dict[str, str | int]:
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in (params or {}).items()
        if value not in (None, "")
    }


def _accepted(answer: httpx.Response, url: str) -> httpx.Response:
    if answer.status_code >= 400:
        raise problem_of(answer, url)
    if answer.has_redirect_location:
        where = one_line(answer.headers.get("Location", "another address"), limit=200)
        raise BadArguments(f"The service at {url} sends us to {where}; use the address under which it really is.")
    return answer


def problem_of(answer: httpx.Response, url: str) -> GraderError:
    """The problem document (RFC 9457) of an answer as an error with its sentence."""
    try:
        body = answer.json()
        detail = one_line(str(body["detail"]), limit=1000)
    except (ValueError, KeyError, TypeError):
        detail = ""
    status = answer.status_code
    if status == 401:
        return NotSignedIn(
            f"The service at {url} does not know this token; make a new one and run `grader login {url}`."
        )
    if not detail:
        detail = f"The service at {url} answered {status} without saying why; is there a grader at this address?"
    if status >= 500:
        return TransientError(detail)
    families: dict[int, type[GraderError]] = {403: AccessError, 409: ConflictError}
    return families.get(status, InputError)(detail)


def object_of(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty for one without content. Raises BadArguments for anything else."""
    if answer.status_code == 204:
        return {}
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadArguments(f"What answers at {answer.request.url.host} is not a grader; check the address.")
    return body


def _listed(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = page.get("items")
    if not isinstance(items, list):
        raise BadArguments("What answers there is not a grader of this version; check the address.")
    return [item for item in items if isinstance(item, dict)]
