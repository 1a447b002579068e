"""What a dataset and a model say about themselves in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.statement import Draft, Record
from counterfoil.errors import MalformedEvidence
from counterfoil.provenance.models.certificate import Certificate

__all__ = ["STREAM", "DatasetRecord", "ModelRecord"]

STREAM: Final = "provenance"


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """A registered version of a dataset.

    Attributes:
        name: Its name.
        version: In the owner's own numbering.
        file_name: Name of the file or folder it was read from.
        sha256: Of the file's bytes, hex; of a folder, the root of its fingerprint.
        size_bytes: Of all files together.
        files: Number of files.
        rows: Number of rows, header left out; None where it is no table.
        columns: (name, type) of each column; of CSV the types are integer, number, text.
        notes: Licence, source, purpose and the like, in free words.
        root: Of its fingerprint, hex.
        fingerprint: SHA-256 (hex) of the fingerprint's own file, which the home keeps.
        table_sha256: Of its columns and rows, whatever file they are in, hex; empty where that is not known.
    """

    name: str
    version: str
    file_name: str
    sha256: str
    size_bytes: int
    files: int
    rows: int | None
    columns: tuple[tuple[str, str], ...]
    notes: Mapping[str, str]
    root: str
    fingerprint: str
    table_sha256: str = ""

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about = {
            "columns": [{"name": name, "type": kind} for name, kind in self.columns],
            "file": {"name": self.file_name, "sha256": self.sha256, "sizeBytes": self.size_bytes},
            "files": self.files,
            "fingerprint": {"root": self.root, "sha256": self.fingerprint},
            "name": self.name,
            "notes": dict(self.notes),
            "rows": self.rows,
            "tableSha256": self.table_sha256 or None,
            "version": self.version,
        }
        return Draft("dataset", STREAM, f"{self.name} {self.version}", about=about, sha256=self.sha256)

    @classmethod
    def read(cls, record: Record) -> DatasetRecord:
        """Reads a dataset back from its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        return cls.from_about(record.about)

    @classmethod
    def from_about(cls, about: Mapping[str, Any]) -> DatasetRecord:
        """Reads a dataset from the public part of its record; see `read`."""
        try:
            file, fingerprint, rows = about["file"], about["fingerprint"], about["rows"]
            return cls(
                str(about["name"]),
                str(about["version"]),
                str(file["name"]),
                str(file["sha256"]),
                int(file["sizeBytes"]),
                int(about["files"]),
                None if rows is None else int(rows),
                tuple((str(column["name"]), str(column["type"])) for column in about["columns"]),
                {str(key): str(value) for key, value in about["notes"].items()},
                str(fingerprint["root"]),
                str(fingerprint["sha256"]),
                str(about["tableSha256"] or ""),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedEvidence("a dataset record lacks a part or holds another type") from error


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A registered model.

    Attributes:
        name: Its name.
        version: In the owner's own numbering.
        form: `integer`, `onnx` or `skops`: how its artefact is read.
        file_sha256: Of the artefact's bytes, hex.
        semantic_sha256: Of what the artefact means, hex; equal for equal models.
        size_bytes: Of the artefact.
        trusted: Types that a skops artefact may load.
        features: Names of its inputs, in order.
        positive: The outcome its score is about.
        training: Leaf hash (hex) of the dataset it was trained on, None when not told.
        code: What trained it: file digests or a commit, as the owner told.
        environment: Versions and processor at registration.
        certificate: How exactly a replay must match, and what was tried to know it.
        agreement: The same for the object it was exported from, against the artefact;
            None for a model that came as a file.
    """

    name: str
    version: str
    form: str
    file_sha256: str
    semantic_sha256: str
    size_bytes: int
    trusted: tuple[str, ...]
    features: tuple[str, ...]
    positive: str
    training: str | None
    code: Mapping[str, str]
    environment: Mapping[str, Any]
    certificate: Certificate
    agreement: Certificate | None

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about = {
            "agreement": self.agreement.to_json() if self.agreement else None,
            "artefact": {
                "fileSha256": self.file_sha256,
                "form": self.form,
                "semanticSha256": self.semantic_sha256,
                "sizeBytes": self.size_bytes,
                "trusted": list(self.trusted),
            },
            "certificate": self.certificate.to_json(),
            "code": dict(self.code),
            "environment": dict(self.environment),
            "features": list(self.features),
            "name": self.name,
            "positive": self.positive,
            "training": self.training,
            "version": self.version,
        }
        builds_on = (self.training,) if self.training else ()
        return Draft("model", STREAM, f"{self.name} {self.version}", builds_on, about, sha256=self.file_sha256)

    @classmethod
    def read(cls, record: Record) -> ModelRecord:
        """Reads a model back from its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        return cls.from_about(record.about)

    @classmethod
    def from_about(cls, about: Mapping[str, Any]) -> ModelRecord:
        """Reads a model from the public part of its record; see `read`."""
        try:
            artefact = about["artefact"]
            training = about["training"]
            return cls(
                str(about["name"]),
                str(about["version"]),
                str(artefact["form"]),
                str(artefact["fileSha256"]),
                str(artefact["semanticSha256"]),
                int(artefact["sizeBytes"]),
                tuple(str(name) for name in artefact["trusted"]),
                tuple(str(name) for name in about["features"]),
                str(about["positive"]),
                None if training is None else str(training),
                {str(key): str(value) for key, value in about["code"].items()},
                dict(about["environment"]),
                Certificate.from_json(about["certificate"]),
                None if about["agreement"] is None else Certificate.from_json(about["agreement"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedEvidence("a model record lacks a part or holds another type") from error
