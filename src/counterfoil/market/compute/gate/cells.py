"""Values as 64-bit keys, so that outputs can be held against input rows, however either is written.

A number is the 32-bit float nearest to it: 17.99 as float64, float32 and text are one value. A text that reads as a
number is that number; any other is a hash of its small letters. Keys of numbers and texts never meet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEAST_DIGITS", "LEAST_TEXT", "Cells", "Run", "number_cells", "numbers_in_texts", "value_cells"]

LEAST_DIGITS: Final = 4
"""Significant digits from which a number is telling: fewer turn up by chance."""

LEAST_TEXT: Final = 6
"""Characters from which a text is telling."""

_TEXT_BIT: Final = 1 << 63
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Cells:
    """Values in a row: their keys (n,) uint64, and which are telling (n,) bool."""

    keys: NDArray[Any]
    telling: NDArray[Any]

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Run:
    """Values of an output in the order in which it holds them.

    Attributes:
        where: The part of the file, for the owner: `weights`, `column people`.
        cells: The values.
        shape: Lengths of the dimensions in which they lie; empty where that says nothing.
    """

    where: str
    cells: Cells
    shape: tuple[int, ...] = ()


def number_cells(numbers: Any) -> Cells:
    """Returns the cells of numbers, any shape, in row order. What is not finite counts as zero."""
    import numpy as np

    exact = np.asarray(numbers, dtype=np.float64).ravel()
    exact = np.where(np.isfinite(exact), exact, 0.0)
    with np.errstate(over="ignore", under="ignore"):
        near = exact.astype(np.float32) + np.float32(0)  # -0 becomes 0
    keys = near.view(np.uint32).astype(np.uint64)
    return Cells(keys, _has_digits(exact))


def value_cells(values: Iterable[Any]) -> Cells:
    """Returns the cells of numbers, texts, truth values and None, mixed."""
    import numpy as np

    given = values if isinstance(values, np.ndarray) else list(values)
    with suppress(ValueError, OverflowError):
        plain = np.asarray(given)
        if plain.ndim == 1 and plain.dtype.kind in "bfiu":
            return number_cells(plain)
    numbers = [_as_number(value) for value in given]
    cells = number_cells([0.0 if each is None else each for each in numbers])
    for place, number in enumerate(numbers):
        if number is None:
            text = str(given[place])
            cells.keys[place] = _text_key(text)
            cells.telling[place] = len(text.strip()) >= LEAST_TEXT
    return cells


def numbers_in_texts(texts: Sequence[str]) -> Cells:
    """Returns the cells of every number written within these texts, in order."""
    return number_cells([float(found) for text in texts for found in _NUMBER.findall(text)[:100_000]])


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value) if isinstance(value, float) or abs(value) < 2**1000 else 0.0
    if isinstance(value, str):
        text = value.strip()
        return float(text) if _NUMBER.fullmatch(text) and len(text) < 50 else None
    item = getattr(value, "item", None)
    return _as_number(item()) if item is not None and getattr(value, "shape", None) == () else None


def _text_key(text: str) -> int:
    digest = blake2b(text.strip().casefold().encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little") | _TEXT_BIT


def _has_digits(exact: NDArray[Any]) -> NDArray[Any]:
    """Whether a number has more than LEAST_DIGITS - 1 significant digits."""
    import numpy as np

    size = np.abs(exact)
    safe = np.where(size > 0, size, 1.0)
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        unit = 10.0 ** (np.floor(np.log10(safe)) - (LEAST_DIGITS - 2))
        short = np.round(safe / unit) * unit
        telling = np.abs(short - safe) > 1e-9 * safe
    return np.asarray((size > 0) & telling, dtype=bool)
