"""Accepting a proposal: the owner's dataset, asset and offers go on from it, and whoever contributed has a share.

1. the decision is on record; from here on it can no longer be withdrawn;
2. the contents lie in the home, and are registered as the next version of the dataset, with a run `contribution` from
   the version before to it;
3. the ledger is told that this is the asset's next version;
4. of each offer that the opening names, a new sheet promises the new contents, and the ledger is told that sheet and
   the new shares, in one change; who bought before keeps what was bought;
5. the log says what was taken over.

Before step 1 everything is held against what the proposal says, and what it costs is shown. Each step looks first
whether it is done, so all of it may be repeated after a kill at any point. What an offer is to become is written
down before anything is sent: repeated, it is not diluted twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import DoesNotMatch, InvalidInput, NotAllowed, NotFound, Stale
from counterfoil.market.contributions.offer_plans import OfferPlans, plan_draft
from counterfoil.market.contributions.opening import Opening
from counterfoil.market.contributions.proposal import SignedProposal, root_of_contents
from counterfoil.market.contributions.records import ContributionRecord, VerdictRecord
from counterfoil.market.contributions.registry import Held, Registry
from counterfoil.market.contributions.table_changes import table_changes
from counterfoil.market.contributions.taking import Taking
from counterfoil.market.contributions.told import Told
from counterfoil.market.selling.selling import Selling
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.market.state import MarketState
from counterfoil.provenance import Provenance
from counterfoil.provenance.dataset_content import content_of
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.lineage.records import RunRecord
from counterfoil.provenance.lineage.runs import Run
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.assets.asset import Asset
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import Offer
    from counterfoil.ledger.market.quote import TradeQuote

__all__ = ["Accepted", "Accepting"]

Tell = Callable[[str], None]
RUN_KIND: Final = "contribution"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A proposal that was taken over.

    Attributes:
        proposal: Its digest, hex.
        dataset: The version that it became.
        version: Number of that version on the ledger.
        offers: The offers that go on from it, as they stand now.
    """

    proposal: str
    dataset: Dataset
    version: int
    offers: tuple[Offer, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON."""
        return {
            "dataset": self.dataset.index,
            "offers": [each.to_json() for each in self.offers],
            "proposal": self.proposal,
            "version": self.version,
        }


class Accepting:
    """Accepts proposals at one owner's home, one after the other. Safe to use from several threads.

    Args:
        registry: Keeps them.
        taking: Opens their contents.
        told: Puts them on record.
        state: Keeps what offers are to become.
        selling: Delivers what is offered.
        shelf: Takes sheets.
        ledger: The home's ledger.
        provenance: The home's datasets.
        secret: Returns the secret market key.
        origin: The name that it signs under.
        now_s: Returns Unix seconds.
    """

    def __init__(
        self,
        registry: Registry,
        taking: Taking,
        told: Told,
        state: MarketState,
        selling: Selling,
        shelf: Shelf,
        ledger: Ledger,
        provenance: Provenance,
        secret: Callable[[], bytes],
        origin: str,
        now_s: Callable[[], int],
    ) -> None:
        self._registry = registry
        self._taking = taking
        self._told = told
        self._plans = OfferPlans(state, selling, shelf, ledger, secret, origin, now_s)
        self._ledger = ledger
        self._provenance = provenance
        self._now_s = now_s
        self._lock = threading.Lock()  # held while one is carried out

    def look(self, digest: str, contents: Path | None = None) -> bytes:
        """Returns the contents of a proposal that says the truth of them: root, fingerprint, what changed in a table.

        This reads what somebody else made; until here nothing did.

        Args:
            digest: Of the proposal.
            contents: The file, where it was had under an offer; None takes what was sent along.

        Raises:
            NotFound: The contents are not here, or the version that is to be changed is not.
            DoesNotMatch: They are others than it says.
        """
        held = self._registry.held(digest)
        data = self._taking.contents(digest) if contents is None else _read(contents, held.signed)
        told = held.signed.proposal
        with self._registry.laid_out(digest, told.content.name, data) as path:
            try:
                found = content_of(path).fingerprint
            except InvalidInput as error:
                raise DoesNotMatch(f"the contents cannot be read as a dataset: {error.message}") from error
        if found.root.hex() != told.content.fingerprint:
            raise DoesNotMatch("the contents have another fingerprint than the proposal says")
        changes = table_changes(self._provenance.fingerprint(self._base(held)), found)
        if told.table is not None and changes != told.table:
            raise DoesNotMatch("the contents change other rows or columns than the proposal says")
        return data

    def planning(self, digest: str, contents: Path | None = None) -> tuple[TradeQuote, Callable[[Tell], Accepted]]:
        """Returns what accepting a proposal would cost and show, and what does it. Nothing is sent or written yet.

        Args:
            digest: Of the proposal.
            contents: As for `look`.

        Raises:
            NotFound: There is none, or its contents are not here.
            NotAllowed: Reviewers have not agreed, or it was declined or withdrawn.
            Stale: The asset has another version meanwhile.
            DoesNotMatch: The contents are not what it says.
            InvalidInput: The shares leave no room for it.
        """
        held = self._registry.held(digest)
        self._require_decided(held)
        base = self._base(held)
        data = None if held.state == "accepting" and self._placed(held).exists() else self.look(digest, contents)
        self._require_newest(held)
        if held.state != "accepting" and data is not None:
            self._require_new(base, data)
        offers = [self._ledger.market.offer(each) for each in self._opening(held).offers]
        quote = self._quote(held, offers)

        def carry_out(tell: Tell) -> Accepted:
            with self._lock:
                now = self._registry.held(digest)
                self._require_newest(now)  # another may have been accepted since
                return self._carry_out(now, base, data, tell)

        return quote, carry_out

    # Before anything is done

    def _require_decided(self, held: Held) -> None:
        needed = self._opening(held).needed
        if held.state in ("accepting", "reviewed") or (held.state == "open" and not needed):
            return
        if held.state == "open":
            raise NotAllowed(
                f"{held.agree} of {needed} reviewers agree so far",
                hint="`counterfoil market review-proposal` gives a reviewer's word",
            )
        raise NotAllowed(f"the proposal is {held.state}", hint="it cannot be accepted")

    def _require_newest(self, held: Held) -> None:
        """Refuses a proposal whose base is no longer the newest, unless it became the newest itself."""
        asset = self._ledger.assets.show(held.signed.proposal.asset).asset
        if not asset.is_ours:
            raise NotAllowed(f"the asset belongs to {asset.owner} now")
        run = self._run(held)
        if asset.manifest not in (held.signed.proposal.base, *(run.record.outputs if run else ())):
            raise Stale(
                "the asset has another version than the one that the proposal changes",
                hint="decline it, and ask for the change to the newest version",
            )

    def _require_new(self, base: Dataset, data: bytes) -> None:
        """Refuses what the dataset was before: a version cannot come from what came from it."""
        digest = sha256(data).hexdigest()
        for known in self._provenance.datasets(base.record.name):
            if known.record.sha256 == digest:
                raise InvalidInput(
                    f"it is what {known.record.name} {known.record.version} was, word for word",
                    hint="decline it; an earlier version is offered again with `counterfoil asset publish`",
                )

    def _quote(self, held: Held, offers: list[Offer]) -> TradeQuote:
        """Adds up what is still to be sent; digests that are not known yet are stood in for by the proposal's."""
        from counterfoil.ledger.market.quote import TradeQuote

        told, known = held.signed.proposal, self._plans.known(held)
        rule, named = self._opening(held).rule, self._opening(held).offers
        asset, stand_in = self._ledger.assets.show(told.asset).asset, held.signed.digest_hex
        quotes = []
        public = {"asset": told.asset, "next version": "the digest of its record"}
        if asset.manifest == told.base:
            quotes.append(self._ledger.assets.publishing(told.asset, stand_in)[0])
        for offer in offers:
            if self._plans.is_past(held, named, offer.offer):
                continue
            planned = known.get(offer.offer) or self._plans.planned(held, rule, offer, stand_in)
            quotes.append(self._ledger.market.offering(told.asset, plan_draft(planned))[0])
            public[f"offer {offer.offer[:10]}…"] = "another sheet, and the shares " + "; ".join(
                f"{each['bps'] / 100:g} percent for {each['payee']}" for each in planned["shares"]
            )
        return TradeQuote.of(quotes, "accept the proposal", public)

    # Doing it

    def _carry_out(self, held: Held, base: Dataset, data: bytes | None, tell: Tell) -> Accepted:
        digest, told = held.signed.digest_hex, held.signed.proposal
        self._registry.move(digest, "accepting", of=("open", "reviewed"))  # 1
        leaf = self._told.proposal(held.signed, told.base)
        self._told.write(VerdictRecord(digest, told.asset, "accepted", held.votes, leaf).draft())
        name = told.content.name
        path = self._registry.put_plain(digest, name, data) if data is not None else self._placed(held)  # 2
        dataset = self._provenance.register_dataset(path, name=base.record.name)
        run = self._recorded(held, base, dataset)
        asset = self._published(told.asset, dataset, tell)  # 3
        made = []
        opening = self._opening(held)
        named = opening.offers
        for offer in named:  # 4
            if self._plans.is_past(held, named, offer):
                made.append(self._ledger.market.offer(offer))
                continue
            planned = self._plans.next(held, opening.rule, offer, path, dataset)
            quote, carry_out = self._ledger.market.offering(told.asset, plan_draft(planned))
            quote.require_funds()
            made.append(carry_out(tell))
        plans = self._plans.known(held)
        offers = [{name: plans[each][name] for name in ("shares", "sheet")} | {"offer": each} for each in named]
        record = ContributionRecord(digest, told.asset, dataset.leaf, asset.version, run.leaf, offers, leaf)
        self._told.write(record.draft())  # 5
        self._registry.move(digest, "accepted", of=("accepting",))
        self._registry.forget_contents(digest)
        return Accepted(digest, dataset, asset.version, tuple(made))

    def _recorded(self, held: Held, base: Dataset, dataset: Dataset) -> Run:
        """Records the run from the version before to the new one, once."""
        known = self._run(held)
        if known is not None:
            return known
        told, now = held.signed.proposal, time_text(self._now_s())
        parameters = {
            "contributor": sha256(held.signed.key.public).hexdigest(),
            "licence": told.licence,
            "parents": " ".join(told.lineage.parents),
            "proposal": held.signed.digest_hex,
            "record": told.lineage.record,
        }
        run = RunRecord(
            RUN_KIND,
            RUN_KIND,
            (base.leaf,),
            (dataset.leaf,),
            None,
            parameters,
            {},
            None,
            now,
            now,
            source=_source(held),
        )
        return self._provenance.runs.record(run)

    def _published(self, asset: str, dataset: Dataset, tell: Tell) -> Asset:
        quote, carry_out = self._ledger.assets.publishing(asset, dataset.leaf, of=dataset.leaf)
        quote.require_funds()
        return carry_out(tell)

    # Looking

    def _base(self, held: Held) -> Dataset:
        found = self._provenance.with_leaf(held.signed.proposal.base)
        if not isinstance(found, Dataset):
            raise InvalidInput("the proposal changes something else than a dataset")
        return found

    def _opening(self, held: Held) -> Opening:
        return self._registry.opening_of(held.signed).opening

    def _run(self, held: Held) -> Run | None:
        return self._provenance.runs.told_from(_source(held))

    def _placed(self, held: Held) -> Path:
        return self._registry.accepted_path(held.signed.digest_hex, held.signed.proposal.content.name)


def _source(held: Held) -> Mapping[str, str]:
    return {"id": held.signed.digest_hex, "system": RUN_KIND}


def _read(path: Path, signed: SignedProposal) -> bytes:
    """Returns contents that lie in a file, where they are those that are proposed."""
    content = signed.proposal.content
    try:
        if path.stat().st_size != content.size_bytes:
            raise DoesNotMatch(f"{path.name} has another length than the proposed contents")
        data = path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
    if root_of_contents(data) != content.root:
        raise DoesNotMatch(f"{path.name} is not the proposed contents: it has another root")
    return data
