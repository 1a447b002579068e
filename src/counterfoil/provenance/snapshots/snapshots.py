"""Snapshots: what a live source gave at one moment, kept under its digest and recorded as a dataset.

1. fetch what the source gives into a private folder of the home, up to the limits;
2. where it is what it was, say so;
3. otherwise keep it, sealed, under the SHA-256 of its bytes;
4. record it as the next version of its dataset;
5. record the run that fetched it, with what is known of the source; lineage begins there.

Contents are kept before they are recorded: a crash leaves contents that no record names, which the next
open deletes, and never a record whose contents were lost.
"""

from __future__ import annotations

import io
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Literal, TypeAlias

from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, NotFound
from counterfoil.provenance.datasets import Dataset, Datasets
from counterfoil.provenance.fingerprints.content import file_sha256
from counterfoil.provenance.fingerprints.table_source import table_of
from counterfoil.provenance.lineage.environment import installed_packages
from counterfoil.provenance.lineage.records import SNAPSHOT, RunRecord
from counterfoil.provenance.lineage.runs import Run, Runs
from counterfoil.provenance.models.artefact import runtime
from counterfoil.provenance.naming import is_text
from counterfoil.provenance.snapshots.history import Fetch, History
from counterfoil.provenance.snapshots.records import Removal
from counterfoil.provenance.snapshots.source import DEFAULT_LIMITS, Fetched, Limits, Progress, Source
from counterfoil.store.archive import Archive
from counterfoil.store.new_file import require_new
from counterfoil.store.objects import Objects
from counterfoil.store.recorder import Recorder
from counterfoil.store.sealed_files import SealedFiles
from counterfoil.store.views import Views

__all__ = ["Removed", "Snapshot", "Snapshots", "State", "Taken"]

State: TypeAlias = Literal["kept", "removed", "missing"]
"""Whether the contents are here, were removed on purpose, or are gone."""

_ROWS_DIGEST: Final = "rowsSha256"
"""Of the columns and rows of a table, in no order: what tells that a query gave the same again."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking a snapshot came to.

    Attributes:
        dataset: The version on record.
        run: The run that fetched it.
        is_new: Whether this is another version; False where the source gave what it had given before.
    """

    dataset: Dataset
    run: Run
    is_new: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot on record.

    Attributes:
        dataset: The version.
        fetches: The times that the source gave it, oldest first.
        state: How its contents stand.
    """

    dataset: Dataset
    fetches: tuple[Fetch, ...]
    state: State


@dataclass(frozen=True, slots=True)
class Removed:
    """What removing contents comes to.

    Attributes:
        datasets: All versions on record that have these contents.
        freed_bytes: What the disk gets back; 0 in a dry run.
    """

    datasets: tuple[Dataset, ...]
    freed_bytes: int


class Snapshots:
    """The snapshots of one home. Safe to use from several threads.

    Args:
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
        objects: Keeps queries and lists of packages, sealed.
        files: Keeps contents, sealed.
        register: The datasets.
        runs: The runs.
    """

    def __init__(
        self,
        recorder: Recorder,
        archive: Archive,
        views: Views,
        objects: Objects,
        files: SealedFiles,
        register: Datasets,
        runs: Runs,
    ) -> None:
        self._recorder = recorder
        self._objects = objects
        self._files = files
        self._datasets = register
        self._runs = runs
        self._history = History(archive, views, register, runs)
        self._lock = threading.Lock()  # one at a time fetches what is on record, and records

    def take(
        self,
        source: Source,
        *,
        name: str,
        version: str = "",
        notes: Mapping[str, str] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        progress: Progress | None = None,
    ) -> Taken:
        """Fetches what a source gives now, keeps it and records it.

        Args:
            source: A `UrlSource`, `ApiSource`, `SqlSource` or `PathSource`.
            name: Of the dataset.
            version: In your own numbering; "1", "2", … when empty.
            notes: Licence, purpose, in free words. Without any, those on record for the same contents stay.
            limits: How far the source is followed.
            progress: Told (bytes so far, bytes in all).

        Raises:
            NodeUnreachable: The source does not answer, or breaks off. Nothing was kept or recorded.
            NotAllowed: It refuses, or leads where nobody may go.
            TooLarge: It gives more than the limits allow.
            InvalidInput: What it gives is not what was asked for, or the version is another's.
            LogUnavailable: The disk refuses.
        """
        if not name or not all(is_text(each) for each in (name, version)):
            raise InvalidInput("a snapshot needs a name that can be printed", hint="give it one, such as rates")
        started = self._runs.now()
        work = self._files.work_folder()
        try:
            fetched = source.fetch(work, limits, progress)
            with self._lock:
                return self._kept(fetched, name, version, notes or {}, started)
        except OSError as error:
            raise LogUnavailable(f"a snapshot could not be kept: {error.strerror}") from error
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def all(self, name: str = "") -> list[Snapshot]:
        """Returns all snapshots, or those of one name, oldest first."""
        kept = self._files.kept()
        return [self._snapshot(each, kept) for each in self._history.datasets(name)]

    def find(self, wanted: str) -> Snapshot:
        """Returns a snapshot by name (its newest version), as NAME@VERSION, or by its place (NotFound without one)."""
        dataset = self._datasets.find(wanted)
        if self._history.last_fetch(dataset) is None:
            raise NotFound(f"the dataset {wanted!r} is no snapshot", hint="counterfoil snapshot list")
        return self._snapshot(dataset, self._files.kept())

    def open(self, wanted: Dataset | str) -> io.BufferedReader:
        """Returns the contents as a file to be read, in any order; each part is authenticated as it is read.

        Raises:
            NotFound: They are not here; the message says whether they were removed.
            HomeDamaged: They were altered.
        """
        return self._files.open(self._require_kept(wanted))

    def export(self, wanted: Dataset | str, path: Path | str, progress: Progress | None = None) -> int:
        """Writes the contents to a new file, held against their digest; returns the bytes.

        Raises:
            InvalidInput: The file is there already.
            NotFound: The contents are not here.
            HomeDamaged: They were altered. No file was left.
            LogUnavailable: The file cannot be written.
        """
        digest, path = self._require_kept(wanted), Path(path)
        require_new(path)
        temporary, done = path.with_name(f"{path.name}.{token_hex(8)}.new"), 0
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for data in self._files.chunks(digest):
                    file.write(data)
                    done += len(data)
                    if progress is not None:
                        progress(done, done)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise LogUnavailable(f"{path} could not be written: {error.strerror}") from error
        finally:
            temporary.unlink(missing_ok=True)
        return done

    def check(self, progress: Callable[[int, int], None] | None = None) -> dict[str, str]:
        """Reads all contents and holds them against their digests.

        Returns:
            What is wrong, in words, by digest (hex); empty where nothing is.
        """
        wanted = {each.dataset.record.sha256: each for each in self.all() if each.state != "removed"}
        total, done, wrong = sum(each.dataset.record.size_bytes for each in wanted.values()), 0, dict[str, str]()
        for digest, each in wanted.items():
            if each.state == "missing":
                wrong[digest] = "the contents are not in this home, and no record says that they were removed"
                continue
            try:
                for data in self._files.chunks(digest):
                    done += len(data)
                    if progress is not None:
                        progress(done, total)
            except (HomeDamaged, NotFound) as error:
                wrong[digest] = error.message
        return wrong

    def remove(self, wanted: Dataset | str, *, reason: str, is_dry_run: bool = False) -> Removed:
        """Destroys contents for good and records why; the records of the dataset and its runs stay.

        Args:
            wanted: The snapshot. Other versions with the same contents lose them, too.
            reason: One line that names nobody.
            is_dry_run: Only say what would go.

        Raises:
            NotFound: There is no such snapshot.
            InvalidInput: The reason is none.
        """
        with self._lock:
            dataset = self._dataset(wanted)
            record = dataset.record
            removal = Removal(dataset.leaf, record.sha256, record.size_bytes, reason)
            draft = removal.draft(record.name)
            shared = tuple(each for each in self._history.datasets() if each.record.sha256 == record.sha256)
            if is_dry_run:
                return Removed(shared, 0)
            if self._history.removal(record.sha256) is None:
                self._recorder.write(draft)
            return Removed(shared, self._files.remove(record.sha256))

    def size_bytes(self) -> int:
        """Returns what all contents take on the disk."""
        return self._files.size_bytes()

    def settle(self) -> None:
        """Finishes what a crash, or a backup put back, left open; called before others work.

        Files in clear go, and so do contents that no record names, or whose removal is on record.
        """
        self._files.clear()
        for digest in self._files.kept():
            if self._datasets.with_content(digest) is None or self._history.removal(digest) is not None:
                self._files.remove(digest)

    def _kept(self, fetched: Fetched, name: str, version: str, notes: Mapping[str, str], started: str) -> Taken:
        """Does steps 2 to 5 of the module's list."""
        told = dict(fetched.told)
        if fetched.is_unordered:
            told[_ROWS_DIGEST] = table_of(fetched.file, order="any").digest.hex()
        dataset = self._same_rows(name, version, notes, told) if fetched.is_unordered else None
        known = {each.index for each in self._datasets.all(name)}
        if dataset is None:
            dataset = self._registered(fetched.file, name, version, notes)
        if fetched.query:
            self._objects.put_sealed(fetched.query.encode())
        run = self._runs.fetched(self._run(name, dataset, told, started))
        return Taken(dataset, run, dataset.index not in known)

    def _same_rows(self, name: str, version: str, notes: Mapping[str, str], told: Mapping[str, Any]) -> Dataset | None:
        """Returns the version, still kept, with these rows in whatever order and no other notes; None without one."""
        kept = self._files.kept()
        for dataset in reversed(self._history.datasets(name)):
            is_wanted = version in ("", dataset.record.version) and (not notes or dict(dataset.record.notes) == notes)
            if is_wanted and dataset.record.sha256 in kept:
                fetches = self._history.fetches(dataset)
                if any(each.source.get(_ROWS_DIGEST) == told[_ROWS_DIGEST] for each in fetches):
                    return dataset
        return None

    def _registered(self, file: Path, name: str, version: str, notes: Mapping[str, str]) -> Dataset:
        digest = file_sha256(file)
        is_new = self._files.put(file, digest)
        try:
            return self._datasets.register(
                file, name=name, version=version, notes=notes, progress=None, file_name=file.name
            )
        except BaseException:
            if is_new and self._datasets.with_content(digest) is None:
                self._files.remove(digest)
            raise

    def _run(self, name: str, dataset: Dataset, told: Mapping[str, Any], started: str) -> RunRecord:
        environment = runtime() | {"packagesSha256": self._runs.keep(installed_packages())}
        parameters = {"source": dict(told)}
        return RunRecord(
            name, SNAPSHOT, (), (dataset.leaf,), None, parameters, environment, None, started, self._runs.now()
        )

    def _snapshot(self, dataset: Dataset, kept: set[str]) -> Snapshot:
        digest = dataset.record.sha256
        state: State = "kept" if digest in kept else "missing"
        if state == "missing" and self._history.removal(digest) is not None:
            state = "removed"
        return Snapshot(dataset, tuple(self._history.fetches(dataset)), state)

    def _dataset(self, wanted: Dataset | str) -> Dataset:
        return self.find(str(wanted.index) if isinstance(wanted, Dataset) else wanted).dataset

    def _require_kept(self, wanted: Dataset | str) -> str:
        dataset = self._dataset(wanted)
        removal = self._history.removal(dataset.record.sha256)
        if removal is not None:
            raise NotFound(
                f"the contents of {dataset.record.name} {dataset.record.version} were removed: {removal.reason}",
                hint="take the snapshot again, if the source still gives them",
            )
        return dataset.record.sha256
