"""The owner's side until a proposal is accepted: opening an asset, taking proposals in, votes, declining.

What a stranger sends is held against its signature, the opening it answers and the lengths that it says, in this
order, before anything of it is kept; and nothing reads its contents before somebody decides to look at them:

1. the proposal is small, well-formed and signed;
2. it answers the newest opening of an asset of this home, which is open, to this contributor;
3. it changes the newest version, asks no more than may be asked, and gives under a licence that is taken;
4. there is room for it;
5. its contents, where they are sent, are as long as it says, encrypted to the opening's key, and have its root.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core.age import derived, recipient_of
from counterfoil.core.age_payload import decrypt, sealed_size
from counterfoil.core.delivery import HEAD_BYTES
from counterfoil.errors import DoesNotMatch, InvalidInput, NotAllowed, NotFound, Stale, TooLarge
from counterfoil.market.contributions.opening import (
    MOST_SENT_BYTES,
    Opening,
    Rule,
    SignedOpening,
    Who,
    sign_opening,
)
from counterfoil.market.contributions.proposal import SignedProposal, read_proposal, root_of_contents
from counterfoil.market.contributions.records import Result, VerdictRecord
from counterfoil.market.contributions.registry import ACTIVE, Held, Registry
from counterfoil.market.contributions.told import Told
from counterfoil.market.contributions.vote import read_vote, read_withdrawal
from counterfoil.market.selling.known_buyers import KnownBuyers
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.provenance import Provenance
from counterfoil.provenance.datasets import Dataset
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.assets.asset import Asset
    from counterfoil.ledger.ledger import Ledger

__all__ = ["OpeningDraft", "Taking"]

DEFAULT_MOST_BPS: Final = 2_000
_INFO: Final = b"counterfoil proposals 1\n"


@dataclass(frozen=True, slots=True)
class OpeningDraft:
    """What an owner says of proposals for an asset; see `Opening`.

    Attributes:
        asset: Its id, `0x` and 64 digits.
        offers: Offers whose proceeds are shared.
        licences: SHA-256 of licence texts on the shelf.
        who: Whose proposals are taken.
        reviewers: Keys in note form.
        needed: How many of them must agree.
        rule: What becomes of earlier shares.
        most_bps: Largest share that may be asked.
        most_bytes: Largest contents that are sent along.
        is_open: False ends it.
    """

    asset: str
    offers: tuple[str, ...]
    licences: tuple[str, ...]
    who: Who = "known"
    reviewers: tuple[str, ...] = field(default_factory=tuple)
    needed: int = 0
    rule: Rule = "dilute"
    most_bps: int = DEFAULT_MOST_BPS
    most_bytes: int = MOST_SENT_BYTES
    is_open: bool = True


class Taking:
    """Takes proposals at one owner's home. Safe to use from several threads.

    Args:
        registry: Keeps them.
        told: Puts them on record.
        ledger: The home's ledger.
        provenance: The home's datasets.
        shelf: Has the licence texts.
        known: Whose market keys are known.
        secret: Returns the secret market key.
        origin: The name that it signs under.
        now_s: Returns Unix seconds.
    """

    def __init__(
        self,
        registry: Registry,
        told: Told,
        ledger: Ledger,
        provenance: Provenance,
        shelf: Shelf,
        known: KnownBuyers,
        secret: Callable[[], bytes],
        origin: str,
        now_s: Callable[[], int],
    ) -> None:
        self._registry = registry
        self._told = told
        self._ledger = ledger
        self._provenance = provenance
        self._shelf = shelf
        self._known = known
        self._secret = secret
        self._origin = origin
        self._now_s = now_s

    # The owner

    def open(self, draft: OpeningDraft) -> SignedOpening:
        """Says, signed, that proposals for an asset are taken from now on, or no longer.

        Raises:
            NotFound: There is no such asset, offer or licence text here.
            NotAllowed: The asset or an offer is not this home's.
            InvalidInput: Something cannot be so.
        """
        self._require_ours(draft.asset)
        for offer in draft.offers:
            found = self._ledger.market.offer(offer)
            if found.asset != draft.asset or not found.is_ours or found.kind == "sale":
                raise NotAllowed(
                    f"the offer {offer} is not one of this asset by this home that goes on bringing something",
                    hint="`counterfoil market show` tells whose it is; a sale ends with the asset",
                )
        for licence in draft.licences:
            self._shelf.licence(licence)
        opening = Opening(
            self._ledger.require_connection().chain_id,
            draft.asset,
            draft.offers,
            draft.who,
            draft.reviewers,
            draft.needed,
            draft.licences,
            draft.rule,
            draft.most_bps,
            draft.most_bytes,
            recipient_of(self._key(draft.asset)).hex(),
            draft.is_open,
            time_text(self._now_s()),
        )
        signed = sign_opening(opening, self._secret(), self._origin)
        self._registry.open(signed)
        return signed

    def opening(self, asset: str) -> SignedOpening:
        """Returns the newest opening of an asset (NotFound where it was never opened)."""
        return self._registry.opening(asset)

    def decline(self, digest: str, words: str = "") -> Held:
        """Declines a proposal; its contents are removed.

        Raises:
            NotFound: There is none.
            NotAllowed: It was accepted or withdrawn.
        """
        if len(words) > 2_000 or not words.replace("\n", " ").isprintable():
            raise InvalidInput("the words cannot be printed, or are more than 2,000 characters")
        self._registry.move(digest, "declined", of=ACTIVE, words=words)
        return self._decided(digest, "declined")

    def contents(self, digest: str) -> bytes:
        """Returns the contents of a proposal as they were sent (NotFound where they were not).

        Raises:
            DoesNotMatch: They are not what was proposed.
        """
        held = self._registry.held(digest)
        return self._opened(held.signed, self._registry.sealed(digest))

    # Whoever asks

    def take(self, given: bytes | Mapping[str, Any]) -> Held:
        """Takes a proposal in; the same again changes nothing.

        Raises:
            MalformedEvidence, DoesNotMatch: It is none, or not signed by its key.
            NotFound: No proposals are taken for the asset.
            NotAllowed: Not from this contributor, or not on these terms.
            Stale: It changes another version than the newest, or answers an older opening.
            TooManyRequests: There is no room for it now.
        """
        signed = read_proposal(given)  # 1
        try:
            return self._registry.held(signed.digest_hex)
        except NotFound:
            pass
        newest = self._registry.opening(signed.proposal.asset)
        self._require_answer(signed, newest)  # 2
        self._require_terms(signed, newest.opening)  # 3
        state = "open" if signed.proposal.offer else "announced"
        self._registry.take(signed, state, self._now_s())  # type: ignore[arg-type]  # 4
        self._told.proposal(signed, signed.proposal.base)
        return self._registry.held(signed.digest_hex)

    def awaited_bytes(self, digest: str) -> int:
        """Returns how long a proposal's contents are, encrypted: of what a stranger sends no more is read than that.

        Raises:
            NotFound: There is no such proposal.
            NotAllowed: It waits for none.
        """
        return _sealed_bytes(self._awaiting(digest).signed.proposal.content.size_bytes)

    def take_contents(self, digest: str, data: bytes) -> Held:
        """Takes the contents of a proposal, encrypted; the same again changes nothing.

        Raises:
            NotFound: There is no such proposal.
            NotAllowed: It waits for none.
            DoesNotMatch: They are not what was proposed, or not encrypted to this home.
        """
        held = self._awaiting(digest)
        if held.state == "open":
            return held
        self._opened(held.signed, data)  # 5
        self._registry.put_sealed(digest, data)
        self._registry.move(digest, "open", of=("announced",))
        return self._registry.held(digest)

    def vote(self, digest: str, given: bytes | Mapping[str, Any]) -> Held:
        """Takes a reviewer's vote; when enough agree the proposal is reviewed, when they no longer can it is declined.

        Raises:
            MalformedEvidence, DoesNotMatch: It is none, or not signed by its key.
            NotAllowed: The key reviews nothing here, has voted otherwise, or there is no voting now.
            NotFound: There is no such proposal.
        """
        vote, held = read_vote(given), self._registry.held(digest)
        if vote.proposal != digest:
            raise InvalidInput("the vote is on another proposal")
        opening = self._registry.opening_of(held.signed).opening
        if not opening.is_reviewer(vote.key):
            raise NotAllowed("this key is not one of those that review the proposal", hint="the opening names them")
        self._registry.vote(vote)
        held = self._registry.held(digest)
        if held.agree >= opening.needed:
            self._registry.move(digest, "reviewed", of=("open",))
            return self._decided(digest, "reviewed")
        if held.against > len(opening.reviewers) - opening.needed:
            self._registry.move(digest, "declined", of=("open",), words="the reviewers do not agree")
            return self._decided(digest, "declined")
        return held

    def withdraw(self, digest: str, given: bytes | Mapping[str, Any]) -> Held:
        """Takes a proposal back, for who made it; its contents are removed.

        Raises:
            MalformedEvidence, DoesNotMatch: It is no such word, or not the contributor's.
            NotAllowed: It was accepted or declined.
            NotFound: There is no such proposal.
        """
        named, key = read_withdrawal(given)
        held = self._registry.held(digest)
        if named != digest or key.public != held.signed.key.public:
            raise DoesNotMatch("only who made a proposal withdraws it, and names it")
        self._registry.move(digest, "withdrawn", of=ACTIVE)
        return self._decided(digest, "withdrawn")

    # Inner parts

    def _awaiting(self, digest: str) -> Held:
        """Returns a proposal whose contents are to be sent, or were and may be again."""
        held = self._registry.held(digest)
        if held.state == "announced" or (held.state == "open" and not held.signed.proposal.offer):
            return held
        raise NotAllowed(f"the proposal is {held.state}, and waits for no contents")

    def _require_answer(self, signed: SignedProposal, newest: SignedOpening) -> None:
        """Step 2."""
        if not newest.opening.is_open:
            raise NotAllowed("no proposals are taken for this asset any more")
        if signed.proposal.opening != newest.digest_hex:
            raise Stale("the proposal answers another opening than the newest", hint="ask for it again, and read it")
        is_known = any(key.public == signed.key.public for key in self._known.all())
        if newest.opening.who == "known" and not is_known:
            raise NotAllowed(
                "proposals are taken from known contributors alone", hint="send the owner the key of your home first"
            )

    def _require_terms(self, signed: SignedProposal, opening: Opening) -> None:
        """Step 3."""
        told = signed.proposal
        if told.bps > opening.most_bps:
            raise NotAllowed(
                f"it asks {told.bps / 100:g} percent; {opening.most_bps / 100:g} is the most that may be asked"
            )
        if told.licence not in opening.licences:
            raise NotAllowed("it is given under a licence that is not taken", hint="the opening names those that are")
        if not told.offer and told.content.size_bytes > opening.most_bytes:
            raise TooLarge(
                f"contents of {told.content.size_bytes:,} bytes are too large to be sent along; {opening.most_bytes:,} "
                "is the limit",
                hint="offer them for nothing, and name the offer",
            )
        asset, base = self._require_ours(told.asset)
        if (told.chain_id, told.base) != (opening.chain_id, asset.manifest):
            raise Stale(
                f"it changes another version than the newest, {asset.manifest[:12]}…",
                hint="make your change to the newest version, and propose that",
            )
        if told.base_root != base.record.root:
            raise DoesNotMatch("the version it says to change has another fingerprint")
        if told.content.fingerprint == base.record.root:
            raise InvalidInput("it proposes what there is already")

    def _require_ours(self, asset: str) -> tuple[Asset, Dataset]:
        """Returns an asset of this home, and its newest version."""
        found = self._ledger.assets.show(asset).asset
        if not found.is_ours:
            raise NotAllowed(f"the asset {asset} belongs to {found.owner}", hint="ask its owner's node")
        version = self._provenance.with_leaf(found.manifest)
        if not isinstance(version, Dataset):
            raise InvalidInput("proposals are taken for datasets alone", hint="a model is another asset of its own")
        return found, version

    def _opened(self, signed: SignedProposal, data: bytes) -> bytes:
        """Step 5; returns the contents."""
        content = signed.proposal.content
        if len(data) != _sealed_bytes(content.size_bytes):
            raise DoesNotMatch(
                f"{len(data):,} bytes came, and contents of {content.size_bytes:,} bytes take "
                f"{_sealed_bytes(content.size_bytes):,} when they are encrypted"
            )
        contents = decrypt(data, self._key(signed.proposal.asset))
        if len(contents) != content.size_bytes or root_of_contents(contents) != content.root:
            raise DoesNotMatch("the contents are not those that are proposed: they have another root")
        return contents

    def _decided(self, digest: str, result: Result) -> Held:
        held = self._registry.held(digest)
        told = held.signed.proposal
        leaf = self._told.proposal(held.signed, told.base)
        self._told.write(VerdictRecord(digest, told.asset, result, held.votes, leaf).draft())
        if result in ("declined", "withdrawn"):
            self._registry.forget_contents(digest)
        return held

    def _key(self, asset: str) -> bytes:
        """Returns the secret key that contents for an asset are encrypted to; the same every time."""
        return derived(self._secret(), _INFO + asset.encode())


def _sealed_bytes(size_bytes: int) -> int:
    """Returns the length of contents when they are encrypted to one key."""
    return HEAD_BYTES + sealed_size(size_bytes)
