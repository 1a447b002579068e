"""What the removal of a snapshot's contents says about itself in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from counterfoil.core.statement import Draft, Record
from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.provenance.records import STREAM

__all__ = ["REMOVAL", "Removal"]

REMOVAL: Final = "removal"
_MOST_REASON: Final = 300


@dataclass(frozen=True, slots=True)
class Removal:
    """The contents of a snapshot were removed; its record, digest and lineage stay.

    Attributes:
        dataset: Leaf hash (hex) of the dataset's record.
        sha256: Of the contents, hex.
        size_bytes: Of the contents.
        reason: Why, in words that name nobody.
    """

    dataset: str
    sha256: str
    size_bytes: int
    reason: str

    def draft(self, name: str) -> Draft:
        """Returns the record to be written; `name` is the dataset's.

        Raises:
            InvalidInput: The reason is empty, too long, or no line of text.
        """
        if not self.reason.strip() or len(self.reason) > _MOST_REASON or not self.reason.isprintable():
            raise InvalidInput(
                f"a reason is one line of 1 to {_MOST_REASON} characters", hint="say why, without naming anybody"
            )
        about = {"reason": self.reason, "sha256": self.sha256, "sizeBytes": self.size_bytes}
        return Draft(REMOVAL, STREAM, name, (self.dataset,), about)

    @classmethod
    def read(cls, record: Record) -> Removal:
        """Reads a removal back from its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        about = record.about
        try:
            [dataset] = record.builds_on
            return cls(dataset, str(about["sha256"]), int(about["sizeBytes"]), str(about["reason"]))
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedEvidence("a removal's record lacks a part or holds another type") from error
