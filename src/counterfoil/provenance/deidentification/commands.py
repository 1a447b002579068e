"""`counterfoil deidentify`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.core.wording import counted
from counterfoil.errors import InvalidInput

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.provenance.deidentification.deidentify import ColumnOutcome, Outcome

__all__ = ["deidentify"]

PATH: Final = click.Path(path_type=Path)
_MOST: Final = 100_000
_FEW_KEPT: Final = 3
"""Columns that are kept are named up to here; beyond, they are counted."""


@click.command()
@click.argument("file", type=PATH, help="The table: CSV with a header row, Parquet or Arrow. It is only read.")
@click.option("--settings", type=PATH, required=True, help="What becomes of every column, as TOML or JSON.")
@click.option("--out", type=PATH, help="The new table: .csv, .tsv or .parquet. Nothing is overwritten.")
@click.option("--name", default="", help="What the new dataset is called; the file's name by default.")
@click.option("--dry-run", is_flag=True, help="Say what would become of every column, in counts; write nothing.")
@click.pass_obj
def deidentify(session: Session, file: Path, settings: Path, out: Path | None, name: str, dry_run: bool) -> None:
    """Make a table without what points to persons, and record what it came from.

    Columns are dropped, kept, masked, made coarser until groups are large enough, or
    replaced by pseudonyms; dates move by each person's own number of days. The same
    table, settings and key give the same bytes. FILE and the new table are registered
    as datasets, with a run between them that holds the settings and no secret.
    """
    from counterfoil.provenance.deidentification.deidentify import preview
    from counterfoil.provenance.deidentification.settings import Settings

    read = Settings.load(settings)
    if dry_run:
        with session.progress("Reading") as progress:
            outcome = preview(file, read, progress)
        session.emit({"outcome": outcome.to_json()}, [*_lines(outcome), "Nothing was written: this was a dry run."])
        return
    if out is None:
        raise InvalidInput("it is not said where the new table goes", hint="name a new file with --out, or --dry-run")
    with session.open() as org, session.progress("De-identifying") as progress:
        made = org.deidentifications.run(file, read, out, name=name, progress=progress)
    session.emit(
        {
            "dataset": made.dataset.index,
            "outcome": made.outcome.to_json(),
            "run": made.run.index,
            "source": made.source.index,
        },
        [
            *_lines(made.outcome),
            f"Dataset {made.dataset.record.name} {made.dataset.record.version} is record {made.dataset.index}, made by"
            f" the run {made.run.index} from record {made.source.index}.",
            f"SHA-256 {made.outcome.sha256}",
        ],
    )


def _lines(outcome: Outcome) -> Iterator[str]:
    kept = [column for column in outcome.columns if column.rule == "keep"]
    for column in outcome.columns:
        if column.rule != "keep" or len(kept) <= _FEW_KEPT:
            yield f"{column.name}: {_column_words(column)}"
    if len(kept) > _FEW_KEPT:
        yield f"{len(kept):,} columns kept as they are."
    left_out = f", {outcome.suppressed:,} left out" if outcome.suppressed else ""
    yield f"{counted(outcome.rows, 'row')}{left_out}."
    if outcome.k is not None:
        groups = counted(outcome.groups or 0, "group")
        yield f"k = {outcome.k:,}: the smallest of {groups} has {counted(outcome.k, 'row')}."


def _column_words(column: ColumnOutcome) -> str:
    if column.rule == "drop":
        return "dropped"
    if column.rule == "keep":
        return f"kept, {_different(column.different_before)}"
    if column.is_emptied:
        return f"EMPTIED, as the settings allow: every value is *, of {_different(column.different_before)}"
    rule = column.rule if column.level is None else f"{column.rule}, level {column.level}"
    unread = column.missing_after - column.missing_before
    lost = f"; {counted(unread, 'value')} could not be read and {'is' if unread == 1 else 'are'} left out"
    counts = f"{column.different_before:,} to {_different(column.different_after)}"
    return f"{rule}: {counts}{lost if unread > 0 else ''}"


def _different(count: int) -> str:
    more = " or more" if count >= _MOST else ""
    return f"{count:,}{more} different {'value' if count == 1 else 'values'}"
