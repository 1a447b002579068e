"""A small table of people whose rows a home has committed to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from organisations import copy_home, open_home

from counterfoil.organisation import Organisation
from counterfoil.provenance import Commitment, Dataset

__all__ = ["ABSENT", "PEOPLE", "Register", "register", "write_people"]

PEOPLE = 40
"""Ids p0 to p39; every fifth of them has a second row, a withdrawal."""

ABSENT = "nobody"


@dataclass
class Register:
    """An opened home and its commitment to a register of consents."""

    org: Organisation
    data: Path
    dataset: Dataset
    commitment: Commitment

    def proof(self, text: str, *, shown: bool = True, with_record: bool = True) -> bytes:
        """Returns the proof file for an id."""
        data = self.data if shown else None
        return self.org.provenance.rows.prove(self.commitment, text, data=data, with_record=with_record).encode()

    def row_proof(self, number: int, *, with_record: bool = True) -> bytes:
        """Returns the proof file for a row."""
        return self.org.provenance.rows.prove_row(self.commitment, number, self.data, with_record=with_record).encode()


def write_people(path: Path, count: int = PEOPLE) -> None:
    """Writes the table."""
    lines = ["id,consent,at,weight"]
    lines += [f"p{number},given,2026-01-{number % 28 + 1:02d},{number / 8}" for number in range(count)]
    lines += [f"p{number},withdrawn,2026-02-{number % 28 + 1:02d}," for number in range(0, count, 5)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextmanager
def register(folder: Path, *, id_column: str = "id") -> Iterator[Register]:
    """Makes a home with the table, and commits to it."""
    data = folder / "consents.csv"
    org = open_home(copy_home(folder))
    write_people(data)
    try:
        dataset = org.provenance.register_dataset(data)
        yield Register(org, data, dataset, org.provenance.rows.commit(dataset, data, id_column=id_column))
    finally:
        org.close()
