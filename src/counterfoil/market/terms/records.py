"""What a decision over access says about itself in the log: a grant or a refusal, and the rule that made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.statement import Draft, Record
from counterfoil.errors import MalformedEvidence
from counterfoil.market.terms.access import Access
from counterfoil.market.terms.claims import Claims

__all__ = ["GRANT", "REFUSAL", "AccessRecord"]

GRANT: Final = "grant"
REFUSAL: Final = "refusal"
_STREAM: Final = "market"


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """That an order was given access, or refused. The buyer is named by its order alone.

    Attributes:
        allowed: Whether access was given.
        order: The order's id, 64 hex digits.
        sheet: SHA-256 (hex) of the offer sheet whose terms decided.
        claims: SHA-256 (hex) of the claims.
        purpose, jurisdiction: As the buyer stated them; None where it did not.
        rule: Number of the rule that decided; None where none allowed it.
        why: The decision in words.
    """

    allowed: bool
    order: str
    sheet: str
    claims: str
    purpose: str | None
    jurisdiction: str | None
    rule: int | None
    why: str

    @classmethod
    def of(cls, access: Access, claims: Claims, sheet: str) -> AccessRecord:
        """Returns the record of a decision."""
        stated = (claims.purpose, claims.jurisdiction)
        return cls(access.allowed, claims.order, sheet, claims.digest, *stated, access.rule, access.why)

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about: dict[str, Any] = {
            "claims": self.claims,
            "jurisdiction": self.jurisdiction,
            "order": self.order,
            "purpose": self.purpose,
            "rule": self.rule,
            "sheet": self.sheet,
            "why": self.why,
        }
        return Draft(GRANT if self.allowed else REFUSAL, _STREAM, f"order {self.order}", (), about)

    @classmethod
    def read(cls, record: Record) -> AccessRecord:
        """Reads it back (MalformedEvidence for anything else)."""
        about = record.about
        try:
            texts = [None if about[key] is None else str(about[key]) for key in ("purpose", "jurisdiction")]
            rule = None if about["rule"] is None else int(about["rule"])
            names = (str(about["order"]), str(about["sheet"]), str(about["claims"]))
            return cls(record.kind == GRANT, *names, texts[0], texts[1], rule, str(about["why"]))
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedEvidence("a grant's or refusal's record lacks a part") from error
