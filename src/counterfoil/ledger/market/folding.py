"""What follows from each event of the market, row by row, and again after some were taken back.

An order's facts never change once it is made, only how it stands; an offer, an asset's owner
and state are what was said last. So taking back works anew only the rows that the taken
events touched, from the events that are left. Where a buyer buys again with the key of an
older order that was paid at once, which the contract takes, the first order counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, and_, select
from sqlalchemy.dialects.sqlite import insert

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.market.prices import amount_key
from counterfoil.ledger.market.tables import assets, events, offers, orders, splits
from counterfoil.ledger.market.terms import UNLIMITED, Terms

__all__ = ["NO_DIGEST", "OFFER_EVENTS", "ORDER_EVENTS", "OrderState", "fold", "taken_back"]

NO_DIGEST: Final = "0x" + "00" * 32
_NOBODY: Final = "0x" + "00" * 20

OFFER_EVENTS: Final = ("Offered", "Withdrawn", "Bought", "Ordered")
ORDER_EVENTS: Final = ("Delivered", "Settled", "Refunded")
ASSET_EVENTS: Final = ("Transfer", "StateSet")


class OrderState:
    """How an order stands, by the contract's numbers; one that was paid at once has none of its own there."""

    PAID: Final = 0
    HELD: Final = 1
    DELIVERED: Final = 2
    SETTLED: Final = 3
    REFUNDED: Final = 4


def fold(connection: Connection, row: Mapping[str, Any]) -> None:
    """Takes what one event says into the tables.

    Args:
        connection: The scanner's.
        row: The event, as its table holds it, `told` as a mapping.
    """
    name = row["name"]
    if name in OFFER_EVENTS:
        _offer(connection, row)
    if name in ("Bought", "Ordered"):
        _make_order(connection, row)
    elif name in ORDER_EVENTS:
        _change_order(connection, row)
    elif name in ASSET_EVENTS:
        _asset(connection, row)
    elif name == "SplitSet":
        shares = json.dumps(row["told"]["shares"])
        values = {"split": row["told"]["split"], "shares": shares, "block": row["block"]}
        connection.execute(insert(splits).values(values).on_conflict_do_nothing())


def taken_back(connection: Connection, after_block: int) -> None:
    """Takes back what blocks above `after_block` told, and works out anew what it had changed."""
    gone = events.c.block > after_block
    touched = {
        table: _keys(connection, column, names, after_block)
        for table, column, names in (
            (offers, events.c.offer, OFFER_EVENTS),
            (orders, events.c.order, ORDER_EVENTS),
            (assets, events.c.asset, ASSET_EVENTS),
        )
    }
    connection.execute(events.delete().where(gone))
    connection.execute(orders.delete().where(orders.c.block > after_block))
    connection.execute(splits.delete().where(splits.c.block > after_block))
    for key in touched[offers]:
        _anew(connection, offers, offers.c.offer, events.c.offer, key, OFFER_EVENTS, _offer)
    for key in touched[assets]:
        _anew(connection, assets, assets.c.asset, events.c.asset, key, ASSET_EVENTS, _asset)
    for key in touched[orders]:
        _reset_order(connection, key)


def _keys(connection: Connection, column: Any, names: tuple[str, ...], after_block: int) -> list[str]:
    query = select(column).distinct().where(events.c.block > after_block, events.c.name.in_(names), column != "")
    return list(connection.execute(query).scalars())


def _anew(
    connection: Connection,
    table: Table,
    row_key: Any,
    event_key: Any,
    key: str,
    names: tuple[str, ...],
    take: Callable[[Connection, Mapping[str, Any]], None],
) -> None:
    connection.execute(table.delete().where(row_key == key))
    for row in _events(connection, event_key, key, names):
        take(connection, row)


def _events(connection: Connection, column: Any, key: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    query = select(events).where(column == key, events.c.name.in_(names)).order_by(events.c.block, events.c.event)
    return [dict(row) | {"told": json.loads(row["told"])} for row in connection.execute(query).mappings()]


def _offer(connection: Connection, row: Mapping[str, Any]) -> None:
    """Takes what an event says of an offer alone."""
    offer = row["offer"]
    mine = offers.c.offer == offer
    if row["name"] == "Offered":
        values = _offered(row) | {"block": row["block"], "event": row["event"]}
        connection.execute(insert(offers).values(values).on_conflict_do_update(index_elements=["offer"], set_=values))
        return
    known = _require(connection, offers, mine, row)
    if row["name"] == "Withdrawn":
        connection.execute(offers.update().where(mine).values(is_withdrawn=True, left=0))
    elif known.left != UNLIMITED:
        if known.left < 1:
            raise LedgerContradicts(f"the ledger tells {row['name']} of the offer {offer[:18]}…, which was sold out")
        connection.execute(offers.update().where(mine).values(left=known.left - 1))


def _offered(row: Mapping[str, Any]) -> dict[str, Any]:
    told = row["told"]
    terms = Terms.told(b"", b"", told["price"], told["rules"], b"", b"")
    return {
        "offer": row["offer"],
        "asset": row["asset"],
        "number": str(told["number"]),
        "seller": told["seller"],
        "token": told["token"],
        "price": amount_key(told["price"]),
        "kind": terms.kind,
        "duration_s": terms.duration_s,
        "delivery_s": terms.delivery_s,
        "window_s": terms.window_s,
        "referrer_bps": terms.referrer_bps,
        "sheet": told["sheet"],
        "split": told["split"],
        "supply": told["supply"],
        "left": told["supply"],
        "is_withdrawn": False,
    }


def _make_order(connection: Connection, row: Mapping[str, Any]) -> None:
    """Takes an order: the terms are those of its offer, which the contract compared when it was bought.

    Nothing where there is one under this id: see the module.
    """
    told = row["told"]
    offer = _require(connection, offers, offers.c.offer == row["offer"], row)
    is_held = row["name"] == "Ordered"
    rules = told["rules"] if is_held else _rules(offer) | told["fee_bps"] << 120
    price = amount_key(told["held"] if is_held else told["paid"])
    connection.execute(
        insert(orders)
        .values(
            order=row["order"],
            offer=row["offer"],
            asset=offer.asset,
            number=offer.number,
            buyer=told["buyer"],
            seller=offer.seller,
            token=offer.token,
            price=price,
            rules=str(rules),
            sheet=offer.sheet,
            split=offer.split,
            kind=rules & 0xFF,
            recipient=told["recipient"],
            job=told["job"] if is_held else NO_DIGEST,
            referrer=told["referrer"],
            until=str(told["until"]),
            due=told["due"] if is_held else 0,
            block=row["block"],
            event=row["event"],
            transaction_hash=row["transaction_hash"],
            state=OrderState.HELD if is_held else OrderState.PAID,
            ends=0,
            charge=price,
            digest=NO_DIGEST,
        )
        .on_conflict_do_nothing()
    )


def _rules(offer: Row[Any]) -> int:
    terms = Terms(
        b"", b"", 0, offer.kind, offer.duration_s, offer.delivery_s, offer.window_s, offer.referrer_bps, b"", b""
    )
    return terms.rules


def _change_order(connection: Connection, row: Mapping[str, Any]) -> None:
    told, mine = row["told"], orders.c.order == row["order"]
    if _require(connection, orders, mine, row).state == OrderState.PAID:  # it is about a second one of this id
        return
    if row["name"] == "Delivered":
        values = {"state": OrderState.DELIVERED, "ends": told["ends"], "charge": amount_key(told["charge"])}
        values["digest"] = told["digest"]
    else:
        values = {"state": OrderState.SETTLED if row["name"] == "Settled" else OrderState.REFUNDED}
    connection.execute(orders.update().where(mine).values(values))


def _reset_order(connection: Connection, order: str) -> None:
    """Works out anew how an order stands; nothing where the order itself was taken back."""
    mine = and_(orders.c.order == order, orders.c.state != OrderState.PAID)
    first = {"state": OrderState.HELD, "ends": 0, "charge": orders.c.price, "digest": NO_DIGEST}
    connection.execute(orders.update().where(mine).values(first))
    for row in _events(connection, events.c.order, order, ORDER_EVENTS):
        _change_order(connection, row)


def _asset(connection: Connection, row: Mapping[str, Any]) -> None:
    told, asset = row["told"], row["asset"]
    if row["name"] == "Transfer" and told["sender"] == _NOBODY:
        values = {"asset": asset, "owner": told["receiver"], "state": 0}
        connection.execute(insert(assets).values(values).on_conflict_do_update(index_elements=["asset"], set_=values))
        return
    changed = {"owner": told["receiver"]} if row["name"] == "Transfer" else {"state": told["state"]}
    connection.execute(assets.update().where(assets.c.asset == asset).values(changed))


def _require(connection: Connection, table: Table, mine: Any, row: Mapping[str, Any]) -> Row[Any]:
    found = connection.execute(select(table).where(mine)).first()
    if found is None:
        raise LedgerContradicts(
            f"the ledger tells {row['name']} of what it did not tell before",
            hint="reading began too late: set market_from in the ledger settings to the block of the contract",
        )
    return found
