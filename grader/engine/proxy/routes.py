"""The calls that are let through: a complete list of methods, paths and query parameters.

The invariant: a target is matched as it was sent, without decoding anything in its path, and what goes to the engine
is put together from the parts that matched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from grader.engine.proxy.messages import Refused, Request
from grader.engine.sandbox.container_terms import NAME_BYTES, NAME_PREFIX

# Older versions of the API read some keys in another way than the list of the policy was written for.
LEAST_VERSION = 41
NAME = rf"{NAME_PREFIX}[0-9a-f]{{{2 * NAME_BYTES}}}"
_CONTAINER = rf"(?P<container>[0-9a-f]{{64}}|{NAME})"
_VERSION = re.compile(r"/v1\.([0-9]{1,3})(/.*)")
_YES = r"1|[Tt]rue"
_NO = r"0|[Ff]alse"
_ANY = r"[\w%+.:,-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One call. `query` is the parameters it may have, each with the values it may have."""

    name: str
    methods: tuple[str, ...]
    path: str
    query: dict[str, str] = field(default_factory=dict)
    has_body: bool = False


class Call(NamedTuple):
    """A request that is in the list, by its parts. `version` is the prefix it came with, such as /v1.41, or empty."""

    route: str
    version: str
    container: str
    image: str
    query: dict[str, str]


ROUTES: tuple[Route, ...] = (
    Route(name="ping", methods=("GET", "HEAD"), path=r"/_ping"),
    Route(name="version", methods=("GET",), path=r"/version"),
    Route(name="info", methods=("GET",), path=r"/info"),
    Route(name="image", methods=("GET",), path=r"/images/(?P<image>[a-z0-9][\w./:-]{0,254})/json"),
    Route(
        name="list", methods=("GET",), path=r"/containers/json",
        # Whatever is asked for, the answer holds this proxy's own containers.
        query=dict.fromkeys(("all", "limit", "size", "trunc_cmd", "filters"), _ANY),
    ),
    Route(name="create", methods=("POST",), path=r"/containers/create", query={"name": NAME}, has_body=True),
    Route(
        name="attach", methods=("POST",), path=rf"/containers/{_CONTAINER}/attach",
        query=dict.fromkeys(("stdin", "stdout", "stderr", "stream"), _YES),
    ),
    Route(name="start", methods=("POST",), path=rf"/containers/{_CONTAINER}/start"),
    Route(name="wait", methods=("POST",), path=rf"/containers/{_CONTAINER}/wait"),
    Route(name="kill", methods=("POST",), path=rf"/containers/{_CONTAINER}/kill"),
    Route(name="inspect", methods=("GET",), path=rf"/containers/{_CONTAINER}/json"),
    Route(
        name="stats", methods=("GET",), path=rf"/containers/{_CONTAINER}/stats",
        query={"stream": _NO, "one-shot": _YES},
    ),
    Route(name="update", methods=("POST",), path=rf"/containers/{_CONTAINER}/update", has_body=True),
    Route(
        name="remove", methods=("DELETE",), path=rf"/containers/{_CONTAINER}",
        query={"v": f"{_YES}|{_NO}", "link": _NO, "force": f"{_YES}|{_NO}"},
    ),
)  # fmt: skip
_COMPILED = tuple((route, re.compile(route.path, re.ASCII)) for route in ROUTES)


def find(request: Request) -> Call:
    """The call a request makes.

    Raises:
        Refused: it is not in the list; the message says what was asked for.

    """
    path, _, query = request.target.partition("?")
    version = ""
    if (match := _VERSION.fullmatch(path)) is not None:
        if int(match[1]) < LEAST_VERSION:
            raise Refused(
                f"version 1.{match[1]} of the engine's API is not let through, only 1.{LEAST_VERSION} and later"
            )
        version, path = f"/v1.{int(match[1])}", match[2]
    if "%" in path or "//" in path or "/." in path:
        raise Refused("the path is not plain")
    for route, pattern in _COMPILED:
        match = pattern.fullmatch(path)
        if match is not None and request.method in route.methods:
            return _call(request, route, match, version, query)
    raise Refused(f"{request.method} {path[:100]} is not a call that grading needs")


def _call(request: Request, route: Route, match: re.Match[str], version: str, query: str) -> Call:
    if request.wants_upgrade != (route.name == "attach"):
        raise Refused("a connection is upgraded to hold a container's streams, and for nothing else")
    if bool(request.body) != route.has_body:
        raise Refused(f"a {route.name} request has {'a' if route.has_body else 'no'} body")
    parts = match.groupdict()
    return Call(
        route=route.name, version=version, container=parts.get("container", ""), image=parts.get("image", ""),
        query=_parameters(route, query),
    )  # fmt: skip


def _parameters(route: Route, query: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        wanted = route.query.get(name)
        if wanted is None or name in given or re.fullmatch(wanted, value, re.ASCII) is None:
            raise Refused(f"the parameter {name[:40]!r} of a {route.name} request is not let through")
        given[name] = value
    return given
