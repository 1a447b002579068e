"""How high a price on the market can be, and how prices are written where they are compared."""

from __future__ import annotations

from typing import Final

__all__ = ["AMOUNT_DIGITS", "MAX_PRICE", "amount_key"]

MAX_PRICE: Final = 2**96 - 1
"""The most that the contract takes, in a token's smallest unit."""

AMOUNT_DIGITS: Final = len(str(MAX_PRICE))


def amount_key(units: int) -> str:
    """Returns an amount as tables compare it: text of one width."""
    return f"{units:0{AMOUNT_DIGITS}d}"
