"""Amounts of a token: whole numbers of its smallest unit on the ledger, decimal text for people. Never floats."""

from __future__ import annotations

import re
from typing import Final

from counterfoil.errors import InvalidInput

__all__ = ["MAX_DECIMALS", "token_text", "token_units"]

MAX_DECIMALS: Final = 77
"""So many digits a number of 256 bits can have behind the point; a token that names more cannot be counted in."""

_SHOWN_DECIMALS: Final = 2
_AMOUNT: Final = re.compile(r"(\d{1,78})(?:\.(\d{1,77}))?")


def token_text(units: int, decimals: int) -> str:
    """Returns an amount as decimal text: 12_500_000 units of a token with 6 decimals are `12.50`.

    Args:
        units: Of the smallest unit, at least 0.
        decimals: Digits behind the point, as the token says; at least two of them are shown where it has two.
    """
    whole, rest = divmod(units, 10**decimals)
    if not decimals:
        return str(whole)
    digits = f"{rest:0{decimals}d}".rstrip("0")
    return f"{whole}.{digits.ljust(min(_SHOWN_DECIMALS, decimals), '0')}"


def token_units(text: str, decimals: int) -> int:
    """Reads an amount, `12.5` or `12.50`, exactly.

    Args:
        text: Digits, with a point where there is a fraction.
        decimals: Digits behind the point, as the token says.

    Raises:
        InvalidInput: It is no amount, finer than the token's smallest unit, or more than 256 bits hold.
    """
    found = _AMOUNT.fullmatch(text) if text.isascii() else None
    if found is None:
        raise InvalidInput(f"{text[:40]!a} is no amount", hint="digits, with a point before a fraction, such as 12.50")
    whole, fraction = found[1], (found[2] or "").rstrip("0")
    if len(fraction) > decimals:
        raise InvalidInput(
            f"{text[:40]} is finer than the token's smallest unit", hint=f"at most {decimals} digits behind the point"
        )
    units: int = int(whole) * 10**decimals + int(fraction.ljust(decimals, "0") or "0")
    if units >= 2**256:
        raise InvalidInput(f"{text[:40]} is more than any account can hold", hint="a smaller amount")
    return units
