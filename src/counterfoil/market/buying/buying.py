"""Buying something, and fetching it: one command that may be repeated after any interruption.

1. the offer is read from the ledger, and its sheet, whose digest the ledger has, from the seller's node;
2. a key is made for this order alone, and with it the order's id is known;
3. the seller's node is asked whether its terms would let us in: nobody pays for what is then refused;
4. what it costs is shown; nothing was sent until here;
5. the purchase is kept, durably; then the order is made on the ledger;
6. when its block is final the seller's node is asked for a ticket, which only our key opens;
7. what was bought is fetched, checked against what was published, and put on record.

Killed between any two steps, `resume` goes on: the ledger says whether the order was made. The same command repeated
goes on, too: as long as a purchase of this offer is on its way to the ledger, no second one is begun.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from counterfoil.core import canonical
from counterfoil.core.age import recipient_of
from counterfoil.core.mismatch_file import OFFER_FORMAT, content_of_sheet
from counterfoil.core.signed_document import read_document
from counterfoil.errors import (
    CounterfoilError,
    DoesNotMatch,
    InvalidInput,
    LedgerContradicts,
    LedgerUnreachable,
    NotAllowed,
    NotFound,
    Stale,
    WrongChain,
)
from counterfoil.ledger.accounts.account import parse_address
from counterfoil.ledger.sending.rows import OPEN
from counterfoil.market.buying.entrance import Entrance
from counterfoil.market.buying.planned import Planned, Tell
from counterfoil.market.buying.purchases import Purchase, Purchases, PurchaseState, Stated
from counterfoil.market.buying.received import Received
from counterfoil.market.delivery.fetching import PATIENCE_S, Fetched, fetch, is_whole
from counterfoil.market.delivery.purchase import Purchase as OrderToFetch
from counterfoil.market.delivery.source import Progress
from counterfoil.market.delivery.wire import SellerWire
from counterfoil.market.records import ReceivedRecord
from counterfoil.market.sheets.sheet import SignedSheet, read_sheet
from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.buying import Way
    from counterfoil.ledger.market.offer import Offer

__all__ = ["Buying"]

SheetOf = Callable[["Offer"], SignedSheet]
"""Returns the sheet of an offer, from wherever it can be had; its digest is the one on the ledger."""

JobOf = Callable[[SignedSheet], bytes]
"""Returns what is to be run under a sheet: the specification, canonical JSON."""

_FETCHABLE: Final = ("licence", "period")
SENDING_S: Final = 10.0
"""So long a step waits for the orders that are on their way to the ledger."""


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

    Attributes:
        entrance: Asks sellers' nodes to be let in.
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
        self._received = Received(recorder, views)
        self.entrance = Entrance(purchases, secret, origin, recorder.now_s, reach)
        self._sheet_of = sheet_of
        self._reach = reach

    # Buying

    def planning(
        self,
        offer: str,
        stated: Stated | None = None,
        *,
        most: str = "",
        token: str = "",
        way: Way = "auto",
        referrer: str = "",
        asks_seller: bool = True,
        job_of: JobOf | None = None,
        to: Path | None = None,
    ) -> Planned:
        """Does steps 1 to 3; returns what step 5 would cost, and what does it.

        Where a purchase of this offer was begun before and is not known to be made, it is that one, with what is
        stated now; unless it was never sent, and the offer has another sheet since.

        Args:
            offer: The offer's id, `0x` and 64 digits.
            stated: What is said to the seller's terms; nothing by default.
            most: The most it may cost, decimal text; its price by default.
            token: Address of the token that this is in, which the offer has to have, too; with a `most`, that of the
                settings by default, and else the offer's.
            way: How it is paid.
            referrer: Address of whoever brought the buyer.
            asks_seller: Whether the seller's node is asked first whether it would let us in.
            job_of: Returns the specification of the job that is bought; only for an offer of jobs.
            to: Where it is to be fetched to, a file or a folder (a folder for a job), also by `resume`; None fetches
                nothing by itself.

        Raises:
            NotFound: There is no such offer, or its sheet cannot be had.
            NotAllowed: It cannot be bought, is dearer or in another token, or the seller's terms would not let us in.
            OutOfFunds: The account holds less than the price.
            DoesNotMatch: The sheet is not the one on the ledger.
        """
        found = self._ledger.market.offer(offer)
        if found.kind == "job" and job_of is None:
            raise InvalidInput("a job is bought with what is to be run", hint="`counterfoil market compute` does it")
        before = self._purchases.of_offer(found.offer, self._ledger.market.account)
        begun = [each for each in before if each.state is PurchaseState.PLANNED]
        sent = next((each for each in begun if job_of is None and self._is_sent(each)), None)
        if sent is not None:
            purchase, signed = replace(sent, stated=stated or sent.stated), read_sheet(sent.sheet)
        else:
            signed = self._sheet_of(found)  # step 1
            purchase = self._begun(found, signed, stated or Stated(), begun, job_of)  # step 2
        admission = self.entrance.preview(purchase, signed) if asks_seller and sent is None else ""  # step 3
        seen = {each.order for each in before} if job_of is None else None
        if to is not None and purchase.kind in _FETCHABLE:
            purchase = replace(purchase, path=str(self._path(purchase, to)))
        elif to is not None and purchase.kind == "job":
            purchase = replace(purchase, path=str(to.absolute()))
        return self._planned(
            purchase, found, signed, admission, seen, most=most, token=token, way=way, referrer=referrer
        )

    def _is_sent(self, purchase: Purchase) -> bool:
        """Whether a purchase is on the ledger, or on its way there."""
        with suppress(NotFound):
            self._ledger.market.order(purchase.order)
            return True
        return bool(self._ledger.opened.outbox.rows(purpose=f"trade bought {purchase.order}", states=OPEN))

    def _begun(
        self, offer: Offer, signed: SignedSheet, stated: Stated, before: Sequence[Purchase], job_of: JobOf | None
    ) -> Purchase:
        account = self._ledger.market.account
        job = job_of(signed) if job_of is not None else b""
        known = next((each for each in before if each.sheet == signed.data and _is_same_job(each.job, job)), None)
        if known is not None:
            return replace(known, stated=stated)
        return self._purchases.begin(
            offer=offer.offer,
            asset=offer.asset,
            kind=offer.kind,
            title=signed.sheet.wares.title,
            sheet=signed.data,
            account=account,
            stated=stated,
            job=job,
        )

    def _planned(
        self,
        purchase: Purchase,
        offer: Offer,
        signed: SignedSheet,
        admission: str,
        seen: Collection[str] | None = None,
        *,
        most: str = "",
        token: str = "",
        way: Way = "auto",
        referrer: str = "",
    ) -> Planned:
        from counterfoil.ledger.accounts.account import checksummed
        from counterfoil.ledger.market.buying import ToBuy

        recipient = recipient_of(self._purchases.secret_of(purchase)).hex()
        job = sha256(purchase.job).hexdigest() if purchase.job else ""
        price, meant = offer.price, offer.price.token
        if price.units and (most or token):
            meant = checksummed(self._ledger.market.named_token(token))
        wanted = ToBuy(offer.offer, recipient, most or price.amount, signed.digest_hex, job, referrer, token=meant)
        quote, buy = self._ledger.market.buying(wanted, way)

        def carry_out(tell: Tell) -> Purchase:
            self._purchases.keep(purchase, seen)  # step 5
            made = buy(tell)
            assert made.order == purchase.order, "an order's id follows from offer, account and key"
            return self._purchases.change(purchase.order, state=PurchaseState.BOUGHT, fault="")

        return Planned(quote, offer, signed, purchase.order, admission, carry_out)

    # Fetching

    def fetch(
        self,
        order: str,
        to: Path | None = None,
        progress: Progress | None = None,
        *,
        patience_s: float = PATIENCE_S,
    ) -> Purchase:
        """Does steps 6 and 7; goes on where it broke off.

        Args:
            order: The order's id.
            to: The file to be, or the folder it is put in; where it was to be before, without it.
            progress: Told (bytes done, bytes in all).
            patience_s: So long a node that is away is asked again; with 0 nothing is waited for.

        Raises:
            NotFound: This home has no such purchase.
            InvalidInput: Nothing is delivered for it, or the file is there already.
            NotAllowed: The order gives no access, or the terms do not.
            DoesNotMatch: The seller sends something else than it published; the hint names the evidence. Or the file
                that was fetched is another now.
            NodeUnreachable: The seller's node does not answer.
        """
        purchase = self._settled(self._known(order))
        if purchase.state in (PurchaseState.PLANNED, PurchaseState.DROPPED):
            raise Stale("this purchase is not on the ledger yet", hint="`counterfoil market buy` goes on with it")
        if purchase.state is PurchaseState.REFUNDED:
            raise NotAllowed("this purchase was refunded, and gives no access", hint="buy it again to have it")
        if purchase.kind not in _FETCHABLE:
            raise InvalidInput(f"nothing is fetched for a {purchase.kind}", hint="see `counterfoil market purchases`")
        path = self._path(purchase, to)
        if purchase.state is PurchaseState.FETCHED and str(path) == purchase.path and path.exists():
            if not is_whole(path, content_of_sheet(read_document(purchase.sheet, OFFER_FORMAT))):
                raise DoesNotMatch(
                    f"{path} is not what was bought any more: it was changed after it was fetched",
                    hint="fetch it again into another file: --to FILE",
                )
            return purchase
        self._purchases.change(order, path=str(path))
        try:
            found = self._fetched(purchase, path, progress, patience_s)
        except CounterfoilError as error:
            self._purchases.change(order, fault=error.message)
            raise
        self._record(purchase, found)
        return self._purchases.change(order, state=PurchaseState.FETCHED, fault="")

    def _fetched(self, purchase: Purchase, path: Path, progress: Progress | None, patience_s: float) -> Fetched:
        signed = read_sheet(purchase.sheet)
        ticket = self.entrance.ticket(purchase, signed)  # step 6
        sheet = read_document(purchase.sheet, OFFER_FORMAT)
        known = OrderToFetch(
            purchase.order,
            purchase.offer,
            signed.sheet.chain_id,
            signed.sheet.market,
            self._purchases.secret_of(purchase),
            sheet,
        )
        wire = SellerWire(signed.sheet.wares.node, purchase.order, ticket, self._reach)
        return fetch(known, wire, path, progress, patience_s=patience_s)  # step 7

    def ticket(self, order: str) -> str:
        """Asks the seller's node for a ticket, by which other programs can fetch what was bought.

        Raises:
            NotFound: This home has no such purchase.
            NotAllowed: The order gives no access, or the terms do not.
            NodeUnreachable: The seller's node does not answer.
        """
        purchase = self._known(order)
        return self.entrance.ticket(purchase, read_sheet(purchase.sheet))

    def settled(self, order: str) -> Purchase:
        """Returns a purchase as far as the ledger says it is (NotFound where this home has none)."""
        return self._settled(self._known(order))

    # Going on

    def resume(
        self, progress: Progress | None = None, *, may: Callable[[Purchase], bool] = lambda _: True
    ) -> list[Purchase]:
        """Goes on with every purchase that was interrupted, and returns those that moved.

        What cannot go on now says why in its `fault`, holds up no other, and is tried again the next time.

        Args:
            progress: As for `fetch`.
            may: Whether one that is on the ledger is fetched now.

        Raises:
            LedgerUnreachable, LedgerContradicts, WrongChain: The ledger cannot be asked.
        """
        moved = []
        self._bring_on()
        for each in self._purchases.all():
            if each.state in (PurchaseState.FETCHED, PurchaseState.REFUNDED):
                continue
            try:
                now = self._settled(each)
                if now.state is PurchaseState.BOUGHT and now.path and now.kind in _FETCHABLE and may(now):
                    now = self.fetch(now.order, progress=progress, patience_s=0)
            except (LedgerContradicts, LedgerUnreachable, WrongChain):  # without the ledger none goes on
                raise
            except CounterfoilError as error:
                now = self._purchases.change(each.order, fault=error.message)
            if now.state is not each.state:
                moved.append(now)
        return moved

    def _bring_on(self) -> None:
        """Sends what was being bought when this home was stopped, and waits a moment for it."""
        outbox, ends = self._ledger.opened.outbox, time.monotonic() + SENDING_S
        for each in self._purchases.all():
            if each.state is PurchaseState.PLANNED:
                for row in outbox.rows(purpose=f"trade bought {each.order}", states=OPEN):
                    outbox.wait(row.id, timeout_s=max(0.0, ends - time.monotonic()))

    def _settled(self, purchase: Purchase) -> Purchase:
        """Asks the ledger what became of a purchase, as far as it will not take that back."""
        market = self._ledger.market
        if purchase.state in (PurchaseState.PLANNED, PurchaseState.DROPPED):
            if not market.events(names=("Bought", "Ordered"), order=purchase.order, is_final=True, limit=1):
                return purchase
            # Another account would place, and pay, another order.
            is_own = parse_address(purchase.account) == market.account
            if is_own and not market.records(order=purchase.order):  # killed before its log said so
                found = market.offer(purchase.offer)
                return self._planned(purchase, found, read_sheet(purchase.sheet), "").carry_out(_silent)
            return self._purchases.change(purchase.order, state=PurchaseState.BOUGHT, fault="")
        if purchase.state is PurchaseState.BOUGHT and market.events(
            names=("Refunded",), order=purchase.order, is_final=True, limit=1
        ):
            return self._purchases.change(purchase.order, state=PurchaseState.REFUNDED, fault="")
        return purchase

    # Inner parts

    def _known(self, order: str) -> Purchase:
        """Returns a purchase of this home.

        Raises:
            NotFound: It has none of this order; where the ledger says that it bought it, that is said plainly.
        """
        with suppress(NotFound):
            return self._purchases.at(order)
        bought = None
        with suppress(CounterfoilError):
            bought = self._ledger.market.order(order)
        if bought is not None and parse_address(bought.buyer) == self._ledger.market.account:
            raise NotFound(
                f"this home bought the order {bought.order}, but its key is gone: the home was restored from an "
                "older backup, and nothing that is delivered for it can be read",
                hint="look for a newer backup of market.db; or ask the seller to refund it, or take the money back "
                "when it was due and is not delivered",
            )
        return self._purchases.at(order)

    def _path(self, purchase: Purchase, to: Path | None) -> Path:
        if to is None and purchase.path:
            return Path(purchase.path)
        content = read_sheet(purchase.sheet).sheet.wares.content
        if content is None:
            raise InvalidInput("nothing is delivered for a service", hint="the seller says how it is used")
        folder = to or Path()
        if not folder.is_dir():
            return folder.absolute()
        if content.name.startswith("."):
            raise InvalidInput(
                f"the seller calls the file {content.name}, which programs may read as a setting",
                hint="say what it shall be called: --to FILE",
            )
        return (folder / content.name).absolute()

    def _record(self, purchase: Purchase, found: Fetched) -> None:
        """Puts on record that what was bought is here."""
        content = read_sheet(purchase.sheet).sheet.wares.content
        assert content is not None
        made = ReceivedRecord(
            purchase.order, purchase.offer, found.statement.digest_hex, content.root, content.size_bytes
        )
        self._received.record(made)


def _is_same_job(job: bytes, other: bytes) -> bool:
    """Whether two specifications ask for the same, but for the number that tells one job from the next."""
    if not job or not other:
        return job == other
    return bool(canonical.loads(job) | {"nonce": ""} == canonical.loads(other) | {"nonce": ""})


def _silent(_: str) -> None:
    """Tells nobody."""
