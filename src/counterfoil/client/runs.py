"""Runs of a node."""

from __future__ import annotations

import time
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from counterfoil.client.reading import run_in
from counterfoil.client.wire import Wire
from counterfoil.provenance import Run, RunRecord
from counterfoil.provenance.lineage.graph import Standing
from counterfoil.store.streams import time_text

__all__ = ["RemoteRuns"]

_MOST_KEPT_BYTES: Final = 300_000
"""A longer source is on record by its digest only: a body of two of them is what a node takes."""

_MOST_KEPT: Final = 8


class RemoteRuns:
    """The runs of one organisation; see `provenance.lineage.Runs`.

    Args:
        wire: The way to the node.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def now(self) -> str:
        """Returns the time as records have it, by the clock of this machine."""
        return time_text(int(time.time()))

    def keep(self, data: bytes) -> str:
        """Has a source text or a list of packages kept with the run that names it; returns its SHA-256 (hex)."""
        digest = sha256(data).hexdigest()
        if len(data) <= _MOST_KEPT_BYTES:
            self._kept[digest] = data
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return digest

    def record(self, run: RunRecord) -> Run:
        """Records a run; one that was told from elsewhere is recorded once. See `Runs.record`."""
        named = [run.code.sha256 if run.code else "", str(run.environment.get("packagesSha256", ""))]
        kept = [b64encode(self._kept[digest]).decode() for digest in dict.fromkeys(named) if digest in self._kept]
        body: dict[str, Any] = run.about | {"kept": kept}
        return run_in(self._wire.post("/runs", body))

    def told_from(self, source: Mapping[str, str]) -> Run | None:
        """Returns the run that was told from elsewhere under this name; None when it is not on record."""
        found = self._wire.get("/runs", {"system": source["system"], "id": source["id"]})["items"]
        return run_in(found[0]) if found else None

    def page(self, limit: int, before: int | None = None) -> list[Run]:
        """Returns the newest runs, newest first, of those below the place `before`."""
        return [run_in(each) for each in self._wire.get("/runs", {"limit": limit, "before": before})["items"]]

    def at(self, index: int) -> Run:
        """Returns the run whose record stands at `index` (NotFound for another kind of record)."""
        return run_in(self._wire.get(f"/runs/{index}"))

    def standing(self, run: Run) -> Standing:
        """Returns how well a run is known: told, or run again and found the same or not; the last try counts."""
        found: Standing = self._wire.get(f"/runs/{run.index}")["standing"]
        return found
