"""One call of a model, tool or agent: as it is told, and as it is on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

from counterfoil.calls.values import plain
from counterfoil.core.receipt import Promise
from counterfoil.errors import InvalidInput

__all__ = ["Call", "RecordedCall", "TracePlace", "nanosecond_text"]

_SECOND_NS: Final = 1_000_000_000
_LAST_NS: Final = 253_402_300_800 * _SECOND_NS


@dataclass(frozen=True, slots=True)
class TracePlace:
    """Where a call stands in a trace, the tree of everything that one request set off.

    Attributes:
        trace: Id of the trace, 32 hexadecimal digits in OpenTelemetry.
        span: Id of this call in it, 16 hexadecimal digits.
        parent: Id of what made the call, empty at the root.
    """

    trace: str
    span: str = ""
    parent: str = ""


_VALUES: Final = ("name", "provider", "model", "agent", "tool", "instructions", "input", "output", "error")
_MEMBERS: Final = frozenset({"operation", "started", "ended", "place", "attributes", "events", *_VALUES})


@dataclass(frozen=True, slots=True, repr=False)
class Call:
    """What was asked of a model, tool or agent, and what came back.

    Every part but `operation` is private. Parts may hold any value; what JSON cannot
    hold is recorded in a marked form (see docs/reference/records.md). None means: not told.

    Attributes:
        operation: What was done: `chat`, `embeddings`, `execute_tool`, `invoke_agent`, …
        name: What the caller names it.
        provider: Who runs the model.
        model: The model that was asked.
        agent: The agent that was invoked.
        tool: The tool that was run.
        instructions: What the model was told to be.
        input: Messages, arguments, a request.
        output: Messages, results, an answer.
        error: What went wrong.
        started: UTC text, `nanosecond_text` makes it.
        ended: UTC text.
        place: Where it stands in a trace.
        attributes: Whatever else was told, by name.
        events: What happened meanwhile, in order.
        is_plain: The values are in their recorded form already, as `to_json` gives them.
    """

    operation: str
    name: Any = None
    provider: Any = None
    model: Any = None
    agent: Any = None
    tool: Any = None
    instructions: Any = None
    input: Any = None
    output: Any = None
    error: Any = None
    started: str | None = None
    ended: str | None = None
    place: TracePlace | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[Any] = ()
    is_plain: bool = False

    def __repr__(self) -> str:
        return f"Call({self.operation[:60]!r})"  # the rest is private

    def to_json(self) -> dict[str, Any]:
        """Returns the call as JSON that a client can send: its values in the form in which they are recorded."""
        told: dict[str, Any] = {name: getattr(self, name) for name in _VALUES}
        told = {name: value if self.is_plain else plain(value) for name, value in told.items() if value is not None}
        texts = {"operation": self.operation, "started": self.started, "ended": self.ended}
        told |= {name: text for name, text in texts.items() if text is not None}
        if self.place is not None:
            told["place"] = {"trace": self.place.trace, "span": self.place.span, "parent": self.place.parent}
        if self.attributes:
            told["attributes"] = dict(self.attributes) if self.is_plain else plain(self.attributes)
        if self.events:
            told["events"] = list(self.events) if self.is_plain else plain(list(self.events))
        return told

    @classmethod
    def from_json(cls, value: Any) -> Call:
        """Reads what `to_json` gave.

        Raises:
            InvalidInput: When it is something else.
        """
        if not isinstance(value, dict) or not set(value) <= _MEMBERS or not isinstance(value.get("operation"), str):
            raise InvalidInput(
                "that is not a call", hint=f"an object with operation, and of {', '.join(sorted(_MEMBERS))}"
            )
        wrong = [name for name in ("started", "ended") if not isinstance(value.get(name, ""), str)]
        wrong += [
            name for name, found in value.items() if isinstance(found, dict) and set(found) in ({"$parts"}, {"$cut"})
        ]
        place = value.get("place")
        if place is not None and not _is_place(place):
            wrong.append("place")
        if not isinstance(value.get("attributes", {}), dict) or not isinstance(value.get("events", []), list):
            wrong.append("attributes or events")
        if wrong:
            raise InvalidInput(f"a call cannot have such {wrong[0]}")
        return cls(**value | {"place": TracePlace(**place) if place is not None else None, "is_plain": True})


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call that is on record.

    Attributes:
        index: Place of its record in the log; None while it waits in the queue.
        seq: Its number in the stream.
        time: UTC text, whole seconds.
        leaf: Leaf hash (hex) of its record, by which later records build on it.
        promise: The signed promise while it waits, None once recorded.
    """

    index: int | None
    seq: int
    time: str
    leaf: str
    promise: Promise | None = None

    @classmethod
    def waiting(cls, seq: int, time: str, leaf: str, promise: Promise) -> Self:
        """Returns a call whose record waits in the queue."""
        return cls(None, seq, time, leaf, promise)


def _is_place(value: Any) -> bool:
    is_known = isinstance(value, dict) and {"trace"} <= set(value) <= {"trace", "span", "parent"}
    return is_known and all(isinstance(part, str) for part in value.values())


def nanosecond_text(time_ns: int) -> str:
    """Returns Unix nanoseconds as UTC text, `2026-11-23T19:00:00.123456789Z`.

    A time outside of the years 1970 to 9999 is written as the number it was.
    """
    if not 0 <= time_ns < _LAST_NS:
        return str(time_ns)
    seconds, rest = divmod(time_ns, _SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
