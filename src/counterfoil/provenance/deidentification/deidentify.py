"""Makes a table without what points to persons, from a table, settings and a key; the input is only read.

1. Every column must have a rule, and every rule a column.
2. Where k is asked for, the columns to generalise are read whole and their levels chosen (see `lattice`).
3. The rows are read again, batch by batch: rows of groups that stay too small are left out, each column becomes what
   its rule says, and the batch is written.
4. The input must be the file it was when it was first read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import InvalidInput, Stale
from counterfoil.provenance.deidentification.columns import ColumnPlan, Shift
from counterfoil.provenance.deidentification.keys import KEY_BYTES, ProjectKey
from counterfoil.provenance.deidentification.lattice import Choice, Quasi, choose
from counterfoil.provenance.deidentification.settings import Generalise, Settings
from counterfoil.provenance.deidentification.writing import Write, require_new, writing
from counterfoil.provenance.text_table import TextTable, as_texts, coded_columns, digest_of, expected_rows, text_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ColumnOutcome", "Outcome", "deidentify", "preview"]

Progress = Callable[[int, int], None]
Wrote = Callable[["pa.RecordBatch"], None]

_NO_KEY: Final = bytes(KEY_BYTES)
"""Counts are the same under any key, but for how many shifted dates happen to meet, so a preview needs none."""


@dataclass(frozen=True, slots=True)
class ColumnOutcome:
    """What became of a column, in counts.

    Attributes:
        name: Of the column.
        rule: Its rule, as the settings have it.
        level: Of a generalised column, the level in use; None for others.
        different_before: Different values, up to 100,000.
        different_after: The same afterwards.
        missing_before: Rows that hold nothing, of those that stayed.
        missing_after: The same afterwards; the more are values that could not be read.
        is_emptied: Whether every value became `*`, because the settings allow it and k asked for it.
    """

    name: str
    rule: str
    level: int | None
    different_before: int
    different_after: int
    missing_before: int
    missing_after: int
    is_emptied: bool

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {
            "differentAfter": self.different_after,
            "differentBefore": self.different_before,
            "emptied": self.is_emptied,
            "level": self.level,
            "missingAfter": self.missing_after,
            "missingBefore": self.missing_before,
            "name": self.name,
            "rule": self.rule,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a de-identification did.

    Attributes:
        rows: Of the input.
        suppressed: Rows that were left out.
        k: Rows in the smallest group that stayed; None where no k was asked for.
        groups: How many groups stayed; None likewise.
        tried: Combinations of levels that were counted; 0 likewise.
        columns: Each column, in order; also those that were dropped.
        sha256: Of the output, hex; empty for a preview.
    """

    rows: int
    suppressed: int
    k: int | None
    groups: int | None
    tried: int
    columns: tuple[ColumnOutcome, ...]
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {
            "columns": [each.to_json() for each in self.columns],
            "groups": self.groups,
            "k": self.k,
            "rows": self.rows,
            "sha256": self.sha256,
            "suppressed": self.suppressed,
            "tried": self.tried,
        }


def preview(path: Path, settings: Settings, progress: Progress | None = None) -> Outcome:
    """Returns what `deidentify` would do, and writes nothing; no key is needed."""
    return _run(path, None, settings, _NO_KEY, progress)


def deidentify(
    path: Path, out: Path, settings: Settings, home_key: bytes, progress: Progress | None = None, *, sha256: str = ""
) -> Outcome:
    """Writes a de-identified table; equal input, settings and key give equal bytes.

    Args:
        path: The table: CSV, Parquet or Arrow.
        out: A new file, ending in .csv, .tsv or .parquet.
        settings: What becomes of every column.
        home_key: 32 secret bytes; see `keys`.
        progress: Told (rows written, rows in all).
        sha256: What the table must be by `digest_of` (hex), read after its rows were; not asked for where empty.

    Raises:
        NotFound: There is no such file.
        InvalidInput: The table cannot be read, the settings do not fit it, k cannot be reached or takes emptying
            a column that may not be, or there is something at `out`. Nothing was written.
        Stale: The table was changed while it was read. Nothing was written.
    """
    require_new(out)
    return _run(path, out, settings, home_key, progress, sha256)


def _run(
    path: Path, out: Path | None, settings: Settings, home_key: bytes, progress: Progress | None, sha256: str = ""
) -> Outcome:
    table = text_table(path)
    before = _state(path)
    _require_rules(table, settings)
    key = ProjectKey.of(home_key, settings.project)
    choice, quasi = _choice(table, settings)  # step 2
    levels = dict(zip((each.column.name for each in quasi), choice.levels, strict=True)) if choice else {}
    plans = [_plan(table, name, settings, levels, key) for name in table.names]
    shift = Shift(key, settings.shift_days) if "shift" in (each.rule for each in plans) else None
    with _output(out, plans) as write:
        total = expected_rows(path) if progress is not None else 0
        rows, stayed = _write_rows(table, plans, choice, settings.person, shift, write, _toward(total, progress))
        if _state(path) != before or (sha256 and digest_of(path) != sha256):  # step 4
            raise Stale(f"{path.name} was changed while it was read", hint="run it again")
    return Outcome(
        rows,
        rows - stayed,
        choice.k if choice else None,
        choice.groups if choice else None,
        choice.tried if choice else 0,
        tuple(_outcome(plan, settings) for plan in plans),
        digest_of(out) if out is not None else "",
    )


def _require_rules(table: TextTable, settings: Settings) -> None:
    """Refuses settings and a table that do not fit (step 1)."""
    table.require(settings.columns)
    table.require([settings.person] if settings.person else [])
    table.require(settings.goal.also if settings.goal else ())
    without = [name for name in table.names if settings.rule_of(name) is None]
    if without:
        more = f" and {len(without) - 1:,} more" if len(without) > 1 else ""
        raise InvalidInput(
            f"no rule says what becomes of the column {without[0]!r}{more}",
            hint='give it one under [columns], or say others = "drop" for all that have none',
        )


def _choice(table: TextTable, settings: Settings) -> tuple[Choice | None, list[Quasi]]:
    goal = settings.goal
    if goal is None:
        return None, []
    rules = {name: settings.rule_of(name) for name in table.names}
    wanted = tuple(name for name, rule in rules.items() if isinstance(rule, Generalise) or name in goal.also)
    quasi = []
    for column in coded_columns(table, wanted):
        rule = rules[column.name]
        fitting = isinstance(rule, Generalise)
        quasi.append(Quasi(column, rule.levels if fitting else (), rule.level if fitting else 0))  # type: ignore[union-attr]
    rows = len(quasi[0].column.codes)
    if not rows:
        raise InvalidInput("the table has no rows", hint="without rows there are no groups to reach")
    return choose(quasi, goal.least, int(goal.most_suppressed * rows), may_empty=goal.may_empty), quasi


def _plan(table: TextTable, name: str, settings: Settings, levels: dict[str, int], key: ProjectKey) -> ColumnPlan:
    rule = settings.rule_of(name)
    assert rule is not None
    level = levels.get(name, (rule.level or 0) if isinstance(rule, Generalise) else 0)
    is_counted = settings.goal is not None and name in settings.goal.also
    return ColumnPlan(name, rule, table.schema.field(name).type, level, key, is_counted)


@contextmanager
def _output(out: Path | None, plans: list[ColumnPlan]) -> Iterator[Write]:
    import pyarrow as pa

    schema = pa.schema([(plan.name, plan.new_type()) for plan in plans if not plan.is_dropped])
    if not schema.names:
        raise InvalidInput("every column is dropped", hint="nothing would be left: keep one")
    if out is None:
        yield lambda _: None
        return
    with writing(out, schema) as write:
        yield write


def _write_rows(
    table: TextTable,
    plans: list[ColumnPlan],
    choice: Choice | None,
    person: str,
    shift: Shift | None,
    write: Wrote,
    progress: Callable[[int], None] | None,
) -> tuple[int, int]:
    """Writes what becomes of the rows (step 3); returns how many were read and how many stayed."""
    import pyarrow as pa

    rows = stayed = 0
    for whole in table.batches():
        batch = whole
        if choice is not None:
            stays = choice.stays[rows : rows + whole.num_rows]
            batch = whole if stays.all() else whole.filter(pa.array(stays))
        days = shift.days(as_texts(batch.column(table.names.index(person)))) if shift is not None else None
        made = [(plan, plan.apply(batch.column(place), days)) for place, plan in enumerate(plans)]
        left = [(plan.name, column) for plan, column in made if not plan.is_dropped]
        write(pa.RecordBatch.from_arrays([column for _, column in left], names=[name for name, _ in left]))
        rows += whole.num_rows
        stayed += batch.num_rows
        if progress is not None:
            progress(rows)
    return rows, stayed


def _toward(total: int, progress: Progress | None) -> Callable[[int], None] | None:
    return None if progress is None else lambda rows: progress(rows, max(rows, total))


def _outcome(plan: ColumnPlan, settings: Settings) -> ColumnOutcome:
    before, after = plan.different()
    dropped, told = plan.is_dropped, settings.told.get("columns", {}).get(plan.name, {})
    return ColumnOutcome(
        plan.name,
        str(told.get("rule", settings.others)),
        plan.level if isinstance(plan.rule, Generalise) else None,
        before,
        0 if dropped else after,
        plan.missing_before,
        plan.rows if dropped else plan.missing_after,
        plan.is_emptied,
    )


def _state(path: Path) -> list[tuple[int, int]]:
    parts = sorted(path.iterdir()) if path.is_dir() else [path]
    return [(part.stat().st_size, part.stat().st_mtime_ns) for part in parts]
