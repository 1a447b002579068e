"""What an owner should look at before columns are shown: those that look as if they told of persons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterfoil.core.wording import counted
from counterfoil.provenance.privacy.identifiers import Finding, find_identifiers
from counterfoil.provenance.text_table import TextTable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ShownColumns", "columns_to_mind"]


@dataclass(frozen=True, slots=True)
class ShownColumns:
    """What looks like an identifier of persons in columns that are about to be shown.

    Attributes:
        findings: What was found, by column.
    """

    findings: tuple[Finding, ...]

    def lines(self) -> Iterator[str]:
        """Yields a warning for each finding, for people."""
        for each in self.findings:
            by = "its name says" if each.by == "name" else f"{counted(each.rows, 'row')} look"
            yield f"{each.column}: {by} like {each.what}; everybody will see what the offer sheet shows of it"


def columns_to_mind(table: TextTable, columns: Sequence[str]) -> ShownColumns:
    """Looks for the identifiers of Safe Harbor in the columns that are to be shown; reads the table once.

    Raises:
        InvalidInput: A column is not there.
    """
    table.require(columns)
    chosen = tuple(columns)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in table.batches():
            yield batch.select(list(chosen))

    import pyarrow

    schema = pyarrow.schema([table.schema.field(name) for name in chosen])
    return ShownColumns(find_identifiers(TextTable(chosen, schema, batches)).findings)
