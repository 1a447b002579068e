"""Numbers in front of words, as they are spoken."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Returns "1 record", "1,200 records"; with a `plural` of its own "1 person", "2 people"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
