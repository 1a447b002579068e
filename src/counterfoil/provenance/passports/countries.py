"""Which countries there are, by the codes of ISO 3166-1, and how their parts are written (ISO 3166-2)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["COUNTRIES", "is_jurisdiction"]

_LETTERS: Final = (
    "A DEFGILMOQRSTUWXZ",
    "B ABDEFGHIJLMNOQRSTVWYZ",
    "C ACDFGHIKLMNORUVWXYZ",
    "D EJKMOZ",
    "E CEGHRST",
    "F IJKMOR",
    "G ABDEFGHILMNPQRSTUWY",
    "H KMNRTU",
    "I DELMNOQRST",
    "J EMOP",
    "K EGHIMNPRWYZ",
    "L ABCIKRSTUVY",
    "M ACDEFGHKLMNOPQRSTUVWXYZ",
    "N ACEFGILOPRUZ",
    "O M",
    "P AEFGHKLMNRSTWY",
    "Q A",
    "R EOSUW",
    "S ABCDEGHIJKLMNORSTVXYZ",
    "T CDFGHJKLMNORTVWZ",
    "U AGMSYZ",
    "V ACEGINU",
    "W FS",
    "Y ET",
    "Z AMW",
)
"""First letters, and the second letters that follow them."""

COUNTRIES: Final = frozenset(each[0] + second for each in _LETTERS for second in each[2:])
"""The 249 officially assigned two-letter codes."""

_RESERVED: Final = frozenset({"EU"})  # reserved by ISO 3166-1 for the European Union, and law is made there
_PART: Final = re.compile(r"([A-Z]{2})-[A-Z0-9]{1,3}")


def is_jurisdiction(code: str) -> bool:
    """Whether a code names a country (DE), a part of one in the form of ISO 3166-2 (US-CA), or the Union (EU)."""
    part = _PART.fullmatch(code)
    return (part[1] if part else code) in COUNTRIES or code in _RESERVED
