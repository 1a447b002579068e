"""How a value is made coarser: bands of numbers, beginnings of codes, periods of time, groups by name.

Each form turns a text into a coarser one, or into None where it cannot read it: what cannot be read cannot be
made coarser, so it is left out rather than let through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from json import loads
from typing import Any, Final

from counterfoil.errors import InvalidInput

__all__ = [
    "ANY",
    "Bands",
    "Groups",
    "Level",
    "Period",
    "Prefix",
    "read_level",
    "require_nothing_left",
    "small_places",
    "without_names",
]

ANY: Final = "*"
"""The coarsest level: one value for everything, also for what is missing."""

PERIODS: Final = ("month", "quarter", "year", "decade")
_DATE: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])(?:-[0-9]{2}(?:[T ].*)?)?")
_LARGEST: Final = Decimal(10) ** 15
_MOST_EDGES: Final = 1_000
_MOST_GROUPS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Bands:
    """Bands of numbers, each with its lower end and without its upper: `[20,25)`.

    Attributes:
        width: Of every band, counted from 0; None where `edges` say where they lie.
        edges: Ends of the bands, ascending; below the first and from the last on it is open.
        top: From here on there is one band, `90+`.
    """

    width: Decimal | None = None
    edges: tuple[Decimal, ...] = ()
    top: Decimal | None = None

    def __call__(self, text: str) -> str | None:
        number = _number(text)
        if number is None:
            return None
        if self.top is not None and number >= self.top:
            return f"{_digits(self.top)}+"
        if self.width is not None:
            low = number // self.width * self.width
            if low > number:  # Decimal's // goes toward zero
                low -= self.width
            high = low + self.width
            return f"[{_digits(low)},{_digits(high if self.top is None else min(high, self.top))})"
        below = sum(edge <= number for edge in self.edges)
        if below == 0:
            return f"<{_digits(self.edges[0])}"
        if below == len(self.edges):
            return f"{_digits(self.edges[-1])}+"
        return f"[{_digits(self.edges[below - 1])},{_digits(self.edges[below])})"


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first characters of a code.

    Attributes:
        keep: How many.
        rare: Beginnings where few people live; they become `rare_as`.
        rare_as: See there.
    """

    keep: int
    rare: frozenset[str] = frozenset()
    rare_as: str = ""

    def __call__(self, text: str) -> str | None:
        kept = text.strip()[: self.keep]
        return self.rare_as if kept in self.rare else kept or None


@dataclass(frozen=True, slots=True)
class Period:
    """The month (`2026-11`), quarter (`2026-Q4`), year (`2026`) or decade (`2020s`) of a date that begins `2026-11`."""

    period: str

    def __call__(self, text: str) -> str | None:
        found = _DATE.fullmatch(text.strip())
        if found is None:
            return None
        year, month = found.groups()
        return {
            "month": f"{year}-{month}",
            "quarter": f"{year}-Q{(int(month) + 2) // 3}",
            "year": year,
            "decade": f"{year[:3]}0s",
        }[self.period]


@dataclass(frozen=True, slots=True)
class Groups:
    """Values by name: `{"Bern" = "west", "Chur" = "east"}`; all others are `others`, or left out."""

    groups: Mapping[str, str]
    others: str | None = None

    def __call__(self, text: str) -> str | None:
        return self.groups.get(text, self.others)


Level = Bands | Prefix | Period | Groups


def read_level(told: Any, where: str) -> Level:
    """Reads one form as the settings have it.

    Raises:
        InvalidInput: It is none of the four forms, or a value in it cannot be used.
    """
    forms = "width, edges, keep, period or groups"
    if not isinstance(told, Mapping):
        raise InvalidInput(f"{where}: a level is a table", hint=f"it has one of {forms}, like {{ width = 5 }}")
    rest = dict(told)
    if "width" in rest or "edges" in rest:
        return _bands(rest, where)
    if "keep" in rest:
        return _prefix(rest, where)
    if "period" in rest:
        period = rest.pop("period")
        require_nothing_left(rest, where)
        if period not in PERIODS:
            raise InvalidInput(f"{where}: period is {str(period)[:40]!r}", hint=f"one of {', '.join(PERIODS)}")
        return Period(period)
    if "groups" in rest:
        return _groups(rest, where)
    raise InvalidInput(f"{where}: a level has {forms}", hint="for example { width = 5 }")


def small_places(name: str) -> frozenset[str]:
    """Returns the codes of places with few people, from a list that comes with the program.

    Raises:
        InvalidInput: There is no such list.
    """
    known = {each.name.removesuffix(".json"): each for each in files(__package__).joinpath("data").iterdir()}
    if name not in known:
        raise InvalidInput(f"there is no list {name[:60]!r}", hint=f"known is {', '.join(sorted(known))}")
    return frozenset(loads(known[name].read_text("utf-8"))["codes"])


def without_names(told: Any) -> Any:
    """Returns a rule or level as the log may have it: of groups and lists of values only how many there are.

    A digest would let whoever guesses a short list find it.
    """
    if not isinstance(told, Mapping):
        return told
    named = {name: told[name] for name in ("groups", "rare") if isinstance(told.get(name), Mapping | list)}
    return {**told, **{name: {"entries": len(values)} for name, values in named.items()}}


def _bands(rest: dict[str, Any], where: str) -> Bands:
    width, edges, top = (rest.pop(name, None) for name in ("width", "edges", "top"))
    require_nothing_left(rest, where)
    if (width is None) == (edges is None):
        raise InvalidInput(f"{where}: give width or edges, not both")
    found_top = None if top is None else _setting(top, where)
    if width is not None:
        found = _setting(width, where)
        if found <= 0:
            raise InvalidInput(f"{where}: width is {width}", hint="more than 0")
        return Bands(found, top=found_top)
    if not isinstance(edges, list) or not 1 <= len(edges) <= _MOST_EDGES:
        raise InvalidInput(f"{where}: edges are a list of numbers", hint="for example edges = [0, 18, 65]")
    numbers = tuple(_setting(each, where) for each in edges)
    if list(numbers) != sorted(set(numbers)) or (found_top is not None and found_top <= numbers[-1]):
        raise InvalidInput(f"{where}: edges ascend, and top lies above them", hint="for example edges = [0, 18, 65]")
    return Bands(edges=numbers, top=found_top)


def _prefix(rest: dict[str, Any], where: str) -> Prefix:
    keep, rare, rare_as = rest.pop("keep"), rest.pop("rare", ()), rest.pop("rare_as", "000")
    require_nothing_left(rest, where)
    if type(keep) is not int or not 1 <= keep <= 64:
        raise InvalidInput(f"{where}: keep is how many characters stay", hint="from 1 to 64")
    codes = small_places(rare) if isinstance(rare, str) else frozenset(rare if isinstance(rare, list) else ())
    if not isinstance(rare_as, str) or not all(isinstance(code, str) and len(code) == keep for code in codes):
        raise InvalidInput(f"{where}: rare lists texts of {keep} characters", hint='or names a list: "us-zip3-2000"')
    return Prefix(keep, codes, rare_as)


def _groups(rest: dict[str, Any], where: str) -> Groups:
    groups, others = rest.pop("groups"), rest.pop("others", None)
    require_nothing_left(rest, where)
    if not isinstance(groups, Mapping) or not 1 <= len(groups) <= _MOST_GROUPS:
        raise InvalidInput(f"{where}: groups is a table of value = group", hint="at least one and 100,000 at most")
    if not all(isinstance(value, str) and value for value in groups.values()) or not isinstance(others, str | None):
        raise InvalidInput(f"{where}: a group is called by a text that is not empty")
    return Groups(dict(groups), others)


def require_nothing_left(rest: Mapping[str, Any], where: str) -> None:
    """Refuses what is left of a table when all that is known was taken out of it (InvalidInput); `where` says which."""
    if rest:
        raise InvalidInput(f"{where}: {sorted(rest)[0][:40]!r} does not belong there", hint="leave it out")


def _setting(value: Any, where: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{where}: a number was expected")
    found = _number(str(value))
    if found is None:
        raise InvalidInput(f"{where}: {value} is too large, or no number")
    return found


def _number(text: str) -> Decimal | None:
    """Returns the number that a text says exactly; None for what is none, infinite or beyond 10^15."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    return found if (found.is_finite() and abs(found) <= _LARGEST and found.adjusted() > -18) or found == 0 else None


def _digits(number: Decimal) -> str:
    return format(number.normalize() if number else Decimal(0), "f")
