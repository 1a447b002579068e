"""`counterfoil lineage import mlflow`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.errors import InvalidInput
from counterfoil.provenance.shapes import class_of, key_values
from counterfoil.provenance.tables import read_rows

if TYPE_CHECKING:
    from counterfoil.cli.session import Session

__all__ = ["import_mlflow"]

PATH: Final = click.Path(path_type=Path)


@click.command("mlflow")
@click.argument("run", required=False, metavar="[RUN_ID]", help="MLflow's id of a run that has ended.")
@click.option("--model", metavar="NAME@VERSION", help="Instead of a run: a version of a registered model, and its run.")
@click.option("--tracking-uri", metavar="URI", help="Where MLflow keeps it; MLFLOW_TRACKING_URI by default.")
@click.option("--dataset", "datasets", multiple=True, metavar="NAME=FILE", help="The file of MLflow's dataset NAME.")
@click.option("--input", "inputs", multiple=True, type=PATH, metavar="FILE", help="What MLflow was not told went in.")
@click.option("--sample", type=PATH, metavar="FILE.csv", help="Rows to try models on; without, they are named only.")
@click.option("--code", "code", multiple=True, type=PATH, metavar="FILE", help="What was run; may be repeated.")
@click.option("--trust", "trusted", multiple=True, metavar="TYPE", help="Type that a skops file may load; repeatable.")
@click.option("--positive", metavar="CLASS", help="With --model: the class whose probability is the score.")
@click.pass_obj
def import_mlflow(
    session: Session,
    run: str | None,
    model: str | None,
    tracking_uri: str | None,
    datasets: tuple[str, ...],
    inputs: tuple[Path, ...],
    sample: Path | None,
    code: tuple[Path, ...],
    trusted: tuple[str, ...],
    positive: str | None,
) -> None:
    """Record an MLflow run, or a version of a registered model, once.

    Its parameters, last metrics, datasets and model files are recorded, and nothing of its user. ONNX and skops
    files become models; a pickle is named and never opened, and so are all other files. --dataset says which file a
    dataset was that the run told MLflow of; --input names what it did not tell, and the record says that it is
    your word.
    """
    name, _, version = (model or "").rpartition("@")
    if (run is None) == (model is None) or (model is not None and not name):
        raise click.UsageError("give the id of a run, or --model NAME@VERSION")
    if model is not None and code:
        raise InvalidInput("code is recorded with a run", hint="import the run with --code first, then the model")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # a bar of its own, whatever --json says
    from counterfoil.adapters.mlflow import import_registered_model, import_run

    told: dict[str, Any] = {
        "tracking_uri": tracking_uri,
        "datasets": {each: Path(path) for each, path in key_values(datasets, "--dataset").items()},
        "inputs": inputs,
        "sample": read_rows(sample) if sample else None,
        "trusted": trusted,
    }
    with session.open() as org:
        session.remark("Asking MLflow …")
        if run is None:
            made = import_registered_model(org, name, version, positive=class_of(positive), **told)
            session.emit(
                {"index": made.index, "leaf": made.leaf} | dict(made.record.draft().about),
                [f"Model {made.record.name} {made.record.version} is record {made.index}."],
            )
            return
        found = import_run(org, run, code=list(code) or None, **told)
    record = found.run.record
    lines = [f"Run {record.name} {'is' if found.is_new else 'was on record before, as'} record {found.run.index}."]
    lines += [f"Model {each.record.name} {each.record.version} is record {each.index}." for each in found.models]
    lines += [
        f"Not on record, and so named only: {what} {name}" for what, names in record.unmapped.items() for name in names
    ]
    if not record.inputs and not record.outputs:
        lines.append("No input and no output is on record: this run stands alone in the lineage.")
        lines += ["The next time, --input FILE and --sample FILE.csv say what went in and out."] if found.is_new else []
    session.emit({"index": found.run.index, "leaf": found.run.leaf, "new": found.is_new} | record.about, lines)
