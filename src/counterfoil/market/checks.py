"""The readers of what an offer sheet says of terms, parameters and computing, for whoever reads or writes a sheet."""

from __future__ import annotations

from typing import Final

from counterfoil.market.compute.jobs.rules import ComputeRules
from counterfoil.market.sheets.checks import SheetChecks
from counterfoil.market.terms import Terms, check_schema

__all__ = ["SHEET_CHECKS"]

SHEET_CHECKS: Final = SheetChecks(
    terms=Terms.from_json,
    parameters=lambda part: check_schema(part) if part else None,
    compute=ComputeRules.from_json,
)
