"""Fetching sheets and reviews: from the shelf, from nodes that behave, and from those that do not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from certificates import server_context
from making_offers import CHAIN, CREATED, KEY_NAME, LICENCE_TEXT, MARKET, SECRET, sheet, signed
from small_market import BUYER, NOW, OTHER, PLACE, Pile, SmallMarket
from sources import (
    Source,
    cut_off,
    dripping,
    dripping_head,
    endless,
    no_http,
    redirecting,
    saying,
    silent,
    source,
)

from counterfoil.core import canonical
from counterfoil.core.signed_document import sign_document
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence
from counterfoil.market.catalogue import Catalogue, Query
from counterfoil.market.catalogue.fetching import Fetcher, Wanted, wait_s
from counterfoil.market.catalogue.node_reader import NodeReader, VisitLimits, base_of
from counterfoil.market.catalogue.review import Review, read_review, sign_review
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.provenance.snapshots.addresses import Reach

LIMITS = VisitLimits(silence_s=0.4, visit_s=1)
ANYWHERE = Reach()
GUARDED = Reach([])


@pytest.fixture
def node() -> Iterator[Source]:
    with source() as made:
        yield made


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as stack:

        def open_(market: SmallMarket, fetcher: Any, **more: Any) -> Catalogue:
            return stack.enter_context(Catalogue.open(tmp_path / "catalogue.db", PLACE, market, fetcher, **more))

        yield open_


def offered(uri: str, **changes: Any) -> tuple[SmallMarket, Any]:
    """Returns a market with one offer whose asset is found there."""
    market, made = SmallMarket(), signed(**changes)
    market.mine()
    market.places[made.sheet.asset] = uri
    market.offer(made)
    return market, made


def path_of(made: Any) -> str:
    return f"/api/v1/market/sheets/{made.digest_hex}"


def test_a_sheet_is_fetched_from_the_node_that_the_asset_names(opened: Any, node: Source) -> None:
    market, made = offered(f"{node.url}/somewhere/else")
    node.bodies[path_of(made)] = made.data
    catalogue = opened(market, Fetcher(ANYWHERE, limits=LIMITS))
    assert catalogue.refresh(NOW).found == 1
    path, headers = node.asked[0]
    assert path == path_of(made)
    assert (headers["accept-encoding"], "authorization" in headers, "cookie" in headers) == ("identity", False, False)
    assert catalogue.search(Query()).listings[0].sheet_state == "found"


def test_the_home_s_own_shelf_is_asked_first(opened: Any, tmp_path: Path) -> None:
    market, made = offered("")
    shelf = Shelf(tmp_path / "market")
    shelf.put_licence(LICENCE_TEXT)
    shelf.put_sheet(made)
    assert opened(market, Fetcher(GUARDED, shelf, LIMITS)).refresh(NOW).found == 1


def test_another_node_is_asked_where_the_asset_s_own_has_nothing(opened: Any, node: Source) -> None:
    with source() as other:
        market, made = offered(node.url)
        other.bodies[path_of(made)] = made.data
        catalogue = opened(market, Fetcher(ANYWHERE, limits=LIMITS), nodes=(other.url,))
        assert catalogue.refresh(NOW).found == 1
        assert [path for path, _ in node.asked] == [path_of(made)]


MISBEHAVES: list[tuple[str, Callable[[Any], None], str]] = [
    ("no such file", saying(404), "no such file"),
    ("an error", saying(500), "answered 500"),
    ("a redirect", redirecting("http://169.254.169.254/"), "answered 302"),
    ("packed", saying(200, b"x", content_encoding="gzip", content_length="1"), "packed"),
    ("broken off", cut_off, "broke its answer off"),
    ("no HTTP", no_http, "no HTTP"),
    ("too large", endless, "sends more than"),
    ("silent", silent, "silent"),
    ("byte after byte", dripping, "in time"),
    ("head without end", dripping_head, "in time"),
]


@pytest.mark.parametrize(("answer", "why"), [pytest.param(answer, why, id=name) for name, answer, why in MISBEHAVES])
def test_a_node_that_misbehaves_costs_a_moment_and_nothing_is_lost(
    opened: Any, node: Source, answer: Callable[[Any], None], why: str
) -> None:
    market, made = offered(node.url)
    node.paths[path_of(made)] = answer
    catalogue = opened(market, Fetcher(ANYWHERE, limits=LIMITS))
    began = time.monotonic()
    assert catalogue.refresh(NOW).waiting == 1
    assert time.monotonic() - began < 5
    found = catalogue.search(Query(is_open=False))
    listing = found.listings[0]
    assert (listing.sheet_state, listing.is_open, found.without_sheet) == ("not found", False, 1)
    assert why in listing.why
    assert catalogue.search(Query()).total == 0
    del node.paths[path_of(made)]
    node.bodies[path_of(made)] = made.data
    assert catalogue.refresh(NOW + wait_s(1) - 1).found == 0  # it is not asked so soon
    assert catalogue.refresh(NOW + wait_s(1)).found == 1
    assert catalogue.search(Query()).total == 1


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("http://127.0.0.1:{port}", id="loopback"),
        pytest.param("http://localhost:{port}", id="loopback by name"),
        pytest.param("http://[::ffff:127.0.0.1]:{port}", id="loopback in version 6"),
        pytest.param("http://169.254.169.254", id="metadata of a cloud"),
        pytest.param("http://10.0.0.1", id="private network"),
        pytest.param("http://0.0.0.0:{port}", id="this host"),
    ],
)
def test_an_asset_cannot_send_the_home_to_its_own_network(opened: Any, node: Source, uri: str) -> None:
    port = node.url.rpartition(":")[2]
    market, made = offered(uri.format(port=port))
    node.bodies[path_of(made)] = made.data
    catalogue = opened(market, Fetcher(GUARDED, limits=LIMITS))
    assert catalogue.refresh(NOW).found == 0
    assert catalogue.search(Query(is_open=False)).listings[0].why == "the node's address is not public"
    assert node.asked == []


@pytest.mark.parametrize(
    ("uri", "base"),
    [
        ("https://node.example/api/v1/assets/1", "https://node.example"),
        ("https://example.org/bank/api/v1/x", "https://example.org/bank"),
        ("https://node.example:8443/data.csv?x#y", "https://node.example:8443"),
        ("ipfs://bafy", ""),
        ("https://user:secret@node.example/", ""),
        ("https://node.example:99999/", ""),
        ("", ""),
    ],
)
def test_the_node_s_address_is_what_stands_before_the_api(uri: str, base: str) -> None:
    assert base_of(uri) == base


def test_an_asset_that_names_no_node_is_listed_all_the_same(opened: Any) -> None:
    market, _made = offered("ipfs://bafy")
    catalogue = opened(market, Fetcher(GUARDED))
    catalogue.refresh(NOW)
    assert "names no node" in catalogue.search(Query(is_open=False)).listings[0].why


def _other_key() -> bytes:
    told = canonical.loads(signed().data)
    told["signature"]["key"] = canonical.loads(signed(title="x").data)["signature"]["key"].replace("harbour", "arbour")
    return canonical.dumps(told)


WRONG: list[tuple[str, Callable[[], bytes], str]] = [
    ("another sheet", lambda: signed(title="Another").data, "another digest"),
    ("no sheet", lambda: b"<html>", "cannot be read"),
    ("changed", lambda: signed().data.replace(b"Ship", b"Shop"), "signature"),
    ("of another key", _other_key, "key id contradicts"),
]


@pytest.mark.parametrize(("made", "why"), [pytest.param(made, why, id=name) for name, made, why in WRONG])
def test_a_sheet_that_is_not_the_one_is_never_shown(opened: Any, made: Callable[[], bytes], why: str) -> None:
    market, right = offered("https://node.example")
    pile = Pile({right.digest_hex: made()})
    catalogue = opened(market, pile)
    assert catalogue.refresh(NOW).found == 0
    listing = catalogue.search(Query(is_open=False)).listings[0]
    assert (listing.sheet_state, listing.told.title) == ("does not match", "")
    assert why in listing.why
    assert catalogue.show(listing.offer).sheet is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"offer": "0x" + "11" * 32}, "another offer", id="offer"),
        pytest.param({"asset": "0x" + "22" * 32}, "another asset", id="asset"),
        pytest.param({"kind": 3}, "another kind", id="kind"),
    ],
)
def test_a_right_sheet_of_another_offer_is_never_shown(opened: Any, changes: dict[str, Any], why: str) -> None:
    """Somebody else offers under a good seller's sheet."""
    market, right = SmallMarket(), signed()
    market.mine()
    market.offer(right, **changes)
    catalogue = opened(market, Pile({right.digest_hex: right.data}))
    assert catalogue.refresh(NOW).found == 0
    assert why in catalogue.search(Query(is_open=False)).listings[0].why


def test_waiting_is_doubled_up_to_a_day(opened: Any) -> None:
    assert [wait_s(tries) for tries in (1, 2, 3, 13, 10_000)] == [30, 60, 120, 86_400, 86_400]
    market, _made = offered("https://node.example")
    pile, now_s = Pile(), NOW
    catalogue = opened(market, pile)
    for tries in range(1, 5):
        catalogue.refresh(now_s)
        assert len(pile.asked) == tries
        catalogue.refresh(now_s + wait_s(tries) - 1)
        assert len(pile.asked) == tries
        now_s += wait_s(tries)


def test_one_node_that_is_away_is_not_asked_for_each_file(opened: Any, node: Source) -> None:
    market = SmallMarket()
    market.mine()
    for number in range(20):
        made = signed(number, asset=number)
        market.places[made.sheet.asset] = node.url
        node.paths[path_of(made)] = silent
        market.offer(made)
    catalogue = opened(market, Fetcher(ANYWHERE, limits=LIMITS))
    assert catalogue.refresh(NOW).waiting == 20
    assert len(node.asked) == 2


def test_no_more_is_asked_for_than_may_wait_to_be_taken(node: Source) -> None:
    """Else nodes that send rubbish would fill the memory before any of it is looked at."""
    wanted = [Wanted(number, "sheets", f"{number:064x}", (node.url,)) for number in range(200)]
    node.bodies = {f"/api/v1/market/sheets/{each.digest}": b"rubbish" for each in wanted}
    patient = VisitLimits(silence_s=5, visit_s=30)
    answers = Fetcher(ANYWHERE, limits=patient).fetch(wanted)
    first = next(answers)
    time.sleep(0.5)  # whoever does not wait has asked for much more by now
    assert len(node.asked) < 50
    assert {each.wanted.row for each in (first, *answers)} == set(range(200))
    assert len(node.asked) == 200
    answers = Fetcher(ANYWHERE, limits=patient).fetch(wanted)
    next(answers)
    answers.close()  # type: ignore[attr-defined]  # nobody takes the rest: what waits ends
    assert len(node.asked) < 250


def test_a_connection_is_used_for_many_files_and_opened_again_when_closed(node: Source) -> None:
    node.bodies = {"/api/v1/a": b"1", "/api/v1/b": b"2"}
    with NodeReader(node.url, ANYWHERE, LIMITS).visit() as reader:
        assert [reader.get(each, 10) for each in ("a", "b", "a")] == [b"1", b"2", b"1"]
    with pytest.raises(InvalidInput):
        NodeReader("file:///etc/passwd", ANYWHERE, LIMITS)


def test_a_certificate_has_to_hold(opened: Any, tmp_path: Path) -> None:
    context, _authority = server_context(tmp_path, "localhost")
    with source(context) as node:
        market, made = offered(node.url.replace("127.0.0.1", "localhost"))
        node.bodies[path_of(made)] = made.data
        catalogue = opened(market, Fetcher(ANYWHERE, limits=LIMITS))
        catalogue.refresh(NOW)
        assert "certificate" in catalogue.search(Query(is_open=False)).listings[0].why


# Reviews


REVIEW = Review(CHAIN, MARKET, sheet().offer, BUYER, 4, "Good rows.\nA few are late.", CREATED)


def written(**changes: Any) -> Any:
    told = {key: getattr(REVIEW, key) for key in Review.__slots__} | changes
    return sign_review(Review(**told), SECRET, KEY_NAME)


def reviewed(opened: Any, made: Any, *, says: Any = None) -> tuple[Catalogue, Pile]:
    market, right = offered("https://node.example")
    market.mine()
    market.buy(right.sheet.offer)
    market.review(right.sheet.offer, 4, digest=made.digest_hex)
    pile = Pile({right.digest_hex: right.data, made.digest_hex: (says or made).data})
    catalogue = opened(market, pile)
    catalogue.refresh(NOW)
    catalogue.refresh(NOW)
    return catalogue, pile


def test_the_text_of_a_review_is_shown_where_it_is_the_ledger_s(opened: Any) -> None:
    catalogue, pile = reviewed(opened, written())
    assert catalogue.show(REVIEW.offer).reviews[0].text == REVIEW.text
    wanted = next(each for each in pile.asked if each.what == "reviews")
    assert wanted.bases[0] == "https://node.example"
    catalogue.refresh(NOW + 10**9)
    assert sum(each.what == "reviews" for each in pile.asked) == 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"offer": "0x" + "11" * 32}, id="offer"),
        pytest.param({"account": "0x" + "22" * 20}, id="author"),
        pytest.param({"stars": 5}, id="stars"),
        pytest.param({"market": "0x" + "33" * 20}, id="market"),
        pytest.param({"chain_id": 1}, id="ledger"),
    ],
)
def test_a_review_of_something_else_is_not_shown_and_its_stars_stay(opened: Any, changes: dict[str, Any]) -> None:
    catalogue, _pile = reviewed(opened, written(**changes))
    found = catalogue.show(REVIEW.offer)
    assert (found.reviews[0].text, found.reviews[0].stars, found.listing.reviews) == ("", 4, 1)


def test_who_names_the_document_of_another_review_does_not_take_its_words(opened: Any) -> None:
    made = written()
    market, right = offered("https://node.example")
    market.mine()
    for buyer, stars in ((OTHER, 5), (BUYER, 4)):  # the other one was first, and liked it better
        market.buy(right.sheet.offer, buyer)
        market.review(right.sheet.offer, stars, buyer, digest=made.digest_hex)
    catalogue = opened(market, Pile({right.digest_hex: right.data, made.digest_hex: made.data}))
    catalogue.refresh(NOW)
    shown = {each.author: each.text for each in catalogue.show(REVIEW.offer).reviews}
    assert shown == {BUYER: REVIEW.text, OTHER: ""}


def test_the_text_of_a_review_that_counts_no_more_is_not_asked_for(opened: Any) -> None:
    market, right = offered("https://node.example")
    market.mine()
    market.buy(right.sheet.offer)
    market.review(right.sheet.offer, 4)
    pile = Pile({right.digest_hex: right.data})
    catalogue = opened(market, pile)
    catalogue.refresh(NOW)
    market.mine()
    market.refund(right.sheet.offer)
    for day in range(3):
        catalogue.refresh(NOW + day * 10**6)
    assert sum(each.what == "reviews" for each in pile.asked) == 1


def test_another_text_under_the_digest_is_not_shown(opened: Any) -> None:
    catalogue, _pile = reviewed(opened, written(), says=written(text="Buy it!"))
    assert catalogue.show(REVIEW.offer).reviews[0].text == ""


def test_a_review_reads_back_and_refuses_what_it_cannot_be() -> None:
    assert read_review(written().data) == written()
    assert read_review(written(text="").data).review.text == ""
    with pytest.raises(InvalidInput, match="stars"):
        written(stars=6)
    document = REVIEW.to_json() | {"extra": 1}
    with pytest.raises(MalformedEvidence, match="extra"):
        read_review(canonical.dumps(sign_document(document, SECRET, KEY_NAME)))
    with pytest.raises(DoesNotMatch):
        read_review(written().data.replace(b"Good", b"Bad!"))
