"""Who is let in: terms decide over what a buyer states, the log says by which rule, and a ticket opens the door.

One way for everybody, also for what costs nothing:

1. the order is on the ledger, final, and gives access;
2. the claims are about this order, signed, fresh, and of the account that bought;
3. the terms of the sheet that was bought under decide;
4. the decision is put on record;
5. only then a ticket is made, encrypted to the order's key.

Access is given for as long as a ticket lasts. Whoever asks again within that time, because either side was
interrupted, is decided on again and gets another ticket with the same end: that is the same use, and one record.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, select

from counterfoil.errors import NotAllowed
from counterfoil.market.delivery.tickets import TICKET_S, Tickets
from counterfoil.market.records import ADMISSION, AdmissionRecord
from counterfoil.market.selling.known_buyers import KnownBuyers
from counterfoil.market.selling.sold_orders import SoldOrders
from counterfoil.market.sheets.sheet import SignedSheet
from counterfoil.market.terms import Access, Claims, Context, Terms, decide, read_claims
from counterfoil.market.views import market_records
from counterfoil.store.archive import Archive
from counterfoil.store.prepared import Private
from counterfoil.store.recorder import Recorder
from counterfoil.store.schemas import keep_schema
from counterfoil.store.streams import time_text
from counterfoil.store.views import Views, records

__all__ = ["Admissions"]

_GIVEN: Final = (market_records.c.kind == "admission", market_records.c.is_allowed.is_(True))
"""The records by which access was given."""

_AT_ONCE: Final = 500
"""Most orders named in one query."""


class Admissions:
    """Lets buyers in at one seller's home. Safe to use from several threads.

    Args:
        orders: The orders.
        tickets: The tickets.
        known: Whose market keys are known.
        recorder: Writes what was decided.
        archive: Keeps the schema of its private fields.
        views: Counts what was decided before.
        orders_of: Returns the ids of all orders of an account for an offer.
    """

    def __init__(
        self,
        orders: SoldOrders,
        tickets: Tickets,
        known: KnownBuyers,
        recorder: Recorder,
        archive: Archive,
        views: Views,
        orders_of: Callable[[str, str], Sequence[str]],
    ) -> None:
        self._orders = orders
        self._tickets = tickets
        self._known = known
        self._recorder = recorder
        self._archive = archive
        self._views = views
        self._orders_of = orders_of
        self._deciding = threading.Lock()  # between counting earlier uses and recording this one

    def preview(self, signed: SignedSheet, given: Mapping[str, Any]) -> Access:
        """Says how the terms of a sheet would decide over claims about an order that is not made yet. Records nothing.

        Raises:
            InvalidInput: They are about something else.
            Stale: They are too old.
            MalformedEvidence, DoesNotMatch: They are none, or not signed by their key.
        """
        claims = read_claims(given)
        now = time_text(self._recorder.now_s())
        claims.require_for(claims.order, claims.account, now)
        uses = self._uses_of_buyer(signed.sheet.offer, claims.account)
        return decide(_terms(signed), claims, Context(self._known.by_origin(), 0, uses), now)

    def admit(self, order_id: str, given: Mapping[str, Any]) -> bytes:
        """Returns a ticket as a file of the age format, which the order's key alone opens.

        Raises:
            NotFound: There is no such order here.
            NotAllowed: The order gives no access, or the terms do not; the latter is on record.
            InvalidInput: The claims are about another order or buyer.
            Stale: They are too old.
        """
        paid = self._orders.order(order_id)
        if not paid.is_wanted:
            raise NotAllowed(
                "this order gives no access, or not yet", hint="an order counts when its block is final; ask again"
            )
        order, _ = self._orders.look_up(order_id)
        signed = self._orders.sheet_of(order)
        now = time_text(self._recorder.now_s())
        claims = read_claims(given).require_for(order.order, order.buyer.lower(), now)
        with self._deciding:
            left_s = self._left_s(order.order)
            again = int(left_s > 0)
            uses = self._uses(order.order) - again, self._uses_of_buyer(order.offer, order.buyer.lower()) - again
            access = decide(_terms(signed), claims, Context(self._known.by_origin(), *uses), now)
            if not (access.allowed and again):
                made = AdmissionRecord(order.order, order.offer, order.sheet, access.allowed, access.name)
                self._record(made, claims)
        if not access.allowed:
            raise NotAllowed(f"the seller's terms do not let you in: {access.why}")
        return self._tickets.issue(order.order, paid.recipient, lasts_s=left_s or TICKET_S)

    def is_admitted(self, order_id: str) -> bool:
        """Whether access was ever given for an order."""
        return self._uses(order_id) > 0

    def _record(self, record: AdmissionRecord, claims: Claims) -> None:
        keep_schema(self._recorder, self._archive, ADMISSION)
        private = {
            "/organisation": claims.organisation,
            "/purpose": claims.purpose or "",
            "/jurisdiction": claims.jurisdiction or "",
        }
        self._recorder.write(record.draft({}), Private(ADMISSION, private))

    def _left_s(self, order_id: str) -> int:
        """Returns how long the access lasts that was given for an order last, in seconds; 0 where it is over."""
        query = select(records.c.time_s).join(market_records, market_records.c.idx == records.c.idx)
        query = query.where(market_records.c.order == order_id, *_GIVEN).order_by(records.c.idx.desc())
        with self._views.reading() as connection:
            given_s = connection.execute(query.limit(1)).scalar()
        return 0 if given_s is None else max(0, given_s + TICKET_S - int(self._recorder.now_s()))

    def _uses(self, *orders: str) -> int:
        """Returns how often access was given for orders."""
        query, used = select(func.count()).select_from(market_records).where(*_GIVEN), 0
        with self._views.reading() as connection:
            for start in range(0, len(orders), _AT_ONCE):
                some = orders[start : start + _AT_ONCE]
                used += connection.execute(query.where(market_records.c.order.in_(some))).scalar_one()
        return used

    def _uses_of_buyer(self, offer: str, account: str) -> int:
        return self._uses(*self._orders_of(account, offer))


def _terms(signed: SignedSheet) -> Terms:
    return Terms.from_json(signed.sheet.wares.terms)
