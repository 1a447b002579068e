"""MLflow: a run becomes a run on record, a registered model a model on record.

    from counterfoil.adapters.mlflow import import_registered_model, import_run, recorded_run

    import_run(org, run_id, datasets={"train": Path("train.csv")})
    import_registered_model(org, "credit", "3", sample=rows)

    with recorded_run(org, run_name="nightly") as run:  # an MLflow run, on record when it ends
        mlflow.log_param("depth", 3)

Of a run, its parameters, its last metrics, chosen tags, datasets and model files are recorded; of its user, nothing.
MLflow's digest of a dataset covers a part of it and is not ours, so a dataset is an input only where the caller says
which file or dataset on record it was. Model files are ONNX or skops; a pickle is named, and neither loaded nor read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from counterfoil.adapters.keeping import KeepsRuns
from counterfoil.errors import CounterfoilError, InvalidInput, NotAllowed, NotFound, NotSetUp, Recalled
from counterfoil.provenance import Dataset, Model, Run, RunRecord
from counterfoil.provenance.lineage.capture import CodeSource, code_of
from counterfoil.provenance.lineage.step import with_content
from counterfoil.provenance.lineage.telling import few_names, fitting, number_of, plain_name
from counterfoil.store.streams import time_text

try:
    import mlflow
    from mlflow.tracking import MlflowClient

    from counterfoil.adapters.mlflow_files import (
        MODEL_SUFFIXES,
        ModelFile,
        downloaded,
        model_files,
        naming_faults,
        other_files,
    )
except ImportError as error:
    raise NotSetUp("this adapter needs MLflow, which is not installed", hint="pip install mlflow-skinny") from error

__all__ = ["TAGS", "Imported", "import_registered_model", "import_run", "recorded_run"]

TAGS: Final = ("mlflow.source.git.commit", "mlflow.source.git.repoURL")
"""Tags that are recorded where nobody chooses others."""

SYSTEM: Final = "mlflow"

_ENDED: Final = {"FINISHED": "succeeded", "FAILED": "failed", "KILLED": "failed"}


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Attributes:
        run: The run on record.
        models: Models that it made and that are on record, ready to be replayed.
        is_new: Whether it was recorded now; else it was on record before, and nothing was added.
    """

    run: Run
    models: tuple[Model, ...]
    is_new: bool


def import_run(
    organisation: KeepsRuns,
    run_id: str,
    *,
    tracking_uri: str | None = None,
    datasets: Mapping[str, Dataset | Path | str] | None = None,
    inputs: Sequence[Dataset | Path | str] = (),
    sample: Any = None,
    code: CodeSource = None,
    tags: Sequence[str] = TAGS,
    trusted: Sequence[str] = (),
) -> Imported:
    """Records an MLflow run that has ended, once.

    Args:
        organisation: An opened home, or a client of a node.
        run_id: MLflow's id of the run.
        tracking_uri: Where MLflow keeps it; MLflow's own setting when None.
        datasets: What MLflow's datasets are here, by their names there: a dataset on record, its name, or a file or
            folder (`Path`) whose content is on record.
        inputs: What else went in, told likewise: by your word, where the run did not tell MLflow. The record says so.
        sample: Rows on which a model file is tried; without them ONNX and skops files are named, not registered.
        code: The files that were run; MLflow keeps no digest of them.
        tags: Which tags are recorded.
        trusted: Types that a skops file may load.

    Raises:
        NotFound: When there is no such run, or a dataset handed over is not on record.
        InvalidInput: When the run has not ended.
        Recalled: When it left models, and what went in is under recall; import it when the recall has ended.
        NodeUnreachable: When MLflow does not answer.
    """
    with naming_faults(f"the run {run_id[:64]!r}"):
        client = MlflowClient(tracking_uri=tracking_uri)
        found = client.get_run(run_id)
        files, rest = list(model_files(client, found)), list(other_files(client, found))
    runs = organisation.provenance.runs
    known = runs.told_from({"system": SYSTEM, "id": found.info.run_id})
    if known is not None:
        return Imported(known, (), is_new=False)
    used, record = _record_of(organisation, found, datasets or {}, inputs, code, tags)
    models, others = _models_of(organisation, files, found.info.run_name, used, sample, trusted)
    unmapped = dict(record.unmapped) | {"outputs": few_names([*others, *rest])}
    outputs = tuple(dict.fromkeys(each.leaf for each in models))
    return Imported(runs.record(replace(record, outputs=outputs, unmapped=unmapped)), models, is_new=True)


def import_registered_model(
    organisation: KeepsRuns,
    name: str,
    version: str,
    *,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
    datasets: Mapping[str, Dataset | Path | str] | None = None,
    inputs: Sequence[Dataset | Path | str] = (),
    sample: Any = None,
    positive: Any = None,
    trusted: Sequence[str] = (),
) -> Model:
    """Records a version of a registered model under its name and version, and the run that trained it.

    Args:
        organisation: An opened home, or a client of a node.
        name: Its name in MLflow's registry.
        version: Its version there.
        tracking_uri: Where MLflow keeps runs; its own setting when None.
        registry_uri: Where MLflow keeps models; its own setting when None.
        datasets: As for `import_run`.
        inputs: As for `import_run`.
        sample: Rows to try it on; see `Provenance.register_model`.
        positive: The outcome that its score is about.
        trusted: Types that a skops file may load.

    Raises:
        NotFound: When there is no such version.
        NotAllowed: When it is kept as a pickle only, or this home's rules keep data of its run from models.
        Recalled: When data of its run is under recall.
        InvalidInput: When it cannot be registered as it is.
    """
    with naming_faults(f"version {version[:20]} of the model {name[:64]!r}"):
        client = MlflowClient(tracking_uri=tracking_uri, registry_uri=registry_uri)
        found = client.get_model_version(name, version)
        run = client.get_run(found.run_id) if found.run_id else None
        uri = client.get_model_version_download_uri(name, version)
    used, record = ((), None) if run is None else _record_of(organisation, run, datasets or {}, inputs, None, TAGS)
    known = None if record is None else organisation.provenance.runs.told_from(record.source)
    went_in = used if known is None else (*used, *map(organisation.provenance.find, known.record.inputs))
    _require_usable(organisation, went_in, name)
    with tempfile.TemporaryDirectory() as folder:
        model = organisation.provenance.register_model(
            _only_model(downloaded(uri, Path(folder), tracking_uri), name),
            name=plain_name(name),
            version=str(version),
            training=_training(used),
            sample=sample,
            positive=positive,
            trusted=trusted,
        )
    if record is not None:
        _record_origin(organisation, record, known, model, f"models:/{plain_name(name)}/{version}")
    return model


@contextmanager
def recorded_run(
    organisation: KeepsRuns,
    *,
    datasets: Mapping[str, Dataset | Path | str] | None = None,
    inputs: Sequence[Dataset | Path | str] = (),
    sample: Any = None,
    code: CodeSource = None,
    tags: Sequence[str] = TAGS,
    **told: Any,
) -> Iterator[Any]:
    """Starts an MLflow run, yields it, and records it when it ends, also when it fails.

    Args:
        organisation: An opened home, or a client of a node.
        datasets: As for `import_run`.
        inputs: As for `import_run`.
        sample: As for `import_run`.
        code: As for `import_run`.
        tags: As for `import_run`.
        told: What `mlflow.start_run` takes, such as `run_name`.
    """
    run = mlflow.start_run(**told)
    more: dict[str, Any] = {"datasets": datasets, "inputs": inputs, "sample": sample, "code": code, "tags": tags}
    try:
        with run:
            yield run
    except BaseException as error:
        try:
            import_run(organisation, run.info.run_id, **more)
        except CounterfoilError as fault:
            error.add_note(f"the run is not on record: {fault.message}")  # what went wrong first is what is raised
        raise
    import_run(organisation, run.info.run_id, **more)


def _record_of(
    organisation: KeepsRuns,
    found: Any,
    datasets: Mapping[str, Dataset | Path | str],
    told: Sequence[Dataset | Path | str],
    code: CodeSource,
    tags: Sequence[str],
) -> tuple[tuple[Dataset | Model, ...], RunRecord]:
    """Returns what went into a run, and its record, still without what came out."""
    status = _ENDED.get(found.info.status)
    if status is None:
        raise InvalidInput(
            f"the run {found.info.run_id} has not ended: MLflow says {found.info.status}", hint="import it when it has"
        )
    names = list(dict.fromkeys(each.dataset.name for each in found.inputs.dataset_inputs)) if found.inputs else []
    wrong = next((name for name in datasets if name not in names), None)
    if wrong is not None:
        raise InvalidInput(
            f"the run told MLflow of no dataset {wrong[:60]!r}",
            hint=f"MLflow knows of {', '.join(names)[:200] or 'none'}; what went in all the same, say with"
            " --input FILE (inputs=), and the record tells that it is your word",
        )
    named = tuple(_on_record(organisation, each) for each in told)
    inputs = (*(_on_record(organisation, datasets[name]) for name in names if name in datasets), *named)
    parameters, left_out = fitting(found.data.params)
    chosen, left = fitting({name: found.data.tags[name] for name in tags if name in found.data.tags})
    results, many = fitting({name: number_of(value) for name, value in found.data.metrics.items()})
    return inputs, RunRecord(
        plain_name(found.info.run_name or found.info.run_id),
        "training",
        tuple(dict.fromkeys(each.leaf for each in inputs)),
        (),
        code_of(code),
        parameters
        | ({"tags": chosen} if chosen else {})
        | ({"inputsNamedAtImport": [each.leaf for each in named]} if named else {}),
        {},
        None,
        time_text(found.info.start_time // 1_000),
        time_text(found.info.end_time // 1_000) if found.info.end_time else "",
        "succeeded" if status == "succeeded" else "failed",
        {"system": SYSTEM, "id": found.info.run_id},
        results,
        {
            "inputs": few_names([name for name in names if name not in datasets]),
            "outputs": (),
            "parameters": few_names([*left_out, *left, *many]),
        },
    )


def _on_record(organisation: KeepsRuns, told: Dataset | Path | str) -> Dataset | Model:
    """Returns what the caller says a dataset of MLflow's is here (NotFound when that is not on record)."""
    if not isinstance(told, Path):
        return organisation.provenance.find(told)
    found = with_content(organisation.provenance, told)
    if found is None:
        raise NotFound(
            f"what {told} holds is not on record as a dataset", hint=f"register it: counterfoil dataset add {told}"
        )
    return found


def _models_of(
    organisation: KeepsRuns,
    files: Sequence[ModelFile],
    run_name: str,
    inputs: Sequence[Dataset | Model],
    sample: Any,
    trusted: Sequence[str],
) -> tuple[tuple[Model, ...], list[str]]:
    """Registers the models that a run has left, and returns them and the names of those that cannot be registered."""
    models: list[Model] = []
    others: list[str] = []
    for each in files:
        try:
            _require_usable(organisation, inputs, each.name)
            models.append(_registered(organisation, each, run_name, inputs, sample, trusted))
        except Recalled:  # the run is imported when the recall has ended
            raise
        except (InvalidInput, NotAllowed) as error:
            others.append(f"{each.name}: {error.message}")
    return tuple(models), others


def _registered(
    organisation: KeepsRuns,
    file: ModelFile,
    run_name: str,
    inputs: Sequence[Dataset | Model],
    sample: Any,
    trusted: Sequence[str],
) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        model: Model = organisation.provenance.register_model(
            file.fetch(Path(folder)),
            name=plain_name(file.model or run_name),
            training=_training(inputs),
            sample=sample,
            trusted=trusted,
        )
    return model


def _require_usable(organisation: KeepsRuns, inputs: Sequence[Dataset | Model], name: str) -> None:
    """Refuses a model where something that went into its run may not be in one."""
    for each in inputs:
        organisation.provenance.find_usable(each, f"the model {plain_name(name)!r}", is_training=True)


def _training(inputs: Sequence[Dataset | Model]) -> Dataset | None:
    return next((each for each in inputs if isinstance(each, Dataset)), None)


def _record_origin(organisation: KeepsRuns, record: RunRecord, known: Run | None, model: Model, source: str) -> None:
    """Records where a registered model came from: its run, or, when that is on record without it, its registration."""
    runs = organisation.provenance.runs
    if known is None:
        runs.record(replace(record, outputs=(model.leaf,)))
    elif model.leaf not in known.record.outputs:
        runs.record(
            replace(
                record,
                name=f"register {model.record.name} {model.record.version}",
                kind="registration",
                inputs=known.record.inputs,
                outputs=(model.leaf,),
                source={"system": SYSTEM, "id": source},
            )
        )


def _only_model(folder: Path, name: str) -> Path:
    """Returns the one file in a folder that can be registered.

    Raises:
        NotAllowed: There is none, or several.
    """
    files = [folder] if folder.is_file() else [each for each in folder.rglob("*") if each.is_file()]
    fit = [each for each in files if each.suffix in MODEL_SUFFIXES]
    if len(fit) == 1:
        return fit[0]
    found = ", ".join(sorted(each.name for each in files)[:6]) or "nothing"
    raise NotAllowed(
        f"the model {name[:60]!r} has {len(fit)} files that can be registered; MLflow keeps {found}",
        hint="log it as ONNX (mlflow.onnx) or skops; a pickle is code, and is never opened",
    )
