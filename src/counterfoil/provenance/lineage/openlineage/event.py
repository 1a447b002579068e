"""One OpenLineage event about a run, as far as it says what came from what.

Of an event (OpenLineage 2-0-2, `RunEvent`) these members are read, all else is passed over: `eventType`, `eventTime`,
`run.runId`, `job.namespace`, `job.name`, `inputs` and `outputs` with `namespace` and `name`; of facets, `version` and
`symlinks` of datasets, `sourceCode`, `sourceCodeLocation` and `jobType` of the job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from counterfoil.errors import InvalidInput

__all__ = ["ENDS", "MOST_DATASETS", "Event", "Named", "State", "read_event"]

State: TypeAlias = Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]

ENDS: Final = ("COMPLETE", "ABORT", "FAIL")
"""States after which nothing follows."""

MOST_DATASETS: Final = 1_000
"""Inputs, and outputs, of one run at most."""

_STATES: Final = ("START", "RUNNING", "OTHER", *ENDS)
_MOST_CHARS: Final = 1_000
_MOST_ALIASES: Final = 16
_MOST_CODE_CHARS: Final = 500_000


@dataclass(frozen=True, slots=True)
class Named:
    """A dataset as an event names it.

    Attributes:
        namespace: Where it lies, such as `postgres://db:5432`.
        name: What it is called there.
        version: Which version of it; empty where that was not told.
        aliases: (namespace, name) by which it is known elsewhere.
    """

    namespace: str
    name: str
    version: str = ""
    aliases: tuple[tuple[str, str], ...] = ()

    @property
    def whole(self) -> str:
        """Namespace and name as one: `postgres://db:5432/orders`."""
        return _joined(self.namespace, self.name)

    @property
    def all_names(self) -> tuple[tuple[str, str], ...]:
        """(namespace, name) of it and of its aliases."""
        return ((self.namespace, self.name), *self.aliases)


@dataclass(frozen=True, slots=True)
class Event:
    """What one event says.

    Attributes:
        run_id: The run, a UUID in lower case.
        state: What has become of it.
        time: When, UTC in whole seconds.
        namespace: Of the job.
        job: Name of the job.
        inputs: What goes in.
        outputs: What comes out.
        kind: What kind of run it is; empty where that was not told.
        code: Source of the job; empty where that was not told, and of what waits.
        code_sha256: Digest (hex) by which the home keeps it, once it was taken.
        location: Where the source is kept: `url` and `version`.
    """

    run_id: str
    state: State
    time: str
    namespace: str
    job: str
    inputs: tuple[Named, ...] = ()
    outputs: tuple[Named, ...] = ()
    kind: str = ""
    code: str = ""
    code_sha256: str = ""
    location: Mapping[str, str] = field(default_factory=dict)


def read_event(told: Any) -> Event | None:
    """Reads an event; None for one about a dataset or a job that tells of no run.

    Raises:
        InvalidInput: When it is no such event.
    """
    event = _object(told, "the event")
    if "run" not in event and ("dataset" in event or "job" in event):
        return None
    run, job = _object(event.get("run"), "run"), _object(event.get("job"), "job")
    facets = _object(job.get("facets") or {}, "job.facets")
    state = event.get("eventType", "OTHER")
    if state not in _STATES:
        raise InvalidInput(f"eventType {_shown(state)} is none", hint=f"known are {', '.join(_STATES)}")
    return Event(
        _run_id(run.get("runId")),
        state,
        _time(event.get("eventTime")),
        _text(job.get("namespace"), "job.namespace"),
        _text(job.get("name"), "job.name"),
        tuple(_datasets(event.get("inputs"), "inputs")),
        tuple(_datasets(event.get("outputs"), "outputs")),
        _kind(facets),
        _code(facets),
        location=_location(facets),
    )


def _joined(namespace: str, name: str) -> str:
    return f"{namespace.rstrip('/')}/{name.lstrip('/')}"


def _datasets(told: Any, what: str) -> Iterator[Named]:
    found = told or []
    if not isinstance(found, list) or len(found) > MOST_DATASETS:
        raise InvalidInput(f"{what} is not a list of at most {MOST_DATASETS} datasets")
    for number, each in enumerate(found):
        place = f"{what}[{number}]"
        dataset = _object(each, place)
        facets = _object(dataset.get("facets") or {}, f"{place}.facets")
        yield Named(
            _text(dataset.get("namespace"), f"{place}.namespace"),
            _text(dataset.get("name"), f"{place}.name"),
            _optional(_facet(facets, "version").get("datasetVersion")),
            tuple(_aliases(_facet(facets, "symlinks").get("identifiers"))),
        )


def _aliases(told: Any) -> Iterator[tuple[str, str]]:
    for each in told[:_MOST_ALIASES] if isinstance(told, list) else ():
        if isinstance(each, Mapping):
            namespace, name = _optional(each.get("namespace")), _optional(each.get("name"))
            if namespace and name:
                yield namespace, name


def _kind(facets: Mapping[str, Any]) -> str:
    return "training" if _optional(_facet(facets, "jobType").get("jobType")).lower() == "training" else ""


def _code(facets: Mapping[str, Any]) -> str:
    source = _facet(facets, "sourceCode").get("sourceCode")
    return source if isinstance(source, str) and len(source) <= _MOST_CODE_CHARS else ""


def _location(facets: Mapping[str, Any]) -> dict[str, str]:
    facet = _facet(facets, "sourceCodeLocation")
    found = {"url": _optional(facet.get("repoUrl") or facet.get("url")), "version": _optional(facet.get("version"))}
    return {name: value for name, value in found.items() if value}


def _facet(facets: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Returns a facet; one of another shape says nothing to us, and is no reason to refuse the event."""
    facet = facets.get(name)
    return facet if isinstance(facet, Mapping) else {}


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{what} is {_shown(value)}, not an object", hint="send an OpenLineage RunEvent")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_CHARS:
        raise InvalidInput(f"{what} is {_shown(value)}, not a text of 1 to {_MOST_CHARS} characters")
    return value


def _optional(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= _MOST_CHARS else ""


def _run_id(value: Any) -> str:
    text = _text(value, "run.runId")
    try:
        return str(UUID(text))
    except ValueError as error:
        raise InvalidInput(f"run.runId is {_shown(value)}, not a UUID") from error


def _time(value: Any) -> str:
    """Returns a time with its offset (RFC 3339) as records have it: UTC, whole seconds."""
    try:
        found = datetime.fromisoformat(_text(value, "eventTime"))
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"eventTime is {_shown(value)}, not a time", hint="2026-11-23T19:00:00Z") from error


def _shown(value: Any) -> str:
    """Returns what stands in a wrong place, shortened, as a message may quote it."""
    if isinstance(value, str):
        return ascii(value[:60])
    return "missing" if value is None else f"a {type(value).__name__}"
