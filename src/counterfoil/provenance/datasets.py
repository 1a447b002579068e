"""Datasets on record: registered once a version, found again by name, place or content."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.dataset_content import DatasetContent, content_of
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.naming import find_version, is_text, next_version
from counterfoil.provenance.records import DatasetRecord
from counterfoil.provenance.views import datasets
from counterfoil.store.archive import Archive
from counterfoil.store.objects import Objects
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

__all__ = ["Dataset", "Datasets"]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A registered version of a dataset and where its record stands."""

    index: int
    leaf: str
    record: DatasetRecord


class Datasets:
    """The datasets of one home.

    Args:
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
        objects: Keeps fingerprints, sealed: names of files can say something about a person.
    """

    def __init__(self, recorder: Recorder, archive: Archive, views: Views, objects: Objects) -> None:
        self._recorder = recorder
        self._archive = archive
        self._views = views
        self._objects = objects
        self._registering = threading.Lock()

    def register(
        self,
        path: Path,
        *,
        name: str,
        version: str,
        notes: Mapping[str, str],
        progress: Callable[[int, int], None] | None,
        file_name: str,
    ) -> Dataset:
        """Records a file or folder; see `Provenance.register_dataset`."""
        name = name or path.stem
        if not all(is_text(each) for each in (name, version, file_name)):
            raise InvalidInput("a dataset's name and version are texts that can be printed")
        content = content_of(path, progress, file_name)
        file_name = file_name or path.name
        with self._registering:  # from looking for the version to writing it
            versions = self.all(name)
            for known in reversed(versions):
                if version in ("", known.record.version) and _is_same(known.record, content, notes):
                    return known
            if version and any(each.record.version == version for each in versions):
                raise InvalidInput(
                    f"other data is on record as {name} {version}", hint="give this one a version of its own"
                )
            fingerprint = content.fingerprint
            record = DatasetRecord(
                name,
                version or next_version(each.record.version for each in versions),
                file_name,
                content.sha256,
                fingerprint.size_bytes,
                fingerprint.files,
                content.rows,
                content.columns,
                dict(notes),
                fingerprint.root.hex(),
                self._objects.put_sealed(canonical.dumps(fingerprint.to_json())),
                fingerprint.table.digest.hex() if fingerprint.table else "",
            )
            written = self._recorder.write(record.draft())
            return Dataset(written.index or 0, written.leaf.hex(), record)

    def all(self, name: str | None = None) -> list[Dataset]:
        """Returns all registered datasets, or those of one name, oldest first."""
        query = select(datasets.c.idx).order_by(datasets.c.idx)
        if name is not None:
            query = query.where(datasets.c.name == name)
        return [self.at(place) for place in self._views.places(query)]

    def at(self, index: int) -> Dataset:
        """Returns the dataset whose record stands at `index` (NotFound for another kind of record)."""
        record = self._archive.record(index)
        if record.kind != "dataset":
            raise NotFound(f"record {index} is no dataset; its kind is {record.kind}")
        return Dataset(index, self._archive.leaf_hex(index), DatasetRecord.read(record))

    def find(self, wanted: str) -> Dataset:
        """Returns a dataset by name, as NAME@VERSION, or by its place (NotFound without one); see `find_version`."""
        return find_version(wanted, self.all, self.at, "dataset")

    def with_content(self, sha256: str) -> Dataset | None:
        """Returns the newest dataset whose file or folder has this digest (hex)."""
        found = self.all_with_content(sha256)
        return found[-1] if found else None

    def all_with_content(self, sha256: str) -> list[Dataset]:
        """Returns the datasets whose file or folder has this digest (hex), oldest first, under whatever name."""
        query = select(datasets.c.idx).where(datasets.c.sha256 == sha256).order_by(datasets.c.idx)
        return [self.at(place) for place in self._views.places(query)]

    def fingerprint(self, dataset: Dataset) -> Fingerprint:
        """Returns the fingerprint that was taken when a dataset was registered.

        Raises:
            NotFound: When this home does not keep it any more.
        """
        told = canonical.loads(self._objects.get_sealed(dataset.record.fingerprint))
        assert isinstance(told, dict)
        return Fingerprint.from_json(told)


def _is_same(record: DatasetRecord, content: DatasetContent, notes: Mapping[str, str]) -> bool:
    """Whether a version has this content, read as the same kind of table, and says no other notes.

    A single file's name is part of its root and not of its content, so the digest decides.
    """
    found = (record.sha256, record.rows, record.columns)
    return found == (content.sha256, content.rows, content.columns) and (not notes or dict(record.notes) == dict(notes))
