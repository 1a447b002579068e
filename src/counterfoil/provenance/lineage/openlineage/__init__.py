"""Runs told as OpenLineage events: taken from other systems, and told to them."""

from __future__ import annotations

from counterfoil.provenance.lineage.openlineage.event import Event, read_event
from counterfoil.provenance.lineage.openlineage.openlineage import OpenLineage, Taken

__all__ = ["Event", "OpenLineage", "Taken", "read_event"]
