"""The catalogue follows the ledger: forward, back, and through failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making_offers import SELLER, signed
from small_market import BUYER, NOW, OTHER, PLACE, Pile, SmallMarket, filled

from counterfoil.errors import LedgerUnreachable
from counterfoil.market.catalogue import Catalogue, Change, LedgerOffer, Query
from counterfoil.market.catalogue.following import PAGE

ALL = Query(is_open=False, limit=100)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as stack:
        yield lambda market, pile: stack.enter_context(Catalogue.open(tmp_path / "catalogue.db", PLACE, market, pile))


def titles(catalogue: Catalogue, **asked: Any) -> list[str]:
    return [each.told.title for each in catalogue.search(Query(**{"limit": 100} | asked)).listings]


def test_offers_are_listed_with_what_ledger_and_sheet_say(opened: Any) -> None:
    market, pile, ids = filled(3)
    catalogue = opened(market, pile)
    done = catalogue.refresh(NOW)
    assert (done.taken, done.taken_back, done.found, done.waiting) == (3, 0, 3, 0)
    assert titles(catalogue) == ["Title 3", "Title 2", "Title 1"]
    detail = catalogue.show(ids[1])
    assert (detail.listing.price_units, detail.listing.kind, detail.listing.told.rows) == (20, "licence", 40_000)
    assert detail.sheet is not None
    assert detail.sheet.digest_hex == detail.listing.sheet
    assert catalogue.refresh(NOW) == type(done)(0, 0, 0, 0)


def test_what_the_ledger_says_later_changes_the_listing(opened: Any) -> None:
    market, pile, ids = filled(3)
    catalogue = opened(market, pile)
    catalogue.refresh(NOW)
    market.mine()
    market.withdraw(ids[0])
    market.recall(market.offers([ids[1]])[0].asset)
    market.offer(signed(3, asset=3, title="Another"), price=5, left=1)
    pile.put(signed(3, asset=3, title="Another"))
    catalogue.refresh(NOW)
    assert titles(catalogue) == ["Another"]
    assert titles(catalogue, is_open=False) == ["Another", "Title 2", "Title 1"]
    market.mine()
    market.buy(ids[2])
    catalogue.refresh(NOW)
    assert titles(catalogue) == []
    assert catalogue.show(ids[2]).listing.left == 0


def test_what_the_ledger_takes_back_is_gone_and_what_it_was_comes_back(opened: Any) -> None:
    market, pile, ids = filled(3)
    market.final = 1
    catalogue = opened(market, pile)
    catalogue.refresh(NOW)
    market.mine()
    market.withdraw(ids[0])
    market.offer(signed(9, asset=9, title="Gone"))
    pile.put(signed(9, asset=9, title="Gone"))
    catalogue.refresh(NOW)
    assert titles(catalogue) == ["Gone", "Title 3", "Title 2"]
    market.take_back(2)
    done = catalogue.refresh(NOW)
    assert done.taken_back == 3  # the third offer, and the two of the newest block
    assert titles(catalogue) == ["Title 2", "Title 1"]


def test_an_exchanged_block_with_as_many_events_is_noticed(opened: Any) -> None:
    market, pile, ids = filled(2)
    catalogue = opened(market, pile)
    catalogue.refresh(NOW)
    second = market.told[1]
    market.take_back(1)
    market.mine()
    market.withdraw(ids[0])
    market.mine()
    market.told.append(replace(second, change=replace(second.change, block=3)))  # the same offer, a block later
    done = catalogue.refresh(NOW)
    assert done.taken_back == 1
    assert titles(catalogue, is_open=False) == ["Title 2", "Title 1"]
    assert not catalogue.show(ids[0]).listing.is_open


def test_settled_events_are_not_asked_for_again(opened: Any) -> None:
    market, pile, _ids = filled(3)
    market.final = 3
    catalogue = opened(market, pile)
    catalogue.refresh(NOW)
    asked: list[tuple[int, int]] = []
    changes = market.changes

    def noting(block: int, event: int, most: int) -> Sequence[Change]:
        asked.append((block, event))
        return changes(block, event, most)

    market.changes = noting  # type: ignore[method-assign]
    catalogue.refresh(NOW)
    assert {block for block, _ in asked} == {3}


def test_many_events_are_taken_a_page_at_a_time(opened: Any) -> None:
    market, pile, ids = filled(1)
    for _ in range(PAGE + 5):
        market.mine()
        market.buy(ids[0])
    catalogue = opened(market, pile)
    assert catalogue.refresh(NOW).taken == PAGE + 6
    assert catalogue.refresh(NOW).taken == 0
    market.take_back(PAGE - 5)
    assert catalogue.refresh(NOW).taken_back == 11


def test_a_failure_in_the_middle_moves_nothing(opened: Any) -> None:
    market, pile, _ids = filled(3)
    catalogue = opened(market, pile)

    class Broken(SmallMarket):
        def offers(self, ids: Sequence[str]) -> Sequence[LedgerOffer]:
            raise LedgerUnreachable("nobody answers")

    catalogue._source = Broken(market.told)
    with pytest.raises(LedgerUnreachable):
        catalogue.refresh(NOW)
    assert catalogue.search(ALL).total == 0
    catalogue._source = market
    assert catalogue.refresh(NOW).taken == 3


def test_a_damaged_or_older_file_is_made_anew(tmp_path: Path) -> None:
    market, pile, _ids = filled(2)
    path = tmp_path / "catalogue.db"
    path.write_bytes(b"no database" * 1_000)
    for version in (None, 0):
        with Catalogue.open(path, PLACE, market, pile) as catalogue:
            catalogue.refresh(NOW)
            assert catalogue.search(ALL).total == 2
            with catalogue._engine.connect() as connection:
                connection.exec_driver_sql(f"UPDATE place SET version = {version or 0}")
                connection.commit()
    with Catalogue.open(path, PLACE, market, pile) as catalogue:
        assert catalogue.search(ALL).total == 0


def test_rebuilding_comes_to_the_same(opened: Any) -> None:
    market, pile, ids = filled(4)
    catalogue = opened(market, pile)
    catalogue.refresh(NOW)
    market.mine()
    market.buy(ids[1])
    market.review(ids[1], 4)
    catalogue.refresh(NOW)
    before = catalogue.search(ALL)
    assert catalogue.rebuild(NOW).found == 4
    assert catalogue.search(ALL) == before


# Reviews


def reviewed(catalogue: Catalogue, offer: str) -> tuple[float | None, int, list[str]]:
    found = catalogue.show(offer)
    listing = found.listing
    stars = None if listing.stars_micro is None else listing.stars_micro / 1e6
    return stars, listing.reviews, [each.hidden for each in found.reviews]


def test_the_newest_review_of_each_buyer_counts(opened: Any) -> None:
    market, pile, ids = filled(1)
    catalogue = opened(market, pile)
    for buyer in (BUYER, OTHER):
        market.mine()
        market.buy(ids[0], buyer)
        market.review(ids[0], 5, buyer)
    market.review(ids[0], 2, BUYER)
    catalogue.refresh(NOW)
    assert reviewed(catalogue, ids[0]) == (3.5, 2, ["", "", "its author wrote a newer one"])


def test_a_seller_s_own_review_and_that_of_a_refunded_order_do_not_count(opened: Any) -> None:
    market, pile, ids = filled(1)
    catalogue = opened(market, pile)
    market.mine()
    market.buy(ids[0], SELLER)
    market.review(ids[0], 5, SELLER)
    market.buy(ids[0])
    market.review(ids[0], 1)
    catalogue.refresh(NOW)
    assert reviewed(catalogue, ids[0])[:2] == (1.0, 1)
    market.mine()
    market.refund(ids[0])
    catalogue.refresh(NOW)
    assert reviewed(catalogue, ids[0]) == (None, 0, ["refunded", "the seller's own"])
    market.mine()
    market.buy(ids[0])  # bought once more, and kept
    catalogue.refresh(NOW)
    assert reviewed(catalogue, ids[0])[:2] == (1.0, 1)


# Whatever happens


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["offer", "withdraw", "buy", "refund", "review", "recall", "back", "look"]), st.integers(0, 5)
    ),
    max_size=40,
)


def play(market: SmallMarket, pile: Pile, step: str, number: int) -> None:
    """Does one thing, where it can be done."""
    offers = list(market._state()[0])
    market.mine()
    if step == "offer":
        sheet = signed(number, asset=number % 3, title=f"Title {number} {len(market.told)}")
        if number != 5:  # one whose sheet is nowhere
            pile.put(sheet)
        market.offer(sheet, price=number, left=3)
    elif step == "back":
        market.take_back(max(market.final, market.block - 1 - number))
    elif offers:
        offer = offers[number % len(offers)]
        if step == "withdraw":
            market.withdraw(offer)
        elif step == "buy":
            market.buy(offer)
        elif step == "refund" and any(each.apply == ("buy", offer, BUYER) for each in market.told):
            market.refund(offer)
        elif step == "review":
            market.review(offer, 1 + number % 5)
        elif step == "recall":
            market.recall(market.offers([offer])[0].asset)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, settles=st.integers(0, 3))
def test_a_catalogue_that_followed_is_the_one_that_is_made_anew(
    steps: list[tuple[str, int]], settles: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("catalogue")
    market, pile = SmallMarket(), Pile()
    with (
        Catalogue.open(folder / "a.db", PLACE, market, pile) as followed,
        Catalogue.open(folder / "b.db", PLACE, market, pile) as anew,
    ):
        for step, number in steps:
            if step == "look":
                market.final = max(market.final, market.block - settles - 3)
                followed.refresh(NOW)
            else:
                play(market, pile, step, number)
        followed.refresh(NOW + 10**9)
        anew.refresh(NOW + 10**9)
        found, expected = followed.search(ALL), anew.search(ALL)
        assert found == expected
        assert found.total == len(market._state()[0])  # none is ever lost
        for each in expected.listings:
            assert followed.show(each.offer) == anew.show(each.offer)
