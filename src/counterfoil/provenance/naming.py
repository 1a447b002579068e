"""Names and versions of what is on record, and how one of them is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

__all__ = ["is_place", "is_text", "next_version", "split_version"]

_MOST_DIGITS: Final = 16
"""Digits of a place in the log, at most."""


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
