"""How jobs end: who has to be given money back is, what was delivered is settled, and nothing is kept for ever.

A job whose order was refunded is not run, and what it left is not handed out. One that is due before it was
delivered, or that was given up or taken back, has its buyer refunded: nobody has to ask for that. What was delivered
is settled when nobody objected in the order's window, and its result forgotten 30 days after that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from counterfoil.errors import NotAllowed, Stale
from counterfoil.market.compute.jobs.job_book import JobBook, JobState, KeptJob

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import Order

__all__ = ["KEPT_S", "WAITING", "JobClosing", "require_held"]

KEPT_S: Final = 30 * 86_400
"""So long after its window a result can be fetched."""

WAITING: Final = (JobState.QUEUED, JobState.HELD, JobState.READY)


class JobClosing:
    """Ends the jobs of one seller's home. Each step looks at the ledger first, so it may be repeated.

    Args:
        ledger: The home's ledger.
        book: The jobs.
        forget: Deletes what is kept of a job.
        now: Returns Unix seconds.
    """

    def __init__(
        self, ledger: Ledger, book: JobBook, forget: Callable[[KeptJob], None], now: Callable[[], int]
    ) -> None:
        self._ledger = ledger
        self._book = book
        self._forget = forget
        self._now = now

    def wait(self, job: KeptJob) -> KeptJob:
        """Gives up a job that waits where its order was refunded, or was due before and no delivery is under way."""
        is_under_way = self._ledger.market.is_delivery_under_way(
            job.order
        )  # first: what is not is in what is read next
        order = self._ledger.market.order(job.order)
        if order.state == "refunded":
            return self._refunded(job)
        if order.state == "held" and order.due <= self._now() and not is_under_way:
            told = "it was due before it was delivered"
            return self._book.change(job.order, job.state, state=JobState.CANCELLED, told=told)
        return job

    def give_up(self, order: Order, why: str) -> KeptJob:
        """Gives up an order for which no job was handed in: its buyer is refunded like that of a job.

        Args:
            order: An order of this home's jobs, which is held.
            why: Who wants it, in words for the owner.

        Raises:
            Stale: It is refunded or delivered by now, or a delivery is under way.
        """
        is_under_way = self._ledger.market.is_delivery_under_way(order.order)  # first, as in `wait`
        state = self._ledger.market.order(order.order).state
        if is_under_way or state != "held":
            told = "being delivered" if is_under_way else state
            raise Stale(f"the order is {told}, and can no longer be taken back", hint="see how it stands on the ledger")
        return self._book.give_up(order=order.order, offer=order.offer, buyer=order.buyer.lower(), told=why)

    def refund(self, job: KeptJob) -> KeptJob:
        """Gives the buyer of a job that was given up its money back."""
        if self._ledger.market.order(job.order).state != "refunded":
            _, refund = self._ledger.market.refunding(job.order)
            refund(lambda _: None)
        return self._refunded(job)

    def end(self, job: KeptJob) -> KeptJob:
        """Settles a delivered job whose window is over, and forgets one that was settled long ago."""
        order = self._ledger.market.order(job.order)
        if order.state == "refunded":  # by the governor, inside the window
            return self._refunded(job)
        if order.state == "delivered":
            _, settle = self._ledger.market.settling(job.order)
            settle(lambda _: None)
        until = order.ends + KEPT_S
        if self._now() < until:
            return self._book.change(job.order, JobState.DELIVERED, look_s=until)
        self._forget(job)
        return self._book.change(job.order, JobState.DELIVERED, state=JobState.FORGOTTEN)

    def _refunded(self, job: KeptJob) -> KeptJob:
        self._forget(job)
        return self._book.change(job.order, job.state, state=JobState.REFUNDED)


def require_held(order: Order, is_final: bool) -> None:
    """Refuses an order that is for no job, not final, or not held any more (NotAllowed)."""
    if not is_final or order.kind != "job" or order.state != "held":
        raise NotAllowed("this order gives no job, or not yet", hint="see how it stands on the ledger")
