"""What changed between two fingerprints: which files, and which part of a large one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.entry import CHUNK_BYTES, Entry
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.hash_list import differing_runs
from counterfoil.provenance.fingerprints.table_difference import TableDifference, table_difference

__all__ = ["Change", "Difference", "difference_of"]

What: TypeAlias = Literal["added", "removed", "changed", "renamed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is not as it was.

    Attributes:
        what: `added`, `removed`, `changed` or `renamed`.
        name: As it is now; of one that was removed, as it was.
        was: Of a renamed file, its name before.
        ranges: Of a changed large file, (first byte, byte behind the last) of each part that changed.
    """

    what: What
    name: str
    was: str = ""
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as it was.

    Attributes:
        changes: Of files, by name.
        table: Of columns and rows, where both fingerprints tell of them.
        is_model_other: Whether it means another model, where both fingerprints tell of it.
    """

    changes: tuple[Change, ...]
    table: TableDifference | None = None
    is_model_other: bool | None = None

    @property
    def is_same(self) -> bool:
        """Whether it says the same: in its rows or as a model, where both tell of them, and otherwise in its files."""
        if self.table is None and self.is_model_other is None:
            return not self.changes
        return (self.table is None or self.table.is_same) and not self.is_model_other

    def count(self, what: What) -> int:
        """Returns how many files changed in that way."""
        return sum(each.what == what for each in self.changes)


def difference_of(before: Fingerprint, after: Fingerprint) -> Difference:
    """Returns what changed from `before` to `after`.

    A file that was removed and one of the same content that was added count as renamed.

    Raises:
        InvalidInput: The two were made with different algorithms, or count the order of rows differently.
    """
    if before.algorithm != after.algorithm:
        raise InvalidInput(
            f"one fingerprint was made with {before.algorithm}, the other with {after.algorithm}",
            hint=f"make the new one with --algorithm {before.algorithm}",
        )
    table = None
    if before.table is not None and after.table is not None:
        table = table_difference(before.table, after.table)
    is_model_other = None
    if before.model_sha256 and after.model_sha256:
        is_model_other = before.model_sha256 != after.model_sha256
    return Difference(_changes(before, after), table, is_model_other)


def _changes(before: Fingerprint, after: Fingerprint) -> tuple[Change, ...]:
    if before.root == after.root:
        return ()
    old, new = ({each.path: each for each in side.entries} for side in (before, after))
    removed = [each for each in before.entries if each.path not in new]
    added = [each for each in after.entries if each.path not in old]
    changed = [
        Change("changed", each.name, ranges=tuple(_ranges(old[each.path], each)))
        for each in after.entries
        if each.path in old and _content(each) != _content(old[each.path])
    ]
    found = [*changed, *_moved(removed, added)]
    return tuple(sorted(found, key=lambda each: (each.name, each.what)))


def _moved(removed: list[Entry], added: list[Entry]) -> Iterator[Change]:
    by_content: dict[tuple[object, ...], list[Entry]] = {}
    for each in reversed(removed):
        by_content.setdefault(_content(each), []).append(each)
    for each in added:
        same = by_content.get(_content(each))
        if same:
            yield Change("renamed", each.name, was=same.pop().name)
        else:
            yield Change("added", each.name)
    for left in by_content.values():
        yield from (Change("removed", each.name) for each in left)


def _content(entry: Entry) -> tuple[object, ...]:
    return entry.size_bytes, entry.kind, entry.digest


def _ranges(old: Entry, new: Entry) -> Iterator[tuple[int, int]]:
    """Yields the parts of a large file that changed, those that touch put together."""
    if old.kind != "chunks" or new.kind != "chunks":
        return
    size_bytes = max(old.size_bytes, new.size_bytes)
    for start, end in differing_runs(old.chunks, new.chunks):
        yield start * CHUNK_BYTES, min(end * CHUNK_BYTES, size_bytes)
