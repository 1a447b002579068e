"""De-identification on record: a run from one dataset to another, with its settings, that can be run again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.deidentification.deidentify import Outcome, Progress, deidentify
from counterfoil.provenance.deidentification.settings import Settings
from counterfoil.provenance.deidentification.writing import require_new
from counterfoil.provenance.text_table import digest_of

if TYPE_CHECKING:
    from counterfoil.provenance.lineage.records import RunRecord
    from counterfoil.provenance.lineage.runs import Run
    from counterfoil.provenance.provenance import Provenance

__all__ = ["KIND", "Deidentifications", "Deidentified"]

KIND: Final = "deidentification"
"""Of the run on record."""

MOST_TOLD_BYTES: Final = 16_000
"""Settings larger than this are on record by their digest alone."""

SALT_BYTES: Final = 16
"""Random bytes before the settings that are kept, or who guesses a value that they name finds it in the digest."""

KeyOf = Callable[[str], tuple[str, bytes]]
"""From the id of a key, or nothing for the one in use, to its id and its 32 secret bytes."""


@dataclass(frozen=True, slots=True)
class Deidentified:
    """A de-identification on record.

    Attributes:
        source: What went in.
        dataset: What came out.
        run: The run between them.
        outcome: What was done, in counts.
    """

    source: Dataset
    dataset: Dataset
    run: Run
    outcome: Outcome


class Deidentifications:
    """De-identifies tables of one home.

    Args:
        provenance: Registers what goes in and comes out.
        key_of: Finds the home's secret for pseudonyms; makes it at first use.
    """

    def __init__(self, provenance: Provenance, key_of: KeyOf) -> None:
        self._provenance = provenance
        self._key_of = key_of
        provenance.built_in[KIND] = self

    def run(
        self,
        path: Path | str,
        settings: Settings,
        out: Path | str,
        *,
        name: str = "",
        progress: Progress | None = None,
    ) -> Deidentified:
        """Writes a de-identified table, and records where it comes from and with which settings.

        Args:
            path: The table; it is registered, too, where it is not yet.
            settings: What becomes of every column.
            out: A new file, ending in .csv, .tsv or .parquet.
            name: What the new dataset is called; the file's name when empty.
            progress: Told (rows done, rows in all).

        Raises:
            NotFound: There is no such table.
            InvalidInput: The settings do not fit the table, k cannot be reached, or something is at `out`.
        """
        path, out = Path(path), Path(out)
        require_new(out)
        known = self._provenance.dataset_with(digest_of(path)) if path.exists() else None
        source = known or self._provenance.register_dataset(path)
        parameters = self._parameters(settings)
        with self._provenance.run(
            "deidentify", inputs=[source], kind=KIND, parameters=parameters, code=_code()
        ) as capture:
            outcome = deidentify(path, out, settings, self._secret(parameters), progress, sha256=source.record.sha256)
            dataset = capture.output(out, name=name)
        assert capture.recorded is not None
        return Deidentified(source, dataset, capture.recorded, outcome)

    def rerun(self, run: RunRecord, inputs: Mapping[str, Path], folder: Path) -> Mapping[str, Path]:
        """Does a recorded de-identification again, with the settings and the key of then; see `BuiltIn`.

        Raises:
            NotFound: This home keeps its settings or its key no more.
            InvalidInput: It was told from elsewhere, and is none that this program does.
        """
        made = [self._provenance.with_leaf(leaf) for leaf in run.outputs]
        known = {"pseudonymKey", "settingsSha256"} <= set(run.parameters)
        dataset = made[0] if len(made) == 1 else None
        if not known or len(inputs) != 1 or not isinstance(dataset, Dataset):
            raise InvalidInput(
                "the run is no de-identification of ours, with settings, one table and what became of it",
                hint="it was told from elsewhere: run it again by a command of yours",
            )
        (path,) = inputs.values()
        kept = self._provenance.runs.kept(str(run.parameters["settingsSha256"]))
        settings = Settings.from_bytes(kept[SALT_BYTES:])
        out = folder / f"again{Path(dataset.record.file_name).suffix}"
        deidentify(path, out, settings, self._secret(run.parameters))
        return {dataset.record.name: out}

    def _parameters(self, settings: Settings) -> dict[str, Any]:
        """Returns what the record says: the settings, but no value that they name, and no secret."""
        told = settings.to_record()
        return {
            "pseudonymKey": self._key_of("")[0] if settings.needs_key else None,
            "settings": told if len(canonical.dumps(told)) <= MOST_TOLD_BYTES else None,
            "settingsSha256": self._provenance.runs.keep(os.urandom(SALT_BYTES) + settings.to_bytes()),
        }

    def _secret(self, parameters: Any) -> bytes:
        key_id = parameters["pseudonymKey"]
        return bytes(32) if key_id is None else self._key_of(str(key_id))[1]


def _code() -> list[Path]:
    """Returns the files whose digest says what was run."""
    return sorted(Path(__file__).parent.glob("*.py"))
