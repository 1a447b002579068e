"""Rules that a dataset must pass, as settings and commands write them: `safe-harbor`, `k=5`, `missing=0.05`.

privacy          a privacy check of it is on record
safe-harbor      nothing in it looks like one of Safe Harbor's 18 identifiers
k=5              every group of rows has at least 5
l=2              in every group, at least 2 different values of each sensitive column
t=0.3            no group is further than 0.3 from the table
quality          a quality report of it is on record
missing=0.05     in no column are more than 5 in 100 values missing
duplicates=0     no more than this share of the rows is there twice
group=50         the smallest group has at least 50 rows
drift=0.2        no column moved further from the parent's
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from counterfoil.errors import InvalidInput

__all__ = ["PRIVACY_RULES", "QUALITY_RULES", "DatasetRule", "read_rules"]

PRIVACY_RULES: Final = ("privacy", "safe-harbor", "k", "l", "t")
QUALITY_RULES: Final = ("quality", "missing", "duplicates", "group", "drift")
_BARE: Final = frozenset({"privacy", "safe-harbor", "quality"})
_WHOLE: Final = frozenset({"k", "l", "group"})
_LARGEST: Final = 10**9


@dataclass(frozen=True, slots=True)
class DatasetRule:
    """One rule.

    Attributes:
        name: What is looked at.
        limit: At least so many for `k`, `l` and `group`, at most so much for the others; 0 where there is none.
        text: As it was written.
    """

    name: str
    limit: Fraction
    text: str

    @property
    def is_about_privacy(self) -> bool:
        """Whether a privacy check answers it; else a quality report does."""
        return self.name in PRIVACY_RULES


def read_rules(texts: tuple[str, ...]) -> tuple[DatasetRule, ...]:
    """Reads rules.

    Raises:
        InvalidInput: One is not known, or its limit is no number that it can have.
    """
    return tuple(_rule(text) for text in texts)


def _rule(text: str) -> DatasetRule:
    name, equals, limit = text.partition("=")
    known = (*PRIVACY_RULES, *QUALITY_RULES)
    if name not in known:
        raise InvalidInput(f"{text[:40]!r} is no rule for datasets", hint=f"known are {', '.join(known)}")
    if name in _BARE:
        if equals:
            raise InvalidInput(f"the rule {name} takes no limit", hint=f"write {name}")
        return DatasetRule(name, Fraction(0), text)
    example = f"{name}=5" if name in _WHOLE else f"{name}=0.1"
    try:
        found = Fraction(limit)
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidInput(f"the rule {text[:40]!r} has no limit", hint=f"write {example}") from error
    if not 0 <= found <= _LARGEST or (name in _WHOLE and found.denominator != 1) or "/" in limit or "_" in limit:
        raise InvalidInput(f"the rule {text[:40]!r} has a limit that cannot be", hint=f"write {example}")
    return DatasetRule(name, found, text)
