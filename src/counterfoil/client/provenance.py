"""Datasets and models of a node."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from counterfoil.client.lineage import RemoteLineage
from counterfoil.client.reading import dataset_in, model_in
from counterfoil.client.runs import RemoteRuns
from counterfoil.client.wire import Wire
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance import Capture, Dataset, Model, Scorer, table_rows
from counterfoil.provenance.candidate import Candidate
from counterfoil.provenance.lineage.capture import CodeSource
from counterfoil.provenance.lineage.register import Input
from counterfoil.provenance.lineage.step import Step
from counterfoil.provenance.naming import is_leaf

__all__ = ["RemoteProvenance"]

_CHUNK_BYTES: Final = 1 << 18


class RemoteProvenance:
    """The provenance of one organisation's data and models; see `provenance.Provenance`.

    Args:
        wire: The way to the node.

    Attributes:
        runs: What was run on the way from one to the other.
        lineage: What came from what, and what it reached.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.runs = RemoteRuns(wire)
        self.lineage = RemoteLineage(wire)

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
        """Captures what is run here between `with` and its end, and records it at the node; see `Provenance.run`."""
        return Capture(self, name, [self.find(each) for each in inputs], kind, dict(parameters or {}), code, seed)

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
        """Decorates a function, so that each of its calls is recorded at the node as a run; see `Provenance.step`."""
        return Step(self, name, tuple(inputs), kind, dict(parameters or {}), code, seed)

    def register_dataset(
        self,
        path: Path | str,
        *,
        name: str = "",
        version: str = "",
        notes: Mapping[str, str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Dataset:
        """Records what a file holds; the node reads it once and keeps nothing of it.

        Raises:
            NotFound: There is no such file.
            InvalidInput: It is a folder, or a table that is none.
        """
        path = Path(path)
        if path.is_dir():
            raise InvalidInput(
                f"{path} is a folder, and one file is sent at a time",
                hint="register it on the node's own machine: counterfoil dataset add",
            )
        if not path.is_file():
            raise NotFound(f"there is no file {path}")
        params = {"name": name or path.stem, "version": version, "file": path.name, "note": _pairs(notes)}
        content = lambda: _chunks(path, progress)  # noqa: E731 - read again at each try
        kind = _CSV if path.suffix.lower() == ".csv" else _BYTES
        return dataset_in(self._wire.post("/datasets", params=params, content=content, media_type=kind))

    def register_model(
        self,
        model: Any,
        *,
        name: str,
        version: str = "",
        training: Dataset | None = None,
        sample: Any = None,
        code: Mapping[str, str] | None = None,
        trusted: Sequence[str] = (),
        features: Sequence[str] = (),
        positive: Any = None,
        fits: Callable[[Scorer], None] | None = None,
    ) -> Model:
        """Records a model and has the node keep its artefact for replay; see `Provenance.register_model`.

        An estimator is exported here, and tried here against its artefact; what travels is a file. A model that
        came as a file is loaded by the node only, so `fits` is not asked about it.
        """
        if isinstance(model, str | Path):
            path = Path(model)
            if not path.is_file():
                raise NotFound(f"there is no file {path}")
            data = path.read_bytes()
        else:
            candidate = Candidate.of(model, trusted=trusted, features=features, positive=positive)
            scorer = candidate.scorer()
            if fits is not None:
                fits(scorer)
            candidate.certify(scorer, sample)
            data, positive = candidate.artefact.data, candidate.artefact.positive
            features = features or ([each.name for each in scorer.features] if _is_skops(candidate) else ())
            sample = sample if _is_skops(candidate) else None  # whole numbers are tried on rows made up from them
        params = {
            "name": name,
            "version": version,
            "training": None if training is None else str(training.index),
            "code": _pairs(code),
            "trust": list(trusted) or None,
            "feature": list(features) or None,
            "positive": None if positive is None else str(positive),
        }
        if sample is None:
            return model_in(self._wire.post("/models", params=params, content=lambda: data, media_type=_BYTES))
        parts = {"file": ("model", data), "sample": ("sample.csv", _csv(sample))}
        return model_in(self._wire.post("/models", params=params, files=parts))

    def datasets(self) -> list[Dataset]:
        """Returns all registered datasets, oldest first."""
        return [dataset_in(each) for each in self._wire.get("/datasets")]

    def models(self, name: str | None = None) -> list[Model]:
        """Returns all registered models, or those of one name, oldest first."""
        return [model_in(each) for each in self._wire.get("/models", {"name": name})]

    def find(self, wanted: Input) -> Dataset | Model:
        """Returns a dataset or model: the object itself, or by name, as NAME@VERSION, by its place or leaf hash.

        Raises:
            NotFound: When there is neither.
            InvalidInput: When a dataset and a model have that name.
        """
        if isinstance(wanted, Dataset | Model):
            return wanted
        if is_leaf(str(wanted)):
            return self._with_leaf(str(wanted))
        found: list[Dataset | Model] = []
        for look in (self.find_dataset, self.find_model):
            with suppress(NotFound):
                found.append(look(str(wanted)))
        if len(found) == 1:
            return found[0]
        if found:
            raise InvalidInput(
                f"a dataset and a model are called {wanted!r}", hint="give the place of the record that you mean"
            )
        raise NotFound(f"neither a dataset nor a model on record is called {str(wanted)!r}")

    def _with_leaf(self, leaf: str) -> Dataset | Model:
        known: list[Dataset | Model] = [*self.datasets(), *self.models()]
        found = next((each for each in known if each.leaf == leaf), None)
        if found is None:
            raise NotFound(f"neither a dataset nor a model on record has the leaf hash {leaf}")
        return found

    def find_usable(self, wanted: Input, what: str, *, is_training: bool = False) -> Dataset | Model:
        """Returns what `find` does; the node asks whether anything may rest on it when it acts.

        A recall holds it back when a model is registered, put to work or decides; the home's rules for
        datasets when a model is registered, and when the run that made one is recorded.
        """
        del what, is_training
        return self.find(wanted)

    def dataset_with(self, sha256: str) -> Dataset | None:
        """Returns the newest dataset whose file or folder has this digest (hex)."""
        return next((each for each in reversed(self.datasets()) if each.record.sha256 == sha256), None)

    def model_at(self, index: int) -> Model:
        """Returns the model whose record stands at `index` (NotFound when there is none)."""
        found = next((each for each in self.models() if each.index == index), None)
        if found is None:
            raise NotFound(f"record {index} is not a model")
        return found

    def find_model(self, wanted: str) -> Model:
        """Returns a model by name (its newest version) or by its place in the log."""
        return model_in(self._wire.get(f"/models/{_segment(wanted)}"))

    def find_dataset(self, wanted: str) -> Dataset:
        """Returns a dataset by name (the newest of it) or by its place in the log."""
        return dataset_in(self._wire.get(f"/datasets/{_segment(wanted)}"))


_BYTES: Final = "application/octet-stream"
_CSV: Final = "text/csv"


def _is_skops(candidate: Candidate) -> bool:
    return candidate.artefact.form == "skops"


def _segment(text: str) -> str:
    if not text or "/" in text or text in (".", ".."):
        raise InvalidInput(f"{text[:60]!r} cannot be asked for by name", hint="give the place of its record")
    return quote(text, safe="")


def _pairs(table: Mapping[str, str] | None) -> list[str] | None:
    return [f"{key}={value}" for key, value in (table or {}).items()] or None


def _chunks(path: Path, progress: Callable[[int, int], None] | None) -> Iterator[bytes]:
    done, total = 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
            done += len(chunk)
            if progress is not None:
                progress(done, total)


def _csv(sample: Any) -> bytes:
    """Returns rows as a table; what is missing is an empty place."""
    rows = table_rows(sample, "sample rows")
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
