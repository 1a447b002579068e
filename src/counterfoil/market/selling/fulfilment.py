"""What a seller does for its orders by itself: delivering on the ledger, and settling when nobody objected in time.

Of an order whose money is held the buyer gets no byte before the ledger knows the digest of what was
promised: otherwise it could have the contents and take the money back. Each step looks at the ledger
first, so it may be repeated, and goes on after a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from counterfoil.errors import CounterfoilError, HomeBusy
from counterfoil.market.delivery.deliveries import Deliveries
from counterfoil.market.selling.sold_orders import SoldOrders
from counterfoil.market.views import market_records
from counterfoil.store.views import Views

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import Order

__all__ = ["Fulfilment"]

_LOGGER: Final = logging.getLogger("counterfoil.market")
_DELIVERED_KINDS: Final = ("licence", "period")


class Fulfilment:
    """Fulfils the orders of one seller's home. One step at a time.

    Args:
        ledger: The home's ledger.
        orders: The orders.
        deliveries: Makes what is sent.
        views: Finds who was let in.
        now: Returns Unix seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        orders: SoldOrders,
        deliveries: Deliveries,
        views: Views,
        now: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._orders = orders
        self._deliveries = deliveries
        self._views = views
        self._now = now

    def step(self) -> int:
        """Does what can be done now, and returns how many orders moved; one that fails does not hold up the others."""
        moved = 0
        for order, work in self._due():
            try:
                moved += work(order)
            except HomeBusy:  # its delivery is being prepared; the next step finds it ready
                continue
            except CounterfoilError as error:
                _LOGGER.warning("the order %s waits: %s", order.order, error.message)
        return moved

    def deliver(self, order: Order) -> bool:
        """Puts on the ledger what is promised for an order; then the bytes may be sent."""
        signed = self._deliveries.prepare(order.order)
        _, deliver = self._ledger.market.delivering(order.order, signed.digest_hex)
        deliver(_silent)
        return True

    def settle(self, order: Order) -> bool:
        """Has the ledger credit what an order brought, its window being over."""
        _, settle = self._ledger.market.settling(order.order)
        settle(_silent)
        return True

    def _due(self) -> Iterator[tuple[Order, Callable[[Order], bool]]]:
        now = self._now()
        for order in self._ledger.market.orders(
            seller=f"0x{self._ledger.market.account.hex()}", states=("held", "delivered")
        ):
            if order.kind not in _DELIVERED_KINDS:
                continue
            if order.state == "held" and now < order.due and self._is_admitted(order.order):
                yield order, self.deliver
            elif order.state == "delivered" and order.ends <= now:
                yield order, self.settle

    def _is_admitted(self, order: str) -> bool:
        admitted = (market_records.c.kind == "admission") & market_records.c.is_allowed.is_(True)
        with self._views.reading() as connection:
            query = select(market_records.c.idx).where(admitted, market_records.c.order == order)
            return connection.execute(query.limit(1)).first() is not None


def _silent(_: str) -> None:
    """Tells nobody."""
