"""Where somebody is under the law, and whether one such place lies in another."""

from __future__ import annotations

from typing import Final

__all__ = ["EUROPEAN_UNION", "covers", "may_lie_in"]

EUROPEAN_UNION: Final = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)
"""The member states, by ISO 3166-1."""


def covers(wide: str, narrow: str) -> bool:
    """Whether all of `narrow` lies in `wide`: DE in DE, US-CA in US, FR in EU."""
    country = narrow.partition("-")[0]
    return wide in (narrow, country) or (wide == "EU" and country in EUROPEAN_UNION)


def may_lie_in(stated: str, place: str) -> bool:
    """Whether somebody who states `stated` could be in `place`: who says US may be in US-CA."""
    return covers(place, stated) or covers(stated, place)
