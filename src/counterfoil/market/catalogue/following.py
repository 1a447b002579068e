"""Follows the ledger: finds what it took back, takes what is new, and writes down how each offer stands.

1. Hold the events above the settled height that were seen against the ledger's, one by one. From the first that
   differs on, all are taken back.
2. Take the next events, and note which offers they are about; an event of an asset is about all of its offers.
3. Ask how these offers stand now, and write that down. An offer with another sheet wants it; one that is no more goes.
4. Move the cursor and forget events that have settled. All this is one commit: what failed is done again whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, Engine

from counterfoil.core import canonical
from counterfoil.ledger.market.prices import amount_key
from counterfoil.market.catalogue.source import Change, LedgerOffer, LedgerReview, OfferSource
from counterfoil.market.catalogue.tables import delete, rows, writing

__all__ = ["PAGE", "Step", "follow"]

PAGE: Final = 2_000
"""Events taken in one commit."""

_LAST: Final = 999_999_999
"""Beyond every place in a block."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one commit did.

    Attributes:
        taken: Events that were new.
        taken_back: Events that the ledger no longer has.
        offers: Offers that were written anew.
        is_end: Whether the ledger had no more.
    """

    taken: int
    taken_back: int
    offers: int
    is_end: bool


def follow(engine: Engine, source: OfferSource, now_s: int) -> Step:
    """Takes one step.

    Args:
        engine: Of the tables.
        source: The ledger.
        now_s: Unix seconds: when sheets are wanted from.

    Raises:
        LogUnavailable: The disk refuses; nothing was changed.
    """
    settled = source.settled()  # before the events: what is settled now was when they are read
    with writing(engine) as connection:
        block, event, known_settled = rows(connection, "SELECT block, event, settled FROM place")[0]
        gone = _taken_back(connection, source, known_settled)
        if gone:
            first = gone[0]
            connection.exec_driver_sql("DELETE FROM seen WHERE (block, event) >= (?, ?)", (first[0], first[1]))
            block, event = _newest(connection, known_settled)
        new = source.changes(block, event, PAGE)
        _remember(connection, new)
        if new:
            block, event = new[-1].block, new[-1].event
        offers = _touched(source, [(each[2], each[3]) for each in gone] + [(each.offer, each.asset) for each in new])
        _write(connection, source, offers, now_s)
        settled = max(known_settled, min(settled, block))
        connection.exec_driver_sql("DELETE FROM seen WHERE block <= ?", (settled,))
        connection.exec_driver_sql("UPDATE place SET block = ?, event = ?, settled = ?", (block, event, settled))
    return Step(len(new), len(gone), len(offers), len(new) < PAGE)


def _taken_back(connection: Connection, source: OfferSource, settled: int) -> list[tuple[int, int, str, str]]:
    """Returns (block, event, offer, asset) of the events that were seen and are no longer there, in order."""
    seen = rows(connection, "SELECT block, event, sha256, offer, asset FROM seen ORDER BY block, event")
    place = 0
    at = (settled, _LAST)
    while place < len(seen):
        now = source.changes(*at, PAGE)
        for change in now:
            if place == len(seen):
                return []
            if (change.block, change.event, _digest(change)) != tuple(seen[place][:3]):
                return [(each[0], each[1], each[3], each[4]) for each in seen[place:]]
            place += 1
        if len(now) < PAGE:
            break
        at = (now[-1].block, now[-1].event)
    return [(each[0], each[1], each[3], each[4]) for each in seen[place:]]


def _newest(connection: Connection, settled: int) -> tuple[int, int]:
    """Returns the place of the newest event that is left; without any, the end of the settled height."""
    found = rows(connection, "SELECT block, event FROM seen ORDER BY block DESC, event DESC LIMIT 1")
    return (found[0][0], found[0][1]) if found else (settled, _LAST)


def _remember(connection: Connection, new: Sequence[Change]) -> None:
    if new:
        values = [(each.block, each.event, _digest(each), each.offer, each.asset) for each in new]
        connection.exec_driver_sql("INSERT INTO seen VALUES (?, ?, ?, ?, ?)", values)


def _digest(change: Change) -> str:
    """Returns what stands for an event: it says the same, in the same transaction, where this is the same."""
    told = [change.transaction, change.name, change.offer, change.asset, change.says]
    return sha256(canonical.dumps(told)).hexdigest()


def _touched(source: OfferSource, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Returns the offers that events are about."""
    found: dict[str, None] = {}
    assets: dict[str, None] = {}
    for offer, asset in pairs:
        if offer:
            found[offer] = None
        elif asset:
            assets[asset] = None
    found |= dict.fromkeys(source.offers_of(list(assets))) if assets else {}
    return list(found)


def _write(connection: Connection, source: OfferSource, ids: Sequence[str], now_s: int) -> None:
    """Writes down how offers stand, and takes away those that are no more."""
    there = {each.offer: each for each in source.offers(ids)}
    reviews: dict[str, list[LedgerReview]] = {}
    for each in source.reviews(list(there)):
        reviews.setdefault(each.offer, []).append(each)
    for offer in ids:
        if offer in there:
            _put(connection, there[offer], reviews.get(offer, []), now_s)
        else:
            _take_away(connection, offer)


def _put(connection: Connection, offer: LedgerOffer, reviews: Sequence[LedgerReview], now_s: int) -> None:
    hidden = hidden_reviews(offer, reviews)
    counted = [each.stars for each, why in zip(reviews, hidden, strict=True) if not why]
    stars = round(1_000_000 * sum(counted) / len(counted)) if counted else None
    values = (*_values(offer), stars, len(counted))
    marks = ", ".join("?" * len(values))
    row = rows(
        connection,
        f"INSERT INTO offers VALUES (NULL, {marks}) ON CONFLICT (offer) DO UPDATE SET {_UPDATES} RETURNING id",  # noqa: S608
        *values,
    )[0].id
    _want(connection, row, offer.sheet, now_s)
    connection.exec_driver_sql("DELETE FROM reviews WHERE id = ?", (row,))
    for each, why in zip(reviews, hidden, strict=True):
        told = (row, each.block, each.event, each.by, each.stars, each.digest, why)
        connection.exec_driver_sql("INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?)", told)
        if not why:
            text = (row, each.digest, each.by, each.stars, now_s)
            connection.exec_driver_sql("INSERT OR IGNORE INTO texts VALUES (?, ?, ?, ?, 0, ?, NULL)", text)
    # What no review that counts names any more is not asked for again and again.
    connection.exec_driver_sql(
        "DELETE FROM texts WHERE id = ? AND (digest, author, stars) NOT IN"
        " (SELECT digest, author, stars FROM reviews WHERE id = texts.id AND hidden = '')",
        (row,),
    )


def hidden_reviews(offer: LedgerOffer, reviews: Sequence[LedgerReview]) -> list[str]:
    """Returns for each review, oldest first, why it does not count; empty for one that does.

    Not the seller's own; not one whose every order was refunded, or stars would cost nothing; of one author the
    newest alone.
    """
    newest = {each.by: place for place, each in enumerate(reviews)}
    return [
        "the seller's own"
        if each.by == offer.seller
        else "refunded"
        if each.is_refunded
        else "its author wrote a newer one"
        if newest[each.by] != place
        else ""
        for place, each in enumerate(reviews)
    ]


def _want(connection: Connection, row: int, sheet: str, now_s: int) -> None:
    """Notes that a sheet is wanted, where it is another than the one that is there."""
    if rows(connection, "SELECT 1 FROM found WHERE id = ? AND digest = ?", row, sheet):
        return
    forget_sheet(connection, row)
    if not rows(connection, "SELECT 1 FROM wanted WHERE id = ? AND digest = ?", row, sheet):
        told = (row, sheet, now_s)
        connection.exec_driver_sql(
            "INSERT OR REPLACE INTO wanted VALUES (?, ?, 0, ?, 'not found', 'not asked for yet')", told
        )


def forget_sheet(connection: Connection, row: int) -> None:
    """Takes away what a sheet said."""
    delete(connection, ("found", "files", "tags", "words"), row)
    connection.exec_driver_sql("UPDATE place SET revision = revision + 1")


def _take_away(connection: Connection, offer: str) -> None:
    found = rows(connection, "SELECT id FROM offers WHERE offer = ?", offer)
    if not found:
        return
    forget_sheet(connection, found[0].id)
    delete(connection, ("offers", "wanted", "reviews", "texts"), found[0].id)


_UPDATED: Final = (
    "asset", "number", "seller", "kind", "token", "price", "duration_s", "delivery_s", "window_s", "referrer_bps",
    "sheet", '"left"', "is_open", "block", "event", "stars_micro", "reviews",
)  # fmt: skip
_UPDATES: Final = ", ".join(f"{name} = excluded.{name}" for name in _UPDATED)


def _values(offer: LedgerOffer) -> tuple[str | int | None, ...]:
    """Returns an offer's columns in the order of the table, from the second on."""
    return (
        offer.offer,
        offer.asset,
        str(offer.number),
        offer.seller,
        offer.kind,
        offer.token,
        amount_key(offer.price_units),
        offer.duration_s,
        offer.delivery_s,
        offer.window_s,
        offer.referrer_bps,
        offer.sheet,
        offer.left,
        int(offer.is_open),
        offer.block,
        offer.event,
    )
