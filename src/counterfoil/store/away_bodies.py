"""The sealed bodies of a vault that are in a depot and not in its file."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from counterfoil.errors import HomeDamaged
from counterfoil.store.depot import Depot
from counterfoil.store.vault_parts import PART_RECORDS, read_body, vault_part_key

__all__ = ["AwayBodies", "require_here"]


class AwayBodies:
    """Finds bodies in a depot, where there is one. Never called under the vault's lock: a depot may take its time."""

    def __init__(self, depot: Depot | None) -> None:
        self._depot = depot

    def bring(self, indices: Iterable[int]) -> None:
        """Fetches the parts with these records, so that reading them waits for nothing."""
        for number in sorted({index // PART_RECORDS for index in indices}):
            if self._depot is not None and self._depot.find(vault_part_key(number)) is not None:
                self._depot.local(vault_part_key(number))

    def fetch(self, indices: Iterable[int]) -> dict[int, bytes]:
        """Returns sealed bodies by index, their parts fetched unless they were fetched before.

        Raises:
            HomeDamaged: The depot was never given one of them, or gives other bytes back.
            LogUnavailable: The depot is away.
        """
        found: dict[int, bytes] = {}
        for number, chosen in groupby(sorted(indices), key=lambda index: index // PART_RECORDS):
            found.update(self._read(number, list(chosen)))
        return found

    def _read(self, number: int, indices: list[int]) -> dict[int, bytes]:
        key = vault_part_key(number)
        if self._depot is None or self._depot.find(key) is None:
            return {index: require_here(index, None) for index in indices}
        with self._depot.open(key) as file:
            return {index: require_here(index, read_body(file, index % PART_RECORDS)) for index in indices}


def require_here(index: int, sealed: bytes | None) -> bytes:
    """Returns a sealed body, or raises HomeDamaged where there is none."""
    if not sealed:
        raise HomeDamaged(
            f"the private values of record {index} are neither in the vault nor, as far as the home knows, in a depot",
            hint="restore depot.json and vault.db from the newest backup",
        )
    return sealed
