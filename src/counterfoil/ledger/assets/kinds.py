"""What an asset can be, how it can stand, and what may be said about one; the words and the contract's numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from counterfoil.errors import InvalidInput

__all__ = [
    "KINDS",
    "MAX_PARENTS",
    "MAX_ROYALTY_BPS",
    "MAX_URI_BYTES",
    "NOBODY",
    "ROLES",
    "STATES",
    "Kind",
    "State",
    "asset_text",
    "kind_word",
    "read_asset",
    "require_uri",
    "state_word",
]

Kind = Literal["dataset", "model", "service", "organisation"]
State = Literal["active", "deprecated", "recalled", "blocked"]

KINDS: Final[Mapping[str, int]] = {"dataset": 1, "model": 2, "service": 3, "organisation": 4}
STATES: Final[Mapping[str, int]] = {"active": 0, "deprecated": 1, "recalled": 2, "blocked": 3}
ROLES: Final[Mapping[str, int]] = {"publisher": 1, "operator": 2, "pricer": 4}
NOBODY: Final = "0x" + "00" * 20
"""The address that a new asset comes from, and that is approved where none is."""

MAX_URI_BYTES: Final = 128
MAX_ROYALTY_BPS: Final = 1_000
"""A tenth of a price, in hundredths of a percent; the contract's own ceiling."""

MAX_PARENTS: Final = 16

_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
_ASSET: Final = re.compile(r"0x[0-9a-f]{64}")


def kind_word(number: int) -> str:
    """Returns what an asset is in a word, `kind 9` for a number that has none."""
    return next((word for word, value in KINDS.items() if value == number), f"kind {number}")


def state_word(number: int) -> str:
    """Returns how an asset stands in a word."""
    return next((word for word, value in STATES.items() if value == number), f"state {number}")


def asset_text(asset: int) -> str:
    """Returns an asset's id as it is written, `0x` and 64 digits."""
    return f"0x{asset:064x}"


def read_asset(text: str) -> int:
    """Reads an asset's id.

    Raises:
        InvalidInput: It is none.
    """
    if not _ASSET.fullmatch(text.lower()):
        raise InvalidInput(
            f"{text[:80]!a} is not an asset's id",
            hint="0x and 64 hexadecimal digits; `counterfoil asset list` shows them",
        )
    return int(text, 16)


def require_uri(uri: str) -> None:
    """Refuses what cannot be an asset's URI; an empty text is none and is taken.

    Raises:
        InvalidInput: It is too long, or no URI in visible ASCII.
    """
    if len(uri.encode()) > MAX_URI_BYTES:
        raise InvalidInput(
            f"the URI has {len(uri.encode())} bytes, and the ledger takes {MAX_URI_BYTES}",
            hint="give a shorter address, or none: the manifest says what the asset is",
        )
    if uri and not _URI.fullmatch(uri):
        raise InvalidInput(f"{uri[:60]!a} is not a URI", hint="for example https://bank.example/data/credit.json")
