"""`counterfoil dataset` and `counterfoil model`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.core.wording import counted
from counterfoil.errors import NotFound
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.reports.commands import privacy, quality
from counterfoil.provenance.shapes import class_of, dataset_json, key_values, model_json, twin_lines
from counterfoil.provenance.signatures.commands import check, sign
from counterfoil.provenance.tables import read_rows

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.organisation import Organisation

__all__ = ["dataset", "model"]

PATH: Final = click.Path(path_type=Path)


@click.group()
def dataset() -> None:
    """Register the data that models are trained on, and list it."""


@dataset.command("add")
@click.argument("path", type=PATH, help="A table (CSV, Parquet, Arrow), or any other file or folder.")
@click.option("--name", default="", help="Its name; the file's name by default.")
@click.option("--version", default="", help="In your own numbering; 1, 2, … by default.")
@click.option("--note", "notes", multiple=True, metavar="KEY=VALUE", help="Licence, source, purpose; may be repeated.")
@click.pass_obj
def add_dataset(session: Session, path: Path, name: str, version: str, notes: tuple[str, ...]) -> None:
    """Record what a file or folder holds: digest, fingerprint, and of a table rows and columns.

    The data itself stays where it is. The same content under the same name is recorded once, whatever
    the file is called; other content under a known name, or other notes, are its next version.
    """
    pairs = key_values(notes, "--note")
    with session.open() as org, session.progress("Reading", in_bytes=True) as progress:
        found = org.provenance.register_dataset(path, name=name, version=version, notes=pairs, progress=progress)
        twins = twin_lines(found, org.provenance.datasets(found.record.name))
    session.emit(
        dataset_json(found),
        [
            f"Dataset {found.record.name} {found.record.version} is record {found.index}: {_size_words(found)}.",
            *twins,
            f"SHA-256 {found.record.sha256}",
        ],
    )


@dataset.command("list")
@click.pass_obj
def list_datasets(session: Session) -> None:
    """List the registered datasets, oldest first."""
    with session.open() as org:
        found = org.provenance.datasets()
        recalled = org.provenance.recalls.held(each.index for each in found)
    rows = [
        (each.index, each.record.name, each.record.version, _size_words(each), _digest_words(each, recalled))
        for each in found
    ]
    lines = session.table(("record", "name", "version", "holds", "sha256"), rows) if rows else ["No datasets yet."]
    session.emit({"datasets": [dataset_json(each) for each in found]}, lines)


def _digest_words(found: Dataset | Model, recalled: Collection[int]) -> str:
    sha256 = found.record.sha256 if isinstance(found, Dataset) else found.record.file_sha256
    return sha256[:16] + ("  under recall" if found.index in recalled else "")


def _size_words(found: Dataset) -> str:
    record = found.record
    if record.rows is not None:
        return f"{counted(record.rows, 'row')}, {counted(len(record.columns), 'column')}"
    return f"{counted(record.files, 'file')}, {record.size_bytes:,} bytes"


for each_report in (privacy, quality):
    dataset.add_command(each_report)


@click.group()
def model() -> None:
    """Register models and look them up."""


for each in (sign, check):
    model.add_command(each)


@model.command("add")
@click.argument("file", type=PATH, help="An integer model, an ONNX or a skops file.")
@click.option("--name", default="", help="Its name; the file's name by default.")
@click.option("--version", "number", default="", help="In your own numbering; 1, 2, … by default.")
@click.option("--training", metavar="NAME|INDEX|FILE", help="The registered dataset it was trained on.")
@click.option("--sample", type=PATH, metavar="FILE.csv", help="Rows to try it on, to see whether it answers alike.")
@click.option(
    "--code", "code", multiple=True, metavar="KEY=VALUE", help="What trained it, e.g. commit=4f2a; repeatable."
)
@click.option("--trust", "trusted", multiple=True, metavar="TYPE", help="Type that a skops file may load; repeatable.")
@click.option("--feature", "features", multiple=True, metavar="NAME", help="Input name, where the file has none.")
@click.option("--positive", metavar="CLASS", help="The class whose probability is the score; the last by default.")
@click.pass_obj
def add_model(
    session: Session,
    file: Path,
    name: str,
    number: str,
    training: str | None,
    sample: Path | None,
    code: tuple[str, ...],
    trusted: tuple[str, ...],
    features: tuple[str, ...],
    positive: str | None,
) -> None:
    """Record a model file and keep its bytes for replay.

    FILE is an integer model, an ONNX file or a skops file; never a pickle. The same
    model is recorded once.
    """
    pairs = key_values(code, "--code")
    with session.open() as org:
        found = org.provenance.register_model(
            file,
            name=name or file.stem,
            version=number,
            training=_training(org, training) if training else None,
            sample=read_rows(sample) if sample else None,
            code=pairs,
            trusted=trusted,
            features=features,
            positive=class_of(positive),
        )
    session.emit(
        model_json(found),
        [f"Model {found.record.name} {found.record.version} is record {found.index}.", *_model_lines(found)],
    )


@model.command("list")
@click.option("--name", help="Only models of this name.")
@click.pass_obj
def list_models(session: Session, name: str | None) -> None:
    """List the registered models, oldest first."""
    with session.open() as org:
        found = org.provenance.models(name)
        recalled = org.provenance.recalls.held(each.index for each in found)
    rows = [
        (
            each.index,
            each.record.name,
            each.record.version,
            each.record.form,
            _replay(each),
            _digest_words(each, recalled),
        )
        for each in found
    ]
    header = ("record", "name", "version", "form", "replay", "sha256")
    session.emit(
        {"models": [model_json(each) for each in found]}, session.table(header, rows) if rows else ["No models yet."]
    )


@model.command("show")
@click.argument("model", metavar="NAME|INDEX", help="Name, or place of its record in the log.")
@click.pass_obj
def show_model(session: Session, model: str) -> None:
    """Show what is on record about a model; of a name, the newest version."""
    with session.open() as org:
        found = org.provenance.find_model(model)
    session.emit(
        model_json(found),
        [f"Model {found.record.name} {found.record.version}, record {found.index}", *_model_lines(found)],
    )


def _model_lines(found: Model) -> Iterator[str]:
    record = found.record
    yield f"form        {record.form}, {record.size_bytes:,} bytes"
    yield f"file        SHA-256 {record.file_sha256}"
    yield f"meaning     SHA-256 {record.semantic_sha256}"
    yield f"score of    {record.positive}"
    yield f"inputs      {', '.join(record.features)}"
    yield f"trained on  {record.training[:16] + '…' if record.training else 'not told'}"
    if record.code:
        yield f"code        {', '.join(f'{key}={value}' for key, value in record.code.items())}"
    if record.trusted:
        yield f"trusted     {', '.join(record.trusted)}"
    yield f"replay      {_replay(found)}"


def _replay(found: Model) -> str:
    certificate = found.record.certificate
    if certificate.kind == "exact":
        return f"exact, tried on {certificate.rows} rows"
    if certificate.kind == "tolerance":
        return f"within {certificate.tolerance_micro} millionths, tried on {certificate.rows} rows"
    return f"none: {certificate.reason}"


def _training(org: Organisation, wanted: str) -> Dataset:
    """Returns a registered dataset by name, by place, or by the file that was registered."""
    from counterfoil.provenance.text_table import digest_of

    try:
        return org.provenance.find_dataset(wanted)
    except NotFound as error:
        path = Path(wanted)
        if not path.is_file():
            raise
        found = org.provenance.dataset_with(digest_of(path))
        if found is not None:
            return found
        hint = f"register it: counterfoil dataset add {wanted}"
        raise NotFound(
            f"the file {wanted} is not registered as a dataset, in the form it has now", hint=hint
        ) from error
