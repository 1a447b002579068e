"""Which addresses somebody afar may have this machine ask."""

from __future__ import annotations

import socket

import pytest
import sources

from counterfoil.errors import CounterfoilError, InvalidInput, NodeUnreachable, NotAllowed
from counterfoil.provenance.snapshots import Reach, UrlSource
from counterfoil.provenance.snapshots.addresses import is_public

from ipaddress import ip_address  # isort: skip

INNER = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.170",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "64:ff9b:1::808:808",
    "64:ff9b:1:a9fe:a9:fe00:808:808",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", INNER)
def test_an_inner_address_is_not_public(address):
    assert not is_public(ip_address(address))
    with pytest.raises(NotAllowed, match="not public"):
        Reach(()).require("data.example", address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_a_public_address_is_public(address):
    assert is_public(ip_address(address))
    Reach(()).require("data.example", address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0",
        "169.254.169.254",
        "LOCALHOST",
    ],
)
def test_every_spelling_of_this_machine_is_refused_from_afar(tmp_path, host):
    with sources.source() as web:
        port = web.url.rpartition(":")[2]
        source = UrlSource(f"http://{host}:{port}/rates.csv", reach=Reach(()), is_guarded=True)
        with pytest.raises((NotAllowed, NodeUnreachable)) as refused:
            source.fetch(tmp_path, sources.LIMITS, None)
        assert web.asked == []
        if host not in ("0x7f000001", "0177.0.0.1"):  # some systems know these spellings, others do not
            assert isinstance(refused.value, NotAllowed)


def test_a_name_is_resolved_once_and_all_its_addresses_are_judged(tmp_path, monkeypatch):
    """A name server of an attacker answers a public address first and an inner one then."""
    asked = []

    def resolving(host, port, **_more):
        asked.append(host)
        found = ["93.184.216.34", "127.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolving)
    with pytest.raises(NotAllowed):
        UrlSource("http://two-faced.example/x", reach=Reach(())).fetch(tmp_path, sources.LIMITS, None)
    assert asked == ["two-faced.example"]


def test_the_connection_goes_to_the_address_that_was_judged(tmp_path, monkeypatch):
    """Whatever the name leads to at a second look (DNS rebinding), nobody fetches a second time."""
    real, asked = socket.getaddrinfo, []

    def resolving(host, port, *args, **more):
        if host != "moving.example":
            return real(host, port, *args, **more)
        asked.append(host)
        where = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (where, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolving)
    with sources.source() as web:
        port = web.url.rpartition(":")[2]
        UrlSource(f"http://moving.example:{port}/rates.csv").fetch(tmp_path, sources.LIMITS, None)
        assert asked == ["moving.example"]
        assert web.asked[0][1]["host"] == f"moving.example:{port}"


def test_a_redirect_is_judged_again(tmp_path, monkeypatch):
    with sources.source() as inner, sources.source(host="127.0.0.2") as outer:
        outer.paths["/go"] = sources.redirecting(f"{inner.url}/rates.csv")
        source = UrlSource(f"{outer.url}/go", reach=Reach(("127.0.0.2/32",)))
        with pytest.raises(NotAllowed, match="not public"):
            source.fetch(tmp_path, sources.LIMITS, None)
        assert (len(outer.asked), inner.asked) == (1, [])


def test_a_network_that_settings_name_may_be_asked(tmp_path):
    with sources.source() as web:
        source = UrlSource(f"{web.url}/rates.csv", reach=Reach(("127.0.0.0/8",)))
        assert source.fetch(tmp_path, sources.LIMITS, None).file.read_bytes() == sources.TABLE


def test_what_is_no_network_is_refused():
    with pytest.raises(InvalidInput):
        Reach(("ten",))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://data.example/x",
        "gopher://127.0.0.1:70/x",
        "//data.example/x",
        "data.example",
        "http://",
        "http://data.example:99999/",
        "http://data.example:0/",
        "http://ada:MARKER@data.example/",
        "http://MARKER@data.example/",
        "http://data.example\\@127.0.0.1/",
        "http://data.example/a b",
        "http://data.example/\r\nx: MARKER",
        "http://[::1",
    ],
)
def test_what_is_no_address_on_the_web_is_refused_unrepeated(url):
    with pytest.raises(CounterfoilError) as refused:
        UrlSource(url)
    assert "MARKER" not in f"{refused.value.message} {refused.value.hint}"
