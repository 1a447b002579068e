"""What became of events as JSON, and events in files: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.lineage.openlineage.event import Event, read_event
from counterfoil.provenance.lineage.openlineage.openlineage import Taken

__all__ = ["events_in", "taken_json"]

_MOST_LINE_BYTES: Final = 1_048_576


def taken_json(taken: Taken) -> dict[str, Any]:
    """Returns what became of an event as JSON values."""
    unmapped = None if taken.unmapped is None else {name: list(told) for name, told in taken.unmapped.items()}
    return {"run": taken.run_id, "outcome": taken.outcome, "index": taken.index, "unmapped": unmapped}


def events_in(path: Path) -> Iterator[Event | None]:
    """Yields the events of a file, as OpenLineage's file transport writes it: one a line.

    Raises:
        NotFound: When it cannot be read.
        InvalidInput: When a line is no event; the message names it.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_MOST_LINE_BYTES + 1), b""), start=1):
                if len(line) > _MOST_LINE_BYTES:
                    raise InvalidInput(f"line {number} of {path.name} has more than {_MOST_LINE_BYTES} bytes")
                if line.strip():
                    yield _event(line, number, path)
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error


def _event(line: bytes, number: int, path: Path) -> Event | None:
    try:
        return read_event(canonical.loads(line))
    except InvalidInput as error:
        raise InvalidInput(f"line {number} of {path.name}: {error.message}", hint=error.hint) from error
