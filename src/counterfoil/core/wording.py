"""Words for people: numbers in front of nouns, and what a misspelt word may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

__all__ = ["counted", "did_you_mean", "nearest", "with_article"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Returns "1 record", "1,200 records"; with a `plural` of its own "1 person", "2 people"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def with_article(noun: str) -> str:
    """Returns "a receipt", "an offer sheet"; goes by the first letter, so not for "hour" or "unit"."""
    return f"a{'n' if noun[:1] in tuple('aeiou') else ''} {noun}"


def nearest(found: str, known: Iterable[Any]) -> str | None:
    """Returns the known word that looks most like `found`, or None."""
    near = get_close_matches(found[:100], [str(each) for each in known], n=1, cutoff=0.6)
    return near[0] if near else None


def did_you_mean(found: str, known: Iterable[Any]) -> str:
    """Returns "did you mean 'x'?" for the nearest known word, or an empty string."""
    near = nearest(found, known)
    return f"did you mean {near!r}?" if near else ""
