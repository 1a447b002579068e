"""What the ledger tells of the market, in tables with an index for each question.

Rows come from the scanner, and are taken back when the ledger takes their block back.
Everything here can be read from the ledger again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, and_, or_, select

from counterfoil.errors import InvalidInput
from counterfoil.ledger.market.folding import fold, taken_back
from counterfoil.ledger.market.offer import MarketEvent
from counterfoil.ledger.market.prices import amount_key
from counterfoil.ledger.market.tables import assets, events, metadata, offers, orders, splits
from counterfoil.ledger.market.terms import KINDS, SHARES_TYPE, Share
from counterfoil.ledger.rpc.answers import Event
from counterfoil.ledger.rpc.hexadecimal import data
from counterfoil.ledger.told_file import open_told

__all__ = ["MarketBook", "OfferFilter", "OrderFilter", "read_topics"]

_CURSOR: Final = re.compile(r"(\d{1,15})-(\d{1,9})")
_LAST_FOR_SALE: Final = 1  # of an asset's states: active, deprecated
_ACCOUNTS: Final = ("seller", "buyer", "account", "by", "owner", "receiver")


@dataclass(frozen=True, slots=True)
class OfferFilter:
    """Which offers are asked for.

    Attributes:
        asset: Id of the asset, `0x…`.
        seller: Address, `0x…` in lower case.
        kind: The contract's number.
        token: Address of the token, likewise.
        most_units: At most this price, in the token's smallest unit.
        priced_in: Only in this token is a price compared, and what is free is found in any; empty compares numbers.
        is_open: Only those that can be bought.
        after: Only those said after this place, `block-event`.
        newest_first: The other way round.
        limit: At most so many; None for all.
    """

    asset: str = ""
    seller: str = ""
    kind: int = 0
    token: str = ""
    most_units: int | None = None
    priced_in: str = ""
    is_open: bool = False
    after: str = ""
    newest_first: bool = False
    limit: int | None = 1_000


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders are asked for; attributes as in `OfferFilter`, addresses in lower case."""

    buyer: str = ""
    seller: str = ""
    offer: str = ""
    states: tuple[int, ...] = ()
    after: str = ""
    newest_first: bool = False
    limit: int | None = 1_000


class MarketBook:
    """The tables. Safe to use from several threads; reads the scanner's events."""

    def __init__(self, engine: Engine, assets_contract: bytes) -> None:
        """For `open`."""
        self.engine = engine
        self._assets_contract = assets_contract

    @classmethod
    @contextmanager
    def open(cls, path: Path, assets_contract: bytes) -> Iterator[Self]:
        """Opens the tables, made anew when their file is missing or damaged: the ledger has it all.

        Args:
            path: The file.
            assets_contract: 20 bytes of the contract whose assets are sold.

        Raises:
            LogUnavailable: When the disk refuses.
        """
        with open_told(path, metadata, lambda _: None) as engine:
            yield cls(engine, assets_contract)

    # The scanner's reader

    def take(self, connection: Connection, new: Sequence[Event]) -> None:
        """Takes new events; the scanner commits."""
        for event in new:
            row = self._row(event)
            row |= {name: found for name, found in self._missing(connection, row).items() if not row[name]}
            connection.execute(events.insert(), row | {"told": json.dumps(row["told"])})
            fold(connection, row)

    def forget(self, connection: Connection, after_block: int) -> None:
        """Takes back what blocks above `after_block` told."""
        taken_back(connection, after_block)

    # What it answers

    def offer(self, offer: str) -> Row[Any] | None:
        """Returns one offer's row, None when no event tells of it."""
        return next(iter(self.offers_by(offers.c.offer == offer, 1)), None)

    def offers(self, wanted: OfferFilter) -> list[Row[Any]]:
        """Returns offers in the order in which they were said, with `is_open`."""
        conditions = [
            *_equal(offers.c.asset, wanted.asset),
            *_equal(offers.c.seller, wanted.seller),
            *_equal(offers.c.token, wanted.token),
            *_equal(offers.c.kind, wanted.kind),
            *_after(offers.c.block, offers.c.event, wanted.after),
        ]
        if wanted.most_units is not None:
            conditions.append(_at_most(wanted.most_units, wanted.priced_in))
        if wanted.is_open:
            conditions.append(_OPEN)
        return self.offers_by(and_(True, *conditions), wanted.limit, newest_first=wanted.newest_first)

    def offers_by(
        self, condition: ColumnElement[bool], limit: int | None, *, newest_first: bool = False
    ) -> list[Row[Any]]:
        """Returns offers that meet a condition; see `offers`."""
        query = select(offers, _OPEN.label("is_open")).outerjoin(assets, assets.c.asset == offers.c.asset)
        query = query.where(condition).order_by(*_by_place(offers, newest_first)).limit(limit)
        with self.engine.connect() as connection:
            return list(connection.execute(query))

    def order(self, order: str) -> Row[Any] | None:
        """Returns one order's row, None when no event tells of it."""
        with self.engine.connect() as connection:
            return connection.execute(select(orders).where(orders.c.order == order)).first()

    def orders(self, wanted: OrderFilter) -> list[Row[Any]]:
        """Returns orders, oldest first unless asked otherwise."""
        conditions = [
            *_equal(orders.c.buyer, wanted.buyer),
            *_equal(orders.c.seller, wanted.seller),
            *_equal(orders.c.offer, wanted.offer),
            *_after(orders.c.block, orders.c.event, wanted.after),
        ]
        if wanted.states:
            conditions.append(orders.c.state.in_(wanted.states))
        query = select(orders).where(and_(True, *conditions)).order_by(*_by_place(orders, wanted.newest_first))
        with self.engine.connect() as connection:
            return list(connection.execute(query.limit(wanted.limit)))

    def shares(self, split: str) -> tuple[Share, ...] | None:
        """Returns the shares with a hash; None when they were not shown."""
        if not int(split, 16):
            return ()
        with self.engine.connect() as connection:
            found = connection.execute(select(splits.c.shares).where(splits.c.split == split)).scalar()
        if found is None:
            return None
        return tuple(Share(bytes.fromhex(payee[2:]), bps) for payee, bps in json.loads(found))

    def sellers(self, token: str) -> list[str]:
        """Returns the addresses of those who sold something for a token, in order."""
        query = select(orders.c.seller).distinct().where(orders.c.token == token).order_by(orders.c.seller)
        with self.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def events(
        self,
        *,
        names: Sequence[str] = (),
        offer: str = "",
        order: str = "",
        asset: str = "",
        account: str = "",
        after: str = "",
        until_block: int | None = None,
        newest_first: bool = False,
        limit: int = 1_000,
    ) -> list[MarketEvent]:
        """Returns what the ledger told.

        Args:
            names: Only these events.
            offer: Only of this offer.
            order: Only of this order.
            asset: Only of this asset.
            account: Only of this account, `0x…` in lower case.
            after: Only what comes after this place, `block-event`.
            until_block: Only up to this height.
            newest_first: The other way round.
            limit: At most so many.
        """
        conditions = [
            *_equal(events.c.offer, offer),
            *_equal(events.c.order, order),
            *_equal(events.c.asset, asset),
            *_equal(events.c.account, account),
            *_after(events.c.block, events.c.event, after),
        ]
        if names:
            conditions.append(events.c.name.in_(names))
        if until_block is not None:
            conditions.append(events.c.block <= until_block)
        query = select(events).where(and_(True, *conditions)).order_by(*_by_place(events, newest_first)).limit(limit)
        with self.engine.connect() as connection:
            return [_event(row) for row in connection.execute(query)]

    # Inner parts

    def _row(self, event: Event) -> dict[str, Any]:
        from counterfoil.ledger.assets.contract import read_event as read_asset_event  # ABI decoding loads long
        from counterfoil.ledger.market.contract import read_event

        found = (read_asset_event if event.address == self._assets_contract else read_event)(event)
        values = found.values | ({"shares": _shares(found.values["shares"])} if found.name == "SplitSet" else {})
        told = {name: _shown(value) for name, value in values.items()}
        asset = found.values.get("asset", found.values.get("id"))
        return {
            "block": event.block_number,
            "event": event.index,
            "name": found.name,
            "offer": _id(told.pop("offer", None)),
            "order": told.pop("order", ""),
            "asset": _id(asset),
            "account": next((told[name] for name in _ACCOUNTS if name in told), ""),
            "transaction_hash": event.transaction_hash,
            "told": {name: value for name, value in told.items() if name not in ("asset", "id")},
        }

    def _missing(self, connection: Connection, row: dict[str, Any]) -> dict[str, str]:
        """Returns the offer and the asset of an event that names the order or the offer alone."""
        if row["order"] and not row["offer"]:
            found = connection.execute(select(orders.c.offer, orders.c.asset).where(orders.c.order == row["order"]))
            offer, asset = found.first() or ("", "")
            return {"offer": offer, "asset": asset}
        if row["offer"] and not row["asset"]:
            query = select(offers.c.asset).where(offers.c.offer == row["offer"])
            return {"asset": connection.execute(query).scalar() or ""}
        return {}


_OPEN: Final = and_(
    offers.c.is_withdrawn.is_(False),
    offers.c.left > 0,
    assets.c.owner == offers.c.seller,
    assets.c.state <= _LAST_FOR_SALE,
)


def read_topics() -> list[bytes]:
    """Returns the first topics that the book reads: all of the Market's, and who owns assets and how they stand."""
    from counterfoil.ledger.assets.contract import artefact as assets_artefact
    from counterfoil.ledger.market.contract import artefact

    return [*artefact().topics.values(), assets_artefact().topic("Transfer"), assets_artefact().topic("StateSet")]


def _event(row: Row[Any]) -> MarketEvent:
    cursor, transaction = f"{row.block}-{row.event}", f"0x{row.transaction_hash.hex()}"
    return MarketEvent(cursor, row.block, row.name, row.offer, row.order, row.asset, transaction, json.loads(row.told))


def _equal(column: ColumnElement[Any], value: str | int) -> list[ColumnElement[bool]]:
    return [column == value] if value else []


def _at_most(units: int, token: str) -> ColumnElement[bool]:
    within = offers.c.price <= amount_key(units)
    if not token:
        return within
    # With its kinds named, what is free is found by the index of kind and price.
    is_free = and_(offers.c.kind.in_(KINDS.values()), offers.c.price == amount_key(0))
    return or_(and_(offers.c.token == token, within), is_free)


def _by_place(table: Table, newest_first: bool) -> list[ColumnElement[Any]]:
    by = (table.c.block, table.c.event)
    return [each.desc() if newest_first else each.asc() for each in by]


def _after(block: ColumnElement[Any], event: ColumnElement[Any], cursor: str) -> list[ColumnElement[bool]]:
    if not cursor:
        return []
    found = _CURSOR.fullmatch(cursor) if cursor.isascii() else None
    if found is None:
        raise InvalidInput(f"{cursor[:40]!a} is no place among the events", hint="take the cursor of the newest one")
    height, place = int(found[1]), int(found[2])
    return [block >= height, or_(block > height, event > place)]


def _id(value: int | None) -> str:
    return "" if value is None else f"0x{value:064x}"


def _shares(encoded: bytes) -> list[tuple[bytes, int]]:
    from counterfoil.ledger.contracts.abi import decoded

    return list(decoded([SHARES_TYPE], encoded, "shares")[0])


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return data(value)
    return [_shown(each) for each in value] if isinstance(value, list | tuple) else value
