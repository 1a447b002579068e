"""Privacy checks and quality reports over HTTP: reading those on record, and having a table checked."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Query, Request

from counterfoil.provenance.bodies import DatasetReports, ReportOnRecord
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.privacy.check import check_privacy
from counterfoil.provenance.quality.check import check_quality
from counterfoil.web.desk import Desk
from counterfoil.web.roles import READERS, Role
from counterfoil.web.room import Room, takes
from counterfoil.web.upload import received

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["ReportRoutes"]

_TABLE: Final = takes(media_type="application/octet-stream")
_ENDINGS: Final = (".csv", ".tsv", ".parquet", ".pq", ".arrow", ".feather", ".ipc")

Quasi = Annotated[list[str] | None, Query(description="A column that may help to find a person; may be repeated.")]
Sensitive = Annotated[list[str] | None, Query(description="A column nobody should learn; may be repeated.")]
Groups = Annotated[list[str] | None, Query(description="A column of groups of people; may be repeated.")]
Label = Annotated[str, Query(description="The column of what is to be learned.")]


class ReportRoutes:
    """The routes of datasets' reports.

    Args:
        org: The organisation.
        desk: The node that serves them.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._org = org
        self._desk = desk

    def add_to(self, room: Room) -> None:
        """Adds the routes to the room of datasets and models."""
        operator, path = (Role.OPERATOR,), "/datasets/{wanted}"
        room.reads(f"{path}/reports", self.show, READERS, DatasetReports)
        room.writes(f"{path}/privacy-checks", self.check_privacy, operator, ReportOnRecord, body=_TABLE)
        room.writes(f"{path}/quality-reports", self.check_quality, operator, ReportOnRecord, body=_TABLE)

    def show(self, wanted: str) -> dict[str, Any]:
        """Shows the reports of a dataset, oldest first, and whether it meets the home's rules."""
        provenance = self._org.provenance
        dataset = provenance.find_dataset(wanted)
        return {
            "privacy": [each.to_json() for each in provenance.reports.privacy(dataset)],
            "quality": [each.to_json() for each in provenance.reports.quality(dataset)],
            "rules": [each.to_json() for each in provenance.gate.answers(dataset)],
        }

    async def check_privacy(
        self, request: Request, wanted: str, quasi: Quasi = None, sensitive: Sensitive = None
    ) -> dict[str, Any]:
        """Looks for what points to persons in a table and records what was found; the table itself is not kept.

        The body is the file that is on record as the dataset.
        """

        def check(dataset: Dataset, path: Path) -> dict[str, Any]:
            report = check_privacy(path, quasi=quasi or (), sensitive=sensitive or ())
            return self._org.provenance.reports.record_privacy(dataset, report).to_json()

        return await self._checked(request, wanted, "a privacy check", check)

    async def check_quality(
        self, request: Request, wanted: str, group: Groups = None, label: Label = ""
    ) -> dict[str, Any]:
        """Says how good a table is and whom it represents, and records it; the table itself is not kept.

        The body is the file that is on record as the dataset.
        """

        def check(dataset: Dataset, path: Path) -> dict[str, Any]:
            report = check_quality(path, groups=group or (), label=label)
            return self._org.provenance.reports.record_quality(dataset, report).to_json()

        return await self._checked(request, wanted, "a quality report", check)

    async def _checked(self, request: Request, wanted: str, what: str, check: Any) -> dict[str, Any]:
        request.state.most_body_bytes = self._desk.most_file_bytes
        dataset = await asyncio.to_thread(self._org.provenance.find_dataset, wanted)
        ending = Path(dataset.record.file_name).suffix.lower()
        name = f"table{ending if ending in _ENDINGS else '.csv'}"
        async with received(request, self._desk.incoming, name) as path:
            await asyncio.to_thread(self._desk.asked, request, what, [dataset.index])
            found: dict[str, Any] = await asyncio.to_thread(partial(check, dataset, path))
            return found
