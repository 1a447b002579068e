"""What delivering needs to know of an order, from whoever reads the ledger and knows the terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from counterfoil.core.delivery import Content
from counterfoil.market.delivery.source import Source

__all__ = ["OrderState", "Orders", "PaidOrder"]

OrderState = Literal["paid", "held", "delivered", "settled", "refunded", "reclaimed", "ended"]
"""How an order stands on the ledger: `paid` at once, or `held` until it is `delivered`; `ended` where the time that was
bought has passed."""

_OPEN: Final = ("paid", "delivered", "settled")


@dataclass(frozen=True, slots=True)
class PaidOrder:
    """An order that was paid.

    Attributes:
        order: `0x` and 64 digits, as on the ledger; so is `offer`.
        offer: The offer that was bought.
        chain_id: Of the ledger.
        market: Address of the contract, in small letters.
        recipient: The order's X25519 public key, 32 bytes.
        sheet: SHA-256 (hex) of the offer sheet.
        content: What the sheet publishes.
        is_final: Whether its block can no longer go away.
        state: How it stands.
    """

    order: str
    offer: str
    chain_id: int
    market: str
    recipient: bytes
    sheet: str
    content: Content
    is_final: bool
    state: OrderState

    @property
    def gives_access(self) -> bool:
        """Whether its buyer may have what was bought, as the ledger stands now."""
        return self.is_final and self.state in _OPEN

    @property
    def is_wanted(self) -> bool:
        """Whether its buyer may be let in: it gives access, or will when the ledger knows what is delivered."""
        return self.is_final and self.state in (*_OPEN, "held")

    @property
    def id(self) -> bytes:
        """The order as 32 bytes."""
        return bytes.fromhex(self.order[2:])


class Orders(Protocol):
    """The orders that a seller's node knows. Safe to use from several threads."""

    def order(self, order_id: str) -> PaidOrder:
        """Returns an order as it stands now.

        Raises:
            NotFound: There is none, or not one that this node delivers.
        """

    def source(self, order: PaidOrder) -> Source:
        """Opens what an order's content is read from; whoever asked closes it.

        Raises:
            NotFound: It is gone.
        """
