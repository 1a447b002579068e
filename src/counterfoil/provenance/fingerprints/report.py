"""A fingerprint, and what changed since another one, as JSON and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from counterfoil.core.wording import counted
from counterfoil.provenance.fingerprints.difference import Change, Difference
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.table_difference import TableDifference

__all__ = ["difference_lines", "fingerprint_lines", "told_json"]

SHOWN: Final = 20
MARKS: Final = {"added": "+", "changed": "~", "removed": "-", "renamed": ">"}


def told_json(made: Fingerprint, found: Difference | None) -> dict[str, Any]:
    """Returns what a fingerprint comes to, and what changed."""
    table = made.table
    told: dict[str, Any] = {
        "algorithm": made.algorithm,
        "files": made.files,
        "ignored": list(made.ignored),
        "model_sha256": made.model_sha256 or None,
        "root": made.root.hex(),
        "size_bytes": made.size_bytes,
        "table": {"digest": table.digest.hex(), "order": table.order, "rows": table.rows} if table else None,
    }
    if found is None:
        return told
    changes = [asdict(each) for each in found.changes]
    rows = asdict(found.table) if found.table is not None else None
    return told | {
        "changes": changes,
        "model_changed": found.is_model_other,
        "same": found.is_same,
        "table_changes": rows,
    }


def fingerprint_lines(path: Path, made: Fingerprint) -> Iterator[str]:
    """Yields what a fingerprint comes to, in words."""
    yield f"{made.root.hex()}  {path}"
    by = "SHA-256" if made.algorithm == "sha256" else "BLAKE3"
    yield f"{counted(made.files, 'file')}, {made.size_bytes:,} bytes, by {by}."
    if made.ignored:
        yield f"Left out: {', '.join(made.ignored)}."
    if made.table is not None:
        order = "in their order" if made.table.order == "kept" else "in any order"
        yield f"{made.table.digest.hex()}  its rows, {order}"
        yield f"{counted(made.table.rows, 'row')}, {counted(len(made.table.columns), 'column')}."
    if made.model_sha256:
        yield f"{made.model_sha256}  what the model means"


def difference_lines(against: Path | None, found: Difference | None) -> Iterator[str]:
    """Yields what changed, in words."""
    if against is None or found is None:
        return
    yield ""
    if not found.changes:
        yield f"Nothing changed since {against.name}: every name, size and content is as it was."
        return
    for each in found.changes[:SHOWN]:
        yield f"  {MARKS[each.what]} {_changed(each)}"
    if len(found.changes) > SHOWN:
        yield f"  ... and {len(found.changes) - SHOWN:,} more (--json lists all)"
    if all(each.what == "renamed" for each in found.changes):
        names = "another name" if len(found.changes) == 1 else "other names"
        yield f"The same bytes as in {against.name}, under {names}."
        return
    counts = [(found.count(what), what) for what in ("changed", "added", "removed", "renamed")]
    told = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    yield f"Not as it was in {against.name}: {told}."
    if found.table is not None:
        yield from _table_lines(found.table)
    if found.is_model_other is not None:
        yield (
            "It means another model." if found.is_model_other else "It means the same model: only its file is another."
        )


def _table_lines(found: TableDifference) -> Iterator[str]:
    if found.is_same:
        yield "Its columns and rows say the same: only the file is another."
        return
    named = (
        ("are new", found.added),
        ("are gone", found.removed),
        ("have another type", found.retyped),
        ("hold something else", found.changed),
    )
    for words, names in named:
        if names:
            yield f"Columns that {words}: {_some(names)}."
    if found.rows_before != found.rows_after:
        yield f"It had {counted(found.rows_before, 'row')} and has {found.rows_after:,}."
    if found.rows:
        yield f"Rows that changed are among {_some(f'{start + 1:,} to {end:,}' for start, end in found.rows)}."
    elif not (found.added or found.removed or found.retyped):
        yield "Some rows are others; which ones is not known where no order counts."


def _changed(change: Change) -> str:
    if change.what == "renamed":
        return f"{change.name} (was {change.was})"
    if not change.ranges:
        return change.name
    return f"{change.name} (bytes {_some(f'{start:,} to {end - 1:,}' for start, end in change.ranges)})"


def _some(names: Iterable[str]) -> str:
    """Returns the first few, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - 5:,} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more
