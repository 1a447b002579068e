"""What a commitment to the rows of a dataset says about itself in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.check_rows import ROWS_KIND
from counterfoil.core.rows_proof import IdTree, RowTree
from counterfoil.core.statement import Draft, Record
from counterfoil.errors import MalformedEvidence
from counterfoil.provenance.records import STREAM

__all__ = ["RowsRecord"]

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class RowsRecord:
    """A commitment to the rows of one version of a dataset.

    Attributes:
        dataset: Name and version of the dataset, `customers 3`.
        dataset_leaf: Leaf hash of its record, hex: what a training run names, too.
        rows: The tree over its rows.
        ids: The tree over its ids; None where only rows were committed to.
    """

    dataset: str
    dataset_leaf: str
    rows: RowTree
    ids: IdTree | None

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about: dict[str, Any] = {"dataset": self.dataset, "rows": self.rows.to_json(), "version": _VERSION}
        about["ids"] = self.ids.to_json() if self.ids is not None else None
        return Draft(ROWS_KIND, STREAM, self.dataset, builds_on=(self.dataset_leaf,), about=about)

    @classmethod
    def read(cls, record: Record) -> RowsRecord:
        """Reads it back from its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        about = record.about
        if about.get("version") != _VERSION or len(record.builds_on) != 1:
            raise MalformedEvidence("a record about rows is of another version, or names no dataset")
        try:
            ids = None if about["ids"] is None else IdTree.from_json(about["ids"])
            return cls(str(about["dataset"]), record.builds_on[0], RowTree.from_json(about["rows"]), ids)
        except KeyError as error:
            raise MalformedEvidence("a record about rows lacks a part") from error
