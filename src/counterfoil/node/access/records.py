"""Who was let in, and by whom: every change of access is a record itself.

What gives somebody a right is on record before the right is given, so nobody has one
that left no trace. What takes a right away counts at once, also while the log cannot be
written: it is kept beside the change, and on record as soon as it can be.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select

from counterfoil.core.schema import Schema, SchemaField
from counterfoil.core.statement import Draft
from counterfoil.errors import LogUnavailable
from counterfoil.node.access.tables import untold
from counterfoil.node.state import NodeState
from counterfoil.store.archive import Archive
from counterfoil.store.prepared import Private
from counterfoil.store.recorder import Recorder
from counterfoil.store.requests import tag_of
from counterfoil.store.schemas import keep_schema
from counterfoil.web.roles import Role

__all__ = ["ACCESS", "STREAM", "AccessRecords", "Change"]

STREAM: Final = "access"

ACCESS: Final = Schema(
    "access",
    (
        SchemaField("/address", "From which address", "string"),
        SchemaField("/by", "Who did it", "string"),
        SchemaField("/expires", "Until when it works", "string"),
        SchemaField("/name", "What it is called", "string"),
        SchemaField("/roles", "What it may do", "array"),
        SchemaField("/what", "What was done", "string"),
        SchemaField("/who", "Whom it is about", "string"),
    ),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing done about access.

    Attributes:
        what: `add key`, `revoke key`, `sign in`, …
        who: Whom it is about: `key:<id>`, `user:<name>` or `node:<origin>`.
        by: Who did it, the same way; `home` for whoever works on the home itself.
        name: What the key is called.
        roles: What it may do from here on.
        expires: Until when, UTC; empty for ever.
        address: From which address, where that was looked at.
    """

    what: str
    who: str
    by: str
    name: str = ""
    roles: frozenset[Role] | None = None
    expires: str = ""
    address: str = ""

    def values(self) -> dict[str, object]:
        """Returns the private fields; what was not the point stays absent."""
        given = {
            "/address": self.address or None,
            "/by": self.by,
            "/expires": self.expires or None,
            "/name": self.name or None,
            "/roles": None if self.roles is None else sorted(self.roles),
            "/what": self.what,
            "/who": self.who,
        }
        return {pointer: value for pointer, value in given.items() if value is not None}


class AccessRecords:
    """Puts changes of access on record.

    Args:
        state: Keeps what cannot be on record yet.
        recorder: Writes the records.
        archive: Knows which schemas are on record.
    """

    def __init__(self, state: NodeState, recorder: Recorder, archive: Archive) -> None:
        self._state = state
        self._recorder = recorder
        self._archive = archive

    def write(self, change: Change, tag: bytes | None = None) -> int:
        """Returns the place of the record, when it is durable.

        Args:
            change: What is about to be done.
            tag: Of the request that asked for it; see `store.requests`.

        Raises:
            LogUnavailable: It could not be recorded; then it must not be done.
        """
        return self._write(change.values(), tag)

    def keep(self, connection: Connection, change: Change) -> None:
        """Keeps, in the transaction that takes a right away, what `settle` will put on record."""
        connection.execute(untold.insert().values(values=json.dumps(change.values())))

    def write_or_keep(self, change: Change) -> None:
        """Puts on record what was done already; keeps it for `settle` while the log is away."""
        try:
            self.write(change)
        except LogUnavailable:
            with self._state.writing() as connection:
                self.keep(connection, change)

    def settle(self) -> None:
        """Puts on record what was kept; after a crash in between, it may be there twice.

        Raises:
            LogUnavailable: Still not possible. What was taken away stays taken away.
        """
        with self._state.reading() as connection:
            waiting = connection.execute(select(untold).order_by(untold.c.id)).all()
        for row in waiting:
            self._write(json.loads(row.values), None)
            with self._state.writing() as connection:
                connection.execute(delete(untold).where(untold.c.id == row.id))

    def _write(self, values: dict[str, object], tag: bytes | None) -> int:
        keep_schema(self._recorder, self._archive, ACCESS)
        draft = Draft("access", STREAM, "access", about=tag_of(tag))
        written = self._recorder.write(draft, Private(ACCESS, values))
        assert written.index is not None
        return written.index
