"""What a seller does for its orders by itself: delivering on the ledger, and settling when nobody objected in time.

Of an order whose money is held the buyer gets no byte before the ledger knows the digest of what was
promised: otherwise it could have the contents and take the money back. Each step looks at the ledger
first, so it may be repeated, and goes on after a crash. Orders do not wait for one another: some go on at
once, each for a while; what takes longer, on a slow ledger or a spent limit, is looked at again by the next step.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from counterfoil.errors import CounterfoilError, HomeBusy
from counterfoil.ledger.market.views import trades
from counterfoil.ledger.sending.rows import State
from counterfoil.market.delivery.deliveries import Deliveries
from counterfoil.store.views import Views

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import Order

__all__ = ["Fulfilment"]

_LOGGER: Final = logging.getLogger("counterfoil.market")
_DELIVERED_KINDS: Final = ("licence", "period")
_ONES_OWN: Final = {"delivered": ("delivered", "settled"), "settled": ("settled",)}
"""What this home may have done to an order, and how it stands then."""

AT_ONCE: Final = 8
PATIENCE_S: Final = 20.0
"""So long a step waits for one order's transaction."""

LOOKED_BACK: Final = 100
"""So many of this home's newest transactions are held against its log by each step but the first."""

MOST_ORDERS: Final = 100_000
"""Of the open ones, so many are looked at: old ones that nobody fetches do not hide new ones."""


class Fulfilment:
    """Fulfils the orders of one seller's home. One step at a time.

    Args:
        ledger: The home's ledger.
        deliveries: Makes what is sent.
        views: Finds what is on record.
        is_admitted: Whether access was given for an order.
        now: Returns Unix seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        deliveries: Deliveries,
        views: Views,
        is_admitted: Callable[[str], bool],
        now: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._deliveries = deliveries
        self._views = views
        self._is_admitted = is_admitted
        self._now = now
        self._looked_back: int | None = None  # the first step looks at all there is
        self._told: dict[str, str] = {}  # why an order waits, said once

    def step(self) -> int:
        """Does what can be done now, and returns how many orders moved; one that fails does not hold up the others."""
        due = [*self._due(), *self._unrecorded()]
        if not due:
            return 0
        with ThreadPoolExecutor(min(AT_ONCE, len(due)), "fulfilment") as pool:
            return sum(pool.map(self._done, due))

    def deliver(self, order: Order) -> None:
        """Puts on the ledger what is promised for an order; then the bytes may be sent."""
        signed = self._deliveries.prepare(order.order)
        _, deliver = self._ledger.market.delivering(order.order, signed.digest_hex, wait_s=PATIENCE_S)
        deliver(_silent)

    def settle(self, order: Order) -> None:
        """Has the ledger credit what an order brought, its window being over."""
        _, settle = self._ledger.market.settling(order.order, wait_s=PATIENCE_S)
        settle(_silent)

    def _done(self, due: tuple[Order, Callable[[Order], None]]) -> bool:
        order, work = due
        try:
            work(order)
        except HomeBusy:  # its delivery is being prepared; the next step finds it ready
            return False
        except CounterfoilError as error:
            if self._told.get(order.order) != error.message:
                _LOGGER.warning("the order %s waits: %s", order.order, error.message)
            self._told[order.order] = error.message
            return False
        self._told.pop(order.order, None)
        return True

    def _due(self) -> Iterator[tuple[Order, Callable[[Order], None]]]:
        """Yields what is due by this home's clock; where the ledger's is behind, it refuses, and is asked again."""
        now = self._now()
        for order in self._ledger.market.orders(seller=self._account, states=("held", "delivered"), limit=MOST_ORDERS):
            if order.kind not in _DELIVERED_KINDS:
                continue
            if order.state == "held" and now < order.due and self._is_admitted(order.order):
                yield order, self.deliver
            elif order.state == "delivered" and order.ends <= now:
                yield order, self.settle

    def _unrecorded(self) -> Iterator[tuple[Order, Callable[[Order], None]]]:
        """Yields what this home did that its log does not say, having been interrupted in between."""
        works = {"delivered": self.deliver, "settled": self.settle}
        rows = self._ledger.opened.outbox.rows(states=(State.FINAL,), limit=self._looked_back)
        self._looked_back = LOOKED_BACK
        for row in rows:
            words = row.purpose.split(" ")
            if len(words) != 3 or words[0] != "trade" or words[1] not in works or self._is_recorded(*words[1:]):
                continue
            order = self._ledger.market.order(words[2])
            if order.state in _ONES_OWN[words[1]] and order.kind in _DELIVERED_KINDS:
                yield order, works[words[1]]

    def _is_recorded(self, action: str, order: str) -> bool:
        query = select(trades.c.idx).where(trades.c.order == order, trades.c.action == action)
        with self._views.reading() as connection:
            return connection.execute(query.limit(1)).first() is not None

    @property
    def _account(self) -> str:
        return f"0x{self._ledger.market.account.hex()}"


def _silent(_: str) -> None:
    """Tells nobody."""
