"""Sellers that lie, and buyers' ways to be fooled: each is refused, and what was signed falsely leaves evidence."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from making_deliveries import (
    CHAIN_ID,
    CHUNKS,
    DATA,
    KEY_NAME,
    MARKET,
    SECRET,
    MadeDelivery,
    Seller,
    made_bytes,
    word,
)

from counterfoil.core.delivery import CHUNK_BYTES, Content, read_statement
from counterfoil.core.merkle import leaf_hash, root_of
from counterfoil.core.signed_document import sign_document
from counterfoil.errors import DoesNotMatch, HomeBusy, InvalidInput, LogUnavailable, NodeUnreachable, NotAllowed, Stale
from counterfoil.market.delivery.fetching import fetch
from counterfoil.market.delivery.purchase import Purchase
from counterfoil.market.delivery.wire import Patience, SellerWire
from counterfoil.store.check_file import check_file

FALSE = [CHUNKS[0], bytes(CHUNK_BYTES), CHUNKS[2]]


class Handler(BaseHTTPRequestHandler):
    """Answers as its server is told to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        self.server.asked.append(name)
        try:
            self.server.answers(self, name)
        except OSError:
            pass  # the buyer hung up, as it should
        self.close_connection = True

    def log_message(self, *_):
        pass

    def send(self, data, status=200, length=None, **headers):
        self.send_response(status)
        self.send_header("content-length", str(len(data) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def send_part(self, data):
        """As a decent server: the part that is asked for."""
        found = self.headers.get("range", "")
        if not found:
            return self.send(data)
        start, _, end = found.removeprefix("bytes=").partition("-")
        return self.send(data[int(start) : int(end) + 1 if end else None], 206)


@contextmanager
def lying(answers):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.asked, server.daemon_threads = answers, [], True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answers_of(made, **other):
    """What a decent node answers for a delivery, but for some paths."""
    data = {
        "statement": made.signed.encode(),
        "content-hashes": b"".join(made.leaves),
        "ciphertext-hashes": b"".join(made.piece_leaves),
        "content": b"".join(made.pieces),
    }

    def answer(handler, name):
        if (key := name.replace("-", "_")) in other:
            return other[key](handler)
        return handler.send_part(data[name])

    return answer


def bought(made, **change):
    told = made.statement
    return replace(Purchase(told.order, told.offer, CHAIN_ID, MARKET, SECRET, made.sheet), **change)


def got(made, tmp_path, answers, purchase=None, **limits):
    with lying(answers) as server:
        wire = SellerWire(
            f"http://127.0.0.1:{server.server_port}", made.statement.order, "cft_x", patience=Patience(**limits)
        )
        fetched = fetch(purchase or bought(made), wire, tmp_path / "got", patience_s=0.1)
        return fetched.path.read_bytes()


def test_a_decent_answer_is_taken(tmp_path):
    made = MadeDelivery()
    assert got(made, tmp_path, answers_of(made)) == DATA


def test_connections_that_break_again_and_again_are_outlasted(tmp_path):
    """Each answer promises all and ends early; every one brings it further."""
    made, asked = MadeDelivery(), []

    def breaks(handler):
        start = int(handler.headers["range"].removeprefix("bytes=").split("-")[0])
        asked.append(start)
        data = b"".join(made.pieces)[start:] if start else made.pieces[0]
        handler.send(data[: CHUNK_BYTES + 300], 206, length=len(data))

    assert got(made, tmp_path, answers_of(made, content=breaks)) == DATA
    assert asked == [0, 184, 184 + 1_048_832, 184 + 2 * 1_048_832]


def spoilt_head():
    return MadeDelivery(head=bytes(184))


def promise():
    return MadeDelivery(content=Content(bytes(32), len(DATA)))


def sealed_to_others():
    made = MadeDelivery()
    made.pieces[3] = bytes(len(made.pieces[3]))
    made.piece_leaves[3] = leaf_hash(made.pieces[3])
    told = replace(made.statement, ciphertext=Content(root_of(made.piece_leaves), made.statement.ciphertext.size_bytes))
    made.statement, made.signed = read_statement(sign_document(told.to_json(), bytes(range(1, 33)), KEY_NAME))
    return made


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(lambda: MadeDelivery(FALSE), id="another chunk"),
        pytest.param(sealed_to_others, id="a piece that does not open"),
        pytest.param(spoilt_head, id="a first piece that does not open"),
        pytest.param(promise, id="another content promised"),
    ],
)
def test_what_was_signed_falsely_leaves_evidence_that_anybody_checks(lie, tmp_path):
    made = lie()
    with pytest.raises(DoesNotMatch) as caught:
        got(made, tmp_path, answers_of(made))
    evidence = tmp_path / "got.mismatch.json"
    assert str(evidence) in caught.value.hint
    report = check_file(evidence, issuer=made.sheet.key)
    assert report.exit_code(["issuer", "mismatch"]) == 0
    assert not (tmp_path / "got").exists()


def test_nothing_false_is_ever_written(tmp_path):
    made = MadeDelivery(FALSE)
    with pytest.raises(DoesNotMatch):
        got(made, tmp_path, answers_of(made))
    assert (tmp_path / "got.partial" / "data").read_bytes().rstrip(b"\0") == CHUNKS[0].rstrip(b"\0")


def pieces(made, change):
    parts = list(made.pieces)
    change(parts)
    return lambda handler: handler.send_part(b"".join(parts))


def altered(parts):
    parts[2] = parts[2][:-1] + bytes([parts[2][-1] ^ 1])


def swapped(parts):
    parts[1], parts[2] = parts[2], parts[1]


def cut(parts):
    parts[3] = b""


UNSIGNED = {
    "altered": lambda made: {"content": pieces(made, altered)},
    "reordered": lambda made: {"content": pieces(made, swapped)},
    "truncated": lambda made: {"content": pieces(made, cut)},
    "of another order": lambda made: {"content": pieces(MadeDelivery(number=2), lambda _: None)},
    "the whole where a part is asked for": lambda made: {"content": lambda h: h.send(b"".join(made.pieces))},
    "a huge length": lambda made: {"content": lambda h: h.send(b"", 206, length=2**62)},
    "a length below zero": lambda made: {"content": lambda h: h.send(b"", 206, length=-5)},
    "no length": lambda made: {"content": lambda h: h.send(b"", 206, length="?")},
    "encoded": lambda made: {"content": lambda h: h.send(made.pieces[0], 206, content_encoding="gzip")},
    "sent elsewhere": lambda made: {"content": lambda h: h.send(b"", 302, location="http://127.0.0.1:9/")},
    "a header without end": lambda made: {"content": lambda h: h.send(b"", 206, x="y" * 70_000)},
    "too many headers": lambda made: {"content": lambda h: h.send(b"", 206, **{f"x{i}": "y" for i in range(150)})},
    "no HTTP": lambda made: {"content": lambda h: h.wfile.write(b"\x00\x01 nonsense\r\n\r\n")},
    "nothing": lambda made: {"content": lambda h: None},
    "a huge statement": lambda made: {"statement": lambda h: h.send(b" " * 100_000)},
    "an error of many bytes": lambda made: {"statement": lambda h: h.send(b"[" * 500_000, 500)},
    "hashes of another length": lambda made: {"content_hashes": lambda h: h.send(bytes(32))},
}


@pytest.mark.parametrize("what", UNSIGNED)
def test_what_was_not_signed_is_not_taken_and_nothing_is_left(what, tmp_path):
    made = MadeDelivery()
    with pytest.raises(NodeUnreachable):
        got(made, tmp_path, answers_of(made, **UNSIGNED[what](made)))
    assert not (tmp_path / "got").exists()
    assert not (tmp_path / "got.mismatch.json").exists()


@pytest.mark.parametrize("name", ["content_hashes", "ciphertext_hashes"])
def test_hashes_that_do_not_give_the_root_are_refused(name, tmp_path):
    made = MadeDelivery()
    count = 3 if name == "content_hashes" else 4
    with pytest.raises(DoesNotMatch, match="do not give the root"):
        got(made, tmp_path, answers_of(made, **{name: lambda h: h.send(bytes(32 * count))}))


def test_a_statement_of_another_order_is_refused(tmp_path):
    made, other = MadeDelivery(), MadeDelivery(number=2)
    with pytest.raises(DoesNotMatch, match="another order"):
        got(made, tmp_path, answers_of(other))


def test_a_statement_under_another_key_is_refused(tmp_path):
    """Also in the middle: what came before does not make a new key the seller's."""
    made, other = MadeDelivery(), MadeDelivery(key=bytes(32))
    with pytest.raises(DoesNotMatch, match="was expected"):
        got(made, tmp_path, answers_of(other))


def test_a_second_statement_for_the_order_is_refused_and_both_can_be_kept(tmp_path):
    made = MadeDelivery()
    with pytest.raises(NodeUnreachable):
        got(made, tmp_path, answers_of(made, content=lambda h: None))
    told = replace(made.statement, created="2027-02-01T00:00:00Z")
    made.statement, made.signed = read_statement(sign_document(told.to_json(), bytes(range(1, 33)), KEY_NAME))
    with pytest.raises(DoesNotMatch, match="another delivery statement"):
        got(made, tmp_path, answers_of(made))


def dripping(data, status):
    """Sends a byte now and then, for as long as somebody listens."""

    def answer(handler):
        handler.send_response(status)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        for at in range(len(data)):
            handler.wfile.write(data[at : at + 1])
            handler.wfile.flush()
            time.sleep(0.02)

    return answer


def dripping_head(handler):
    for each in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000:
        handler.wfile.write(bytes([each]))
        handler.wfile.flush()
        time.sleep(0.02)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda made: {"content": dripping(made.pieces[0] * 99, 206)}, id="drips a part"),
        pytest.param(lambda made: {"statement": dripping(made.signed.encode(), 200)}, id="drips the statement"),
        pytest.param(lambda made: {"statement": dripping_head}, id="drips the head"),
        pytest.param(lambda made: {"statement": lambda h: time.sleep(3)}, id="says nothing"),
    ],
)
def test_whoever_sends_too_slowly_is_let_go(other, tmp_path):
    made = MadeDelivery()
    with pytest.raises(NodeUnreachable):
        got(made, tmp_path, answers_of(made, **other(made)), silence_s=0.3, answer_s=0.3, mib_s=0.3)


def test_each_mib_of_a_long_answer_has_its_own_time(tmp_path):
    part = bytes(CHUNK_BYTES)

    def slowly(handler, _name):
        handler.send(part, length=3 * len(part))
        for _ in range(2):
            time.sleep(1.1)
            handler.wfile.write(part)

    with lying(slowly) as server:
        wire = SellerWire(
            f"http://127.0.0.1:{server.server_port}", word(1), "cft_x", patience=Patience(30.0, 30.0, mib_s=2.0)
        )
        assert wire.get("result", most_bytes=4 * len(part)) == 3 * part


def test_a_redirect_is_not_followed(tmp_path):
    made = MadeDelivery()
    with lying(answers_of(made)) as other:
        location = f"http://127.0.0.1:{other.server_port}/statement"
        with pytest.raises(NodeUnreachable, match="sends on"):
            got(made, tmp_path, answers_of(made, statement=lambda h: h.send(b"", 307, location=location)))
        assert other.asked == []


def test_what_a_node_says_is_cut_and_cannot_steer_a_terminal(tmp_path):
    made = MadeDelivery()
    body = json.dumps({"code": "stale", "detail": "\x1b[2J" + "x" * 9_000}).encode()
    with pytest.raises(Stale) as caught:
        got(made, tmp_path, answers_of(made, statement=lambda h: h.send(body, 409)))
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "url",
    [
        "http://node.example",
        "https://user:secret@node.example",
        "https://node.example/?a=b",
        "https://node.example/#x",
        "https://node.example:0",
        "https://node.example:x",
        "https://",
        "ftp://node.example",
        "file:///etc/passwd",
        "https://node.example/\r\nx: y",
        "https://[::1",
    ],
)
def test_addresses_that_give_the_ticket_away_are_refused(url):
    with pytest.raises(InvalidInput):
        SellerWire(url, word(1), "cft_x")


def test_a_ticket_cannot_bring_headers_along():
    with pytest.raises(InvalidInput):
        SellerWire("https://node.example", word(1), "cft_x\r\nx: y")


# The seller's own source


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "content.bin"
    path.write_bytes(made_bytes(3 * CHUNK_BYTES + 5))
    seller = Seller(tmp_path / "seller")
    sheet = seller.offer(path)
    paid = seller.sell(sheet, SECRET)
    yield seller, paid, path
    seller.deliveries.close()


def swap(path):
    data = bytearray(path.read_bytes())
    data[2 * CHUNK_BYTES + 9] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("change", "chunk"),
    [
        pytest.param(swap, 2, id="a byte"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[: CHUNK_BYTES + 1]), 1, id="cut"),
        pytest.param(lambda path: path.write_bytes(b""), 0, id="emptied"),
    ],
)
def test_content_swapped_after_publishing_never_leaves(shop, change, chunk):
    seller, paid, path = shop
    change(path)
    with pytest.raises(Stale):
        seller.deliveries.statement(paid.order)
    assert [(each.order, each.chunk) for each in seller.told] == [(paid.order, chunk)]


def test_content_swapped_while_it_is_served_stops_before_the_false_chunk(shop):
    seller, paid, path = shop
    size = seller.deliveries.statement(paid.order).document["ciphertext"]["size"]
    served = seller.deliveries.ciphertext(paid.order, 0, size)
    sent = [next(served), next(served)]
    swap(path)
    sent.append(next(served))
    with pytest.raises(Stale):
        next(served)
    assert [each.chunk for each in seller.told] == [2]
    assert leaf_hash(sent[2]) == seller.deliveries.ciphertext_hashes(paid.order)[2]


def test_a_refund_ends_a_download_that_is_under_way(tmp_path):
    path = tmp_path / "content.bin"
    path.write_bytes(bytes(70 * CHUNK_BYTES))
    seller = Seller(tmp_path / "seller")
    paid = seller.sell(seller.offer(path), SECRET)
    try:
        size = seller.deliveries.statement(paid.order, wait_s=60).document["ciphertext"]["size"]
        served = seller.deliveries.ciphertext(paid.order, 0, size)
        next(served)
        seller.paid[paid.order] = replace(paid, state="refunded")
        taken = []
        with pytest.raises(NotAllowed):
            taken.extend(served)
        assert 1 < len(taken) < 64
    finally:
        seller.deliveries.close()


def test_a_statement_is_made_once_however_many_ask(shop):
    seller, paid, _ = shop
    found = set()
    threads = [
        threading.Thread(target=lambda: found.add(seller.deliveries.statement(paid.order, wait_s=30).encode()))
        for _ in range(6)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 1
    assert len(seller.recorded) == 1
    again = Seller(seller.folder)
    again.paid, again.paths = seller.paid, seller.paths
    assert again.deliveries.statement(paid.order).encode() in found
    again.deliveries.close()


def test_who_looked_just_before_it_was_made_has_no_second_statement_made(shop):
    seller, paid, _ = shop
    made = seller.deliveries.statement(paid.order).encode()
    seller.key = bytes(range(90, 122))  # what is signed now is another statement
    seller.deliveries._await(paid, 30)  # as after a look that found nothing, while somebody else's was finished
    assert seller.deliveries.statement(paid.order).encode() == made
    assert len(seller.recorded) == 1


def test_a_statement_that_cannot_be_recorded_is_given_to_nobody_and_is_the_same_later(shop):
    seller, paid, _ = shop
    tried = []

    def full(statement, signed):
        tried.append(signed.digest_hex)
        raise LogUnavailable("the disk is full")

    stuck = Seller(seller.folder, record=full)
    stuck.paid, stuck.paths = seller.paid, seller.paths
    with pytest.raises(LogUnavailable):
        stuck.deliveries.statement(paid.order)
    stuck.deliveries.close()
    assert seller.deliveries.statement(paid.order).digest_hex == tried[0]
    assert seller.recorded == tried


def test_who_asks_for_a_long_preparation_is_told_how_far_it_is(shop):
    seller, paid, _ = shop
    with pytest.raises(HomeBusy, match="is being prepared"):
        seller.deliveries.statement(paid.order, wait_s=0)
    assert seller.deliveries.statement(paid.order, wait_s=30).document["order"] == paid.order


def test_two_orders_of_one_content_share_no_key(shop):
    seller, paid, _ = shop
    other = replace(paid, order=word(2))
    seller.paid[other.order] = other
    one, two = (next(iter(seller.deliveries.ciphertext(each.order, 0, 184))) for each in (paid, other))
    assert one != two
