"""Requests to addresses that somebody else named, against a receiver that misbehaves."""

from __future__ import annotations

import socket
import time

import pytest

from grader.kit import guarded
from grader.kit.destinations import BadDestination, networks_of
from tests.worker.receivers import Receiver
from tests.worker.test_postman import a_certificate

LOOPBACK = networks_of("127.0.0.0/8")


def test_what_is_sent_arrives_and_the_answer_is_read():
    with Receiver(201) as receiver:
        answer = guarded.ask("POST", receiver.url, LOOPBACK, form={"a": "ü&="}, headers={"X-One": "1"})
    assert answer.status_code == 201
    (call,) = receiver.calls
    assert (call.path, call.body, call.headers["x-one"]) == ("/hook?of=us", b"a=%C3%BC%26%3D", "1")
    assert call.headers["host"] == receiver.url.split("/")[2]


def test_no_redirect_is_followed():
    with Receiver(200) as other, Receiver(302, headers={"Location": other.url}) as receiver:
        assert guarded.ask("POST", receiver.url, LOOPBACK, content=b"x").status_code == 302
    assert other.calls == []


def test_no_proxy_of_the_environment_is_used(monkeypatch):
    with Receiver(200) as proxy, Receiver(200) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("no_proxy", "")
        guarded.ask("POST", receiver.url, LOOPBACK, content=b"x")
    assert (len(receiver.calls), proxy.calls) == (1, [])


@pytest.mark.parametrize("answer", ["hang", "drip"])
def test_whoever_takes_too_long_is_cut(answer):
    begun = time.monotonic()
    with Receiver(answer) as receiver, pytest.raises(OSError, match=r"within 0\.4 s"):
        guarded.ask("POST", receiver.url, LOOPBACK, content=b"x", altogether_s=0.4)
    assert time.monotonic() - begun < 2.5


def test_an_answer_has_a_limit(monkeypatch):
    monkeypatch.setattr(guarded, "_MOST_BYTES", 0)
    with Receiver(200, headers={"Content-Length": "5"}) as receiver, pytest.raises(OSError):
        guarded.ask("POST", receiver.url, LOOPBACK, content=b"x")


@pytest.mark.parametrize("url", ["http://10.1.2.3/x", "https://[::ffff:10.0.0.1]/x", "file:///etc/passwd"])
def test_what_is_not_allowed_is_not_asked(url):
    with pytest.raises(BadDestination):
        guarded.ask("GET", url, LOOPBACK)


def test_a_name_that_leads_into_a_private_network_is_not_followed(monkeypatch):
    """With a resolver that says so, as a hostile one would once the name is registered."""
    entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [entry])
    with pytest.raises(BadDestination, match=r"10\.1\.2\.3"):
        guarded.ask("GET", "https://example.org/keys", LOOPBACK)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    receiver = Receiver(200, certificate=a_certificate(tmp_path, "127.0.0.1"))
    with receiver, pytest.raises(OSError, match="certificate"):
        guarded.ask("POST", receiver.url.replace("http://", "https://"), LOOPBACK, content=b"x")
    assert receiver.calls == []


def test_nothing_listens_there():
    with Receiver(200) as receiver:
        url = receiver.url
    with pytest.raises(OSError, match="could not be reached"):
        guarded.ask("POST", url, LOOPBACK, content=b"x")
