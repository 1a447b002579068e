"""One decision that was made and recorded, in the hands of whoever made it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from counterfoil.core.receipt import Promise, Receipt
from counterfoil.core.steps import Report
from counterfoil.decisions.reasons import Reason
from counterfoil.errors import InvalidInput

__all__ = ["Book", "Decision"]


class Book(Protocol):
    """What a decision asks the organisation that made it."""

    def place_of(self, leaf: str) -> int | None:
        """Returns the place of a record by leaf hash (hex), None while it waits."""

    def receipt(self, index: int, pointers: Iterable[str] | None = None) -> Receipt:
        """Returns the receipt of a decision."""

    def check(self, decision: Decision, *, replay: bool = False) -> Report:
        """Checks a decision as an outsider would."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A recorded decision.

    Attributes:
        label: What was decided.
        score: The model's answer.
        score_micro: The same in whole micro-units; what the label rests on.
        reasons: Why, at most four; empty when favourable or found on demand.
        index: Place of its record in the log; None while it waits in the queue.
        seq: Its number in the stream.
        time: UTC text, whole seconds.
        leaf: Leaf hash (hex) of its record.
        subject: Reference of the person.
        promise: The signed promise while it waits, None once recorded.
    """

    label: str
    score: float
    score_micro: int
    reasons: tuple[Reason, ...]
    index: int | None
    seq: int
    time: str
    leaf: str
    subject: str | None
    promise: Promise | None
    _book: Book

    @property
    def receipt(self) -> Receipt | Promise:
        """The person's receipt with all fields; a promise while the record waits."""
        return self.receipt_of()

    def receipt_of(self, pointers: Iterable[str] | None = None) -> Receipt | Promise:
        """Returns the receipt, showing only `pointers` (all fields when None)."""
        if self.index is None:
            place = self._book.place_of(self.leaf)
            if place is None:
                assert self.promise is not None
                return self.promise
            return self._book.receipt(place, pointers)
        return self._book.receipt(self.index, pointers)

    def save_receipt(self, path: Path | str) -> Path:
        """Writes the receipt to a new file.

        Raises:
            InvalidInput: When the file exists, or cannot be written.
        """
        path, data = Path(path), self.receipt.encode()
        try:
            with path.open("xb") as file:
                file.write(data)
        except FileExistsError as error:
            raise InvalidInput(f"{path} already exists", hint="choose another name or remove it first") from error
        except OSError as error:
            raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error
        return path

    def check(self, *, replay: bool = False) -> Report:
        """Checks the decision as an outsider would; with `replay`, runs the model again."""
        return self._book.check(self, replay=replay)

    def __repr__(self) -> str:
        return f"Decision({self.label!r}, seq={self.seq}, index={self.index})"
