"""A purchase before anything is sent: what it costs and shows, and what makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterfoil.market.buying.purchases import Purchase
from counterfoil.market.sheets.sheet import SignedSheet

if TYPE_CHECKING:
    from counterfoil.ledger.market.offer import Offer
    from counterfoil.ledger.market.quote import TradeQuote

__all__ = ["Planned", "Tell"]

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Planned:
    """A purchase before anything is sent.

    Attributes:
        quote: What it costs and shows.
        offer: As the ledger has it.
        sheet: As the seller signed it.
        order: The id that the order will have.
        admission: What the seller's terms say, in words; empty where its node was not asked.
        carry_out: Keeps the purchase, makes its order on the ledger, and returns the purchase when that is final.
    """

    quote: TradeQuote
    offer: Offer
    sheet: SignedSheet
    order: str
    admission: str
    carry_out: Callable[[Tell], Purchase]
