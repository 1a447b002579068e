"""Which record somebody means: by name, as NAME@VERSION, or by its place in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterfoil.errors import NotFound
from counterfoil.provenance.naming import is_place

if TYPE_CHECKING:
    from counterfoil.provenance.provenance import Provenance

__all__ = ["place_of"]


def place_of(provenance: Provenance, wanted: str) -> int:
    """Returns the place of a dataset or model by name, and of any record by its place.

    Raises:
        NotFound: When nothing is called so.
        InvalidInput: When a dataset and a model are.
    """
    try:
        return provenance.find(wanted).index
    except NotFound as error:
        if is_place(wanted):
            return int(wanted)
        raise NotFound(
            f"neither a dataset nor a model on record is called {wanted[:80]!r}",
            hint="give NAME, NAME@VERSION, or the place of any record",
        ) from error
