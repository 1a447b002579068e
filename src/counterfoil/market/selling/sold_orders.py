"""The orders of this home's offers, as the ledger stands now, for whoever delivers or computes.

Anybody can put an offer on the ledger that names the digest of somebody else's sheet, and buy from itself for
nothing. So an order is this home's only when this home's account sold it, and under a sheet that is for just this
offer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from counterfoil.core.delivery import Content
from counterfoil.errors import NotFound
from counterfoil.ledger.accounts.account import parse_address
from counterfoil.market.delivery.orders import OrderState, PaidOrder
from counterfoil.market.delivery.source import Source
from counterfoil.market.selling.goods import Goods
from counterfoil.market.sheets.sheet import SignedSheet
from counterfoil.market.sheets.shelf import Shelf

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import Order

__all__ = ["SoldOrders"]

LOOK_AGAIN_S: Final = 1.0
"""So long what the ledger said of an order is taken to hold: a refund ends access within it."""

MOST_HELD: Final = 1_000
_STATES: Final[dict[str, OrderState]] = {
    "paid": "paid",
    "held": "held",
    "delivered": "delivered",
    "settled": "settled",
    "refunded": "refunded",
}


class SoldOrders:
    """The orders of one seller's home. Safe to use from several threads.

    Args:
        ledger: The home's ledger.
        shelf: Has the sheets of its offers.
        goods: Knows where their contents lie.
        now: Returns Unix seconds.
    """

    def __init__(self, ledger: Ledger, shelf: Shelf, goods: Goods, now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._goods = goods
        self._now = now
        self._lock = threading.Lock()  # guards what was looked up lately
        self._held: dict[str, tuple[float, Order, bool]] = {}

    def order(self, order_id: str) -> PaidOrder:
        """Returns an order of this home as it stands now.

        Raises:
            NotFound: There is none, or it is another seller's.
        """
        order, is_final = self.look_up(order_id)
        sheet = self.sheet_of(order)
        content = sheet.sheet.wares.content
        if content is None:
            raise NotFound(f"nothing is delivered for the order {order_id[:80]}: it is for a service")
        return PaidOrder(
            order=order.order,
            offer=order.offer,
            chain_id=sheet.sheet.chain_id,
            market=sheet.sheet.market,
            recipient=bytes.fromhex(order.recipient),
            sheet=order.sheet,
            content=Content(bytes.fromhex(content.root), content.size_bytes),
            is_final=is_final,
            state=self._state(order),
        )

    def source(self, order: PaidOrder) -> Source:
        """Opens what an order's content is read from; whoever asked closes it (NotFound where it is gone)."""
        return self._goods.open(self._goods.place(order.content.root.hex()))

    def look_up(self, order_id: str) -> tuple[Order, bool]:
        """Returns an order, and whether its block can no longer go away; a moment old at most.

        Raises:
            NotFound: There is none, or it is another seller's.
        """
        until = time.monotonic() + LOOK_AGAIN_S  # from before the question: a slow answer is no newer than it
        with self._lock:
            known = self._held.get(order_id)
        if known is not None and until - LOOK_AGAIN_S < known[0]:
            return known[1], known[2]
        order = self._as_final(self._ledger.market.order(order_id))
        is_final = order.block <= self._ledger.opened.chain.final_block().number
        with self._lock:
            if len(self._held) >= MOST_HELD:
                self._held.clear()
            if self._held.get(order_id, (0.0,))[0] < until:
                self._held[order_id] = (until, order, is_final)
        return order, is_final

    def sheet_of(self, order: Order) -> SignedSheet:
        """Returns the sheet an order was bought under.

        Raises:
            NotFound: It is not this home's: another account sold it, or its sheet is for another offer.
        """
        with suppress(NotFound):
            signed = self._shelf.sheet(order.sheet)
            if signed.sheet.offer == order.offer and parse_address(order.seller) == self._ledger.market.account:
                return signed
        raise NotFound(
            f"the order {order.order} is not for an offer of this home", hint="ask the seller that the offer names"
        )

    def _as_final(self, order: Order) -> Order:
        """Returns an order, still held where the ledger may take back that it was delivered."""
        if order.state not in ("delivered", "settled"):
            return order
        delivered = self._ledger.market.events(names=("Delivered",), order=order.order, is_final=True, limit=1)
        return order if delivered else replace(order, state="held")

    def _state(self, order: Order) -> OrderState:
        if order.kind == "period" and order.until is not None and order.state != "refunded":
            # Renewed, the same buyer has access for longer than this order alone gave.
            until = self._ledger.market.access_until(order.offer, order.buyer)
            if until is not None and until <= self._now():
                return "ended"
        return _STATES[order.state]
