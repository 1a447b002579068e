"""Buying a computation next to somebody else's data: the algorithm goes there, and what may leave comes back.

1. the specification names exactly what is to be run; its digest is what is bought;
2. when the order's block is final, specification and algorithm are handed in;
3. when the job is delivered the result is fetched; the receipt in it must be signed by the seller's key, be about this
   order and job, and be the one whose digest the ledger has; every output must be the one the receipt names;
4. that it is here is put on record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core.age import recipient_of
from counterfoil.core.age_payload import decrypt
from counterfoil.errors import (
    CounterfoilError,
    DoesNotMatch,
    InvalidInput,
    LogUnavailable,
    MalformedEvidence,
    NotAllowed,
    NotSignedIn,
    Stale,
)
from counterfoil.market.buying.buying import Buying
from counterfoil.market.buying.job_parts import encode_parts
from counterfoil.market.buying.planned import Planned, Tell
from counterfoil.market.buying.purchases import Purchase, Purchases, PurchaseState, Stated
from counterfoil.market.buying.received import Received
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.gate.privacy.statistics import read_statistics
from counterfoil.market.compute.jobs.job_spec import NO_PARAMETERS, AlgorithmNamed, JobSpec
from counterfoil.market.compute.jobs.receipt import require_receipt
from counterfoil.market.compute.jobs.result_file import JOB_FILE, MOST_RESULT_BYTES, SHEET_FILE, Result, read_result
from counterfoil.market.compute.jobs.rules import ComputeRules
from counterfoil.market.delivery.tickets import is_ticket, sealed_for
from counterfoil.market.delivery.wire import SellerWire
from counterfoil.market.records import ReceivedRecord
from counterfoil.market.sheets.sheet import SignedSheet, read_sheet
from counterfoil.market.terms import fill_parameters
from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.store.durable import replace_file
from counterfoil.store.new_file import require_new
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.buying import Way

__all__ = ["Computing", "ToCompute"]

_MOST_TOLD_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class ToCompute:
    """What is to be run.

    Attributes:
        algorithm: What is run; None where statistics are asked for.
        parameters: For the algorithm; what the offer's schema has defaults for may be left out.
        statistics: As the offer's privacy rules give them; empty where an algorithm is run.
        limits: What it may use, by name; the offer's limits cap it.
        publication: The publisher's signed document, canonical JSON; empty without one.
    """

    algorithm: Algorithm | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    statistics: Sequence[Mapping[str, Any]] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    publication: bytes = b""


class Computing:
    """What one home has computed elsewhere. Safe to use from several threads.

    Args:
        folder: Where algorithms wait until they are handed in.
        ledger: The home's ledger.
        buying: The buyer's side.
        purchases: What was bought.
        recorder: Writes what was received.
        views: Finds what was.
        reach: Which addresses may be asked.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        buying: Buying,
        purchases: Purchases,
        recorder: Recorder,
        views: Views,
        reach: Reach,
    ) -> None:
        self._folder = folder
        self._ledger = ledger
        self._buying = buying
        self._purchases = purchases
        self._received = Received(recorder, views)
        self._reach = reach

    def planning(
        self,
        offer: str,
        wanted: ToCompute,
        stated: Stated | None = None,
        *,
        to: Path | None = None,
        most: str = "",
        token: str = "",
        way: Way = "auto",
    ) -> Planned:
        """Returns what buying the job would cost, and what buys it and hands it in; see `Buying.planning`.

        Args:
            offer: The offer's id.
            wanted: What is to be run.
            stated: What is said to the seller's terms.
            to: Folder that the result is put in when it is there; it must be new.
            most: The most it may cost; the offer's price by default.
            token: Address of the token that this is in; as for `Buying.planning`.
            way: How it is paid.

        Raises:
            InvalidInput: The parameters do not fit, it asks for what the offer does not give, or `to` is taken.
            NotAllowed: As for `Buying.planning`.
        """
        require_new(to)
        planned = self._buying.planning(
            offer,
            stated,
            most=most,
            token=token,
            way=way,
            job_of=lambda signed: self._spec(wanted, signed).encode(),
            to=to,
        )

        def carry_out(tell: Tell) -> Purchase:
            if wanted.algorithm is not None:
                self._keep(planned.order, wanted)
            bought = planned.carry_out(tell)
            tell("Handing the job in ...")
            self.hand_in(bought.order)
            return self._purchases.at(bought.order)

        return replace(planned, carry_out=carry_out)

    def hand_in(self, order: str) -> dict[str, Any]:
        """Hands in what was bought, and returns how far it is. May be repeated.

        Raises:
            NotFound: This home has no such purchase.
            NotAllowed: The seller takes it not, or not any more; the hint says how the money comes back.
            NodeUnreachable: The seller's node does not answer.
        """
        purchase = self._require_job(order)
        body, kind = encode_parts(self._parts(purchase))

        def ask(wire: SellerWire) -> bytes:
            try:
                return wire.post("job", body, most_bytes=_MOST_TOLD_BYTES, content_type=kind)
            except NotAllowed as error:
                raise NotAllowed(
                    f"the job of the order {purchase.order} was not taken: {error.message}",
                    hint=f"`counterfoil market job {purchase.order} --cancel` has the money given back; "
                    "without --cancel it is handed in again, once the seller takes it",
                ) from error

        return self._told(self._asked(purchase, ask))

    def status(self, order: str) -> dict[str, Any]:
        """Returns how far a job is: `refunded` where the ledger says so, else what the seller says."""
        purchase = self._require_job(order)
        if self._ledger.market.order(order).state == "refunded":  # such an order opens no door any more
            return {"job": sha256(purchase.job).hexdigest(), "order": purchase.order, "state": "refunded"}
        return self._told(self._asked(purchase, lambda wire: wire.get("job", most_bytes=_MOST_TOLD_BYTES)))

    def cancel(self, order: str) -> dict[str, Any]:
        """Takes a job back that waits or is held, or has it stopped; then the seller's node gives the money back.

        So it does for an order whose job was not handed in, or not taken.

        Raises:
            NotFound: This home has no such purchase.
            Stale: The job has ended.
            NodeUnreachable: The seller's node does not answer.
        """
        purchase = self._require_job(order)
        return self._told(self._asked(purchase, lambda wire: wire.post("cancel", b"{}", most_bytes=_MOST_TOLD_BYTES)))

    def fetch(self, order: str, to: Path | None = None) -> Result:
        """Does steps 3 and 4, and returns the result; it is written into a new folder where one is named.

        Raises:
            Stale: The job is not delivered yet, or the ledger does not say so yet.
            DoesNotMatch: The result is about something else, or another than the ledger names.
        """
        purchase = self._require_job(order)
        sealed = self._asked(purchase, lambda wire: wire.get("result", most_bytes=MOST_RESULT_BYTES))
        found = read_result(decrypt(sealed, self._purchases.secret_of(purchase)))
        self._require_own(purchase, found)
        found = replace(found, bought={JOB_FILE: purchase.job, SHEET_FILE: purchase.sheet})
        folder = to.absolute() if to is not None else Path(purchase.path) if purchase.path else None
        if folder is not None:
            found.write(folder)
        self._record(purchase, found)
        self._forget(purchase.order)
        path = str(folder) if folder is not None else purchase.path
        self._purchases.change(order, state=PurchaseState.FETCHED, fault="", path=path)
        return found

    def resume(self, *, may: Callable[[Purchase], bool] = lambda _: True) -> list[Purchase]:
        """Goes on with every job that was bought and not fetched; returns those that moved.

        Args:
            may: Whether one is asked for now.
        """
        moved = []
        for each in self._purchases.all():
            if each.kind != "job" or each.state is not PurchaseState.BOUGHT or not may(each):
                continue
            try:
                state = self.status(each.order)["state"]
                if state == "awaited":
                    state = self.hand_in(each.order)["state"]
                if state == "delivered" and each.path:
                    self.fetch(each.order)
                    moved.append(self._purchases.at(each.order))
            except CounterfoilError as error:
                self._purchases.change(each.order, fault=error.message)
        return moved

    # Inner parts

    def _spec(self, wanted: ToCompute, signed: SignedSheet) -> JobSpec:
        """Step 1."""
        wares = signed.sheet.wares
        if wares.kind != "job" or wares.compute is None or wares.content is None:
            raise InvalidInput("nothing can be computed under this offer", hint="see `counterfoil market show`")
        rules = ComputeRules.from_json(wares.compute)
        parameters = fill_parameters(wares.parameters or NO_PARAMETERS, dict(wanted.parameters))
        named = AlgorithmNamed.of(wanted.algorithm) if wanted.algorithm is not None else None
        if named is None:
            if rules.privacy is None:
                raise InvalidInput("this offer gives no statistics", hint="bring an algorithm")
            rules.privacy.require_statistics(read_statistics(wanted.statistics))
        spec = JobSpec(
            signed.sheet.offer,
            named,
            wares.content.root,
            token_hex(32),
            parameters,
            tuple(wanted.statistics),
            dict(wanted.limits),
        )
        return JobSpec.decode(spec.encode())

    def _require_own(self, purchase: Purchase, found: Result) -> None:
        """Step 3's comparisons."""
        signed, spec = read_sheet(purchase.sheet), JobSpec.decode(purchase.job)
        found.signed.require_key(signed.key)
        require_receipt(
            found.receipt,
            order=purchase.order,
            offer=purchase.offer,
            job=spec.digest_hex,
            inputs=spec.dataset,
            algorithm=spec.algorithm.digest if spec.algorithm else "",
        )
        order = self._ledger.market.order(purchase.order)
        if not order.digest:
            raise Stale("the ledger does not say yet that the job is delivered", hint="ask again in a moment")
        if order.digest != found.signed.digest_hex:
            raise DoesNotMatch(
                "the execution receipt is not the one that the ledger names",
                hint="keep both: what the ledger names, the seller's account has put there",
            )

    def _require_job(self, order: str) -> Purchase:
        purchase = self._buying.settled(order)
        if purchase.kind != "job":
            raise InvalidInput(f"the order is for a {purchase.kind}", hint="`counterfoil market download` fetches it")
        if purchase.state is PurchaseState.PLANNED:
            raise Stale("this purchase is not on the ledger yet", hint="`counterfoil market compute` goes on with it")
        return purchase

    def _parts(self, purchase: Purchase) -> dict[str, bytes]:
        parts = {"spec": purchase.job}
        kept = self._kept(purchase.order)
        if kept.exists():
            parts["algorithm"] = kept.read_bytes()
        published = kept.with_suffix(".json")
        if published.exists():
            parts["publication"] = published.read_bytes()
        return parts

    def _keep(self, order: str, wanted: ToCompute) -> None:
        """Keeps an algorithm until it is handed in and came back."""
        assert wanted.algorithm is not None
        self._put(self._kept(order), wanted.algorithm.to_tar())
        if wanted.publication:
            self._put(self._kept(order).with_suffix(".json"), wanted.publication)

    def _kept(self, order: str) -> Path:
        return self._folder / f"{order.removeprefix('0x')}.tar"

    def _forget(self, order: str) -> None:
        """Drops what was kept to hand a job in, and the ticket to ask for it."""
        for each in (
            self._kept(order),
            self._kept(order).with_suffix(".json"),
            self._kept(order).with_suffix(".ticket"),
        ):
            each.unlink(missing_ok=True)

    def _asked(self, purchase: Purchase, ask: Callable[[SellerWire], bytes]) -> bytes:
        """Asks the seller's node with the order's ticket; a new one is asked for only where that has ended.

        Terms may give access a few times alone, and each ticket is one.
        """
        node = read_sheet(purchase.sheet).sheet.wares.node
        secret, path = self._purchases.secret_of(purchase), self._kept(purchase.order).with_suffix(".ticket")
        ticket = ""
        with suppress(OSError, CounterfoilError):  # one that cannot be read is asked for anew
            ticket = decrypt(path.read_bytes(), secret).decode("ascii", "replace")
        if is_ticket(ticket):
            with suppress(NotSignedIn):
                return ask(SellerWire(node, purchase.order, ticket, self._reach))
        ticket = self._buying.ticket(purchase.order)
        self._put(path, sealed_for(recipient_of(secret), ticket.encode()))
        return ask(SellerWire(node, purchase.order, ticket, self._reach))

    def _put(self, path: Path, data: bytes) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(path, data)
        except OSError as error:
            raise LogUnavailable(
                f"{path.name} cannot be kept: {error.strerror}", hint="free some disk space"
            ) from error

    @staticmethod
    def _told(answer: bytes) -> dict[str, Any]:
        try:
            told = json.loads(answer)
            return {name: str(told[name])[:100] for name in ("job", "order", "state")}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise MalformedEvidence("the seller's node answers something else than how far the job is") from error

    def _record(self, purchase: Purchase, found: Result) -> None:
        """Step 4."""
        outputs = sorted(f"{each.sha256} {each.name}" for each in found.receipt.outputs)
        content = sha256("\n".join(outputs).encode()).hexdigest()
        size = sum(each.size for each in found.receipt.outputs)
        made = ReceivedRecord(purchase.order, purchase.offer, found.signed.digest_hex, content, size)
        self._received.record(made)
