"""Names and versions of what is on record, and how one of them is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol, TypeVar

from counterfoil.errors import NotFound

__all__ = ["find_version", "is_leaf", "is_place", "is_text", "next_version", "split_version"]

_TOLD: Final = 8
"""So many names are told where one was not found."""

_MOST_DIGITS: Final = 16
"""Digits of a place in the log, at most."""

_LEAF: Final = re.compile(r"[0-9a-f]{64}")


class Versioned(Protocol):
    """What a record says of its name."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def version(self) -> str:
        """In the owner's own numbering."""


class OnRecord(Protocol):
    """A dataset or model on record."""

    @property
    def record(self) -> Versioned:
        """What is on record of it."""


T = TypeVar("T", bound=OnRecord)


def find_version(wanted: str, versions: Callable[[str | None], Sequence[T]], at: Callable[[int], T], what: str) -> T:
    """Returns what is on record by name (its newest version), as NAME@VERSION, or by its place in the log.

    Args:
        wanted: How it is asked for.
        versions: Returns all of one name, or all, oldest first.
        at: Returns the one at a place.
        what: The kind of record, as in messages and commands.

    Raises:
        NotFound: When there is none.
    """
    named = versions(wanted)
    if named:
        return named[-1]
    name, version = split_version(wanted)
    for each in reversed(versions(name) if version else []):
        if each.record.version == version:
            return each
    if is_place(wanted):
        return at(int(wanted))
    known = ", ".join(sorted({each.record.name for each in versions(None)})[:_TOLD])
    hint = f"registered are {known}" if known else f"register it: counterfoil {what} add"
    raise NotFound(f"there is no {what} {wanted!r}", hint=hint)


def is_leaf(wanted: str) -> bool:
    """Whether `wanted` is a leaf hash: 64 hexadecimal digits in lower case."""
    return _LEAF.fullmatch(wanted) is not None


def is_text(value: Any) -> bool:
    """Whether `value` can be a name: a text that can be printed."""
    return isinstance(value, str) and value.isprintable()


def is_place(wanted: str) -> bool:
    """Whether `wanted` is a place in the log, in digits."""
    return wanted.isascii() and wanted.isdigit() and len(wanted) <= _MOST_DIGITS


def split_version(wanted: str) -> tuple[str, str]:
    """Returns name and version of NAME@VERSION; an empty version where there is none."""
    name, at, version = wanted.rpartition("@")
    return (name, version) if at else (wanted, "")


def next_version(versions: Iterable[str]) -> str:
    """Returns the next free number among versions."""
    taken = set(versions)
    return next(str(number) for number in range(1, len(taken) + 2) if str(number) not in taken)
