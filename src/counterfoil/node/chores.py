"""Doing again and again what a node does by itself while it serves; what that is stands in `background`.

Anchoring has a thread of its own (`ledger.worker`). When a chore last ran and why it
failed lies in the node's state, so the status page is right also after a crash; what
a crash interrupts is done again, for each of them does only what is still to do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Integer, String, Table, Text, select

from counterfoil.errors import CounterfoilError
from counterfoil.node.state import NodeState, metadata
from counterfoil.store.streams import time_text

__all__ = ["Chore", "ChoreView", "Chores"]

_LOGGER: Final = logging.getLogger("counterfoil.node")

TICK_S: Final = 1.0

chores_table: Final = Table(
    "chores",
    metadata,
    Column("name", String, primary_key=True),
    Column("last_s", Integer, nullable=False),
    Column("fault", Text, nullable=False),
    Column("told", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do again and again.

    Attributes:
        name: One word.
        does: What it does, in a sentence for people.
        every_s: Pause between two times.
        work: Does it; returns what it did in words, empty when there was nothing to do.
        waits_for_others: Whether it asks a ledger or other nodes, which take their time: it has a thread of its own
            then, and holds up no other chore.
    """

    name: str
    does: str
    every_s: float
    work: Callable[[], str]
    waits_for_others: bool = False


@dataclass(frozen=True, slots=True)
class ChoreView:
    """How a chore stands: what it is, when it last ran, what it last did, and why it failed last, if it did."""

    name: str
    does: str
    last_s: int
    told: str
    fault: str

    def to_json(self) -> dict[str, Any]:
        """Returns it as the API shows it."""
        last = time_text(self.last_s) if self.last_s else None
        return {
            "does": self.does,
            "fault": self.fault or None,
            "last": last,
            "name": self.name,
            "told": self.told or None,
        }


class Chores:
    """Does the chores of one node in one thread, and in one more for each that waits for others.

    Args:
        state: Where is kept when they last ran.
        chores: What to do.
        now: Returns Unix seconds.
    """

    def __init__(self, state: NodeState, chores: Sequence[Chore], *, now: Callable[[], float] = time.time) -> None:
        self._state = state
        self._chores = tuple(chores)
        self._now = now
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        with state.reading() as connection:
            known = {row.name: row for row in connection.execute(select(chores_table))}
        self._views = {
            chore.name: ChoreView(chore.name, chore.does, row.last_s, row.told, row.fault)
            if (row := known.get(chore.name))
            else ChoreView(chore.name, chore.does, 0, "", "")
            for chore in chores
        }

    def start_work(self) -> None:
        """Begins, with everything at once."""
        quick = tuple(each for each in self._chores if not each.waits_for_others)
        for some in (quick, *((each,) for each in self._chores if each.waits_for_others)):
            thread = threading.Thread(target=self._work, args=(some,), name="counterfoil-chores", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop_work(self) -> None:
        """Stops after what it is doing; what waits for others may be broken off, and is done again."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def list(self) -> list[ChoreView]:
        """Returns how each stands."""
        return list(self._views.values())

    def run(self, chore: Chore) -> ChoreView:
        """Does one now, and returns how it went."""
        before = self._views[chore.name]
        told, fault = "", ""
        try:
            told = chore.work()
        except CounterfoilError as error:
            fault = error.message
        except Exception as error:
            _LOGGER.exception("%s failed in a way that was not foreseen", chore.name)
            fault = f"something was not foreseen: {type(error).__name__}"
        if fault and fault != before.fault:
            _LOGGER.warning("%s: %s", chore.name, fault)
        view = ChoreView(chore.name, chore.does, int(self._now()), told or before.told, fault)
        self._views[chore.name] = view
        if told or fault != before.fault:  # what says nothing new is not worth a sync
            self._keep(view)
        return view

    def _keep(self, view: ChoreView) -> None:
        row = {"last_s": view.last_s, "fault": view.fault, "told": view.told}
        try:
            with self._state.writing() as connection:
                known = chores_table.c.name == view.name
                if not connection.execute(chores_table.update().where(known).values(**row)).rowcount:
                    connection.execute(chores_table.insert().values(name=view.name, **row))
        except CounterfoilError as error:  # a full disk is told by the chore that needs it
            _LOGGER.warning("how %s went could not be kept: %s", view.name, error.message)

    def _work(self, chores: Sequence[Chore]) -> None:
        due = dict.fromkeys((chore.name for chore in chores), 0.0)
        while not self._stop.is_set():
            for chore in chores:
                if time.monotonic() >= due[chore.name] and not self._stop.is_set():
                    self.run(chore)
                    due[chore.name] = time.monotonic() + chore.every_s
            self._stop.wait(TICK_S)
