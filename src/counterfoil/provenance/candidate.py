"""A model handed over for registration: its artefact, and what was tried with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfoil.errors import InvalidInput, NotAllowed, NotFound, NotSetUp
from counterfoil.provenance.models.artefact import Artefact, Scorer, load, read_artefact
from counterfoil.provenance.models.certificate import Certificate, certify, certify_scorer
from counterfoil.provenance.models.integer import probe_rows

__all__ = ["Candidate"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model on its way into the log.

    Attributes:
        artefact: Its bytes in the form that will decide and be replayed.
        estimator: The object it came from, None for a file.
    """

    artefact: Artefact
    estimator: Any

    @classmethod
    def of(cls, model: Any, *, trusted: Sequence[str], features: Sequence[str], positive: Any) -> Candidate:
        """Reads a model file, or writes an estimator as an artefact.

        An estimator becomes a canonical integer model where that is possible, else a
        skops file.

        Raises:
            NotFound: When there is no such file.
            InvalidInput: When it is no such model.
            NotAllowed: For pickles.
        """
        if isinstance(model, str | Path):
            path = Path(model)
            if not path.is_file():
                raise NotFound(f"there is no file {path}")
            data, estimator = path.read_bytes(), None
        else:
            data, estimator = _bytes_of(model, features, positive), model
        return cls(read_artefact(data, trusted=trusted, features=features, positive=positive), estimator)

    def scorer(self) -> Scorer:
        """Loads the artefact (NotAllowed for skops types that are not trusted)."""
        return load(self.artefact)

    def certify(self, scorer: Scorer, sample: Any) -> tuple[Certificate, Certificate | None]:
        """Tries the artefact against itself, and the estimator against the artefact.

        Args:
            scorer: From `scorer()`.
            sample: Rows to try; made-up ones are used for an integer model without any.

        Returns:
            What a replay has to match, and how the estimator agrees (None for a file).

        Raises:
            InvalidInput: When there are no rows to try, or one cannot be scored.
            NotAllowed: When the integer model would decide otherwise than the estimator.
        """
        names = [feature.name for feature in scorer.features]
        rows = [{name: row[name] for name in names if name in row} for row in _rows(sample)]
        if not rows and hasattr(scorer, "to_bytes"):
            rows = probe_rows(scorer)  # type: ignore[arg-type]
        if not rows:
            raise InvalidInput(
                f"a {self.artefact.form} model is tried on rows before it may decide, and there are none",
                hint="give sample= (or background=): a few rows such as the training data",
            )
        certificate = certify_scorer(scorer, rows)
        if self.estimator is None:
            return certificate, None
        from counterfoil.provenance.models.skops_scorer import score_many

        agreement = certify(score_many(self.estimator, names, self.artefact.positive), scorer, rows)
        if agreement.kind == "none" and self.artefact.form == "integer":
            raise NotAllowed(
                f"the model cannot be put on record as it is: {agreement.reason}",
                hint="register it as an ONNX or skops file instead",
            )
        return certificate, agreement


def _bytes_of(estimator: Any, features: Sequence[str], positive: Any) -> bytes:
    from counterfoil.provenance.models.sklearn_export import NotExportable, export

    try:
        return export(estimator, feature_names=features or None, positive=positive).to_bytes()
    except NotExportable as error:
        try:
            import skops.io
        except ImportError:
            raise NotSetUp(
                f"this model has no exact integer form ({error.message}), and skops is not installed to save it",
                hint="pip install 'counterfoil[ml]', or register an ONNX file",
            ) from error
        data: bytes = skops.io.dumps(estimator)
        return data


def _rows(sample: Any) -> list[dict[str, Any]]:
    """Returns rows with plain Python values from a list of objects or a DataFrame."""
    if sample is None:
        return []
    if hasattr(sample, "to_dict"):
        return [dict(row) for row in sample.to_dict(orient="records")]
    return [dict(row) for row in sample]
