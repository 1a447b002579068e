"""Who may have what an offer gives: the terms, as data that both sides read alike.

    purposes = ["research", "quality-control"]

    [[rules]]
    effect = "allow"
    name = "research in the EU"
    purposes = ["research"]
    jurisdictions = { in = ["EU"] }
    licence = "9f86d081…"                  # SHA-256 of the text that has to be accepted

    [[rules]]
    effect = "deny"
    name = "not our competitor"
    organisations = ["rival.example"]

In an offer sheet the same stands as JSON. What no rule allows is denied, a rule that denies wins
over any that allows, and the first rule that decides is the one that is named.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.strict_table import StrictTable
from counterfoil.errors import InvalidInput
from counterfoil.market.terms.rule import Rule, read_rule

__all__ = ["MOST_RULES", "Terms"]

MOST_RULES: Final = 100
_MOST_TOML_BYTES: Final = 2**18
_MOST_PURPOSES: Final = 100
_PURPOSE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one offer.

    Attributes:
        rules: In order; the first is rule 1.
        purposes: What a buyer may say that it is for; empty where nobody asks.
    """

    rules: tuple[Rule, ...]
    purposes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns the terms as an offer sheet holds them."""
        shown: dict[str, Any] = {"rules": [rule.to_json() for rule in self.rules]}
        return shown | ({"purposes": list(self.purposes)} if self.purposes else {})

    @classmethod
    def from_json(cls, value: Mapping[str, Any], place: str = "the terms") -> Terms:
        """Reads terms strictly.

        Raises:
            InvalidInput: A part is missing, unknown, or not as it should be; `place` says where.
        """
        if not isinstance(value, Mapping):
            raise InvalidInput(f"{place} are no table", hint="docs/reference/terms.md has the format")
        table = StrictTable(value, place)
        purposes = tuple(table.texts("purposes", pattern=_PURPOSE, like="research")) if table.has("purposes") else ()
        tables = table.tables("rules", "rule", default=[])
        table.require_empty()
        if len(tables) > MOST_RULES or len(purposes) > _MOST_PURPOSES:
            raise InvalidInput(
                f"{place} have {len(tables)} rules and {len(purposes)} purposes",
                hint=f"at most {MOST_RULES} rules and {_MOST_PURPOSES} purposes",
            )
        rules = tuple(read_rule(each, purposes) for each in tables)
        names = [rule.name for rule in rules]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InvalidInput(f"two rules are called {twice!r}", hint="decisions name rules: give each its own name")
        return cls(rules, purposes)

    @classmethod
    def from_toml(cls, text: str) -> Terms:
        """Reads terms as people write them; see `from_json`."""
        if len(text) > _MOST_TOML_BYTES:
            raise InvalidInput(f"terms of {len(text):,} characters are too long; {_MOST_TOML_BYTES:,} is the limit")
        try:
            value = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
            raise InvalidInput(
                f"the terms are not valid TOML: {error}", hint="docs/reference/terms.md shows the form"
            ) from error
        return cls.from_json(value)
