"""What a captured run asks of an organisation: an opened home has it, and so has a client of a node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

from counterfoil.provenance.lineage.records import RunRecord

if TYPE_CHECKING:
    from counterfoil.provenance.datasets import Dataset
    from counterfoil.provenance.lineage.runs import Run
    from counterfoil.provenance.model_register import Model
    from counterfoil.provenance.provenance import Provenance

__all__ = ["Input", "Register", "RunBook"]

Input: TypeAlias = "Dataset | Model | str | int"
"""What goes into a run: a dataset or model on record, its name, its place, or the leaf hash (hex) of its record."""


class RunBook(Protocol):
    """Where runs are recorded."""

    def now(self) -> str:
        """Returns the time as records have it."""

    def keep(self, data: bytes) -> str:
        """Keeps a source text or a list of packages, and returns its SHA-256 (hex)."""

    def record(self, run: RunRecord) -> Run:
        """Records a run; see `Runs.record`."""

    def told_from(self, source: Mapping[str, str]) -> Run | None:
        """Returns the run that was told from elsewhere under this name; None when it is not on record."""


class Register(Protocol):
    """Where datasets, models and runs are registered."""

    @property
    def runs(self) -> RunBook:
        """Where runs are recorded."""

    def find(self, wanted: Input) -> Dataset | Model:
        """Returns a dataset or model on record; see `Provenance.find`."""

    def find_usable(self, wanted: Input, what: str, *, is_training: bool = False) -> Dataset | Model:
        """Returns a dataset or model that something may rest on; see `Provenance.find_usable`."""

    def dataset_with(self, sha256: str) -> Dataset | None:
        """Returns the newest dataset whose file or folder has this digest (hex)."""

    @property
    def register_dataset(self) -> Callable[..., Dataset]:
        """Records what a file or folder holds; see `Provenance.register_dataset`."""

    @property
    def register_model(self) -> Callable[..., Model]:
        """Records a model; see `Provenance.register_model`."""


if TYPE_CHECKING:

    def _fits(home: Provenance) -> Register:
        """Has mypy show that an opened home is one."""
        return home
