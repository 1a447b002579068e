"""Rows that are there more than once, found by 128 bits for each row, so that a table need not fit into memory."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Duplicates"]

_ODD: Final = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
"""Two odd multipliers: the same values in other columns give other sums."""


class Duplicates:
    """Counts rows that equal an earlier one; 16 bytes a row."""

    def __init__(self) -> None:
        self._rows: list[np.ndarray[Any, Any]] = []

    def add(self, columns: list[pa.Array]) -> None:
        """Takes a batch: each column as texts."""
        import numpy as np

        rows = len(columns[0]) if columns else 0
        sums = np.zeros((rows, 2), np.uint64)
        odd = np.array(_ODD, np.uint64)
        for texts in columns:
            coded = texts.dictionary_encode()
            hashes = [_hashed(value) for value in coded.dictionary.to_pylist()]
            of_value = np.array([(0, 0), *hashes], np.uint64)
            sums = sums * odd + of_value[coded.indices.fill_null(-1).to_numpy(zero_copy_only=False) + 1]
        self._rows.append(sums)

    def count(self) -> int:
        """Returns how many rows equal an earlier one."""
        import numpy as np

        if not self._rows:
            return 0
        sums = np.concatenate(self._rows)
        order = np.lexsort((sums[:, 1], sums[:, 0]))
        return int((sums[order][1:] == sums[order][:-1]).all(axis=1).sum())


def _hashed(value: str) -> tuple[int, int]:
    digest = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")
