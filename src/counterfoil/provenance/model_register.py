"""Models on record: registered once, found again, loaded from the bytes this home keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import select

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.candidate import Candidate
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.models.artefact import Artefact, Scorer, load, runtime
from counterfoil.provenance.models.certificate import Certificate
from counterfoil.provenance.models.features import Feature
from counterfoil.provenance.models.fixedpoint import to_micro
from counterfoil.provenance.naming import find_version, is_text, next_version
from counterfoil.provenance.records import ModelRecord
from counterfoil.provenance.views import models
from counterfoil.store.archive import Archive
from counterfoil.store.objects import Objects
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

__all__ = ["Model", "Models", "Rows"]

Rows: TypeAlias = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Model:
    """A registered model and where its record stands."""

    index: int
    leaf: str
    record: ModelRecord


@dataclass(frozen=True, slots=True)
class FunctionScorer:
    """A plain function as a scorer; it lives as long as the process."""

    function: Callable[[Mapping[str, Any]], float] | None
    features: tuple[Feature, ...]

    def score(self, row: Mapping[str, Any]) -> float:
        """Returns what the function answers."""
        if self.function is None:
            raise InvalidInput("a block of code is not called; it sets its score itself")
        answer = self.function(row)
        try:
            return _require_number(answer)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"the function answered {ascii(answer)[:60]}; a score is a number from 0 to 1"
            ) from error

    def score_micro(self, row: Mapping[str, Any]) -> int:
        """Returns the answer in micro-units."""
        return to_micro(self.score(row))


class Models:
    """The models of one home.

    Args:
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
        objects: Keeps artefacts.
    """

    def __init__(self, recorder: Recorder, archive: Archive, views: Views, objects: Objects) -> None:
        self._recorder = recorder
        self._archive = archive
        self._views = views
        self._objects = objects
        self._registering = threading.Lock()

    def register(
        self,
        model: Any,
        *,
        name: str,
        version: str,
        training: Dataset | None,
        sample: Rows | Any,
        code: Mapping[str, str] | None,
        trusted: Sequence[str],
        features: Sequence[str],
        positive: Any,
        fits: Callable[[Scorer], None] | None,
    ) -> Model:
        """Records a model and keeps its artefact; see `Provenance.register_model`."""
        if not is_text(name) or not name.strip() or not is_text(version):
            raise InvalidInput("a model's name and version are texts, and the name is not empty")
        candidate = Candidate.of(model, trusted=trusted, features=features, positive=positive)
        artefact = candidate.artefact
        training_leaf = training.leaf if training else None
        scorer = candidate.scorer()
        scored = _scored(scorer, artefact)
        if fits is not None:
            fits(scorer)
        inputs = tuple(feature.name for feature in scorer.features)
        known = self._known_or_new(name, version, artefact.semantic_sha256, training_leaf, scored, inputs)
        if known is not None:
            return known
        certificate, agreement = candidate.certify(scorer, sample)
        with self._registering:  # from looking for the version to writing it
            known = self._known_or_new(name, version, artefact.semantic_sha256, training_leaf, scored, inputs)
            if known is not None:
                return known
            record = ModelRecord(
                name,
                version or self._next_version(name),
                artefact.form,
                artefact.file_sha256,
                artefact.semantic_sha256,
                len(artefact.data),
                artefact.trusted,
                inputs,
                scored,
                training_leaf,
                dict(code or {}),
                runtime(),
                certificate,
                agreement,
            )
            self._objects.put(artefact.data)
            return self._written(record)

    def register_function(
        self, function: Callable[[Mapping[str, Any]], float] | None, name: str, source: str, features: Sequence[str]
    ) -> tuple[Model, Scorer]:
        """Records a function as a model without an artefact: its source is committed to, never run again.

        Args:
            function: From an applicant to a score; None for a block of code.
            name: Its name.
            source: Its source text.
            features: What it is given.
        """
        scorer = FunctionScorer(function, tuple(Feature(name, "category", unknown="ignore") for name in features))
        digest = self._objects.put(source.encode())
        with self._registering:
            known = self._known(name, "", digest, None, "", tuple(features))
            if known is not None:
                return known, scorer
            certificate = Certificate.untried("a function is not replayed; only its source is on record")
            record = ModelRecord(
                name,
                self._next_version(name),
                "function",
                digest,
                digest,
                len(source.encode()),
                (),
                tuple(features),
                "",
                None,
                {},
                runtime(),
                certificate,
                None,
            )
            return self._written(record), scorer

    def all(self, name: str | None = None) -> list[Model]:
        """Returns all registered models, or those of one name, oldest first."""
        query = select(models.c.idx).order_by(models.c.idx)
        if name is not None:
            query = query.where(models.c.name == name)
        return [self.at(place) for place in self._views.places(query)]

    def at(self, index: int) -> Model:
        """Returns the model whose record stands at `index`.

        Raises:
            NotFound: When there is another kind of record.
        """
        record = self._archive.record(index)
        if record.kind != "model":
            raise NotFound(f"record {index} is no model; its kind is {record.kind}")
        return Model(index, self._archive.leaf_hex(index), ModelRecord.read(record))

    def find(self, wanted: str) -> Model:
        """Returns a model by name, as NAME@VERSION, or by its place (NotFound without one); see `find_version`."""
        return find_version(wanted, self.all, self.at, "model")

    def scorer(self, model: Model) -> Scorer:
        """Loads a registered model from the bytes this home keeps.

        Raises:
            NotFound: When the artefact is not here.
            NotAllowed: When it holds types that were not trusted.
        """
        record = model.record
        data = self._objects.get(record.file_sha256)
        # skops files carry neither column names nor the scored class, the record does
        positive = None if record.form == "integer" else _as_label(record.positive)
        return load(
            Artefact(
                record.form,  # type: ignore[arg-type]
                data,
                record.file_sha256,
                record.semantic_sha256,
                record.trusted,
                record.features,
                positive,
            )
        )

    def _known(
        self,
        name: str,
        version: str,
        semantic_sha256: str,
        training: str | None,
        positive: str,
        features: tuple[str, ...],
    ) -> Model | None:
        """Returns the same model where it is on record: same name, content, origin, and version if given."""
        wanted = (semantic_sha256, training, positive, features)
        for known in self.all(name):
            record = known.record
            found = (record.semantic_sha256, record.training, record.positive, record.features)
            if found == wanted and version in ("", record.version):
                return known
        return None

    def _known_or_new(
        self,
        name: str,
        version: str,
        semantic_sha256: str,
        training: str | None,
        positive: str,
        features: tuple[str, ...],
    ) -> Model | None:
        """As `_known`; InvalidInput where the version is that of another model."""
        known = self._known(name, version, semantic_sha256, training, positive, features)
        if known is None and version and any(each.record.version == version for each in self.all(name)):
            raise InvalidInput(
                f"another model is on record as {name} {version}", hint="give this one a version of its own"
            )
        return known

    def _written(self, record: ModelRecord) -> Model:
        written = self._recorder.write(record.draft())
        return Model(written.index or 0, written.leaf.hex(), record)

    def _next_version(self, name: str) -> str:
        return next_version(each.record.version for each in self.all(name))


def _require_number(answer: Any) -> float:
    if isinstance(answer, bool | str | bytes):  # which float() would take
        raise TypeError(type(answer).__name__)
    return float(answer)


def _scored(scorer: Scorer, artefact: Artefact) -> str:
    """Returns the outcome that a loaded model scores; an integer model has it in its file."""
    scored, wanted = str(getattr(scorer, "positive", 1)), artefact.positive
    if wanted is not None and str(wanted) != scored:
        raise InvalidInput(f"the model scores {scored!r}, not {str(wanted)!r}", hint="export it again for that class")
    return scored


def _as_label(text: str) -> Any:
    return int(text) if text.lstrip("-").isdigit() else text
