"""Fetching from a real server on loopback: whole, in parts, after every kind of break; and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from dataclasses import replace

import pytest
from certificates import server_context
from making_deliveries import CHAIN_ID, MARKET, Seller, made_bytes, word

from counterfoil.core.age import secret_text
from counterfoil.core.age_payload import decrypt
from counterfoil.errors import DoesNotMatch, HomeBusy, InvalidInput, NodeUnreachable, NotSignedIn
from counterfoil.market.delivery.fetching import fetch
from counterfoil.market.delivery.purchase import Purchase
from counterfoil.market.delivery.wire import SellerWire

SECRET = bytes(range(60, 92))
MIB = 1 << 20
SIZES = [1, MIB - 1, MIB, MIB + 1, 3 * MIB + 70_000]
needs_tools = pytest.mark.skipif(
    shutil.which("age") is None or shutil.which("curl") is None, reason="age and curl are not both installed here"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A seller that serves, and for each size an order with its sheet."""
    folder = tmp_path_factory.mktemp("seller")
    seller = Seller(folder)
    sold = {}
    for number, size in enumerate(SIZES, 1):
        path = folder / f"{size}.bin"
        path.write_bytes(made_bytes(size, number))
        sheet = seller.offer(path)
        sold[size] = (seller.sell(sheet, SECRET, number), sheet, path)
    with seller.serving() as url:
        yield seller, url, sold


def bought(shop, size):
    seller, url, sold = shop
    paid, sheet, path = sold[size]
    ticket = decrypt(seller.tickets.issue(paid.order, paid.recipient), SECRET).decode()
    purchase = Purchase(paid.order, paid.offer, CHAIN_ID, MARKET, SECRET, sheet)
    return purchase, SellerWire(url, paid.order, ticket), path, ticket


@pytest.mark.parametrize("size", SIZES)
def test_what_was_bought_arrives_as_it_was_published(shop, size, tmp_path):
    purchase, wire, path, _ = bought(shop, size)
    seen = []
    fetched = fetch(purchase, wire, tmp_path / "got.bin", lambda done, total: seen.append((done, total)))
    assert fetched.path.read_bytes() == path.read_bytes()
    assert fetched.statement.document["order"] == purchase.order
    assert seen[0] == (0, size)
    assert seen[-1] == (size, size)
    assert [each.name for each in tmp_path.iterdir()] == ["got.bin"]


@needs_tools
@pytest.mark.parametrize("size", SIZES)
def test_curl_and_age_are_enough(shop, size, tmp_path):
    purchase, _, path, ticket = bought(shop, size)
    key = tmp_path / "key.txt"
    key.write_text(secret_text(SECRET))
    url = f"{shop[1]}/api/v1/market/orders/{purchase.order}/content"
    command = f'curl -sS --fail -H "Authorization: Bearer {ticket}" {url} | age -d -i {key}'
    assert subprocess.run(command, shell=True, capture_output=True, check=True).stdout == path.read_bytes()


@needs_tools
def test_curl_goes_on_where_it_broke_off(shop, tmp_path):
    size = SIZES[-1]
    purchase, _, path, ticket = bought(shop, size)
    url = f"{shop[1]}/api/v1/market/orders/{purchase.order}/content"
    part, head = tmp_path / "part.age", ["curl", "-sS", "--fail", "-H", f"Authorization: Bearer {ticket}"]
    subprocess.run([*head, "-r", "0-1500000", "-o", str(part), url], check=True)
    assert part.stat().st_size == 1_500_001
    subprocess.run([*head, "-C", "-", "-o", str(part), url], check=True)
    assert decrypt(part.read_bytes(), SECRET) == path.read_bytes()


@pytest.mark.parametrize(
    ("there", "resumed"),
    [
        pytest.param(lambda data: data[: 2 * MIB], 2 * MIB, id="two chunks"),
        pytest.param(lambda data: data[: 2 * MIB + 5], 2 * MIB, id="torn in the third"),
        pytest.param(lambda data: data[:MIB] + b"x" + data[MIB + 1 :], MIB, id="the second was altered"),
        pytest.param(lambda data: data + b"more", 4 * MIB, id="all, and more"),
        pytest.param(lambda data: b"", 0, id="nothing"),
    ],
)
def test_it_goes_on_from_what_is_right_on_the_disk(shop, there, resumed, tmp_path):
    purchase, wire, path, _ = bought(shop, SIZES[-1])
    work = tmp_path / "got.bin.partial"
    work.mkdir()
    (work / "data").write_bytes(there(path.read_bytes()))
    (work / "content-hashes").write_bytes(b"torn")
    fetched = fetch(purchase, wire, tmp_path / "got.bin")
    assert fetched.resumed_bytes == resumed
    assert fetched.path.read_bytes() == path.read_bytes()


def test_over_tls_the_nodes_certificate_is_checked(tmp_path, monkeypatch):
    path = tmp_path / "content.bin"
    path.write_bytes(made_bytes(MIB + 5))
    seller = Seller(tmp_path / "seller")
    sheet = seller.offer(path)
    paid = seller.sell(sheet, SECRET)
    ticket = decrypt(seller.tickets.issue(paid.order, paid.recipient), SECRET).decode()
    purchase = Purchase(paid.order, paid.offer, CHAIN_ID, MARKET, SECRET, sheet)
    _, trusted = server_context(tmp_path, "127.0.0.1")
    tls = {"tls_cert": str(tmp_path / "server.pem"), "tls_key": str(tmp_path / "server.key")}
    with seller.serving(**tls) as url:
        with pytest.raises(NodeUnreachable):
            fetch(purchase, SellerWire(url, paid.order, ticket), tmp_path / "got.bin", patience_s=0)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        wire = SellerWire(url, paid.order, ticket)
        assert fetch(purchase, wire, tmp_path / "got.bin").path.read_bytes() == path.read_bytes()


def test_two_cannot_fetch_into_one_file(shop, tmp_path):
    purchase, wire, _, _ = bought(shop, 1)
    to = tmp_path / "got.bin"

    def second(done, total):
        with pytest.raises(HomeBusy):
            fetch(purchase, wire, to)

    fetch(purchase, wire, to, second)
    assert fetch(purchase, wire, to).resumed_bytes == 1  # it is there, and just what was published
    to.write_bytes(b"?")
    with pytest.raises(InvalidInput):
        fetch(purchase, wire, to)


def test_another_statement_than_before_is_refused(shop, tmp_path):
    purchase, wire, _, _ = bought(shop, 1)
    work = tmp_path / "got.bin.partial"
    work.mkdir()
    (work / "statement.json").write_bytes(b"{}")
    with pytest.raises(DoesNotMatch, match="another delivery statement"):
        fetch(purchase, wire, tmp_path / "got.bin")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"order": word(99)}, id="order"),
        pytest.param({"offer": word(99)}, id="offer"),
        pytest.param({"chain_id": 1}, id="chain"),
        pytest.param({"market": "0x" + "00" * 20}, id="market"),
        pytest.param({"secret": bytes(32)}, id="key"),
    ],
)
def test_a_statement_for_something_else_is_refused(shop, change, tmp_path):
    purchase, wire, _, _ = bought(shop, 1)
    with pytest.raises(DoesNotMatch, match="statement is for another"):
        fetch(replace(purchase, **change), wire, tmp_path / "got.bin")


def test_strangers_learn_nothing_not_even_whether_there_is_an_order(shop):
    purchase, _, _, ticket = bought(shop, 1)
    told = set()
    tries = [
        (purchase.order, ""),
        (purchase.order, "cft_" + "A" * 43),
        (word(99), ticket),
        (word(2), ticket),
        ("x", ticket),
    ]
    for order, shown in tries:
        for name in ("statement", "content", "content-hashes", "ciphertext-hashes"):
            request = urllib.request.Request(f"{shop[1]}/api/v1/market/orders/{order}/{name}")
            request.add_header("Authorization", f"Bearer {shown}")
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request)
            told.add((caught.value.code, caught.value.read()))
            caught.value.close()
    assert len(told) == 1
    assert json.loads(told.pop()[1])["status"] == 401


@pytest.mark.parametrize(
    "stands",
    [
        pytest.param({"state": "refunded"}, id="refunded"),
        pytest.param({"state": "reclaimed"}, id="reclaimed"),
        pytest.param({"state": "ended"}, id="ended"),
        pytest.param({"is_final": False}, id="not final"),
    ],
)
def test_an_order_that_gives_no_access_is_served_to_nobody(shop, stands, tmp_path):
    seller, _, sold = shop
    purchase, wire, _, _ = bought(shop, 1)
    paid = sold[1][0]
    seller.paid[paid.order] = replace(paid, **stands)
    try:
        with pytest.raises(NotSignedIn):
            fetch(purchase, wire, tmp_path / "got.bin")
    finally:
        seller.paid[paid.order] = paid


def test_a_ticket_ends_with_its_time_and_with_the_order(shop, tmp_path):
    seller, _, _ = shop
    purchase, wire, _, _ = bought(shop, 1)
    seller.time_s += 8 * 86_400
    with pytest.raises(NotSignedIn):
        fetch(purchase, wire, tmp_path / "got.bin")
    purchase, wire, _, _ = bought(shop, 1)
    seller.tickets.revoke(purchase.order)
    with pytest.raises(NotSignedIn):
        fetch(purchase, wire, tmp_path / "got.bin")


def spans(shop, asked, size=SIZES[-1], condition=""):
    purchase, _, _, ticket = bought(shop, size)
    request = urllib.request.Request(f"{shop[1]}/api/v1/market/orders/{purchase.order}/content")
    request.add_header("Authorization", f"Bearer {ticket}")
    request.add_header("Range", asked)
    if condition:
        request.add_header("If-Range", condition)
    with urllib.request.urlopen(request) as answer:
        return answer.status, answer.headers, answer.read()


def test_any_span_of_the_encrypted_file_is_served(shop):
    _, headers, whole = spans(shop, "items=0-1")
    size = len(whole)
    assert headers["accept-ranges"] == "bytes"
    for start, end in [(0, 1), (183, 185), (100, 1_200_000), (1_049_015, 1_049_017), (size - 1, size), (184, size)]:
        status, headers, part = spans(shop, f"bytes={start}-{end - 1}")
        assert (status, part) == (206, whole[start:end])
        assert headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    assert spans(shop, "bytes=-100")[2] == whole[-100:]
    assert spans(shop, f"bytes=5-{size + 100}")[2] == whole[5:]
    assert spans(shop, "bytes=0-1,5-6")[0] == 200
    assert spans(shop, "bytes=9-5")[0] == 200
    assert spans(shop, "bytes=0-9", condition='"another"')[0] == 200
    assert spans(shop, "bytes=0-9", condition=headers["etag"])[0] == 206
    with pytest.raises(urllib.error.HTTPError) as caught:
        spans(shop, f"bytes={size}-")
    assert caught.value.code == 416
    assert caught.value.headers["content-range"] == f"bytes */{size}"
    caught.value.close()
