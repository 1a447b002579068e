"""Who reads the parts of an offer sheet that have rules of their own: terms, parameters, what may be computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["PartCheck", "SheetChecks", "any_object"]

PartCheck = Callable[[Mapping[str, Any]], object]
"""Reads a part; InvalidInput or MalformedEvidence where it is not usable. What it returns is not kept."""


def any_object(_part: Mapping[str, Any]) -> None:
    """Takes every object."""


@dataclass(frozen=True, slots=True)
class SheetChecks:
    """The readers of three parts.

    Attributes:
        terms: Of who may have it.
        parameters: Of what the buyer fills in.
        compute: Of what may run and what may leave.
    """

    terms: PartCheck = any_object
    parameters: PartCheck = any_object
    compute: PartCheck = any_object

    def check(self, terms: Mapping[str, Any], parameters: Mapping[str, Any], compute: Mapping[str, Any] | None) -> None:
        """Has each part read that is there; raises what its reader raises."""
        self.terms(terms)
        self.parameters(parameters)
        if compute is not None:
            self.compute(compute)
