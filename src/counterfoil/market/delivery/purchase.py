"""What a buyer knows of an order by itself: from the ledger, the offer sheet, and its own keys."""

from __future__ import annotations

from dataclasses import dataclass

from counterfoil.core.age import recipient_of
from counterfoil.core.delivery import Content, DeliveryStatement
from counterfoil.core.mismatch_file import content_of_sheet
from counterfoil.core.signed_document import SignedDocument
from counterfoil.errors import DoesNotMatch

__all__ = ["Purchase"]


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order from the buyer's side.

    Attributes:
        order: `0x` and 64 digits; so is `offer`.
        offer: The offer that was bought.
        chain_id: Of the ledger.
        market: Address of the contract, in small letters.
        secret: X25519 secret of this order alone, 32 bytes.
        sheet: The offer sheet whose digest the ledger names.
    """

    order: str
    offer: str
    chain_id: int
    market: str
    secret: bytes
    sheet: SignedDocument

    @property
    def published(self) -> Content:
        """What the offer sheet publishes."""
        return content_of_sheet(self.sheet)

    def require_statement(self, statement: DeliveryStatement, signed: SignedDocument) -> None:
        """Refuses a delivery statement that is not the seller's for this order; its content is not looked at.

        Raises:
            DoesNotMatch: It is signed by another key, or for another order, offer, key, sheet or market.
        """
        signed.require_key(self.sheet.key)
        wanted = {
            "order": (self.order, statement.order),
            "offer": (self.offer, statement.offer),
            "chain": (self.chain_id, statement.chain_id),
            "market": (self.market, statement.market),
            "sheet": (self.sheet.digest_hex, statement.sheet),
            "recipient": (recipient_of(self.secret), statement.recipient_key),
        }
        wrong = next((name for name, (expected, found) in wanted.items() if expected != found), None)
        if wrong is not None:
            raise DoesNotMatch(
                f"the seller's delivery statement is for another {wrong} than was bought",
                hint="it may be an old one, or one of another order: ask the seller",
            )
