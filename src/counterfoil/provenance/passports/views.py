"""Passports, and the reports that they name, as searchable tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from counterfoil.provenance.passports.tables import passports, reports
from counterfoil.store.archive import Archive
from counterfoil.store.record_places import record_places
from counterfoil.store.views import Row

__all__ = ["REPORT_KINDS", "PassportView"]

REPORT_KINDS: Final = {"privacy-check": "privacy", "quality-report": "quality"}
"""Kinds of records that report on data, and what a passport calls them."""


class PassportView:
    """Keeps one row per passport, and one per report and what it builds on."""

    kinds = frozenset({"passport", *REPORT_KINDS})

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes records in log order."""
        places = record_places(connection, self._archive, {leaf for row in rows for leaf in row.record.builds_on})
        for row in rows:
            known = [place for leaf in row.record.builds_on if (place := places[leaf]) >= 0]
            if row.record.kind != "passport":
                for place in dict.fromkeys(known):
                    kind = REPORT_KINDS[row.record.kind]
                    connection.execute(reports.insert().values(idx=row.index, about_idx=place, kind=kind))
            elif known:  # the first record that a passport builds on is what it is about
                connection.execute(passports.insert().values(idx=row.index, subject_idx=known[0]))
