"""What changed between two versions of a table, as a proposal says it and its reader works it out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

from counterfoil.market.sheets.members import Members
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.table_difference import table_difference

__all__ = ["TableChanges", "table_changes"]

MOST_COLUMNS: Final = 100
MOST_PARTS: Final = 64
"""Parts of rows that are named; where more changed, the last one reaches to the end."""

_MOST_NAME: Final = 200
_LISTS: Final = ("added", "removed", "changed")


@dataclass(frozen=True, slots=True)
class TableChanges:
    """What is not as it was. Of columns at most a hundred are named of each.

    Attributes:
        rows_before: Number of rows before.
        rows_after: Number of rows now.
        added: Names of columns that are new.
        removed: Names of columns that are gone.
        changed: Names of columns with other content or of another type.
        parts: (first row, row behind the last), from 0: where rows changed, were added or removed, 256 rows fine.
    """

    rows_before: int
    rows_after: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    parts: tuple[tuple[int, int], ...] = ()

    @classmethod
    def read(cls, told: Members) -> Self:
        """Reads the member; InvalidInput says what is wrong."""
        parts = []
        for row in told.rows("parts", MOST_PARTS) if told.has("parts") else ():
            if len(row) != 2 or not all(type(each) is int for each in row) or not 0 <= row[0] < row[1]:
                raise told.error("parts", "holds something else than pairs of rows, the first below the second")
            parts.append((int(row[0]), int(row[1])))
        added, removed, changed = (told.texts(name, MOST_COLUMNS, _MOST_NAME) for name in _LISTS)
        return cls(told.whole("rowsBefore"), told.whole("rowsAfter"), added, removed, changed, tuple(parts))

    def to_json(self) -> dict[str, Any]:
        """Returns the member, without what is empty."""
        lists = {
            "added": list(self.added),
            "changed": list(self.changed),
            "parts": [list(each) for each in self.parts],
            "removed": list(self.removed),
        }
        counts = {"rowsAfter": self.rows_after, "rowsBefore": self.rows_before}
        return counts | {name: value for name, value in lists.items() if value}


def table_changes(before: Fingerprint, after: Fingerprint) -> TableChanges | None:
    """Returns what changed, None where one of the two is no table; the same for everybody who has both files.

    Raises:
        InvalidInput: In one the order of the rows counts, and in the other it does not.
    """
    if before.table is None or after.table is None:
        return None
    found = table_difference(before.table, after.table)
    parts = list(found.rows)
    if len(parts) > MOST_PARTS:
        parts = [*parts[: MOST_PARTS - 1], (parts[MOST_PARTS - 1][0], parts[-1][1])]
    return TableChanges(
        found.rows_before,
        found.rows_after,
        _named(found.added),
        _named(found.removed),
        _named((*found.changed, *(each for each in found.retyped if each not in found.changed))),
        tuple(parts),
    )


def _named(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns names that a proposal can hold: others are not named."""
    fit = (each for each in names if each and each == each.strip() and each.isprintable() and len(each) <= _MOST_NAME)
    return tuple(fit)[:MOST_COLUMNS]
