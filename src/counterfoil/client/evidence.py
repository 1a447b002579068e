"""What a node hands out and erases: bundles for auditors, private values for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from counterfoil.client.reading import erasure_in
from counterfoil.client.wire import Wire
from counterfoil.errors import InvalidInput
from counterfoil.store.bundle_file import Show, Written
from counterfoil.store.vault_erasure import Erasure

__all__ = ["RemoteBundles", "RemoteErasures"]

Progress = Callable[[int, int], None]

_COUNTS: Final = ("records", "shown", "withheld")


class RemoteBundles:
    """Has a node write bundles, and saves them here; see `organisation.Bundles`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def write_range(
        self,
        path: Path | str,
        start: int = 0,
        end: int | None = None,
        *,
        show: Show = "nothing",
        progress: Progress | None = None,
    ) -> Written:
        """Writes every record from `start` to `end`, so that completeness can be checked."""
        last = {} if end is None else {"last": end - 1}
        return self._write(Path(path), {"first": start, **last}, show, progress)

    def write_records(
        self, path: Path | str, indices: Iterable[int], *, show: Show = "nothing", progress: Progress | None = None
    ) -> Written:
        """Writes selected records, and those they build on, each with its own proof."""
        places = [int(index) for index in indices]
        if not places:
            raise InvalidInput("a bundle needs at least one record")
        return self._write(Path(path), {"records": places}, show, progress)

    def _write(self, path: Path, wanted: dict[str, Any], show: Show, progress: Progress | None) -> Written:
        if path.exists():
            raise InvalidInput(f"{path} already exists", hint="choose another name or remove it first")
        shown = [show] if isinstance(show, str) else list(show)
        answer = self._wire.save("POST", "/bundles", path, wanted | {"show": shown})
        if answer.status_code != 202:
            counts = [int(answer.headers[f"bundle-{name}"]) for name in _COUNTS]
        else:
            job = self._wire.finished(answer.json(), progress)
            self._wire.save("GET", f"/jobs/{job['id']}/file", path)
            counts = [int(job["told"][name]) for name in _COUNTS]
        return Written(path, *counts)


class RemoteErasures:
    """Erases what is private; see `organisation.Erasures`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def plan_person(self, subject: str) -> Erasure:
        """Returns what `erase_person` would do, and changes nothing."""
        return self._asked(person=subject, basis="a look ahead", dry_run=True)

    def erase_person(self, subject: str, *, basis: str) -> Erasure:
        """Erases everything private about a person."""
        return self._asked(person=subject, basis=basis)

    def plan_record(self, index: int) -> Erasure:
        """Returns what `erase_record` would do, and changes nothing."""
        return self._asked(record=index, basis="a look ahead", dry_run=True)

    def erase_record(self, index: int, *, basis: str) -> Erasure:
        """Erases the private fields of one record; its place and proofs stay."""
        return self._asked(record=index, basis=basis)

    def erase_fields(self, index: int, pointers: Sequence[str], *, basis: str) -> None:
        """Erases some private fields of one record; the others can still be shown."""
        if not pointers:
            raise InvalidInput("no field to erase was named")
        self._asked(record=index, fields=list(pointers), basis=basis)

    def due(self) -> list[int]:
        """Returns the restricted records whose retention lock has ended."""
        return list(self._asked(due=True, dry_run=True).erased)

    def shred_due(self) -> Erasure:
        """Shreds the restricted records whose lock has ended."""
        return self._asked(due=True)

    def _asked(self, **wanted: Any) -> Erasure:
        return erasure_in(self._wire.post("/erasures", wanted))
