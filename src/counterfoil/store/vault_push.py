"""The vault's side of a push: which parts wait, making one, and making room for it here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from io import FileIO
from pathlib import Path

from counterfoil.errors import HomeDamaged, LogUnavailable
from counterfoil.store.depot import Depot, Kept
from counterfoil.store.vault import Vault
from counterfoil.store.vault_parts import (
    PART_RECORDS,
    part_of,
    part_size_bytes,
    places_in,
    read_body,
    vault_part_key,
    write_part,
)
from counterfoil.store.working_records import WorkingRecords

__all__ = ["VaultPush"]

Roots = Callable[[Sequence[int]], Iterable[tuple[int, bytes]]]
"""Returns (index, root) of records, ascending, as the log names them."""


class VaultPush:
    """Keeps parts of a vault in a depot. One push at a time.

    Args:
        vault: The opened vault.
        depot: The store.
        scratch: Where a part lies while it is copied; the file is gone afterwards.
        roots: Asks the log, which every body is held against before it counts as kept.
        working: Whose bodies stay here.
    """

    def __init__(self, vault: Vault, depot: Depot, scratch: Path, roots: Roots, working: WorkingRecords) -> None:
        self._working = working
        self._vault = vault
        self._bodies = vault.bodies
        self._depot = depot
        self._scratch = scratch
        self._roots = roots

    def waiting(self, numbers: Iterable[int]) -> list[int]:
        """Returns those of these finished parts that have bodies which are here only."""
        return [number for number in numbers if not self._is_kept(number) and self._bodies.is_here(*part_of(number))]

    def here(self, numbers: Iterable[int]) -> list[int]:
        """Returns those that are kept, with bodies that are here as well."""
        return [number for number in numbers if self._is_kept(number) and self._leaving(number)]

    def lost(self, numbers: Iterable[int]) -> list[int]:
        """Returns those with bodies that are neither here nor, by the list of what is kept, in the depot."""
        return [number for number in numbers if not self._is_kept(number) and self._bodies.is_lacking(*part_of(number))]

    def size_bytes(self, number: int) -> int:
        """Returns the length of the file that a waiting part will be."""
        return part_size_bytes(self._bodies.size_bytes(*part_of(number)))

    def keep(self, number: int, name: Callable[[], str], *, drop: bool) -> Kept:
        """Makes a part, opens every body in it once, and keeps it; recording goes on meanwhile.

        Args:
            number: Which part; its records are finished.
            name: As `Depot.keep` takes it.
            drop: Delete here what the part has.

        Raises:
            HomeDamaged: A body is missing, or does not open with the root that the log names; nothing was kept.
            LogUnavailable: The depot is away, or the disk refuses.
        """
        self.clear()
        try:
            self._write(number)
            kept = self._depot.keep(vault_part_key(number), self._scratch, name)
            with FileIO(self._scratch) as file:
                places = places_in(file)
            if drop:
                self._drop(number, places)
            else:
                self._bodies.remember_part(number, kept.sha256, places)
            return kept
        finally:
            self.clear()

    def make_room(self, numbers: Iterable[int]) -> int:
        """Deletes here what parts that are kept have, and returns the bytes by which the vault's file is shorter.

        Only what the part was seen to have, byte by byte, is deleted. Doing it again does what was left undone.

        Raises:
            LogUnavailable: What a part has must be looked up in the depot, and it is away.
            HomeDamaged: The depot gives other bytes for a part than it was given; room was made of the others.
        """
        damaged: list[HomeDamaged] = []
        for number in numbers:
            kept = self._depot.find(vault_part_key(number))
            try:
                if kept is not None:
                    self._drop(number, self._places(number, kept))
            except HomeDamaged as error:
                damaged.append(error)
        freed = self._bodies.give_back()
        if damaged:
            raise damaged[0]
        return freed

    def clear(self) -> None:
        """Deletes what a push that was killed left behind."""
        self._scratch.unlink(missing_ok=True)

    def _write(self, number: int) -> None:
        roots = self._roots(self._bodies.readable(*part_of(number)))
        try:
            write_part(self._scratch, number, self._vault.sealed(roots))
        except OSError as error:
            raise LogUnavailable(
                f"a part of the vault could not be written: {error.strerror or error}", hint="free some disk space"
            ) from error

    def _drop(self, number: int, places: frozenset[int]) -> None:
        """Deletes here the bodies that a part has at these places, and what is only zeros."""
        span = part_of(number)
        self._bodies.drop([index for index in self._leaving(number) if index % PART_RECORDS in places])
        if self._bodies.is_zeroed(*span):
            self._bodies.drop(self._bodies.zeroed(*span))
        if places and not self._leaving(number):
            self._bodies.forget_part(number)

    def _leaving(self, number: int) -> list[int]:
        """Returns the records of a part whose bodies are here and need not be."""
        span = part_of(number)
        if not self._bodies.is_here(*span):
            return []
        stays = self._working.among(*span)
        return [index for index in self._bodies.here(*span) if index not in stays]

    def _places(self, number: int, kept: Kept) -> frozenset[int]:
        """Returns the places of bodies here that a part has too; a restored vault may have others, which stay."""
        if not self._leaving(number):
            return frozenset()
        places = self._bodies.places_of(number, kept.sha256)
        if places is None:
            places = self._compared(number, self._bodies.here(*part_of(number)))
            self._bodies.remember_part(number, kept.sha256, places)
        return places

    def _compared(self, number: int, indices: Sequence[int]) -> frozenset[int]:
        """Returns the places of those records whose bodies here are the same as the part's, which is fetched."""
        with self._depot.open(vault_part_key(number)) as part:
            places = ((index % PART_RECORDS, sealed) for index, sealed in self._bodies.sealed(indices))
            return frozenset(place for place, sealed in places if sealed and sealed == read_body(part, place))

    def _is_kept(self, number: int) -> bool:
        return self._depot.find(vault_part_key(number)) is not None
