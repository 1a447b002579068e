"""Compares what came out of a run that was run again with what is on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from counterfoil.errors import InvalidInput, NotSetUp
from counterfoil.provenance.candidate import Candidate
from counterfoil.provenance.dataset_content import content_of
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.fingerprints.content import file_sha256
from counterfoil.provenance.lineage.records import Compared
from counterfoil.provenance.lineage.rederivation.workplace import Workplace, file_name_of
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.models.artefact import MAX_ARTEFACT_BYTES, Artefact, read_artefact

__all__ = ["Made", "compare", "default_name", "keys_of", "require_made"]

Made: TypeAlias = Any
"""What came out: a path in the folder; of a model also the fitted estimator."""

_LISTED: Final = 8
"""So many names are told of what lies in the folder."""

_SUFFIXES: Final = {"integer": ".json", "onnx": ".onnx", "skops": ".skops"}


def keys_of(records: Sequence[Dataset | Model]) -> list[str]:
    """Returns what each is called: its name; with its version, where two have one name."""
    names = [each.record.name for each in records]
    return [
        f"{each.record.name}@{each.record.version}" if names.count(each.record.name) > 1 else each.record.name
        for each in records
    ]


def default_name(made: Dataset | Model) -> str:
    """Returns what the file of an output is called where nobody says otherwise; a model's after its name and form."""
    if isinstance(made, Dataset):
        return file_name_of(made.record.file_name, made.record.name)
    return file_name_of(made.record.name + _SUFFIXES.get(made.record.form, ""), "model")


def require_made(records: Sequence[Dataset | Model], made: Mapping[str, Made], place: Workplace) -> None:
    """Raises InvalidInput where an output is not there: that says nothing of the run, so nothing is recorded.

    Args:
        records: The outputs on record.
        made: What came out, by name of the output.
        place: The folder.
    """
    for key, known in zip(keys_of(records), records, strict=True):
        found = made.get(key)
        if _is_there(known, found, place):
            continue
        names = place.new_names()
        listed = f"{', '.join(names[:_LISTED])}{' …' if len(names) > _LISTED else ''}"
        hint = f"it left {listed}: say which it is, --output {key}={names[0]}" if names else "it left nothing there"
        raise InvalidInput(
            f"the output {key} was looked for as {found or default_name(known)} in the run's folder, and is not there",
            hint=hint,
        )


def _is_there(known: Dataset | Model, made: Made, place: Workplace) -> bool:
    if not isinstance(made, str | Path):
        return made is not None
    path = place.within(made)
    return path is not None and (path.is_file() or isinstance(known, Dataset))


def compare(known: Dataset | Model, made: Made, place: Workplace) -> Compared:
    """Compares what came out with what is on record.

    Args:
        known: What is on record.
        made: A path of something in the folder; of a model also the fitted estimator.
        place: The folder.

    Raises:
        InvalidInput: When it is no such thing: neither path nor model.
    """
    name = f"{known.record.name} {known.record.version}"
    if isinstance(known, Model):
        return _model(known, name, made, place)
    if not isinstance(made, str | Path):
        raise InvalidInput(f"the output {name} is a {type(made).__name__}, not the path of a file or folder")
    return _dataset(known, name, place.folder / made)


def _dataset(known: Dataset, name: str, path: Path) -> Compared:
    """Compares bytes; where they differ and both are tables, their rows."""
    record = known.record
    try:
        content = content_of(path, file_name=record.file_name)
    except (InvalidInput, NotSetUp):  # no table: what was made is then known by its bytes alone
        return Compared(name, record.sha256, _file_sha256(path))
    table = content.fingerprint.table
    if content.sha256 != record.sha256 and record.table_sha256 and table is not None:
        return Compared(name, record.table_sha256, table.digest.hex(), "table")
    return Compared(name, record.sha256, content.sha256)


def _model(known: Model, name: str, made: Made, place: Workplace) -> Compared:
    """Compares bytes; where they differ, what the models mean."""
    record = known.record
    if record.form == "function":
        raise InvalidInput(
            f"the output {name} is a function, of which only the source is on record",
            hint="run again what made a model with an artefact",
        )
    path = place.folder / made if isinstance(made, str | Path) else None
    if path is not None and path.stat().st_size > MAX_ARTEFACT_BYTES:  # no model that we know is as large
        return Compared(name, record.file_sha256, _file_sha256(path))
    artefact = _artefact(known, made) if path is None else _artefact_in(known, path)
    if artefact.file_sha256 == record.file_sha256:
        return Compared(name, record.file_sha256, artefact.file_sha256)
    return Compared(name, record.semantic_sha256, artefact.semantic_sha256, "meaning")


def _artefact_in(known: Model, path: Path) -> Artefact:
    return read_artefact(path.read_bytes(), trusted=known.record.trusted, features=known.record.features)


def _artefact(known: Model, made: Made) -> Artefact:
    record = known.record
    # the record has the class as text; the estimator knows what it is
    positive = next((each for each in getattr(made, "classes_", ()) if str(each) == record.positive), None)
    return Candidate.of(made, trusted=record.trusted, features=record.features, positive=positive).artefact


def _file_sha256(path: Path) -> str:
    return file_sha256(path) if path.is_file() else ""
