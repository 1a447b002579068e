"""What events have told so far of runs that have not ended; on disk, so that a restart forgets nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, NotAllowed
from counterfoil.provenance.lineage.openlineage.event import MOST_DATASETS, Event, Named
from counterfoil.store.durable import replace_file

__all__ = ["MOST_RUNS", "WaitingRuns"]

MOST_RUNS: Final = 10_000
"""Runs that may be under way at once."""

FORGOTTEN_S: Final = 30 * 86_400
"""A run of which nothing was heard for so long is forgotten, when there is no room for others."""


class WaitingRuns:
    """A folder with one file a run. Used under its owner's lock.

    Args:
        folder: The folder; made when it is first needed.
        most_runs: That may be under way.
    """

    def __init__(self, folder: Path, most_runs: int = MOST_RUNS) -> None:
        self._folder = folder
        self._most_runs = most_runs

    def joined(self, event: Event) -> Event:
        """Returns what this event and all earlier ones of its run say together.

        Raises:
            InvalidInput: When together they name too many datasets.
            HomeDamaged: When what was kept cannot be read.
        """
        known = self._read(event.run_id)
        if known is None:
            return event
        first, last = sorted((known, event), key=lambda each: each.time)
        return replace(
            event,
            time=first.time,
            inputs=_together(first.inputs, last.inputs),
            outputs=_together(first.outputs, last.outputs),
            kind=last.kind or first.kind,
            code_sha256=last.code_sha256 or first.code_sha256,
            location=last.location or first.location,
        )

    def keep(self, event: Event) -> None:
        """Keeps what is known of a run until it ends.

        Raises:
            NotAllowed: When too many are under way.
            LogUnavailable: When the disk refuses.
        """
        path = self._path(event.run_id)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if not path.exists():
                self._make_room()
            replace_file(path, canonical.dumps(_to_json(event)))
        except OSError as error:
            raise LogUnavailable(f"an event could not be kept: {error.strerror}") from error

    def forget(self, run_id: str) -> None:
        """Forgets a run that is on record."""
        self._path(run_id).unlink(missing_ok=True)

    def _read(self, run_id: str) -> Event | None:
        try:
            data = self._path(run_id).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return _from_json(canonical.loads(data))
        except (InvalidInput, KeyError, TypeError, ValueError) as error:
            raise HomeDamaged(f"what is known of the run {run_id} cannot be read") from error

    def _make_room(self) -> None:
        files = list(self._folder.glob("*.json"))
        if len(files) < self._most_runs:
            return
        before_s = time.time() - FORGOTTEN_S
        old = [path for path in files if path.stat().st_mtime < before_s]
        for path in old:
            path.unlink(missing_ok=True)
        if len(files) - len(old) >= self._most_runs:
            raise NotAllowed(
                f"{self._most_runs} runs are under way, and of none is known how it ended",
                hint="send how they ended; what nothing was heard of for 30 days is then forgotten",
            )

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.json"


def _together(first: Iterable[Named], last: Iterable[Named]) -> tuple[Named, ...]:
    """Returns all datasets, each once; what was told last of one counts, but no version is lost."""
    found: dict[tuple[str, str], Named] = {}
    for each in (*first, *last):
        known = found.get((each.namespace, each.name))
        found[each.namespace, each.name] = (
            each
            if known is None
            else replace(each, version=each.version or known.version, aliases=each.aliases or known.aliases)
        )
    if len(found) > MOST_DATASETS:
        raise InvalidInput(f"this run names {len(found)} datasets; {MOST_DATASETS} is the limit")
    return tuple(found.values())


def _to_json(event: Event) -> dict[str, Any]:
    return {
        "codeSha256": event.code_sha256,
        "inputs": [_named_json(each) for each in event.inputs],
        "job": event.job,
        "kind": event.kind,
        "location": dict(event.location),
        "namespace": event.namespace,
        "outputs": [_named_json(each) for each in event.outputs],
        "run": event.run_id,
        "state": event.state,
        "time": event.time,
    }


def _from_json(told: Mapping[str, Any]) -> Event:
    return Event(
        told["run"],
        told["state"],
        told["time"],
        told["namespace"],
        told["job"],
        tuple(map(_named, told["inputs"])),
        tuple(map(_named, told["outputs"])),
        told["kind"],
        code_sha256=told["codeSha256"],
        location=told["location"],
    )


def _named_json(named: Named) -> list[Any]:
    return [named.namespace, named.name, named.version, [list(each) for each in named.aliases]]


def _named(told: list[Any]) -> Named:
    namespace, name, version, aliases = told
    return Named(namespace, name, version, tuple((first, second) for first, second in aliases))
