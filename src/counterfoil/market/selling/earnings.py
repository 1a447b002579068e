"""What orders brought, day by day: counted when the money was the seller's, by the ledger's clock."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import LedgerContradicts
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import MarketEvent, Order, Price
    from counterfoil.ledger.market.trading import Trading

__all__ = ["Earned", "Earnings"]

_DAY_S: Final = 86_400
_EVENTS_AT_ONCE: Final = 1_000
_BLOCKS_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Earned:
    """What was earned on one day in one token.

    Attributes:
        day: In UTC, `2026-11-25`.
        orders: How many were paid or settled.
        price: What buyers paid for them, before the market's fee, referrers and shares.
    """

    day: str
    orders: int
    price: Price

    def to_json(self) -> dict[str, Any]:
        """Returns it as the API shows it."""
        return {"day": self.day, "orders": self.orders, "paid": self.price.to_json()}


class Earnings:
    """The earnings of one home's account. Safe to use from several threads.

    Args:
        ledger: The home's ledger.
        now: Returns Unix seconds.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._now = now
        self._lock = threading.Lock()  # guards the times that were looked up
        self._times: dict[int, int] = {}

    def by_day(self, days: int) -> list[Earned]:
        """Returns what was earned in the last days, today included, the newest day first.

        What is free, held or refunded is not counted.
        """
        trading = self._ledger.market
        paid = [(block, order) for block, order in _paid(trading) if order.charge.units and order.charge.token]
        since = int(self._now()) // _DAY_S - days + 1
        sums: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
        times = self._times_of(block for block, _ in paid)
        for block, order in paid:
            day = times[block] // _DAY_S
            if day >= since:
                found = sums[day, order.charge.token]
                found[0] += 1
                found[1] += order.charge.units
        return [
            Earned(time_text(day * _DAY_S)[:10], count, trading.price(bytes.fromhex(token[2:]), units))
            for (day, token), (count, units) in sorted(sums.items(), key=lambda each: (-each[0][0], each[0][1]))
        ]

    def _times_of(self, blocks: Iterable[int]) -> dict[int, int]:
        """Returns the times of blocks, Unix seconds; those that can no longer go away are asked for once."""
        wanted, chain = set(blocks), self._ledger.opened.chain
        with self._lock:
            found = {block: self._times[block] for block in wanted if block in self._times}
        left = sorted(wanted - found.keys())
        final = chain.final_block().number if left else 0
        for start in range(0, len(left), _BLOCKS_AT_ONCE):
            some = left[start : start + _BLOCKS_AT_ONCE]
            for block, told in zip(some, chain.blocks(some), strict=True):
                if told is None:
                    raise LedgerContradicts(f"the ledger has no block {block:,} any more", hint="ask again in a moment")
                found[block] = told.time_s
        with self._lock:
            self._times |= {block: time for block, time in found.items() if block <= final}
        return found


def _paid(trading: Trading) -> Iterator[tuple[int, Order]]:
    """Yields this account's orders whose money is the seller's, with the block in which it became so."""
    settled = {each.order: each.block for each in _settled(trading)}
    for order in trading.orders(seller=f"0x{trading.account.hex()}", states=("paid", "settled"), limit=None):
        yield settled.get(order.order, order.block), order


def _settled(trading: Trading) -> Iterator[MarketEvent]:
    after = ""
    while found := trading.events(names=("Settled",), after=after, limit=_EVENTS_AT_ONCE):
        yield from found
        after = found[-1].cursor
