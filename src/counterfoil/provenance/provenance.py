"""Registers datasets, models and the runs between them, so that decisions can name what they rest on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.datasets import Dataset, Datasets
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.lineage.capture import Capture, CodeSource
from counterfoil.provenance.lineage.lineage import Lineage
from counterfoil.provenance.lineage.records import TRAINING
from counterfoil.provenance.lineage.rederivation.rederiver import TIMEOUT_S, BuiltIn, Rederived, Rederiver, Work
from counterfoil.provenance.lineage.register import Input
from counterfoil.provenance.lineage.runs import Run, Runs
from counterfoil.provenance.lineage.step import Step
from counterfoil.provenance.model_register import Model, Models, Rows
from counterfoil.provenance.models.artefact import Scorer
from counterfoil.provenance.naming import is_leaf
from counterfoil.provenance.passports.passports import Passports
from counterfoil.provenance.recalls.register import RecallRegister
from counterfoil.provenance.reports.dataset_gate import DatasetGate
from counterfoil.provenance.reports.dataset_reports import DatasetReports
from counterfoil.provenance.rows.commitments import Commitments
from counterfoil.provenance.snapshots.snapshots import Snapshots
from counterfoil.store.archive import Archive
from counterfoil.store.dataset_rules import read_rules
from counterfoil.store.objects import Objects
from counterfoil.store.recorder import Recorder
from counterfoil.store.sealed_files import SealedFiles
from counterfoil.store.views import Views

__all__ = ["Provenance"]


class Provenance:
    """The provenance of one organisation's data and models.

    Args:
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
        objects: Keeps artefacts.
        files: Keeps the contents of snapshots.
        rows: Commits to the rows of datasets.
        name: Legal name of the organisation, for the passports it issues.
        dataset_gate: Rules for what a dataset must have passed before a model may rest on it.

    Attributes:
        rows: Proves whose rows are in a dataset, and whose are not.
        gate: Refuses datasets for models that do not meet these rules.
        reports: Privacy checks and quality reports of datasets.
        lineage: What came from what, and what it reached.
        runs: What was run on the way from one to the other.
        built_in: Runs that this program does itself can be run again without a command; by kind of run.
        passports: Who, when, why and whence, for others to read and check.
        snapshots: What live sources gave, each at one moment.
        recalls: What turned out to be wrong, and holds back what came from it.
    """

    def __init__(
        self,
        recorder: Recorder,
        archive: Archive,
        views: Views,
        objects: Objects,
        files: SealedFiles,
        rows: Commitments,
        name: str = "",
        dataset_gate: tuple[str, ...] = (),
    ) -> None:
        self.rows = rows
        self.reports = DatasetReports(recorder, archive, views)
        self.gate = DatasetGate(read_rules(dataset_gate), self.reports)
        self._datasets = Datasets(recorder, archive, views, objects)
        self._models = Models(recorder, archive, views, objects)
        self._archive = archive
        self._views = views
        self._objects = objects
        self.built_in: dict[str, BuiltIn] = {}
        self.lineage = Lineage(archive, views)
        self.runs = Runs(recorder, archive, views, objects, self.lineage, self._datasets, self.gate)
        self.snapshots = Snapshots(recorder, archive, views, objects, files, self._datasets, self.runs)
        self.recalls = RecallRegister(recorder, archive, views, self.lineage)
        self.passports = Passports(
            recorder, archive, views, self._datasets, self._models, self.runs, self.lineage, name
        )

    def register_dataset(
        self,
        path: Path | str,
        *,
        name: str = "",
        version: str = "",
        notes: Mapping[str, str] | None = None,
        progress: Callable[[int, int], None] | None = None,
        file_name: str = "",
    ) -> Dataset:
        """Records what a file or folder holds; the data itself stays where it is.

        On record are its digest, size and fingerprint, and of a table (CSV, Parquet, Arrow, a dataset
        on disk) rows and columns. The same content under the same name is recorded once, whatever the file
        is called; other content under a known name, or other notes, are its next version.

        Args:
            path: The file or folder.
            name: Its name; the file's name when empty.
            version: In your own numbering; "1", "2", … when empty.
            notes: Licence, source, purpose, in free words. Without any, those on record for the same content stay.
            progress: Called with (bytes read, bytes in all).
            file_name: The file's name where it comes from; the path's own when empty.

        Raises:
            NotFound: When there is nothing there.
            InvalidInput: When a table is none, something cannot be read, or the version is another's.
            NotSetUp: When it is a table of a form that needs pyarrow.
        """
        return self._datasets.register(
            Path(path), name=name, version=version, notes=notes or {}, progress=progress, file_name=file_name
        )

    def run(
        self,
        name: str,
        *,
        inputs: Sequence[Input] = (),
        kind: str = "transformation",
        parameters: Mapping[str, Any] | None = None,
        code: CodeSource = None,
        seed: int | None = None,
    ) -> Capture:
        """Captures what is run between `with` and its end: what went in, what came out, and how.

            with org.provenance.run("clean", inputs=["raw"]) as run:
                ...
                run.output("clean.csv", name="clean")

        The record is written at the end, also when the block fails.

        Args:
            name: What is done, in a word or two.
            inputs: Datasets and models on record: the objects, their names, or their places.
            kind: `transformation`, `training`, `deidentification`, …; not `snapshot`, which is our own.
            parameters: What it was run with: JSON values, no secrets, nothing about a person.
            code: A function or files whose digest is recorded; the calling file when None.
            seed: Of its random numbers.

        Raises:
            NotFound: When an input is not on record.
            InvalidInput: When a part cannot stand in a record.
            Recalled: When an input rests on something under recall.
            NotAllowed: When a training run is given a dataset that this home's rules keep from models.
        """
        what = f"the run {name[:60]!r}"
        found = [self.find_usable(each, what, is_training=kind == TRAINING) for each in inputs]
        return Capture(self, name, found, kind, dict(parameters or {}), code, seed)

    def step(
        self,
        name: str = "",
        *,
        inputs: Sequence[Input] = (),
        kind: str = "transformation",
        parameters: Mapping[str, Any] | None = None,
        code: CodeSource = None,
        seed: int | None = None,
    ) -> Step:
        """Decorates a function, so that each of its calls is recorded as a run.

            @org.provenance.step(inputs=["raw"])
            def clean(source: Path, least_age: int) -> Path: ...

        The function takes and returns what it did. Of its arguments, datasets and models become inputs, and so
        does what is on record with the content of a `Path`; short values become parameters; of all others only
        the names are recorded. A `Path`, dataset, model or fitted classifier that it returns becomes an output;
        a list or table of them, too. When it raises, the failed run is recorded and the error goes on.

        Args:
            name: What is done; the function's own name when empty.
            inputs: What goes in besides the arguments; looked up at each call.
            kind: See `run`.
            parameters: What it is run with besides the arguments.
            code: Files whose digest is recorded; the function itself when None.
            seed: Of its random numbers.
        """
        return Step(self, name, tuple(inputs), kind, dict(parameters or {}), code, seed)

    def rederive(
        self,
        run: Run | int | str,
        work: Work = None,
        *,
        inputs: Mapping[str, Path | str] | None = None,
        code: CodeSource = None,
        outputs: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Rederived:
        """Runs a recorded run again and records whether the same came out.

        That shows that this home ran the recorded code on the recorded inputs again and got the same, or not. It does
        not show that the inputs are true, or that the code does what it should.

        Args:
            run: The run, its place in the log, or its name (the newest of it).
            work: A command, as a list of program and arguments, which is run in a folder with copies of the inputs
                and of the code; or a function that is given this folder, and may return where its outputs are, by
                name. None for what this program does itself, such as de-identification.
            inputs: Files and folders that went in, by the names of their datasets. Models come from this home.
            code: The files that are on record as the run's code; the function itself when None.
            outputs: Where outputs are in the folder, by name; where their file was called otherwise.
            timeout_s: Longest that a command may take. A function is not bounded.

        Raises:
            InvalidInput: When code or inputs are not those on record, or the work fails. Nothing is recorded then.
            NotFound: When there is no such run, file or program.
        """
        found = run if isinstance(run, Run) else self.runs.find(str(run))
        code = work if code is None and callable(work) else code
        rederiver = Rederiver(self, self.built_in, lambda model: self._objects.get(model.record.file_sha256))
        return rederiver.rederive(
            found, work, inputs=inputs or {}, code=code, outputs=outputs or {}, timeout_s=timeout_s
        )

    def register_model(
        self,
        model: Any,
        *,
        name: str,
        version: str = "",
        training: Dataset | None = None,
        sample: Rows | Any = None,
        code: Mapping[str, str] | None = None,
        trusted: Sequence[str] = (),
        features: Sequence[str] = (),
        positive: Any = None,
        fits: Callable[[Scorer], None] | None = None,
    ) -> Model:
        """Records a model and keeps its artefact for replay.

        A fitted scikit-learn classifier is exported as a canonical integer model
        where that is possible, else saved with skops (types outside skops' own list
        must be in `trusted`). A path is read as an integer model, ONNX or skops file.
        The same model is recorded once.

        Args:
            model: An estimator, or the path of a model file.
            name: Its name.
            version: In your own numbering; "1", "2", … when empty.
            training: The dataset it was trained on.
            sample: Rows to try the model on (list of objects or DataFrame); made-up
                rows are used when absent and the model is an integer model.
            code: What trained it, e.g. {"commit": "…"}.
            trusted: Types that a skops file may load.
            features: Names of the inputs, where the model does not know them.
            positive: The outcome the score is about; the last class by default.
            fits: Called with the loaded model before it is tried; raises to refuse it.

        Raises:
            InvalidInput: When it is no such model, scores another outcome, or has the
                version of another.
            NotAllowed: For pickles, skops types that are not trusted, and data that this home's rules keep from models.
            Recalled: When the training data is under recall, or came from something that is.
        """
        if training is not None:
            self.require_usable(training, f"the model {str(name)[:60]!r}", is_training=True)
        return self._models.register(
            model,
            name=name,
            version=version,
            training=training,
            sample=sample,
            code=code,
            trusted=trusted,
            features=features,
            positive=positive,
            fits=fits,
        )

    def register_function(
        self, function: Callable[[Mapping[str, Any]], float] | None, name: str, source: str, features: Sequence[str]
    ) -> tuple[Model, Scorer]:
        """Records a function as a model without an artefact; see `Models.register_function`."""
        return self._models.register_function(function, name, source, features)

    def datasets(self, name: str | None = None) -> list[Dataset]:
        """Returns all registered datasets, or those of one name, oldest first."""
        return self._datasets.all(name)

    def models(self, name: str | None = None) -> list[Model]:
        """Returns all registered models, or those of one name, oldest first."""
        return self._models.all(name)

    def dataset_at(self, index: int) -> Dataset:
        """Returns the dataset whose record stands at `index` (NotFound when there is another kind of record)."""
        return self._datasets.at(index)

    def model_at(self, index: int) -> Model:
        """Returns the model whose record stands at `index` (NotFound when there is another kind of record)."""
        return self._models.at(index)

    def find_dataset(self, wanted: str) -> Dataset:
        """Returns a dataset by name (its newest version), as NAME@VERSION, or by its place (NotFound without one)."""
        return self._datasets.find(wanted)

    def find_model(self, wanted: str) -> Model:
        """Returns a model by name (its newest version), as NAME@VERSION, or by its place (NotFound without one)."""
        return self._models.find(wanted)

    def find(self, wanted: Input) -> Dataset | Model:
        """Returns a dataset or model: the object itself, or by name, as NAME@VERSION, by its place or leaf hash.

        Raises:
            NotFound: When there is neither.
            InvalidInput: When a dataset and a model have that name.
        """
        if isinstance(wanted, Dataset | Model):
            return wanted
        if is_leaf(str(wanted)):
            return self.with_leaf(str(wanted))
        found: list[Dataset | Model] = []
        for look in (self._datasets.find, self._models.find):
            with suppress(NotFound):
                found.append(look(str(wanted)))
        if len(found) > 1:
            raise InvalidInput(
                f"a dataset and a model are called {wanted!r}", hint="give the place of the record that you mean"
            )
        if not found:
            raise NotFound(
                f"neither a dataset nor a model on record is called {str(wanted)!r}",
                hint="see which there are: counterfoil dataset list, counterfoil model list",
            )
        return found[0]

    def with_leaf(self, leaf: str) -> Dataset | Model:
        """Returns the dataset or model whose record has this leaf hash (NotFound where there is another, or none)."""
        place = self._views.index_of(leaf)
        return self.model_at(place) if self._archive.record(place).kind == "model" else self.dataset_at(place)

    def find_usable(self, wanted: Input, what: str, *, is_training: bool = False) -> Dataset | Model:
        """Returns what `find` does, where something may rest on it; see `require_usable`."""
        found = self.find(wanted)
        self.require_usable(found, what, is_training=is_training)
        return found

    def require_usable(self, used: Dataset | Model, what: str, *, is_training: bool = False) -> None:
        """Refuses a dataset or model that nothing may rest on; says so where a recall only warns.

        Args:
            used: The dataset or model.
            what: What would rest on it, for the message.
            is_training: Whether that is a model, so that this home's rules for datasets hold.

        Raises:
            Recalled: It is under recall, or came from what is.
            NotAllowed: A rule is not met.
        """
        self.recalls.bar.admit(used.leaf, what)
        if is_training and isinstance(used, Dataset):
            self.gate.require(used)

    def dataset_with(self, sha256: str) -> Dataset | None:
        """Returns the newest dataset whose file or folder has this digest (hex)."""
        return self._datasets.with_content(sha256)

    def fingerprint(self, dataset: Dataset) -> Fingerprint:
        """Returns the fingerprint that was taken of a dataset when it was registered (NotFound when it is gone)."""
        return self._datasets.fingerprint(dataset)

    def scorer(self, model: Model) -> Scorer:
        """Loads a registered model from the bytes this home keeps.

        Raises:
            NotFound: When the artefact is not here.
            NotAllowed: When it holds types that were not trusted.
        """
        return self._models.scorer(model)
