"""Buying something, and fetching it: one command that may be repeated after any interruption.

1. the offer is read from the ledger, and its sheet, whose digest the ledger has, from the seller's node;
2. a key is made for this order alone, and with it the order's id is known;
3. the seller's node is asked whether its terms would let us in: nobody pays for what is then refused;
4. what it costs is shown; nothing was sent until here;
5. the purchase is kept, durably; then the order is made on the ledger;
6. when its block is final the seller's node is asked for a ticket, which only our key opens;
7. what was bought is fetched, checked against what was published, and put on record.

Killed between any two steps, `resume` goes on: the ledger says whether the order was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from counterfoil.core.age import recipient_of
from counterfoil.core.age_payload import decrypt
from counterfoil.core.signed_document import read_document
from counterfoil.errors import CounterfoilError, InvalidInput, NotAllowed, NotFound, Stale
from counterfoil.market.buying.node_wire import BuyersWire
from counterfoil.market.buying.purchases import Purchase, Purchases, PurchaseState, Stated
from counterfoil.market.delivery.fetching import Fetched, fetch
from counterfoil.market.delivery.purchase import Purchase as OrderToFetch
from counterfoil.market.delivery.source import Progress
from counterfoil.market.delivery.tickets import is_ticket
from counterfoil.market.delivery.wire import SellerWire
from counterfoil.market.records import ReceivedRecord
from counterfoil.market.sheets.sheet import SHEET_FORMAT, SignedSheet, read_sheet
from counterfoil.market.terms import Credential, sign_claims
from counterfoil.market.views import market_records
from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.store.recorder import Recorder
from counterfoil.store.streams import time_text
from counterfoil.store.views import Views

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.buying import Way
    from counterfoil.ledger.market.offer import Offer, Order
    from counterfoil.ledger.market.quote import TradeQuote

__all__ = ["Buying", "Planned"]

Tell = Callable[[str], None]
SheetOf = Callable[["Offer"], SignedSheet]
"""Returns the sheet of an offer, from wherever it can be had; its digest is the one on the ledger."""

JobOf = Callable[[SignedSheet], bytes]
"""Returns what is to be run under a sheet: the specification, canonical JSON."""

_FETCHABLE: Final = ("licence", "period")


@dataclass(frozen=True, slots=True)
class Planned:
    """A purchase before anything is sent.

    Attributes:
        quote: What it costs and shows.
        offer: As the ledger has it.
        sheet: As the seller signed it.
        order: The id that the order will have.
        admission: What the seller's terms say, in words; empty where its node was not asked.
        carry_out: Does step 5, and returns the purchase when the order is final.
    """

    quote: TradeQuote
    offer: Offer
    sheet: SignedSheet
    order: str
    admission: str
    carry_out: Callable[[Tell], Purchase]


class Buying:
    """What one home buys. Safe to use from several threads.

    Args:
        ledger: The home's ledger.
        purchases: Keeps what is under way.
        recorder: Writes what was received.
        views: Finds what was.
        secret: Returns the secret market key.
        origin: The home's origin, under which it signs.
        sheet_of: Finds the sheet of an offer.
        reach: Which addresses may be asked.
    """

    def __init__(
        self,
        ledger: Ledger,
        purchases: Purchases,
        recorder: Recorder,
        views: Views,
        secret: Callable[[], bytes],
        origin: str,
        sheet_of: SheetOf,
        reach: Reach,
    ) -> None:
        self._ledger = ledger
        self._purchases = purchases
        self._recorder = recorder
        self._views = views
        self._secret = secret
        self._origin = origin
        self._sheet_of = sheet_of
        self._reach = reach

    # Buying

    def planning(
        self,
        offer: str,
        stated: Stated | None = None,
        *,
        most: str = "",
        way: Way = "auto",
        referrer: str = "",
        asks_seller: bool = True,
        job_of: JobOf | None = None,
    ) -> Planned:
        """Does steps 1 to 3; returns what step 5 would cost, and what does it.

        Where the same purchase was begun before and is not known to be made, it is that one.

        Args:
            offer: The offer's id, `0x` and 64 digits.
            stated: What is said to the seller's terms; nothing by default.
            most: The most it may cost, decimal text in the offer's token; its price by default.
            way: How it is paid.
            referrer: Address of whoever brought the buyer.
            asks_seller: Whether the seller's node is asked first whether it would let us in.
            job_of: Returns the specification of the job that is bought; only for an offer of jobs.

        Raises:
            NotFound: There is no such offer, or its sheet cannot be had.
            NotAllowed: It cannot be bought, or the seller's terms would not let us in.
            OutOfFunds: The account holds less than the price.
            DoesNotMatch: The sheet is not the one on the ledger.
        """
        found = self._ledger.market.offer(offer)
        if found.kind == "job" and job_of is None:
            raise InvalidInput("a job is bought with what is to be run", hint="`counterfoil market compute` does it")
        signed = self._sheet_of(found)  # step 1
        purchase = self._begun(found, signed, stated or Stated(), job_of)  # step 2
        admission = self._asked(purchase, signed) if asks_seller else ""  # step 3
        return self._planned(purchase, found, signed, admission, most=most, way=way, referrer=referrer)

    def _begun(self, offer: Offer, signed: SignedSheet, stated: Stated, job_of: JobOf | None) -> Purchase:
        account = self._ledger.market.account
        known = self._purchases.under_way(offer.offer, account)
        if job_of is None and known is not None and known.sheet == signed.data and known.stated == stated:
            return known
        return self._purchases.begin(
            offer=offer.offer,
            asset=offer.asset,
            kind=offer.kind,
            title=signed.sheet.wares.title,
            sheet=signed.data,
            account=account,
            stated=stated,
            job=job_of(signed) if job_of is not None else b"",
        )

    def _asked(self, purchase: Purchase, signed: SignedSheet) -> str:
        preview = self._wire(signed).preview(purchase.offer, self.claims(purchase))
        if not preview.is_allowed:
            raise NotAllowed(
                f"the seller's terms would not let you in: {preview.why}",
                hint="state a purpose, accept the licence, or show a credential, if that is what lacks",
            )
        return preview.why

    def _planned(
        self,
        purchase: Purchase,
        offer: Offer,
        signed: SignedSheet,
        admission: str,
        *,
        most: str,
        way: Way,
        referrer: str,
    ) -> Planned:
        from counterfoil.ledger.market.buying import ToBuy

        recipient = recipient_of(self._purchases.secret_of(purchase)).hex()
        job = sha256(purchase.job).hexdigest() if purchase.job else ""
        wanted = ToBuy(offer.offer, recipient, most or offer.price.amount, signed.digest_hex, job, referrer)
        quote, buy = self._ledger.market.buying(wanted, way)

        def carry_out(tell: Tell) -> Purchase:
            self._purchases.keep(purchase)  # step 5
            self._made(buy(tell), purchase)
            return self._purchases.change(purchase.order, state=PurchaseState.BOUGHT, fault="")

        return Planned(quote, offer, signed, purchase.order, admission, carry_out)

    def _made(self, order: Order, purchase: Purchase) -> None:
        assert order.order == purchase.order, "an order's id follows from offer, account and key"

    # Fetching

    def fetch(self, order: str, to: Path | None = None, progress: Progress | None = None) -> Purchase:
        """Does steps 6 and 7; goes on where it broke off.

        Args:
            order: The order's id.
            to: The file to be, or the folder it is put in; where it was to be before, without it.
            progress: Told (bytes done, bytes in all).

        Raises:
            NotFound: This home has no such purchase.
            InvalidInput: Nothing is delivered for it, or the file is there already.
            NotAllowed: The order gives no access, or the terms do not.
            DoesNotMatch: The seller sends something else than it published; the hint names the evidence.
            NodeUnreachable: The seller's node does not answer.
        """
        purchase = self._settled(self._purchases.at(order))
        if purchase.state is PurchaseState.PLANNED:
            raise Stale("this purchase is not on the ledger yet", hint="`counterfoil market buy` goes on with it")
        if purchase.kind not in _FETCHABLE:
            raise InvalidInput(f"nothing is fetched for a {purchase.kind}", hint="see `counterfoil market purchases`")
        path = self._path(purchase, to)
        if purchase.state is PurchaseState.FETCHED and str(path) == purchase.path and path.exists():
            return purchase
        self._purchases.change(order, path=str(path))
        try:
            found = self._fetched(purchase, path, progress)
        except CounterfoilError as error:
            self._purchases.change(order, fault=error.message)
            raise
        self._record(purchase, found)
        return self._purchases.change(order, state=PurchaseState.FETCHED, fault="")

    def _fetched(self, purchase: Purchase, path: Path, progress: Progress | None) -> Fetched:
        signed = read_sheet(purchase.sheet)
        ticket = self._ticket(purchase, signed)  # step 6
        sheet = read_document(purchase.sheet, SHEET_FORMAT)
        known = OrderToFetch(
            purchase.order,
            purchase.offer,
            signed.sheet.chain_id,
            signed.sheet.market,
            self._purchases.secret_of(purchase),
            sheet,
        )
        wire = SellerWire(signed.sheet.wares.node, purchase.order, ticket, self._reach)
        return fetch(known, wire, path, progress)  # step 7

    def ticket(self, order: str) -> str:
        """Asks the seller's node for a ticket, by which other programs can fetch what was bought.

        Raises:
            NotFound: This home has no such purchase.
            NotAllowed: The order gives no access, or the terms do not.
            NodeUnreachable: The seller's node does not answer.
        """
        purchase = self._purchases.at(order)
        return self._ticket(purchase, read_sheet(purchase.sheet))

    def settled(self, order: str) -> Purchase:
        """Returns a purchase as far as the ledger says it is (NotFound where this home has none)."""
        return self._settled(self._purchases.at(order))

    def claims(self, purchase: Purchase) -> dict[str, Any]:
        """Returns, freshly signed, what is stated for a purchase."""
        stated = purchase.stated
        return sign_claims(
            self._secret(),
            self._origin,
            order=purchase.order,
            account=purchase.account,
            organisation=self._origin,
            created=time_text(self._recorder.now_s()),
            purpose=stated.purpose,
            jurisdiction=stated.jurisdiction,
            accepts=stated.accepts,
            credentials=[Credential.read(each) for each in stated.credentials],
        )

    # Going on

    def resume(self, progress: Progress | None = None) -> list[Purchase]:
        """Goes on with every purchase that was interrupted, and returns those that moved.

        What cannot go on now says why in its `fault`, and is tried again the next time.
        """
        moved = []
        for each in self._purchases.all():
            if each.state in (PurchaseState.FETCHED, PurchaseState.DROPPED):
                continue
            now = self._settled(each)
            if now.state is PurchaseState.BOUGHT and now.path and now.kind in _FETCHABLE:
                try:
                    now = self.fetch(now.order, progress=progress)
                except CounterfoilError as error:
                    now = self._purchases.change(now.order, fault=error.message)
            if now.state is not each.state:
                moved.append(now)
        return moved

    def _settled(self, purchase: Purchase) -> Purchase:
        """Asks the ledger whether the order of a purchase was made."""
        if purchase.state is not PurchaseState.PLANNED:
            return purchase
        try:
            order = self._ledger.market.order(purchase.order)
        except NotFound:
            return purchase
        if order.block > self._ledger.opened.chain.final_block().number:
            return purchase
        return self._purchases.change(purchase.order, state=PurchaseState.BOUGHT, fault="")

    # Inner parts

    def _wire(self, signed: SignedSheet) -> BuyersWire:
        return BuyersWire(signed.sheet.wares.node, self._reach)

    def _ticket(self, purchase: Purchase, signed: SignedSheet) -> str:
        secret, wire = self._purchases.secret_of(purchase), self._wire(signed)
        word = decrypt(wire.challenge(purchase.order), secret).decode("ascii", "replace")
        ticket = decrypt(wire.ticket(purchase.order, self.claims(purchase), word), secret).decode("ascii", "replace")
        if not is_ticket(ticket):
            raise NotAllowed("the seller's node handed out something else than a ticket", hint="ask the seller")
        return ticket

    def _path(self, purchase: Purchase, to: Path | None) -> Path:
        if to is None and purchase.path:
            return Path(purchase.path)
        content = read_sheet(purchase.sheet).sheet.wares.content
        if content is None:
            raise InvalidInput("nothing is delivered for a service", hint="the seller says how it is used")
        folder = to or Path()
        return (folder / content.name if folder.is_dir() else folder).absolute()

    def _record(self, purchase: Purchase, found: Fetched) -> None:
        """Puts on record that what was bought is here, once for each statement."""
        content = read_sheet(purchase.sheet).sheet.wares.content
        assert content is not None
        made = ReceivedRecord(
            purchase.order, purchase.offer, found.statement.digest_hex, content.root, content.size_bytes
        )
        query = select(market_records.c.idx).where(
            market_records.c.kind == "received",
            market_records.c.order == purchase.order,
            market_records.c.digest == made.statement,
        )
        with self._views.reading() as connection:
            known: Sequence[Any] = connection.execute(query).all()
        if not known:
            self._recorder.write(made.draft())
