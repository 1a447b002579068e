"""OpenLineage events for tests, built with the classes of the real client."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import dataset_version_dataset, symlinks_dataset
from openlineage.client.serde import Serde

__all__ = ["RUN_ID", "dataset", "event", "told"]

RUN_ID = "01939a5c-9a1e-7c3b-8d1e-0242ac120002"


def dataset(kind: type, name: str, *, namespace: str = "warehouse", version: str = "", alias: str = "") -> Any:
    """Returns a dataset of an event; `alias` is namespace and name with a space between."""
    facets: dict[str, Any] = {}
    if version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version)
    if alias:
        space, known = alias.split(" ")
        identifier = symlinks_dataset.Identifier(namespace=space, name=known, type="TABLE")
        facets["symlinks"] = symlinks_dataset.SymlinksDatasetFacet(identifiers=[identifier])
    return kind(namespace=namespace, name=name, facets=facets)


def event(
    state: str = "COMPLETE",
    *,
    run: str = RUN_ID,
    inputs: Iterable[Any] = (),
    outputs: Iterable[Any] = (),
    time: str = "2026-11-23T20:00:00.123+01:00",
    job_facets: dict[str, Any] | None = None,
    namespace: str = "airflow",
) -> RunEvent:
    """Returns an event of the client's; inputs and outputs that are text are names in the warehouse."""
    return RunEvent(
        eventTime=time,
        eventType=RunState[state],
        run=Run(runId=str(UUID(run))),
        job=Job(namespace=namespace, name="nightly.clean", facets=job_facets or {}),
        inputs=[dataset(InputDataset, each) if isinstance(each, str) else each for each in inputs],
        outputs=[dataset(OutputDataset, each) if isinstance(each, str) else each for each in outputs],
        producer="https://example.org/pipeline",
    )


def told(*args: Any, **more: Any) -> Any:
    """Returns an event as it comes over the wire."""
    return json.loads(Serde.to_json(event(*args, **more)))
