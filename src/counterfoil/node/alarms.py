"""What needs a person: raised once, told once, cleared when it is over; what is told is durable with the alarm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Integer, String, Table, Text, select

from counterfoil.node.state import NodeState, metadata
from counterfoil.node.webhooks.webhooks import Webhooks
from counterfoil.store.streams import time_text

__all__ = ["Alarm", "Alarms", "Concern"]

MOST_KEPT: Final = 200

alarms_table: Final = Table(
    "alarms",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False),
    Column("found", Text, nullable=False),
    Column("todo", Text, nullable=False),
    Column("raised_s", Integer, nullable=False),
    Column("cleared_s", Integer),
)


@dataclass(frozen=True, slots=True)
class Concern:
    """Something found now that needs a person: a stable name, what was found, what to do."""

    id: str
    found: str
    todo: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """A concern over time."""

    id: str
    found: str
    todo: str
    raised_s: int
    cleared_s: int | None

    def to_json(self) -> dict[str, Any]:
        """Returns it as the API shows it."""
        return {
            "cleared": None if self.cleared_s is None else time_text(self.cleared_s),
            "found": self.found,
            "id": self.id,
            "raised": time_text(self.raised_s),
            "todo": self.todo,
        }


class Alarms:
    """The alarms of one node.

    Args:
        state: Where they are kept.
        webhooks: Tell others of `alarm.raised` and `alarm.cleared`.
        now: Returns Unix seconds.
    """

    def __init__(self, state: NodeState, webhooks: Webhooks, *, now: Callable[[], float] = time.time) -> None:
        self._state = state
        self._webhooks = webhooks
        self._now = now
        self._lock = threading.Lock()
        self._open = {alarm.id: alarm for alarm in self.history() if alarm.cleared_s is None}

    def open(self) -> list[Alarm]:
        """Returns what needs a person now, oldest first."""
        with self._lock:
            return sorted(self._open.values(), key=lambda alarm: alarm.raised_s)

    def history(self, limit: int = 50) -> list[Alarm]:
        """Returns the newest alarms, cleared ones too."""
        with self._state.reading() as connection:
            query = select(alarms_table).order_by(alarms_table.c.number.desc()).limit(limit)
            return [
                Alarm(row.id, row.found, row.todo, row.raised_s, row.cleared_s) for row in connection.execute(query)
            ]

    def settle(self, concerns: Iterable[Concern]) -> str:
        """Raises what is new and clears what is over; returns that in words, empty when nothing changed."""
        now_s = int(self._now())
        found = {concern.id: concern for concern in concerns}
        with self._lock:
            raised = [Alarm(c.id, c.found, c.todo, now_s, None) for c in found.values() if c.id not in self._open]
            over = [alarm for alarm in self._open.values() if alarm.id not in found]
            cleared = [Alarm(a.id, a.found, a.todo, a.raised_s, now_s) for a in over]
            if raised or cleared:
                self._keep(raised, cleared)
            for alarm in raised:
                self._open[alarm.id] = alarm
            for alarm in cleared:
                del self._open[alarm.id]
        if raised or cleared:
            self._webhooks.wake()
        said = [f"raised {alarm.id}" for alarm in raised] + [f"cleared {alarm.id}" for alarm in cleared]
        return ", ".join(said)

    def _keep(self, raised: list[Alarm], cleared: list[Alarm]) -> None:
        with self._state.writing() as connection:
            for alarm in raised:
                self._webhooks.tell(connection, "alarm.raised", alarm.to_json())
                row = {"id": alarm.id, "found": alarm.found, "todo": alarm.todo, "raised_s": alarm.raised_s}
                connection.execute(alarms_table.insert().values(**row))
            for alarm in cleared:
                self._webhooks.tell(connection, "alarm.cleared", alarm.to_json())
                is_open = (alarms_table.c.id == alarm.id) & alarms_table.c.cleared_s.is_(None)
                connection.execute(alarms_table.update().where(is_open).values(cleared_s=alarm.cleared_s))
            newest = select(alarms_table.c.number).order_by(alarms_table.c.number.desc()).limit(MOST_KEPT)
            old = alarms_table.c.number.not_in(newest) & alarms_table.c.cleared_s.is_not(None)
            connection.execute(alarms_table.delete().where(old))
