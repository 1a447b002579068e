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
from counterfoil.provenance.lineage.runs import Input, Runs
from counterfoil.provenance.model_register import Model, Models, Rows
from counterfoil.provenance.models.artefact import Scorer
from counterfoil.provenance.passports.passports import Passports
from counterfoil.provenance.recalls.register import RecallRegister
from counterfoil.provenance.rows.commitments import Commitments
from counterfoil.provenance.snapshots.snapshots import Snapshots
from counterfoil.store.archive import Archive
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

    Attributes:
        rows: Proves whose rows are in a dataset, and whose are not.
        lineage: What came from what, and what it reached.
        runs: What was run on the way from one to the other.
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
    ) -> None:
        self.rows = rows
        self._datasets = Datasets(recorder, archive, views, objects)
        self._models = Models(recorder, archive, views, objects)
        self.lineage = Lineage(archive, views)
        self.runs = Runs(recorder, archive, views, objects, self.lineage)
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
        on disk) rows and columns. The same content under the same name is recorded once; other content
        under a known name is its next version.

        Args:
            path: The file or folder.
            name: Its name; the file's name when empty.
            version: In your own numbering; "1", "2", … when empty.
            notes: Licence, source, purpose, in free words.
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
            kind: `transformation`, `training`, `deidentification`, `snapshot`, …
            parameters: What it was run with: JSON values, no secrets, nothing about a person.
            code: A function or files whose digest is recorded; the calling file when None.
            seed: Of its random numbers.

        Raises:
            NotFound: When an input is not on record.
            InvalidInput: When a part cannot stand in a record.
            Recalled: When an input rests on something under recall.
        """
        found = [self.find(each) for each in inputs]
        for each in found:
            self.require_usable(each, f"the run {name[:60]!r}")
        return Capture(self, name, found, kind, dict(parameters or {}), code, seed)

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
            NotAllowed: For pickles, and skops types that are not trusted.
            Recalled: When the training data is under recall, or came from something that is.
        """
        if training is not None:
            self.require_usable(training, f"the model {str(name)[:60]!r}")
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
        """Returns a dataset or model: the object itself, or by name, as NAME@VERSION, or by its place.

        Raises:
            NotFound: When there is neither.
            InvalidInput: When a dataset and a model have that name.
        """
        if isinstance(wanted, Dataset | Model):
            return wanted
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

    def require_usable(self, used: Dataset | Model, what: str) -> None:
        """Raises Recalled where nothing may rest on a dataset or model; says so where a recall only warns.

        Args:
            used: The dataset or model.
            what: What would rest on it, for the message.
        """
        self.recalls.bar.admit(used.leaf, what)

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
