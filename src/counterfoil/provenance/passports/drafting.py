"""What is on record about a dataset or model, in the form of a passport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.lineage.records import RunRecord
from counterfoil.provenance.lineage.runs import Run
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.passports.imported import licence_of
from counterfoil.provenance.passports.parts import Licence, Parent, Transformation
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.subject import FingerprintOf, Subject, SubjectFile

__all__ = ["parent_of", "require_parent", "require_subject", "subject_of", "told_in_notes", "transformation_of"]

_ENDINGS: Final = {"integer": "json", "onnx": "onnx", "skops": "skops"}
_LICENCE_NOTES: Final = ("licence", "license")


def subject_of(found: Dataset | Model) -> Subject:
    """Returns what a passport says of a dataset or model that is on record."""
    return _dataset(found) if isinstance(found, Dataset) else _model(found)


def parent_of(found: Dataset | Model) -> Parent:
    """Returns how a passport names a dataset or model that is on record."""
    sha256 = found.record.sha256 if isinstance(found, Dataset) else found.record.file_sha256
    return Parent(found.record.name, found.record.version, found.leaf, sha256=sha256)


def transformation_of(run: Run) -> Transformation:
    """Returns what a passport says of the run that made something."""
    record: RunRecord = run.record
    packages = record.environment.get("packagesSha256")
    return Transformation(
        f"{record.kind}: {record.name}",
        run.leaf,
        record.code.sha256 if record.code else "",
        packages if isinstance(packages, str) else "",
        "" if record.seed is None else str(record.seed),
        {
            name: value if isinstance(value, str) else canonical.dumps(value).decode()
            for name, value in record.parameters.items()
        },
    )


def told_in_notes(notes: Mapping[str, str]) -> tuple[Licence, str]:
    """Returns licence and purpose, where somebody noted them when a dataset was registered."""
    licence = next((notes[key] for key in _LICENCE_NOTES if notes.get(key)), "")
    return licence_of(licence), notes.get("purpose", "")


def require_parent(told: Parent, found: Dataset | Model) -> None:
    """Refuses a parent that is told otherwise than its record in this log has it; what is left out is not compared.

    Raises:
        InvalidInput: Names what differs, and both values.
    """
    known = parent_of(found)
    contents = {known.sha256, found.record.root if isinstance(found, Dataset) else ""}
    for key, value, on_record in (("name", told.name, known.name), ("version", told.version, known.version)):
        if value not in ("", on_record):
            raise _other_parent(told, key, value, on_record)
    if told.sha256 and told.sha256 not in contents:
        raise _other_parent(told, "sha256", told.sha256, known.sha256)


def _other_parent(told: Parent, key: str, value: str, on_record: str) -> InvalidInput:
    return InvalidInput(
        f"the parent {told.name[:60]!r}: its {key} is {value[:80]!r}; on record is {on_record[:80]!r}",
        hint="say what is on record" if key == "name" else f"leave {key} out, or say what is on record",
    )


def require_subject(passport: Passport, found: Dataset | Model) -> None:
    """Refuses a passport that says something else of its subject than its record does.

    Raises:
        InvalidInput: Names the first key that differs.
    """
    told, known = passport.subject.to_json(), subject_of(found).to_json()
    for key in sorted(told.keys() | known.keys()):
        if told.get(key) != known.get(key):
            raise InvalidInput(
                f"the passport's subject.{key} is {_short(told.get(key))}; on record is {_short(known.get(key))}",
                hint="what is on record cannot be told otherwise: counterfoil passport new writes it",
            )


def _dataset(found: Dataset) -> Subject:
    record = found.record
    is_file = record.files == 1 and record.sha256 != record.root
    return Subject(
        "dataset",
        record.name,
        record.version,
        found.leaf,
        FingerprintOf("sha256", record.root, record.fingerprint),
        # Only the name that is on record already: names of other files can say something about a person.
        (SubjectFile(record.file_name, record.size_bytes, record.sha256),) if is_file else (),
        record.files,
        record.size_bytes,
        record.rows,
        record.columns,
    )


def _model(found: Model) -> Subject:
    record = found.record
    ending = _ENDINGS.get(record.form)
    name = f"{record.name}-{record.version}.{ending}".replace("/", "_")
    files = (SubjectFile(name, record.size_bytes, record.file_sha256),) if ending else ()
    return Subject(
        "model",
        record.name,
        record.version,
        found.leaf,
        None,
        files,
        len(files),
        record.size_bytes if files else 0,
        meaning=record.semantic_sha256,
    )


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = canonical.dumps(value).decode()
    return text if len(text) <= 80 else text[:79] + "…"
