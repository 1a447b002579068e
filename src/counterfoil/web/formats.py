"""Numbers, times and digests as pages show them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup

from counterfoil.core import canonical

__all__ = [
    "breakable",
    "day_text",
    "key_id",
    "moment",
    "number",
    "percent",
    "public_key",
    "score",
    "score_in_column",
    "short",
    "value_text",
    "when",
]

MICRO: Final = 1_000_000
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_AFTER_PUNCTUATION: Final = re.compile(r"(?<=[/+.@_?&=:-])(?=\w)")


def number(value: float) -> str:
    """Returns 1234567 as "1,234,567"."""
    return f"{value:,}"


def percent(share: float) -> str:
    """Returns 0.625 as "62.5 %"."""
    return f"{share * 100:.1f}\N{NO-BREAK SPACE}%"


def score(micro: int | None) -> str:
    """Returns millionths as a number from 0 to 1, all its digits: 620000 reads "0.62"."""
    if micro is None:
        return "\N{EN DASH}"
    whole, rest = divmod(micro, MICRO)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def score_in_column(micro: int | None) -> str:
    """Returns millionths with all six digits, so that scores below each other line up."""
    return "\N{EN DASH}" if micro is None else f"{micro // MICRO}.{micro % MICRO:06d}"


def breakable(text: str) -> Markup:
    """Returns a key or an address that a line may break after its punctuation; what is copied from it is the same."""
    return Markup("<wbr>").join(_AFTER_PUNCTUATION.split(text))


def short(digest: str) -> Markup:
    """Returns the beginning of a digest; the whole is in its title."""
    return Markup('<code title="{}">{}\N{HORIZONTAL ELLIPSIS}</code>').format(digest, digest[:12])


def public_key(vkey: str) -> Markup:
    """Returns the name and the id of a public key (`bank.example+1a2b3c4d+AVt5…`); the whole is in its title."""
    return Markup('<code title="{}">{}</code>').format(vkey, breakable("+".join(vkey.split("+")[:2])))


def key_id(vkey: str) -> Markup:
    """Returns the id of a public key alone, where its name stands beside it; the whole is in its title."""
    return Markup('<code title="{}">{}</code>').format(vkey, vkey.split("+")[1])


def moment(text: str | None) -> Markup:
    """Returns UTC text (`2026-11-23T19:00:00Z`) as "23 Nov 2026, 19:00:00 UTC"."""
    if not text:
        return Markup("\N{EN DASH}")
    try:
        when = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return Markup("{}").format(text)
    shown = f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M:%S} UTC"
    return Markup('<time datetime="{}">{}</time>').format(text, shown)


def when(text: str | None) -> Markup:
    """Returns UTC text to the minute, for tables: "23 Nov 2026, 19:00"; all of it is in its title."""
    if not text or len(text) < 16:
        return moment(text)
    shown = f"{int(text[8:10])} {_MONTHS[int(text[5:7]) - 1]} {text[:4]}, {text[11:16]}"
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(text, shown)


def day_text(day: str) -> str:
    """Returns `2026-11-23` as "23 Nov"."""
    return f"{int(day[8:10])} {_MONTHS[int(day[5:7]) - 1]}"


def value_text(value: Any) -> str:
    """Returns a private value as people read it."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number(value)
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return value if isinstance(value, str) else canonical.dumps(value).decode()
