"""Where records stand, by their leaf hashes, as the searchable tables know it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, select

from counterfoil.store.archive import Archive
from counterfoil.store.views import leaf8, records

__all__ = ["portions", "record_places"]

_AT_ONCE: Final = 500
"""Most numbers named in one query."""


def record_places(connection: Connection, archive: Archive, leaves: Iterable[str]) -> dict[str, int]:
    """Returns the places of records that the tables have already seen, by leaf hash (hex); -1 for others."""
    wanted = {leaf8(bytes.fromhex(leaf)): leaf for leaf in leaves}
    found: dict[str, int] = dict.fromkeys(wanted.values(), -1)
    for some in portions(wanted):
        query = select(records.c.leaf8, records.c.idx).where(records.c.leaf8.in_(some))
        for number, index in connection.execute(query):
            leaf = wanted[number]
            # A number that two records share is rare, and only then are their hashes held against it: the
            # log's lock is not waited for while the database is locked.
            if found[leaf] < 0 or archive.leaf(index).hex() == leaf:
                found[leaf] = int(index)
    return found


def portions(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Yields places or other numbers, sorted, as many at once as one query may name."""
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]
