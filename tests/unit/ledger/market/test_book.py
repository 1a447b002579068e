"""What follows from the market's events, and that it follows again when some are taken back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.assets.contract import artefact as assets_artefact
from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.market.book import MarketBook, OfferFilter, OrderFilter, read_topics
from counterfoil.ledger.market.contract import artefact
from counterfoil.ledger.market.folding import OrderState
from counterfoil.ledger.market.tables import metadata
from counterfoil.ledger.market.terms import SHARES_TYPE, UNLIMITED, Share, Terms, offer_id, split_of
from counterfoil.ledger.rpc.answers import Event

ALICE, BOB, CAROL, NOBODY = ("0x" + each * 20 for each in ("0a", "0b", "0c", "00"))
TOKEN = "0x" + "70" * 20
MARKET, ASSETS = b"\x09" * 20, b"\x08" * 20
SHEET = b"\x5e" * 32
SHARES = (Share(b"\0" * 12 + b"\x0c" * 20, 2_500), Share(b"\x77" * 32, 100))


def told(block: int, index: int, name: str, *values: Any, of: Artefact | None = None) -> Event:
    """Returns an event as a node gives it."""
    contract = of or artefact()
    entry = next(each for each in contract.abi if each["type"] == "event" and each["name"] == name)
    pairs = list(zip(entry["inputs"], values, strict=True))
    topics = [encode([each["type"]], [value]) for each, value in pairs if each["indexed"]]
    rest = [(each["type"], value) for each, value in pairs if not each["indexed"]]
    data = encode([kind for kind, _ in rest], [value for _, value in rest])
    address = MARKET if of is None else ASSETS
    return Event(address, (contract.topic(name), *topics), data, block, b"\3" * 32, bytes([block % 256]) * 32, index)


def moved(block: int, index: int, asset: int, sender: str, receiver: str) -> Event:
    return told(block, index, "Transfer", sender, receiver, asset, of=assets_artefact())


def rules(kind: int = 1, duration_s: int = 0, delivery_s: int = 0, window_s: int = 0) -> int:
    return Terms(b"", b"", 0, kind, duration_s, delivery_s, window_s, 0, b"", b"").rules


def offered(
    block: int,
    index: int = 0,
    *,
    asset: int = 1,
    number: int = 1,
    price: int = 10,
    supply: int = UNLIMITED,
    seller: str = ALICE,
    token: str = TOKEN,
    packed: int | None = None,
    split: bytes = b"\0" * 32,
) -> Event:
    offer = offer_id(asset, number)
    packed = rules() if packed is None else packed
    return told(block, index, "Offered", offer, asset, seller, number, supply, token, price, packed, SHEET, split)


OFFER = offer_id(1, 1)
ONE, TWO = b"\x01" * 32, b"\x02" * 32


def bought(block: int, index: int, order: bytes = ONE, *, paid: int = 10, buyer: str = BOB) -> Event:
    return told(block, index, "Bought", order, OFFER, buyer, b"\x04" * 32, paid, 2**256 - 1, NOBODY, 100)


def ordered(block: int, index: int, order: bytes = TWO, *, held: int = 10) -> Event:
    packed = rules(1, 0, 3_600, 600) | 100 << 120
    return told(block, index, "Ordered", order, OFFER, BOB, b"\x04" * 32, held, 0, NOBODY, packed, b"\0" * 32, 5_000)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[MarketBook]:
    with MarketBook.open(tmp_path / "market.db", ASSETS) as opened:
        yield opened


def take(book: MarketBook, events: Sequence[Event]) -> None:
    with book.engine.begin() as connection:
        book.take(connection, sorted(events, key=lambda each: (each.block_number, each.index)))


def forget(book: MarketBook, after_block: int) -> None:
    with book.engine.begin() as connection:
        book.forget(connection, after_block)


def content(book: MarketBook) -> dict[str, list[tuple[Any, ...]]]:
    """Returns everything in the book."""
    with book.engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


HISTORY = [
    moved(1, 0, 1, NOBODY, ALICE),
    offered(1, 1, supply=5, packed=rules(1, 0, 3_600, 600)),
    ordered(2, 0),
    told(2, 1, "SplitSet", 1, ALICE, split_of(SHARES), encode([SHARES_TYPE], [[(s.payee, s.bps) for s in SHARES]])),
    told(3, 0, "Delivered", TWO, b"\x0d" * 32, 7, 9_000),
    offered(3, 1, price=20, supply=3, split=split_of(SHARES)),
    told(4, 0, "Settled", TWO, 7),
    bought(4, 1, paid=20),
    told(5, 0, "StateSet", 1, 2, ALICE, of=assets_artefact()),
    told(5, 1, "Reviewed", OFFER, BOB, 5, b"\x0e" * 32),
    moved(6, 0, 1, ALICE, BOB),
    told(6, 1, "Withdrawn", OFFER, ALICE),
    told(6, 2, "FeeSet", 250),
    told(7, 0, "Paid", TOKEN, ALICE, 30, 0),
]


def test_offers_and_orders_are_what_their_events_say(book: MarketBook) -> None:
    take(book, HISTORY)

    offer = book.offer(f"0x{OFFER:064x}")
    assert offer is not None
    assert (offer.seller, offer.token, int(offer.price), offer.supply, offer.left) == (ALICE, TOKEN, 20, 3, 0)
    assert (offer.is_withdrawn, bool(offer.is_open), book.shares(offer.split)) == (True, False, SHARES)
    held, paid = book.orders(OrderFilter(offer=offer.offer))
    assert (held.order, held.state, int(held.charge), held.ends) == ("0x" + "02" * 32, OrderState.SETTLED, 7, 9_000)
    assert (int(held.price), held.due, int(held.rules) >> 120, held.digest) == (10, 5_000, 100, "0x" + "0d" * 32)
    assert (paid.state, paid.seller, paid.buyer, int(paid.price)) == (OrderState.PAID, ALICE, BOB, 20)
    assert int(paid.rules) == rules() | 100 << 120
    assert [each.name for each in book.events(offer=offer.offer, names=("Delivered", "Settled"))] == [
        "Delivered",
        "Settled",
    ]
    assert [each.told["amount"] for each in book.events(account=ALICE, names=("Paid",))] == [30]
    assert book.sellers(TOKEN) == [ALICE]


def test_the_newest_come_first_where_that_is_asked(book: MarketBook) -> None:
    take(book, [moved(1, 0, 1, NOBODY, ALICE), offered(1, 1), offered(1, 2, number=2), bought(2, 0), bought(2, 1, TWO)])

    [order] = book.orders(OrderFilter(seller=ALICE, newest_first=True, limit=1))
    assert order.order == "0x" + "02" * 32
    [offer] = book.offers(OfferFilter(seller=ALICE, newest_first=True, limit=1))
    assert offer.number == "2"


def test_at_most_a_price_finds_what_is_free_in_any_token(book: MarketBook) -> None:
    dear, none = "0x" + "71" * 20, NOBODY
    prices = [(TOKEN, 5), (TOKEN, 6), (dear, 1), (dear, 0), (none, 0)]
    take(book, [offered(1, place, number=place, price=price, token=of) for place, (of, price) in enumerate(prices)])

    found = book.offers(OfferFilter(most_units=5, priced_in=TOKEN))
    assert [(each.token, int(each.price)) for each in found] == [(TOKEN, 5), (dear, 0), (none, 0)]


def test_all_are_read_where_that_is_asked(book: MarketBook) -> None:
    count = 1_001
    take(book, [moved(1, 0, 1, NOBODY, ALICE), *(offered(2, each, number=each) for each in range(count))])
    take(book, [bought(3, each, each.to_bytes(32, "big")) for each in range(count)])

    assert len(book.offers(OfferFilter(asset=f"0x{1:064x}", limit=None))) == count
    assert len(book.orders(OrderFilter(seller=ALICE, limit=None))) == count
    assert len(book.orders(OrderFilter(seller=ALICE))) == 1_000


@pytest.mark.parametrize("to", range(8))
def test_what_the_ledger_takes_back_did_not_happen(book: MarketBook, tmp_path: Path, to: int) -> None:
    take(book, HISTORY)
    forget(book, to)
    with MarketBook.open(tmp_path / "other.db", ASSETS) as other:
        take(other, [each for each in HISTORY if each.block_number <= to])
        assert content(book) == content(other)
    take(book, [each for each in HISTORY if each.block_number > to])  # the same again on another branch
    with MarketBook.open(tmp_path / "whole.db", ASSETS) as whole:
        take(whole, HISTORY)
        assert content(book) == content(whole)


AGAIN = [
    moved(1, 0, 1, NOBODY, ALICE),
    offered(1, 1, supply=9),
    bought(2, 0),
    bought(2, 1, TWO, paid=11),
    offered(3, 0, supply=9, price=20, packed=rules(1, 0, 3_600, 600)),
    bought(3, 1, paid=20),
    ordered(4, 0, ONE),
    told(5, 0, "Delivered", ONE, b"\x0d" * 32, 7, 9_000),
    told(6, 0, "Settled", ONE, 7),
]
"""A buyer buys with the key of an older order again, which the contract takes when another order came between."""


@pytest.mark.parametrize("to", range(2, 7))
def test_who_buys_with_an_old_key_again_stops_nobody_from_reading_on(book: MarketBook, tmp_path: Path, to: int) -> None:
    take(book, AGAIN)

    first, second = book.orders(OrderFilter(buyer=BOB))
    assert (first.order, int(first.price), first.state, first.digest) == (
        "0x" + "01" * 32,
        10,
        OrderState.PAID,
        "0x" + "00" * 32,
    )
    assert (second.order, int(second.price)) == ("0x" + "02" * 32, 11)
    assert [each.name for each in book.events(order=first.order)] == [
        "Bought",
        "Bought",
        "Ordered",
        "Delivered",
        "Settled",
    ]
    offer = book.offer(first.offer)
    assert offer is not None
    assert offer.left == 7

    forget(book, to)
    with MarketBook.open(tmp_path / "other.db", ASSETS) as other:
        take(other, [each for each in AGAIN if each.block_number <= to])
        assert content(book) == content(other)


STEPS = st.lists(
    st.sampled_from(["offer", "withdraw", "buy", "order", "deliver", "settle", "refund", "move"]), max_size=30
)


def built(steps: Sequence[str]) -> list[Event]:
    """Returns events that a market could tell, one block each."""
    events, orders, state, left = [moved(1, 0, 1, NOBODY, ALICE)], 0, {}, 0
    for block, step in enumerate(steps, 2):
        key = (orders + 1).to_bytes(32, "big")
        newest = orders.to_bytes(32, "big")
        if step == "offer":
            left = 1 + block % 3
            events.append(offered(block, supply=left, price=block))
        elif step == "withdraw" and any(each.topics[0] == artefact().topic("Offered") for each in events):
            left = 0
            events.append(told(block, 0, "Withdrawn", OFFER, ALICE))
        elif step in ("buy", "order") and left:
            left, orders = left - 1, orders + 1
            events.append(bought(block, 0, key) if step == "buy" else ordered(block, 0, key))
            state[key] = "paid" if step == "buy" else "held"
        elif step == "deliver" and state.get(newest) == "held":
            state[newest] = "delivered"
            events.append(told(block, 0, "Delivered", newest, key, block, block))
        elif step == "settle" and state.get(newest) == "delivered":
            state[newest] = "closed"
            events.append(told(block, 0, "Settled", newest, block))
        elif step == "refund" and state.get(newest) in ("held", "delivered"):
            state[newest] = "closed"
            events.append(told(block, 0, "Refunded", newest, ALICE))
        elif step == "move":
            events.append(moved(block, 0, 1, ALICE, BOB))
    return events


@settings(max_examples=30)
@given(steps=STEPS, cut=st.integers(0, 32))
def test_any_history_taken_back_to_any_block_is_the_history_until_there(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], cut: int
) -> None:
    folder, history = tmp_path_factory.mktemp("any"), built(steps)
    with MarketBook.open(folder / "one.db", ASSETS) as one, MarketBook.open(folder / "two.db", ASSETS) as two:
        take(one, history)
        forget(one, cut)
        take(two, [each for each in history if each.block_number <= cut])
        assert content(one) == content(two)


def test_an_offer_is_open_while_its_seller_has_the_asset_in_use(book: MarketBook) -> None:
    take(book, [moved(1, 0, 1, NOBODY, ALICE), offered(1, 1), moved(1, 2, 2, NOBODY, BOB), offered(1, 3, asset=2)])
    assert [bool(each.is_open) for each in book.offers(OfferFilter())] == [True, False]
    assert len(book.offers(OfferFilter(is_open=True))) == 1
    take(book, [told(2, 0, "StateSet", 1, 1, ALICE, of=assets_artefact())])
    assert len(book.offers(OfferFilter(is_open=True))) == 1  # an older version may be sold
    take(book, [told(3, 0, "StateSet", 1, 2, ALICE, of=assets_artefact())])
    assert book.offers(OfferFilter(is_open=True)) == []


def test_a_thousand_offers_are_found_by_an_index(book: MarketBook) -> None:
    """By each question; and no question reads a whole table (its time is in benchmarks)."""
    count = 1_000
    history = [moved(1, place, place, NOBODY, ALICE) for place in range(count)]
    sellers = (ALICE, BOB, CAROL)
    history += [
        offered(2, place, asset=place, price=place * 10**20, seller=sellers[place % 3], packed=rules(1 + place % 2 * 3))
        for place in range(count)
    ]
    take(book, history)

    assert len(book.offers(OfferFilter(limit=5_000))) == count
    assert len(book.offers(OfferFilter(seller=BOB))) == 333
    assert [int(each.price) for each in book.offers(OfferFilter(most_units=3 * 10**20, kind=1))] == [0, 2 * 10**20]
    assert [each.asset for each in book.offers(OfferFilter(asset=f"0x{7:064x}"))] == [f"0x{7:064x}"]
    assert len(book.offers(OfferFilter(after="2-989"))) == 10
    assert len(book.events(after="2-989", limit=4)) == 4
    for wanted in (
        OfferFilter(asset=f"0x{7:064x}"),
        OfferFilter(seller=BOB, kind=1),
        OfferFilter(kind=1, most_units=5),
        OfferFilter(token=TOKEN, kind=4, most_units=5),
        OfferFilter(most_units=5, priced_in=TOKEN),
        OfferFilter(after="2-989"),
    ):
        assert "SCAN market_offers" not in plan(book, wanted), wanted


def plan(book: MarketBook, wanted: OfferFilter) -> str:
    """Returns how the database would look for offers."""
    from sqlalchemy import event

    asked: list[tuple[str, Any]] = []

    def hear(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(book.engine, "before_cursor_execute", hear)
    book.offers(wanted)
    event.remove(book.engine, "before_cursor_execute", hear)
    with book.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1][0]}", asked[-1][1])
        return " ".join(str(row) for row in rows)


LATE = [
    bought(2, 0),
    told(2, 0, "Withdrawn", OFFER, ALICE),
    told(2, 0, "Delivered", TWO, b"\x0d" * 32, 7, 9_000),
]


@pytest.mark.parametrize("event", LATE, ids=["bought", "withdrawn", "delivered"])
def test_reading_that_began_too_late_is_told(book: MarketBook, event: Event) -> None:
    with pytest.raises(LedgerContradicts, match="what it did not tell before"):
        take(book, [event])


def test_more_than_there_were_cannot_be_bought(book: MarketBook) -> None:
    with pytest.raises(LedgerContradicts, match="sold out"):
        take(book, [offered(1, supply=1), bought(2, 0), bought(2, 1, TWO)])
    assert book.offers(OfferFilter()) == []


def test_an_event_of_another_contract_is_not_believed(book: MarketBook) -> None:
    with pytest.raises(LedgerContradicts, match="the Market contract does not have"):
        take(book, [Event(MARKET, (b"\x07" * 32,), b"", 1, b"\3" * 32, b"\4" * 32, 0)])
    broken = told(1, 0, "SplitSet", 1, ALICE, ONE, b"\xff" * 40)
    with pytest.raises(LedgerContradicts, match="cannot be read"):
        take(book, [broken])
    assert len(read_topics()) == len(artefact().topics) + 2


def test_a_damaged_book_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "market.db").write_bytes(b"not a database" * 100)
    with MarketBook.open(tmp_path / "market.db", ASSETS) as book:
        assert book.offers(OfferFilter()) == []
