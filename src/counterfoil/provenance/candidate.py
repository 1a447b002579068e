"""A model handed over for registration: its artefact, and what was tried with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import INSTALL_ML, InvalidInput, NotAllowed, NotFound, NotSetUp
from counterfoil.provenance.models.artefact import Artefact, Scorer, load, read_artefact
from counterfoil.provenance.models.certificate import MOST_ROWS, Certificate, certify, certify_scorer, evenly
from counterfoil.provenance.models.integer import probe_rows

__all__ = ["Candidate", "table_rows"]

SLOW_ROWS: Final = 64
"""Rows that a model without an integer form is tried on: one at a time, each costs milliseconds."""

AGREEMENT_BATCHES: Final = (16, None)
"""Rows a call when an estimator is compared with its artefact; the artefact itself is tried row by row."""


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
        most_rows = SLOW_ROWS if self.artefact.form == "skops" else MOST_ROWS
        tried = table_rows([] if sample is None else evenly(sample, most_rows), "sample rows")
        rows = [{name: _plain(row[name]) for name in names if name in row} for row in tried]
        if not rows and hasattr(scorer, "to_bytes"):
            rows = probe_rows(scorer)  # type: ignore[arg-type]
        if not rows:
            raise InvalidInput(
                f"this {self.artefact.form} model is tried on rows before it may decide, and there are none",
                hint="give rows, such as the training data, with --sample FILE.csv (in Python: sample= or background=)",
            )
        certificate = certify_scorer(scorer, rows, most_rows=most_rows)
        if self.estimator is None:
            return certificate, None
        from counterfoil.provenance.models.skops_scorer import score_many

        score = score_many(self.estimator, names, self.artefact.positive)
        agreement = certify(score, scorer, rows, batches=AGREEMENT_BATCHES, most_rows=most_rows)
        if agreement.kind == "none" and self.artefact.form == "integer":
            raise NotAllowed(
                f"the model cannot be put on record as it is: {agreement.reason}",
                hint="register it as an ONNX or skops file instead",
            )
        return certificate, agreement


def _bytes_of(estimator: Any, features: Sequence[str], positive: Any) -> bytes:
    from counterfoil.provenance.models.sklearn_export import NotExportable, export

    if not hasattr(estimator, "predict_proba"):
        raise InvalidInput(
            f"{type(estimator).__name__} is no classifier with probabilities",
            hint="give a fitted scikit-learn classifier or a model file; a function is decorated instead",
        )
    try:
        return export(estimator, feature_names=features or None, positive=positive).to_bytes()
    except NotExportable as error:
        if error.message.endswith(" is not fitted"):
            raise InvalidInput(
                error.message, hint="call fit first: what is registered is what training made"
            ) from error
        try:
            import skops.io
        except ImportError:
            raise NotSetUp(
                f"this model has no exact integer form ({error.message}), and skops is not installed to save it",
                hint=f"{INSTALL_ML}; or register an ONNX file",
            ) from error
        data: bytes = skops.io.dumps(estimator)
        return data


def table_rows(table: Any, what: str) -> list[dict[str, Any]]:
    """Returns the rows of a DataFrame or a list of objects.

    Raises:
        InvalidInput: For anything else, or a column that is there twice. `what` names the rows.
    """
    if hasattr(table, "columns") and hasattr(table, "to_dict"):
        if not table.columns.is_unique:
            twice = table.columns[table.columns.duplicated()][0]
            raise InvalidInput(f"the table has two columns named {str(twice)[:60]!r}", hint="keep one of them")
        return [dict(row) for row in table.to_dict(orient="records")]
    hint = "give a DataFrame, or a list with one dict for each row"
    if isinstance(table, Mapping | str | bytes) or not isinstance(table, Iterable) or hasattr(table, "to_dict"):
        raise InvalidInput(f"{what} are a table, and this is {_a(type(table).__name__)}", hint=hint)
    rows = []
    for row in table:
        if not isinstance(row, Mapping) and not hasattr(row, "to_dict"):
            raise InvalidInput(f"{what} are a table, and one of these is {_a(type(row).__name__)}", hint=hint)
        rows.append(dict(row))
    return rows


def _a(name: str) -> str:
    """Returns the name of a type behind "a" or "an", as it is spoken; NumPy's array begins with the letter's name."""
    return f"an {name}" if name == "ndarray" or name[:1].lower() in "aeio" else f"a {name}"


def _plain(value: Any) -> Any:
    """Returns a NumPy scalar as Python's, and a missing value of any kind as None."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    value = value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value
    return None if isinstance(value, float) and value != value else value
