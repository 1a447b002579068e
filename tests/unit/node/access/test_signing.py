"""Requests that nodes sign: the RFC's own answers, and everything that must not pass."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from making_access import Home, request

from counterfoil.core.note import COSIGNATURE, Signer
from counterfoil.errors import InvalidInput, NotFound, NotSignedIn, TooLarge, TooManyRequests
from counterfoil.node.access import HOME, RequestSigner, sign_request
from counterfoil.node.access.body_digest import content_digest, guarded_body, read_content_digest
from counterfoil.node.access.nonces import Nonces
from counterfoil.node.access.signature_base import read_covered, read_signature, signature_base, write_signature
from counterfoil.node.access.signing import LASTS_S, SKEW_S
from counterfoil.node.gate import BODY_GUARD
from counterfoil.web.roles import Role

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "http_signatures.json").read_text(encoding="utf-8"))
URL = "http://127.0.0.1:8000/api/v1/witness?old=1"
BODY = b'{"size": 4}'
AUDITOR = frozenset({Role.AUDITOR})


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A home that lists another node, for tests in which nothing is let in."""
    made = Home(tmp_path_factory.mktemp("shared"))
    made.access.peers.add(str(RequestSigner("other.example", b"p" * 32).key), AUDITOR, by=HOME)
    yield made
    made.close()


@pytest.fixture
def peer(request):
    """The key of another node, which is listed."""
    signer = RequestSigner("other.example", b"p" * 32)
    if "home" in request.fixturenames:
        request.getfixturevalue("home").access.peers.add(str(signer.key), AUDITOR, by=HOME)
    return signer


def scope_of(headers, method="POST", url=URL):
    parts = urlsplit(url)
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    return request(method, *given, path=parts.path, query=parts.query.encode())


def signed(home, peer, method="POST", url=URL, body=BODY, now_s=None):
    return sign_request(peer, method, url, body, home.clock() if now_s is None else now_s)


def read_body(scope, *parts):
    """Returns what a handler gets to read of a body that comes in parts."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = False
    waiting = iter(messages)

    async def receive():
        return next(waiting)

    return asyncio.run(scope["state"][BODY_GUARD](receive)())["body"]


def test_the_base_is_that_of_the_standard():
    covered = read_covered(VECTORS["signature_input"])
    base = signature_base(covered, VECTORS["parts"])
    assert base.decode().split("\n") == VECTORS["base"]
    assert f"{covered.label}={covered.value()}" == VECTORS["signature_input"]


def test_the_signature_is_that_of_the_standard():
    base = "\n".join(VECTORS["base"]).encode()
    signature = read_signature(VECTORS["signature"], "sig-b26")
    Ed25519PublicKey.from_public_bytes(b64decode(VECTORS["public_base64"])).verify(signature, base)
    secret = Ed25519PrivateKey.from_private_bytes(b64decode(VECTORS["secret_base64"]))
    assert write_signature(secret.sign(base), "sig-b26") == VECTORS["signature"]


@pytest.mark.parametrize(("body", "header"), VECTORS["digests"], ids=["plain", "with a line feed"])
def test_the_digest_is_that_of_the_standard(body, header):
    assert content_digest(body.encode()) == header
    assert content_digest(body.encode()) == f"sha-256=:{header.split(':')[1]}:"
    assert len(read_content_digest(header)) == 32


def test_a_listed_node_is_known_by_its_signature(home, peer):
    scope = scope_of(signed(home, peer))
    who = home.access.identify(scope)
    assert (who.id, who.roles) == ("node:other.example", AUDITOR)
    assert read_body(scope, BODY[:4], BODY[4:]) == BODY


def test_other_bytes_than_were_signed_reach_nobody(home, peer):
    scope = scope_of(signed(home, peer))
    home.access.identify(scope)
    with pytest.raises(NotSignedIn, match="not the one that was signed"):
        read_body(scope, BODY + b" ")


def test_half_a_body_reaches_nobody(home, peer):
    scope = scope_of(signed(home, peer))
    home.access.identify(scope)

    async def receive():
        return {"type": "http.disconnect"}

    assert asyncio.run(scope["state"][BODY_GUARD](receive)()) == {"type": "http.disconnect"}


def test_a_signed_body_has_a_limit():
    async def receive():
        return {"type": "http.request", "body": b"x" * 10, "more_body": True}

    with pytest.raises(TooLarge):
        asyncio.run(guarded_body(receive, b"", 25)())


def test_a_request_counts_once_also_across_a_restart(home, peer):
    headers = signed(home, peer)
    home.access.identify(scope_of(headers))
    with pytest.raises(NotSignedIn, match="taken before"):
        home.access.identify(scope_of(headers))
    home.reopen()
    with pytest.raises(NotSignedIn, match="taken before"):
        home.access.identify(scope_of(headers))


def test_what_was_forgotten_is_too_old_to_come_again(home, peer):
    headers = signed(home, peer)
    home.access.identify(scope_of(headers))
    home.clock.move(10 * LASTS_S)
    home.access.identify(scope_of(signed(home, peer)))
    with pytest.raises(NotSignedIn, match="too old"):
        home.access.identify(scope_of(headers))


@pytest.mark.parametrize("off_s", [-LASTS_S, SKEW_S + 1, 86_400])
def test_a_signature_is_made_for_now(shared, peer, off_s):
    with pytest.raises(NotSignedIn, match="too old, too early"):
        shared.access.identify(scope_of(signed(shared, peer, now_s=shared.clock() + off_s)))


OTHERS = {
    "another method": {"method": "PUT"},
    "another path": {"url": URL.replace("witness", "anchors")},
    "another query": {"url": URL.replace("old=1", "old=2")},
    "no query": {"url": URL.partition("?")[0]},
}


@pytest.mark.parametrize("change", OTHERS)
def test_another_request_than_was_signed_is_refused(shared, peer, change):
    with pytest.raises(NotSignedIn, match="no node listed"):
        shared.access.identify(scope_of(signed(shared, peer), **OTHERS[change]))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8001/x", "http://other.example:8000/x", "https://bank.example/x"])
def test_a_request_for_another_node_cannot_be_passed_on(shared, peer, url):
    headers = sign_request(peer, "POST", url, BODY, shared.clock())
    scope = scope_of(headers, url=url)
    scope["headers"][0] = (b"host", urlsplit(url).netloc.encode())
    with pytest.raises(NotSignedIn, match="for another node"):
        shared.access.identify(scope)


def test_a_public_node_takes_what_was_signed_for_its_address(tmp_path):
    home = Home(tmp_path, public_url="https://node.bank.example")
    peer = RequestSigner("other.example", b"p" * 32)
    home.access.peers.add(str(peer.key), AUDITOR, by=HOME)
    for url, host in (("https://node.bank.example/x", b"Node.Bank.example:443"), (URL, b"127.0.0.1:8000")):
        scope = scope_of(sign_request(peer, "POST", url, BODY, home.clock()), url=url)
        scope["scheme"] = url.partition(":")[0]
        scope["headers"][0] = (b"host", host)
        if url == URL:
            with pytest.raises(NotSignedIn, match="another node"):
                home.access.identify(scope)
        else:
            assert home.access.identify(scope).id == "node:other.example"
    home.close()


def test_a_strangers_signature_is_refused(shared, peer):
    stranger = RequestSigner("stranger.example", b"s" * 32)
    pretender = RequestSigner("other.example", b"s" * 32)
    for signer in (stranger, pretender):
        with pytest.raises(NotSignedIn, match="no node listed"):
            shared.access.identify(scope_of(signed(shared, signer)))


def test_a_removed_node_is_a_stranger_at_once(home, peer):
    home.access.peers.remove("other.example", by=HOME)
    with pytest.raises(NotSignedIn):
        home.access.identify(scope_of(signed(home, peer)))
    with pytest.raises(NotFound):
        home.access.peers.remove("other.example", by=HOME)


def test_a_new_key_takes_the_place_of_the_old(home, peer):
    new = RequestSigner("other.example", b"n" * 32)
    home.access.peers.add(str(new.key), frozenset(), by=HOME)
    home.reopen()
    assert home.access.identify(scope_of(signed(home, new))).roles == frozenset()
    with pytest.raises(NotSignedIn):
        home.access.identify(scope_of(signed(home, peer)))


def test_no_other_node_is_an_admin(shared, peer):
    with pytest.raises(InvalidInput, match="admin"):
        shared.access.peers.add(str(peer.key), frozenset({Role.ADMIN}), by=HOME)


@pytest.mark.parametrize("vkey", ["", "other.example", str(Signer("w", b"w" * 32, COSIGNATURE).key)])
def test_only_a_nodes_key_is_listed(shared, vkey):
    with pytest.raises(InvalidInput):
        shared.access.peers.add(vkey, AUDITOR, by=HOME)


SPOILT = {
    "no signature": lambda headers: headers.pop("signature"),
    "no digest": lambda headers: headers.pop("content-digest"),
    "another digest": lambda headers: headers.update({"content-digest": content_digest(b"else")}),
    "a weaker digest": lambda headers: headers.update({"content-digest": "md5=:AAAA:"}),
    "two digests": lambda headers: headers.update({"content-digest": headers["content-digest"] + ", sha-512=:AAAA:"}),
    "another nonce": lambda headers: replace_in(headers, 'nonce="', 'nonce="A'),
    "a later end": lambda headers: replace_in(headers, ";nonce", "0;nonce"),
    "no nonce": lambda headers: replace_in(headers, ";nonce", ";other"),
    "no end": lambda headers: replace_in(headers, ";expires", ";other"),
    "no time": lambda headers: replace_in(headers, ";created", ";other"),
    "time as text": lambda headers: replace_in(headers, ";created=", ';created="1";other='),
    "another algorithm": lambda headers: replace_in(headers, ";nonce", ';alg="hmac-sha256";nonce'),
    "a parameter twice": lambda headers: replace_in(headers, ";nonce", ";created=1;nonce"),
    "less covered": lambda headers: replace_in(headers, ' "@query"', ""),
    "nothing covered": lambda headers: headers.update({"signature-input": "cf=()"}),
    "covered twice": lambda headers: replace_in(headers, '"@query"', '"@query" "@query"'),
    "a part that is not there": lambda headers: replace_in(headers, '"@query"', '"@query" "x-other"'),
    "a parameter on a part": lambda headers: replace_in(headers, '"@query"', '"@query";req'),
    "two signatures": lambda headers: headers.update({k: f"{v}, b{v}" for k, v in headers.items() if k[0] == "s"}),
    "another label": lambda headers: headers.update({"signature": "b" + headers["signature"]}),
    "no base64": lambda headers: headers.update({"signature": "cf=:*:"}),
    "a short signature": lambda headers: headers.update({"signature": "cf=:AAAA:"}),
    "not a list": lambda headers: headers.update({"signature-input": "cf"}),
    "very long": lambda headers: replace_in(headers, 'keyid="', 'keyid="' + "x" * 5_000),
    "many parts": lambda headers: headers.update({"signature-input": "cf=(" + '"a" ' * 500 + ")"}),
    "not ASCII": lambda headers: replace_in(headers, 'keyid="', 'keyid="ü'),
}


def replace_in(headers, old, new):
    assert old in headers["signature-input"]
    headers["signature-input"] = headers["signature-input"].replace(old, new, 1)


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_signature_is_refused(shared, peer, how):
    headers = signed(shared, peer)
    SPOILT[how](headers)
    with pytest.raises(NotSignedIn):
        shared.access.identify(scope_of(headers))


@pytest.mark.parametrize("name", [b"host", b"signature", b"signature-input", b"content-digest"])
def test_a_header_that_is_there_twice_is_refused(shared, peer, name):
    scope = scope_of(signed(shared, peer))
    scope["headers"].append(next(each for each in scope["headers"] if each[0] == name))
    with pytest.raises(NotSignedIn, match="2 headers"):
        shared.access.identify(scope)


def test_line_breaks_cannot_be_signed_into_a_base():
    covered = read_covered('cf=("x");created=1')
    with pytest.raises(NotSignedIn):
        signature_base(covered, {"x": 'a\n"@method": GET'})


def test_one_node_cannot_fill_the_memory_of_all(home):
    nonces = Nonces(home.state, home.clock, most_per_peer=2)
    soon = int(home.clock()) + 60
    nonces.take("greedy", "first", soon)
    nonces.take("greedy", "second", soon)
    with pytest.raises(TooManyRequests):
        nonces.take("greedy", "third", soon)
    nonces.take("modest", "first", soon)
    home.clock.move(300)
    nonces.take("greedy", "third", soon + 300)


def test_the_nodes_own_key_is_on_record_and_another_than_the_logs(home):
    key = home.access.signer().key
    home.reopen()
    assert home.access.signer().key == key
    assert home.access.public_key() == str(key)
    assert key.public != home.org.issuer.public
    records = [home.org.archive.record(place) for place in range(home.org.archive.size)]
    assert [each.about["key"] for each in records if each.kind == "key"] == [str(key)]


@pytest.mark.parametrize("url", ["ftp://bank.example/", "/path", "https://bänk.example/"])
def test_only_addresses_of_nodes_are_signed_for(shared, url):
    with pytest.raises(InvalidInput):
        sign_request(shared.access.signer(), "GET", url, b"", shared.clock())


def test_the_secret_is_not_in_what_is_shown():
    signer = RequestSigner("other.example", b"p" * 32)
    assert "70" * 32 not in repr(signer)
    assert "p" * 32 not in repr(signer)
