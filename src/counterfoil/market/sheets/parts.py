"""The readers of an offer sheet's terms and parameters, as this version has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from counterfoil.market.sheets.checks import SheetChecks
from counterfoil.market.terms import Terms, check_schema

__all__ = ["PART_CHECKS"]


def _terms(part: Mapping[str, Any]) -> None:
    Terms.from_json(part, "the offer sheet's terms")


def _parameters(part: Mapping[str, Any]) -> None:
    """Takes no parameters at all, or a schema of them."""
    if part:
        check_schema(part, "the offer sheet's parameters")


PART_CHECKS: Final = SheetChecks(terms=_terms, parameters=_parameters)
"""What every sheet is held to; what may be computed is an object of its own reader's, which a caller adds."""
