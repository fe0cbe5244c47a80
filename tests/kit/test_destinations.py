"""Where the service itself may connect to: the guard against being sent into its own network."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from grader.kit.destinations import BadDestination, destination_of, is_allowed, networks_of, resolved

LOOPBACK = networks_of("127.0.0.0/8, ::1/128")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "192.0.2.1", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_what_is_not_public_is_refused_however_it_is_written(address):
    assert not is_allowed(ipaddress.ip_address(address), ())


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_public_addresses_are_allowed(address):
    assert is_allowed(ipaddress.ip_address(address), ())


def test_a_network_that_the_operator_lists_is_allowed_and_no_other():
    networks = networks_of("10.1.0.0/16")
    assert is_allowed(ipaddress.ip_address("10.1.2.3"), networks)
    assert not is_allowed(ipaddress.ip_address("10.2.2.3"), networks)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x", "ftp://example.org/", "https://", "https:///x", "example.org", "https://user@example.org/",
        "https://user:pw@example.org/", "https://example.org/#x", "https://example.org:99999/", "https://[::1/", "https://[fe80::1%25eth0]/",
        "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://localhost/",
        "http://localhost/", "https://exa mple.org/", "https://example.org/\r\nX: y", "https://example.org/\n", "https://ex\\ample.org/", "https://é.org/",
        "https://example.org/" + "x" * 500, "javascript:alert(1)", "",
    ],
)  # fmt: skip
def test_what_is_no_destination_is_told(url):
    with pytest.raises(BadDestination):
        destination_of(url, ())


def test_its_parts():
    made = destination_of("https://Example.org:8443/hooks/a?b=c", ())
    assert (made.is_tls, made.host, made.port, made.target) == (True, "example.org", 8443, "/hooks/a?b=c")
    assert destination_of("https://example.org", ()).target == "/"


def test_http_is_for_loopback_alone_and_only_where_it_is_listed():
    assert destination_of("http://127.0.0.1:8080/x", LOOPBACK).port == 8080
    assert destination_of("http://localhost/x", LOOPBACK).port == 80
    for url, networks in (
        ("http://127.0.0.1/", ()),
        ("http://10.0.0.1/", networks_of("10.0.0.0/8")),
        ("http://example.org/", LOOPBACK),
    ):
        with pytest.raises(BadDestination):
            destination_of(url, networks)


def answers(monkeypatch, *addresses):
    """A name server that says this; what a real one says cannot be chosen."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_a_name_with_one_address_that_is_not_public_is_refused(monkeypatch):
    destination = destination_of("https://rebind.example.org/", ())
    answers(monkeypatch, "93.184.216.34", "10.0.0.1")
    with pytest.raises(BadDestination, match=r"10\.0\.0\.1"):
        resolved(destination, ())


def test_a_name_is_resolved_to_an_address_of_its_own(monkeypatch):
    answers(monkeypatch, "93.184.216.34")
    assert str(resolved(destination_of("https://example.org/", ()), ())) == "93.184.216.34"


def test_localhost_resolves_where_it_is_listed():
    assert resolved(destination_of("http://localhost:80/", LOOPBACK), LOOPBACK).is_loopback


def test_what_is_no_list_of_networks_is_told():
    with pytest.raises(BadDestination):
        networks_of("10.0.0.0/8, everywhere")
    assert networks_of("") == ()
