"""The catalogue on a real ledger: what the contracts tell comes through their books."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lying_node import LyingNode
from making_offers import KEY_NAME, SECRET, wares
from organisations import Clock, copy_home, open_home
from small_market import NOW, Pile
from two_traders import Fair, done, joined

from counterfoil.core.signed_document import document_digest
from counterfoil.ledger.market.offer import Offer
from counterfoil.market.catalogue import Catalogue, Query
from counterfoil.market.catalogue.book_source import BookSource
from counterfoil.market.catalogue.taking import MarketPlace
from counterfoil.market.sheets.sheet import OfferSheet, SignedSheet, sign_sheet

HELD = {"delivery_s": 3_600, "window_s": 600}


@pytest.fixture(scope="module")
def fair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fair]:
    clock = Clock()
    with open_home(copy_home(tmp_path_factory.mktemp("seller")), clock) as seller:
        seller.ledger.connect()
        with (
            LyingNode(seller.ledger.opened.chain.rpc) as node,
            joined(tmp_path_factory.mktemp("buyer"), seller, node, clock) as buyer,
        ):
            yield Fair(seller, buyer, node, clock)


def _listed(fair: Fair, place: MarketPlace, name: str, number: int, **more: object) -> tuple[Offer, SignedSheet]:
    """Signs a sheet and offers under it."""
    asset = fair.asset(name)
    made = OfferSheet(asset, number, place.address, place.chain_id, "2026-11-26T08:00:00Z", wares(title=name))
    assert made.offer
    sheet = sign_sheet(made, SECRET, KEY_NAME)
    assert sheet.digest_hex == document_digest(made.to_json()).hex()
    return fair.offer(name, sheet=sheet.digest_hex, number=number, **more), sheet


def test_what_happens_on_the_ledger_is_in_the_catalogue(fair: Fair, tmp_path: Path) -> None:
    opened = fair.seller.ledger.opened
    assert opened.market is not None
    assert opened.assets is not None
    market, assets = opened.market, opened.assets
    place = MarketPlace(opened.chain.chain_id, f"0x{market.contract.address.hex()}")
    source = BookSource(market.book, assets.book, lambda: opened.chain.final_block().number)
    pile = Pile()
    first, sheet = _listed(fair, place, "First", 3, supply=2, price="12.50", **HELD)
    second, other = _listed(fair, place, "Second", 4, price="1")
    pile.put(sheet, other)
    assert first.offer == sheet.sheet.offer

    with Catalogue.open(tmp_path / "catalogue.db", place, source, pile) as catalogue:
        market.scanner.step()
        assert catalogue.refresh(NOW).found == 2
        found = {each.offer: each for each in catalogue.search(Query(order="newest")).listings}
        assert list(found) == [second.offer, first.offer]
        listing = found[first.offer]
        assert (listing.price_units, listing.left, listing.is_open) == (12_500_000, 2, True)
        assert found[second.offer].left is None

        order = done(fair.buys.buying(fair.to_buy(first)))
        done(fair.buys.buying(fair.to_buy(second)))
        done(fair.buys.reviewing(second.offer, 4, "ab" * 32))
        done(fair.buys.reviewing(first.offer, 5, "cd" * 32))
        market.scanner.step()
        catalogue.refresh(NOW)
        assert catalogue.show(first.offer).listing.left == 1
        assert catalogue.show(first.offer).listing.stars_micro == 5_000_000
        assert catalogue.show(second.offer).reviews[0].author == fair.buyer.ledger.require_connection().account.lower()

        done(fair.sells.refunding(order.order))
        fair.seller.ledger.assets.set_state(second.asset, "recalled")
        market.scanner.step()
        catalogue.refresh(NOW)
        assert catalogue.show(first.offer).reviews[0].hidden == "refunded"
        assert catalogue.show(first.offer).listing.stars_micro is None
        assert [each.offer for each in catalogue.search(Query()).listings] == [first.offer]
        assert source.uris([first.asset]) == {}
        fair.seller.ledger.assets.register("dataset", "77" * 32, uri="https://node.example/api/v1/assets")
        assets.scanner.step()
        assert list(source.uris([each.asset for each in assets.book.listed()]).values()) == [
            "https://node.example/api/v1/assets"
        ]
