"""The contributor's and the reviewer's side: making a proposal for somebody's asset, handing it in, following it.

What the owner promises is read from its opening, which is believed by this chain: the ledger names the sheet of an
offer by its digest, the sheet is signed by the seller's market key, and the opening is signed by the same key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from counterfoil.core.note import Signer
from counterfoil.errors import DoesNotMatch, InvalidInput, NotAllowed, NotFound, TooLarge
from counterfoil.market.catalogue.node_reader import base_of
from counterfoil.market.contributions.node_wire import OwnersWire
from counterfoil.market.contributions.opening import SignedOpening
from counterfoil.market.contributions.proposal import (
    Lineage,
    Proposal,
    Proposed,
    SignedProposal,
    read_proposal,
    root_of_contents,
    sign_proposal,
)
from counterfoil.market.contributions.table_changes import table_changes
from counterfoil.market.contributions.tables import ALL, sent_proposals
from counterfoil.market.contributions.told import Told
from counterfoil.market.contributions.vote import sign_vote, sign_withdrawal
from counterfoil.market.delivery.tickets import sealed_for
from counterfoil.market.sheets.media_types import media_type
from counterfoil.market.sheets.sheet import SignedSheet
from counterfoil.market.state import MarketState
from counterfoil.provenance.dataset_content import content_of
from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.store.archive import Archive
from counterfoil.store.streams import time_text
from counterfoil.store.views import Views

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import Offer

__all__ = ["Call", "ProposalDraft", "Proposing"]

_TELLS_ORIGINS: Final = ("run", "passport")
"""Kinds of records that tell how something was made."""


@dataclass(frozen=True, slots=True)
class Call:
    """An owner's opening that is believed, and where it was had.

    Attributes:
        opening: What the owner promises.
        node: Address of the owner's node.
        base: SHA-256 of the newest version's manifest, hex.
        base_content: Root (hex) of its contents, as they are delivered.
        name: Name of its file.
    """

    opening: SignedOpening
    node: str
    base: str
    base_content: str
    name: str


@dataclass(frozen=True, slots=True)
class ProposalDraft:
    """What is to be proposed.

    Attributes:
        asset: The owner's asset, `0x` and 64 digits.
        path: The changed file.
        base: The file as it was: the newest version, as it was bought.
        words: What changed and why.
        licence: SHA-256 of the licence that it is given under, one of those that the opening names.
        bps: The share that is asked, in hundredths of a percent.
        account: Who is to be paid; empty takes this home's account.
        lineage: What it was made from.
        offer: An offer of this home under which the contents can be had for nothing; empty sends them along.
    """

    asset: str
    path: Path
    base: Path
    words: str
    licence: str
    bps: int = 0
    account: str = ""
    lineage: Lineage = field(default_factory=Lineage)
    offer: str = ""


class Proposing:
    """Makes proposals and votes for one home. Safe to use from several threads.

    Args:
        state: Keeps what was sent.
        told: Puts it on record.
        archive: Knows the home's origin, and reads its records.
        views: Finds them.
        ledger: The home's ledger.
        sheet_of: Finds the sheet of an offer.
        secret: Returns the secret market key.
        reach: Which nodes may be asked.
        now_s: Returns Unix seconds.
    """

    def __init__(
        self,
        state: MarketState,
        told: Told,
        archive: Archive,
        views: Views,
        ledger: Ledger,
        sheet_of: Callable[[Offer], SignedSheet],
        secret: Callable[[], bytes],
        reach: Reach,
        now_s: Callable[[], int],
    ) -> None:
        state.make(*ALL)
        self._state = state
        self._told = told
        self._archive = archive
        self._views = views
        self._ledger = ledger
        self._sheet_of = sheet_of
        self._secret = secret
        self._reach = reach
        self._now_s = now_s

    def call(self, asset: str) -> Call:
        """Returns what the owner of an asset promises to whoever proposes a change.

        Raises:
            NotFound: The asset names no node, or no proposals are taken for it.
            DoesNotMatch: The opening is not the owner's, or of another asset.
            NotAllowed: No proposals are taken any more.
        """
        found = self._ledger.assets.show(asset).asset
        node = base_of(found.uri)
        if not node:
            raise NotFound(f"the asset {asset} does not say where its owner's node is", hint="ask its owner")
        signed = OwnersWire(node, self._reach).opening(asset)
        opening = signed.opening
        if (opening.asset, opening.chain_id) != (asset, found.chain_id):
            raise DoesNotMatch("the owner's node hands out an opening of another asset")
        for offer_id in opening.offers:
            offer = self._ledger.market.offer(offer_id)
            sheet = self._sheet_of(offer)
            content = sheet.sheet.wares.content
            signed_by = sheet.key.public == signed.key.public
            if offer.asset != asset or offer.seller != found.owner or not signed_by:
                raise DoesNotMatch("the opening is not signed by the key of the asset's owner, or names others' offers")
            if content is not None and content.record == found.manifest:
                if not opening.is_open:
                    raise NotAllowed("no proposals are taken for this asset any more")
                return Call(signed, node, found.manifest, content.root, content.name)
        raise NotFound("no offer that the opening names is for the newest version", hint="ask its owner to offer it")

    def prepare(self, draft: ProposalDraft) -> tuple[Call, SignedProposal, bytes]:
        """Returns a proposal before it is handed in, the opening that it answers, and its contents.

        Raises:
            As `call`; and
            InvalidInput: The file as it was is not the newest version; the change is none, or cannot be proposed;
                the account is none, or misspelt; this home's log has no run or passport with the leaf hash named.
            NotAllowed: More is asked than may be, or the licence is not taken.
            TooLarge: It is too large to be sent along.
        """
        from counterfoil.ledger.accounts.account import parse_address

        self._require_record(draft.lineage)
        call = self.call(draft.asset)
        opening = call.opening.opening
        if root_of_contents(_read(draft.base)) != call.base_content:
            raise InvalidInput(
                f"{draft.base.name} is not the newest version of the asset",
                hint="buy or download that one, and make your change to it",
            )
        before = content_of(draft.base, file_name=call.name).fingerprint
        data, after = _read(draft.path), content_of(draft.path).fingerprint
        if after.root == before.root:
            raise InvalidInput("nothing changed", hint="name the changed file, and with --base the one before")
        if not draft.offer and len(data) > opening.most_bytes:
            raise TooLarge(
                f"{draft.path.name} has {len(data):,} bytes; {opening.most_bytes:,} is the most that is sent along",
                hint="offer it for nothing with `counterfoil market offer`, and name that with --offer",
            )
        if draft.bps > opening.most_bps or draft.licence not in opening.licences:
            raise NotAllowed(
                f"the owner takes contributions for at most {opening.most_bps / 100:g} percent, under the licences "
                f"{', '.join(opening.licences)}",
                hint="ask for less, or read the licence and name it",
            )
        proposal = Proposal(
            opening.chain_id,
            draft.asset,
            str(Signer(self._archive.origin, self._secret()).key),
            call.opening.digest_hex,
            call.base,
            before.root.hex(),
            Proposed(root_of_contents(data), len(data), draft.path.name, media_type(draft.path.name), after.root.hex()),
            draft.words,
            table_changes(before, after),
            draft.lineage,
            draft.licence,
            f"0x{(parse_address(draft.account) if draft.account else self._ledger.market.account).hex()}",
            draft.bps,
            draft.offer,
            time_text(self._now_s()),
        )
        return call, sign_proposal(proposal, self._secret(), self._archive.origin), data

    def propose(self, draft: ProposalDraft) -> tuple[SignedProposal, dict[str, Any]]:
        """Makes a proposal and hands it in; returns it, and how it stands. See `prepare` for what it raises.

        What was handed in before a crash is handed in again with `resume`.
        """
        call, signed, data = self.prepare(draft)
        with self._state.writing() as connection:
            row = {"digest": signed.digest_hex, "document": signed.data, "node": call.node}
            connection.execute(sent_proposals.delete().where(sent_proposals.c.digest == signed.digest_hex))
            connection.execute(sent_proposals.insert().values(**row))
        return signed, self._hand_in(call, signed, data)

    def resume(self, digest: str, path: Path) -> dict[str, Any]:
        """Hands a proposal in again, where that broke off.

        Args:
            digest: Of a proposal of this home.
            path: The file that it proposes.
        """
        signed, _ = self._sent(digest)
        data = _read(path)
        if root_of_contents(data) != signed.proposal.content.root:
            raise InvalidInput(f"{path.name} is not the file that was proposed")
        return self._hand_in(self.call(signed.proposal.asset), signed, data)

    def sent(self) -> list[SignedProposal]:
        """Returns the proposals that this home made, oldest first."""
        with self._state.reading() as connection:
            kept = connection.execute(select(sent_proposals.c.document)).scalars()
            found = [read_proposal(bytes(each)) for each in kept]
        return sorted(found, key=lambda each: (each.proposal.created, each.digest_hex))

    def standing(self, digest: str, node: str = "") -> dict[str, Any]:
        """Asks the owner's node how a proposal stands; `node` is needed where this home did not make it."""
        return OwnersWire(node or self._sent(digest)[1], self._reach).standing(digest)

    def withdraw(self, digest: str) -> dict[str, Any]:
        """Takes a proposal of this home back; returns how it stands."""
        _, node = self._sent(digest)
        word = sign_withdrawal(digest, time_text(self._now_s()), self._secret(), self._archive.origin)
        return OwnersWire(node, self._reach).withdraw(digest, json.loads(word))

    def vote(self, digest: str, agrees: bool, words: str = "", node: str = "") -> dict[str, Any]:
        """Gives this home's vote on a proposal to the owner's node; returns how it stands."""
        vote = self.signed_vote(digest, agrees, words)
        return OwnersWire(node or self._sent(digest)[1], self._reach).vote(digest, json.loads(vote))

    def signed_vote(self, digest: str, agrees: bool, words: str = "") -> bytes:
        """Returns this home's vote, to be handed in."""
        now = time_text(self._now_s())
        return sign_vote(digest, agrees, words, now, self._secret(), self._archive.origin).data

    # Inner parts

    def _require_record(self, lineage: Lineage) -> None:
        """Refuses a record that this home's log does not have, or that tells nothing of how something was made."""
        if not lineage.record or lineage.log != self._archive.origin:
            return
        hint = "give the leaf that `counterfoil log show INDEX` prints of a run or passport"
        try:
            record = self._archive.record(self._views.index_of(lineage.record))
        except (ValueError, NotFound) as error:
            raise InvalidInput(f"this home's log has no record {lineage.record[:80]!a}", hint=hint) from error
        if record.kind not in _TELLS_ORIGINS:
            raise InvalidInput(f"the record {lineage.record[:80]} is no run or passport but a {record.kind}", hint=hint)

    def _hand_in(self, call: Call, signed: SignedProposal, data: bytes) -> dict[str, Any]:
        self._told.proposal(signed)
        wire = OwnersWire(call.node, self._reach)
        stands = wire.propose(json.loads(signed.data))
        if stands["state"] != "announced":
            return stands
        return wire.send(signed.digest_hex, sealed_for(bytes.fromhex(call.opening.opening.recipient), data))

    def _sent(self, digest: str) -> tuple[SignedProposal, str]:
        with self._state.reading() as connection:
            query = select(sent_proposals).where(sent_proposals.c.digest == digest)
            found = connection.execute(query).first()
        if found is None:
            raise NotFound(
                f"this home made no proposal {digest[:80]!a}", hint="name the owner's node, where it is another's"
            )
        return read_proposal(bytes(found.document)), found.node


def _read(path: Path) -> bytes:
    """Returns the bytes of a file (NotFound where there is none, or a folder)."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}", hint="a proposal is about one file") from error
