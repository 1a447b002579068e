"""One offer with everything about it, for the command line, the API and the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterfoil.ledger.market.offer import Offer
    from counterfoil.market.catalogue import ShownReview
    from counterfoil.market.sheets.sheet import SignedSheet
    from counterfoil.organisation import Organisation

__all__ = ["ShownOffer", "shown_offer"]


@dataclass(frozen=True, slots=True)
class ShownOffer:
    """An offer.

    Attributes:
        offer: As it stands on the ledger.
        sheet: As its seller signed it.
        reviews: The newest first.
    """

    offer: Offer
    sheet: SignedSheet
    reviews: tuple[ShownReview, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return self.offer.to_json() | {
            "document": self.sheet.sheet.to_json(),
            "reviews": [each.to_json() for each in self.reviews],
            "signed_by": str(self.sheet.key),
        }


def shown_offer(org: Organisation, offer: str) -> ShownOffer:
    """Asks the ledger, the seller's node and the catalogue for an offer.

    Raises:
        NotFound: There is no such offer, or its sheet cannot be had.
    """
    found = org.ledger.market.offer(offer)
    signed = org.market.sheets.sheet_of(found)
    org.market.refresh()
    return ShownOffer(found, signed, org.market.catalogue.show(found.offer).reviews)
