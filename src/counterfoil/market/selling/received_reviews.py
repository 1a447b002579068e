"""Texts of reviews of this home's offers: taken from anybody, where the ledger names them by their digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from counterfoil.core import canonical
from counterfoil.errors import NotFound
from counterfoil.market.catalogue.review import SignedReview, read_review
from counterfoil.market.sheets.shelf import Shelf

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger

__all__ = ["ReceivedReviews"]


class ReceivedReviews:
    """Takes the reviews of one seller's offers.

    Args:
        ledger: The home's ledger.
        shelf: Keeps and hands out their texts.
    """

    def __init__(self, ledger: Ledger, shelf: Shelf) -> None:
        self._ledger = ledger
        self._shelf = shelf

    def take(self, offer: str, given: Mapping[str, Any]) -> SignedReview:
        """Keeps the text of a review, to be handed out.

        Raises:
            NotFound: The offer is not this home's, or its newest review by this author is another.
            MalformedEvidence, DoesNotMatch: It is no review, or not signed by its key.
        """
        signed = read_review(canonical.dumps(dict(given)))
        trading = self._ledger.market
        known = trading.offer(offer)
        if known.is_ours:
            for event in trading.events(names=("Reviewed",), offer=known.offer):
                if event.told["digest"] == f"0x{signed.digest_hex}":
                    signed.require_event(offer=known.offer, account=event.told["by"], stars=event.told["stars"])
                    self._shelf.put_review(signed.digest_hex, signed.data)
                    return signed
        raise NotFound("the ledger has no such review of an offer of this home", hint="put it on the ledger first")
