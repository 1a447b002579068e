"""A node's URL: what is taken, what is refused, and what never shows."""

from __future__ import annotations

import traceback

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.ledger.rpc.address import Address

SECRET = "k3y-of-a-customer"


@pytest.mark.parametrize(
    ("url", "shown", "target"),
    [
        ("https://node.example", "https://node.example", "/"),
        ("https://node.example:8443/rpc", "https://node.example:8443", "/rpc"),
        ("https://node.example:443/", "https://node.example", "/"),
        (f"https://node.example/v3/{SECRET}", "https://node.example", f"/v3/{SECRET}"),
        (f"https://node.example/?apikey={SECRET}", "https://node.example", f"/?apikey={SECRET}"),
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545", "/"),
        ("http://127.8.9.10", "http://127.8.9.10", "/"),
        ("http://localhost:80", "http://localhost", "/"),
        ("http://[::1]:8545/x", "http://[::1]:8545", "/x"),
        ("HTTPS://Node.Example/Path", "https://node.example", "/Path"),
    ],
)
def test_urls_are_taken_apart(url: str, shown: str, target: str) -> None:
    address = Address.parse(url)
    assert str(address) == shown
    assert address.target == target
    assert address.authorization == ""


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://user:{SECRET}@node.example/{SECRET}",
        f"file:///{SECRET}",
        f"ws://node.example/{SECRET}",
        f"{SECRET}.example",
        f"https:///{SECRET}",
        f"https://node.example/{SECRET}#part",
        f"https://node.example/{SECRET} x",
        f"https://node.example/{SECRET}\r\nHost: other",
        f"https://node.example:99999/{SECRET}",
        f"https://node.example:0/{SECRET}",
        f"https://node.example:{SECRET}/",
        f"https://[::1/{SECRET}",
        f"https://nöde.example/{SECRET}",
        f"https://{'x' * 64}.example/{SECRET}",
        f"https://node.example/{SECRET * 200}",
        f"http://node.example/{SECRET}",
        f"http://10.0.0.7/{SECRET}",
        f"http://user:{SECRET}@node.example",
        f"http://127.0.0.1.example/{SECRET}",
    ],
)
def test_other_urls_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Address.parse(url)
    assert caught.value.hint
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_plain_http_leaves_this_machine_only_when_allowed() -> None:
    assert str(Address.parse("http://10.0.0.7:8545", allow_plain_http=True)) == "http://10.0.0.7:8545"
    with pytest.raises(InvalidInput, match="https"):
        Address.parse("http://10.0.0.7:8545")


def test_secrets_do_not_show() -> None:
    address = Address.parse(f"https://me%40home:{SECRET}@node.example/v3/{SECRET}?key={SECRET}")
    for shown in (repr(address), str(address), f"{address}"):
        assert SECRET not in shown
        assert "me%40home" not in shown
    assert address.authorization.startswith("Basic ")


def test_a_nodes_words_are_scrubbed() -> None:
    address = Address.parse(f"https://user:{SECRET}@node.example/v3/pathkey99?q=querykey99")
    header = address.authorization.removeprefix("Basic ")
    said = f"GET /v3/pathkey99?q=querykey99 by user:{SECRET} ({header}) at v3"
    assert address.scrubbed(said) == "GET /v3/…?q=… by …:… (…) at v3"
