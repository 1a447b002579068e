"""What a catalogue is fed from: the offers that the ledger has, and what changed since a place in its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Change", "LedgerOffer", "LedgerReview", "OfferSource"]


@dataclass(frozen=True, slots=True)
class Change:
    """One event of the ledger that may change what the catalogue says.

    Attributes:
        block: Height of its block.
        event: Its place among all events of the block.
        transaction: Hash of its transaction, hex.
        name: Of the event.
        offer: Id of the offer it is about, `0x…`; empty for none.
        asset: Id of the asset, likewise.
        says: Everything else it says, as text: two events that differ only here are different.
    """

    block: int
    event: int
    transaction: str
    name: str
    offer: str
    asset: str
    says: str


@dataclass(frozen=True, slots=True)
class LedgerOffer:
    """An offer as the ledger has it now.

    Attributes:
        offer: Its id, `0x` and 64 digits.
        asset: Id of the asset.
        number: The seller's number for it.
        seller: Address, `0x…` in lower case.
        kind: The contract's number: 1 licence, 2 period, 3 job, 4 sale.
        token: Address of the token of the price, likewise.
        price_units: In the token's smallest unit; below 2^96.
        duration_s: Of the access that a period gives.
        delivery_s: So long after the order it is due.
        window_s: So long after the delivery the money is held.
        referrer_bps: For whoever brought the buyer.
        sheet: SHA-256 of its offer sheet, 64 hex digits.
        left: How many can be bought still; None for any number.
        is_open: Whether it can be bought, as far as the ledger is concerned.
        block: Height of the block in which it was said.
        event: Its place there.
    """

    offer: str
    asset: str
    number: int
    seller: str
    kind: int
    token: str
    price_units: int
    duration_s: int
    delivery_s: int
    window_s: int
    referrer_bps: int
    sheet: str
    left: int | None
    is_open: bool
    block: int
    event: int


@dataclass(frozen=True, slots=True)
class LedgerReview:
    """A review as the ledger has it; the contract took it because its author had bought.

    Attributes:
        offer: Id of the offer.
        by: Address of the author, `0x…` in lower case.
        stars: 1 to 5.
        digest: SHA-256 of the review's document, 64 hex digits.
        is_refunded: Whether every order of the author for this offer was refunded.
        block: Height of its block.
        event: Its place there.
    """

    offer: str
    by: str
    stars: int
    digest: str
    is_refunded: bool
    block: int
    event: int


class OfferSource(Protocol):
    """The market as one home's ledger tells it. What it answers may be newer than the changes that were asked for."""

    def settled(self) -> int:
        """Returns the height up to which nothing is taken back any more; -1 for none."""

    def changes(self, block: int, event: int, most: int) -> Sequence[Change]:
        """Returns what comes after a place, in order: at most so many, fewer only where there are no more."""

    def offers(self, ids: Sequence[str]) -> Sequence[LedgerOffer]:
        """Returns those of some offers that there are."""

    def offers_of(self, assets: Sequence[str]) -> Sequence[str]:
        """Returns the ids of all offers of some assets."""

    def reviews(self, ids: Sequence[str]) -> Sequence[LedgerReview]:
        """Returns the reviews of some offers, oldest first."""

    def uris(self, assets: Sequence[str]) -> Mapping[str, str]:
        """Returns where some assets say that they are found, by asset; without those that do not."""
