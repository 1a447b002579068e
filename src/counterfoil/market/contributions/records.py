"""What a log says of contributions: what was proposed, what was decided, and what was taken over.

Votes are named by their digests, contributors by the digest of their key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from counterfoil.core.statement import Draft
from counterfoil.market.contributions.proposal import SignedProposal

__all__ = ["STREAM", "ContributionRecord", "ProposalRecord", "Result", "VerdictRecord"]

STREAM: Final = "contributions"

Result = Literal["reviewed", "declined", "withdrawn", "accepted"]


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """A proposal, in the log of who made it or of who took it in.

    Attributes:
        signed: The proposal.
        of: Leaf hash (hex) of the record that it rests on: to its owner the version it changes. Empty to the
            contributor, whose log does not have that one.
    """

    signed: SignedProposal
    of: str = ""

    def draft(self) -> Draft:
        """Returns the record to be written."""
        told = self.signed.proposal
        about = {
            "asset": told.asset,
            "base": told.base,
            "bps": told.bps,
            "content": told.content.root,
            "contributor": sha256(self.signed.key.public).hexdigest(),
            "licence": told.licence,
            "opening": told.opening,
            "proposal": self.signed.digest_hex,
        }
        return Draft("proposal", STREAM, self.signed.digest_hex, (self.of,) if self.of else (), about)


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """What became of a proposal.

    Attributes:
        proposal: Digest of the proposal, hex.
        asset: Id of the asset.
        result: `reviewed` (enough reviewers agreed), `declined`, `withdrawn` or `accepted`.
        votes: Digests of the votes there were then, in order.
        of: Leaf hash (hex) of the record of the proposal.
    """

    proposal: str
    asset: str
    result: Result
    votes: Sequence[str]
    of: str

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about = {"asset": self.asset, "proposal": self.proposal, "result": self.result, "votes": list(self.votes)}
        return Draft("verdict", STREAM, self.proposal, (self.of,), about)


@dataclass(frozen=True, slots=True)
class ContributionRecord:
    """A proposal that was taken over: the version it became, and how offers share from then on.

    Attributes:
        proposal: Digest of the proposal, hex.
        asset: Id of the asset.
        manifest: Leaf hash (hex) of the record of the new version, which the ledger has.
        version: Number of that version on the ledger.
        run: Leaf hash (hex) of the run from the version before to it.
        offers: Of each offer its id, its new sheet and its shares.
        of: Leaf hash (hex) of the record of the proposal.
    """

    proposal: str
    asset: str
    manifest: str
    version: int
    run: str
    offers: Sequence[dict[str, Any]]
    of: str

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about = {
            "asset": self.asset,
            "manifest": self.manifest,
            "offers": list(self.offers),
            "proposal": self.proposal,
            "run": self.run,
            "version": self.version,
        }
        return Draft("contribution", STREAM, self.proposal, (self.of, self.manifest, self.run), about)
