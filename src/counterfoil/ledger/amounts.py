"""Amounts of a chain's coin, as people read them."""

from __future__ import annotations

from typing import Final

__all__ = ["amount"]

_COIN_WEI: Final = 10**18
_GWEI: Final = 10**9


def amount(wei: int) -> str:
    """Returns an amount in coins, or in gwei where it is below a thousandth of a coin."""
    if wei == 0:
        return "nothing"
    if wei < _COIN_WEI // 1_000:
        return f"{wei / _GWEI:,.0f} gwei"
    return f"{wei / _COIN_WEI:,.4f} coins"
