"""The offers of a home's own ledger, out of the books of its Market and Assets contracts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import select

from counterfoil.ledger.assets.book import AssetBook, asset_events
from counterfoil.ledger.market.book import MarketBook
from counterfoil.ledger.market.folding import OrderState
from counterfoil.ledger.market.tables import events, offers, orders
from counterfoil.ledger.market.terms import UNLIMITED
from counterfoil.market.catalogue.source import Change, LedgerOffer, LedgerReview

__all__ = ["BookSource"]

_CHUNK: Final = 500
_SAYS_URI: Final = ("Registered", "Published", "UriSet")
_T = TypeVar("_T")


class BookSource:
    """Answers from two books; see `OfferSource`.

    Args:
        market: The Market's book.
        assets: The Assets' book, for where an asset is found.
        settled: Returns the height up to which the ledger takes nothing back.
    """

    def __init__(self, market: MarketBook, assets: AssetBook, settled: Callable[[], int]) -> None:
        self._market = market
        self._assets = assets
        self._settled = settled

    def settled(self) -> int:
        return self._settled()

    def changes(self, block: int, event: int, most: int) -> Sequence[Change]:
        found = self._market.events(after=f"{block}-{event}" if block >= 0 else "", limit=most)
        return [
            Change(
                each.block,
                int(each.cursor.partition("-")[2]),
                each.transaction,
                each.name,
                each.offer,
                each.asset,
                json.dumps([each.order, each.told], sort_keys=True),
            )
            for each in found
        ]

    def offers(self, ids: Sequence[str]) -> Sequence[LedgerOffer]:
        return [
            _offer(row) for some in _chunks(ids) for row in self._market.offers_by(offers.c.offer.in_(some), len(some))
        ]

    def offers_of(self, assets: Sequence[str]) -> Sequence[str]:
        with self._market.engine.connect() as connection:
            return [
                each
                for some in _chunks(assets)
                for each in connection.execute(select(offers.c.offer).where(offers.c.asset.in_(some))).scalars()
            ]

    def reviews(self, ids: Sequence[str]) -> Sequence[LedgerReview]:
        return [each for some in _chunks(ids) for each in self._reviews(some)]

    def uris(self, assets: Sequence[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        by = (asset_events.c.block, asset_events.c.event)
        with self._assets.engine.connect() as connection:
            for some in _chunks(assets):
                query = select(asset_events.c.asset, asset_events.c.told).order_by(*by)
                query = query.where(asset_events.c.asset.in_(some), asset_events.c.name.in_(_SAYS_URI))
                found |= {asset: str(json.loads(told)["uri"]) for asset, told in connection.execute(query)}
        return {asset: uri for asset, uri in found.items() if uri}

    def _reviews(self, ids: Sequence[str]) -> Iterator[LedgerReview]:
        query = select(events).where(events.c.offer.in_(ids), events.c.name == "Reviewed")
        with self._market.engine.connect() as connection:
            rows = list(connection.execute(query.order_by(events.c.block, events.c.event)))
            bought = select(orders.c.offer, orders.c.buyer).distinct().where(orders.c.offer.in_(ids))
            kept = {tuple(each) for each in connection.execute(bought.where(orders.c.state != OrderState.REFUNDED))}
        for row in rows:
            told = json.loads(row.told)
            by, digest = str(told["by"]), str(told["digest"]).removeprefix("0x")
            is_refunded = (row.offer, by) not in kept
            yield LedgerReview(row.offer, by, int(told["stars"]), digest, is_refunded, row.block, row.event)


def _offer(row: Any) -> LedgerOffer:
    return LedgerOffer(
        row.offer,
        row.asset,
        int(row.number),
        row.seller,
        row.kind,
        row.token,
        int(row.price),
        row.duration_s,
        row.delivery_s,
        row.window_s,
        row.referrer_bps,
        row.sheet.removeprefix("0x"),
        None if row.supply == UNLIMITED and not row.is_withdrawn else row.left,
        bool(row.is_open),
        row.block,
        row.event,
    )


def _chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yields some at a time: a database takes so many in one question."""
    for first in range(0, len(items), _CHUNK):
        yield items[first : first + _CHUNK]
