"""Requests are taken apart completely, and only listed calls are found."""

from __future__ import annotations

import pytest

from grader.engine.proxy.messages import BadRequest, Refused, Request, parse_head
from grader.engine.proxy.routes import find

ID = "a" * 64


def test_a_plain_request_is_read():
    request, length = parse_head(b"POST /v1.41/containers/create?name=x HTTP/1.1\r\nHost: a\r\nContent-Length: 12")
    assert (request.method, request.target, length) == ("POST", "/v1.41/containers/create?name=x", 12)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /info HTTP/1.0", b"GET http://x/info HTTP/1.1", b"GET  /info HTTP/1.1", b"PUT /info HTTP/1.1",
        b"CONNECT x:1 HTTP/1.1", b"GET /in\tfo HTTP/1.1", b"GET /info HTTP/1.1\r\nHost : x", b"GET /info HTTP/1.1\r\n x: y",
        b"GET /info HTTP/1.1\nHost: x", b"GET /info HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 2",
        b"GET /info HTTP/1.1\r\nTransfer-Encoding: chunked", b"GET /info HTTP/1.1\r\ntransfer-encoding : chunked",
        b"GET /info HTTP/1.1\r\nTransfer-Encoding: identity", b"GET /info HTTP/1.1\r\nContent-Length: +1",
        b"GET /info HTTP/1.1\r\nContent-Length: 0x1", b"GET /info HTTP/1.1\r\nContent-Length: 1, 1",
        b"GET /info HTTP/1.1\r\nContent-Length: 999999999", b"GET /info HTTP/1.1\r\nX: a\x00b", b"GET /inf\xc3\xb6 HTTP/1.1",
        b"GET /info HTTP/1.1\r\nExpect: 100-continue", b"", b"GET /info HTTP/1.1\r\nA: b\rC: d",
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused(head):
    with pytest.raises(BadRequest):
        parse_head(head)


def asked(line: str, **more):
    method, target = line.split(" ", 1)
    return find(Request(method=method, target=target, **more))


@pytest.mark.parametrize(
    ("line", "route"),
    [
        ("GET /_ping", "ping"), ("HEAD /_ping", "ping"), ("GET /version", "version"), ("GET /v1.41/info", "info"),
        ("GET /v1.50/images/registry.example/a/grader-sandbox:1/json", "image"), ("GET /containers/json?all=1", "list"),
        (f"POST /v1.41/containers/{ID}/start", "start"), ("POST /containers/grader-0123456789ab/kill", "kill"),
        (f"DELETE /containers/{ID}?v=True&link=False&force=True", "remove"),
        (f"GET /containers/{ID}/stats?stream=False&one-shot=True", "stats"),
    ],
)  # fmt: skip
def test_the_calls_of_the_backend_are_found(line, route):
    assert asked(line).route == route


@pytest.mark.parametrize(
    "line",
    [
        f"POST /containers/{ID}/exec", f"GET /containers/{ID}/archive?path=/", f"PUT /containers/{ID}/archive",
        f"GET /containers/{ID}/export", f"GET /containers/{ID}/top", f"GET /containers/{ID}/logs",
        f"POST /containers/{ID}/kill?signal=STOP", f"POST /containers/{ID}/rename?name=x", f"POST /containers/{ID}/pause",
        f"POST /containers/{ID}/restart", "POST /containers/prune", "POST /build", "POST /images/create?fromImage=x",
        "POST /commit?container=x", "GET /images/json", "POST /images/load", "POST /swarm/init", "GET /volumes",
        "POST /volumes/create", "GET /networks", "POST /networks/create", "GET /events", "POST /auth", "GET /plugins",
        "GET /secrets", "POST /session", "POST /grpc", "GET /system/df", "GET /distribution/x/json",
        f"GET /containers/{ID}/attach/ws", f"POST /containers/{ID}/resize?h=1&w=1", "POST /_ping", "GET /",
        f"GET /containers/{ID}/../../info", f"GET /containers/{ID}/%6ason", f"GET //containers/{ID}/json",
        f"GET /containers/{ID}/json/", f"GET /v1.41/v1.41/containers/{ID}/json", "GET /v1.24/info", "GET /v1.041x/info",
        f"GET /containers/{ID}/json?size=1", "GET /images/../containers/json", "GET /images/x/../json",
        "GET /containers/other/json", f"GET /containers/{ID[:12]}/json", f"GET /containers/{ID.upper()}/json",
        f"GET /containers/{ID}/stats?stream=1", "GET /containers/json?all=1&all=0",
        f"POST /containers/{ID}/attach?stdin=1&stdout=1&stderr=1&stream=1&detachKeys=a", "POST /containers/create?platform=x",
    ],
)  # fmt: skip
def test_everything_else_is_not_found(line):
    with pytest.raises(Refused):
        asked(line)


def test_an_upgrade_is_for_attach_alone():
    with pytest.raises(Refused, match="upgraded"):
        asked("GET /info", headers={"connection": "Upgrade", "upgrade": "h2c"})
    with pytest.raises(Refused, match="upgraded"):
        asked("GET /info", headers={"connection": "keep-alive, Upgrade"})
    with pytest.raises(Refused, match="upgraded"):
        asked(f"POST /containers/{ID}/attach?stdin=1&stdout=1&stderr=1&stream=1")


def test_a_body_is_for_create_and_update_alone():
    with pytest.raises(Refused, match="no body"):
        asked(f"POST /containers/{ID}/start", body=b'{"Binds": ["/:/host"]}')
