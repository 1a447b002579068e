"""Our runs as OpenLineage events, for the catalogues of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.lineage.records import OPENLINEAGE
from counterfoil.provenance.lineage.runs import Run
from counterfoil.provenance.model_register import Model

__all__ = ["PRODUCER", "events_of"]

PRODUCER: Final = "https://counterfoil.dev/"

_SPEC: Final = "https://openlineage.io/spec"
_RUN_EVENT: Final = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS: Final = {
    "datasetType": f"{_SPEC}/facets/1-0-1/DatasetTypeDatasetFacet.json#/$defs/DatasetTypeDatasetFacet",
    "jobType": f"{_SPEC}/facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
    "schema": f"{_SPEC}/facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
    "version": f"{_SPEC}/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
    "counterfoil_record": "https://counterfoil.dev/openlineage/record/1-0-0",
}


def events_of(
    run: Run,
    inputs: Sequence[Dataset | Model],
    outputs: Sequence[Dataset | Model],
    *,
    namespace: str,
    time: str,
    standing: str,
) -> list[dict[str, Any]]:
    """Returns a run as two events: that it began, and how it ended.

    Args:
        run: The run.
        inputs: What went in.
        outputs: What came out.
        namespace: Of this home.
        time: When it was recorded; for a run that says no time itself.
        standing: How well it is known.
    """
    record = run.record
    shared = {
        "producer": PRODUCER,
        "schemaURL": _RUN_EVENT,
        "run": {
            "runId": str(run_id_of(run, namespace)),
            "facets": {
                "counterfoil_record": _facet(
                    "counterfoil_record", {"index": run.index, "leaf": run.leaf, "standing": standing}
                )
            },
        },
        "job": {
            "namespace": namespace,
            "name": record.name,
            "facets": {
                "jobType": _facet(
                    "jobType",
                    {"processingType": "BATCH", "integration": "COUNTERFOIL", "jobType": record.kind.upper()},
                )
            },
        },
        "inputs": [_dataset(each, namespace) for each in inputs],
        "outputs": [_dataset(each, namespace) for each in outputs],
    }
    ended = "COMPLETE" if record.status == "succeeded" else "FAIL"
    return [
        {"eventType": "START", "eventTime": record.started or time} | shared,
        {"eventType": ended, "eventTime": record.ended or record.started or time} | shared,
    ]


def run_id_of(run: Run, namespace: str) -> UUID:
    """Returns the id of a run: its own where it came as events, else one made from its leaf hash."""
    if run.record.source.get("system") == OPENLINEAGE:
        return UUID(run.record.source["id"])
    return uuid5(NAMESPACE_URL, f"{namespace}/{run.leaf}")


def _dataset(found: Dataset | Model, namespace: str) -> dict[str, Any]:
    """Returns a dataset or model; its version is the digest of its content."""
    record = found.record
    facets: dict[str, Any]
    if isinstance(found, Dataset):
        fields = [{"name": name, "type": kind} for name, kind in found.record.columns]
        facets = {"version": _facet("version", {"datasetVersion": found.record.sha256})}
        if fields:
            facets["schema"] = _facet("schema", {"fields": fields})
    else:
        facets = {
            "datasetType": _facet("datasetType", {"datasetType": "MODEL", "subType": found.record.form}),
            "version": _facet("version", {"datasetVersion": found.record.file_sha256}),
        }
    facets["counterfoil_record"] = _facet("counterfoil_record", {"index": found.index, "leaf": found.leaf})
    return {"namespace": namespace, "name": record.name, "facets": facets}


def _facet(name: str, members: Mapping[str, Any]) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": _FACETS[name]} | dict(members)
