"""Snapshots of live sources: what a URL, an API, a database or an object store gave at one moment."""

from __future__ import annotations

from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.provenance.snapshots.api_source import ApiForm, ApiSource
from counterfoil.provenance.snapshots.path_source import PathSource
from counterfoil.provenance.snapshots.snapshots import Snapshot, Snapshots, Taken
from counterfoil.provenance.snapshots.source import Limits, Source
from counterfoil.provenance.snapshots.sql_source import SqlSource
from counterfoil.provenance.snapshots.url_source import UrlSource
from counterfoil.provenance.snapshots.views import SnapshotView

__all__ = [
    "ApiForm",
    "ApiSource",
    "Limits",
    "PathSource",
    "Reach",
    "Snapshot",
    "SnapshotView",
    "Snapshots",
    "Source",
    "SqlSource",
    "Taken",
    "UrlSource",
]
