"""What one thing done on the market would cost, which money it would move, and what everybody could read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from counterfoil.errors import OutOfFunds
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.market.offer import Price
from counterfoil.ledger.sending.quote import Quote

__all__ = ["TradeQuote"]


@dataclass(frozen=True, slots=True)
class TradeQuote(Quote):
    """What is to be sent, and what it pays; `transactions` is 0 where nothing is left to be sent.

    Attributes:
        pays: What this account pays of it; None for nothing.
        holds_units: What it has of that token to pay with: what it holds, or what the market owes it.
    """

    pays: Price | None = None
    holds_units: int = 0

    @classmethod
    def of(cls, quotes: Sequence[Quote], title: str, public: dict[str, str], **more: Any) -> Self:
        """Sums up what calls would cost that are sent one after the other."""
        last = {field.name: getattr(quotes[-1], field.name) for field in fields(Quote)}
        last |= {"gas": sum(each.gas for each in quotes), "most_wei": sum(each.most_wei for each in quotes)}
        last |= {"title": title, "public": public}
        last |= {"transactions": sum(each.transactions for each in quotes if each.gas)}
        last |= {"moves": tuple(move for each in quotes for move in each.moves)}
        return cls(**last | more)

    def require_funds(self) -> None:
        """Makes sure that the account can pay, and may.

        Raises:
            OutOfFunds: It cannot pay the fees, or the price.
            OverLimit: The settings allow less today.
        """
        Quote.require_funds(self)
        if self.pays is not None and self.transactions and self.holds_units < self.pays.units:
            raise OutOfFunds(
                f"to {self.title} costs {self.pays.text}, and the account {checksummed(self.account)} holds less",
                hint="send it more of the token, then repeat",
            )

    def to_json(self) -> dict[str, Any]:
        """Returns the quote as JSON."""
        return Quote.to_json(self) | {
            "moves": list(self.moves),
            "pays": self.pays.to_json() if self.pays else None,
            "signs": self.signs or None,
            "transactions": self.transactions,
        }
