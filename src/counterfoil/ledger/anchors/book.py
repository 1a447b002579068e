"""What the ledger tells of one log: its anchors, all other events, the proof of the newest final anchor.

Rows come from the scanner, and are taken back when the ledger takes their block back.
Everything here can be read from the ledger again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    select,
)

from counterfoil.core.anchor import Anchor
from counterfoil.errors import HomeDamaged
from counterfoil.ledger.rpc.answers import Event
from counterfoil.ledger.rpc.hexadecimal import data
from counterfoil.ledger.told_file import open_told
from counterfoil.store.archive import Archive

__all__ = ["AnchorBook", "AnchorRow", "EventRow"]

MAX_SIZE: Final = 2**48
"""No log is larger on the ledger."""

metadata: Final = MetaData()

anchors: Final = Table(
    "anchors",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("block_hash", LargeBinary, nullable=False),
    Column("transaction_hash", LargeBinary, nullable=False),
    Column("proof", LargeBinary),
    Index("anchors_by_size", "size"),
)

events: Final = Table(
    "events",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Integer, primary_key=True, autoincrement=False),
    Column("name", String(40), nullable=False),
    Column("told", Text, nullable=False),
)
"""Everything the contract told of the log; `told` is JSON, bytes in it are `0x…`."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One thing the contract told of a log.

    Attributes:
        block: Height of its block.
        name: `Anchored`, `WriterAssigned`, …
        told: Its values by name, as JSON has them.
    """

    block: int
    name: str
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AnchorRow:
    """One anchor the ledger has told of.

    Attributes:
        block: Height of its block.
        event: Place among the events of that block.
        size: Number of records.
        root: 32 bytes.
        block_hash: 32 bytes.
        transaction_hash: 32 bytes.
        is_proven: Whether it is final and its proof is kept.
    """

    block: int
    event: int
    size: int
    root: bytes
    block_hash: bytes
    transaction_hash: bytes
    is_proven: bool


class AnchorBook:
    """The table of anchors. Safe to use from several threads; reads the scanner's events."""

    def __init__(self, engine: Engine) -> None:
        """For `open`."""
        self.engine = engine
        self._change: Connection | None = None  # the last transaction that changes proofs
        self._known: tuple[Connection | None, Anchor | None] | None = None  # the newest proof, as that one left it

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Opens the table, made anew when its file is missing or damaged: the ledger has it all.

        Raises:
            LogUnavailable: When the disk refuses.
        """
        with open_told(path, metadata, _require_readable) as engine:
            yield cls(engine)

    # The scanner's reader

    def take(self, connection: Connection, new: Sequence[Event]) -> None:
        """Takes new events; the scanner commits."""
        from counterfoil.ledger.anchors.evidence import read_event  # ABI decoding takes long to load

        for each in map(read_event, new):
            place = {"block": each.event.block_number, "event": each.event.index}
            told = {name: data(value) if isinstance(value, bytes) else value for name, value in each.values.items()}
            connection.execute(events.insert().values(**place, name=each.name, told=json.dumps(told)))
            if each.name == "Anchored":
                row = {
                    "size": each.values["size"],
                    "root": each.values["root"],
                    "block_hash": each.event.block_hash,
                    "transaction_hash": each.event.transaction_hash,
                }
                connection.execute(anchors.insert().values(**place, **row))

    def forget(self, connection: Connection, after_block: int) -> None:
        """Takes back what blocks above `after_block` told."""
        self._change = connection
        for table in (anchors, events):
            connection.execute(table.delete().where(table.c.block > after_block))

    # What it answers

    def require_beginning(self, archive: Archive) -> None:
        """Refuses a log that is older than, or not, the one whose final head was seen on the ledger.

        Raises:
            HomeDamaged: It is one.
        """
        proof = self.proof()
        if proof is None:
            return
        if proof.size > archive.size or archive.root(proof.size) != proof.root:
            raise HomeDamaged(
                f"the ledger holds a head over {proof.size:,} records, "
                f"which the {archive.size:,} of this log do not lead to",
                hint="an old log was put beside newer files: restore the newest backup of the whole home",
            )

    def newest(self) -> AnchorRow | None:
        """Returns the newest anchor that is in a block, final or not."""
        rows = self.rows(limit=1)
        return rows[0] if rows else None

    def rows(self, *, limit: int = 50) -> list[AnchorRow]:
        """Returns anchors, newest first."""
        query = select(anchors).order_by(anchors.c.block.desc(), anchors.c.event.desc()).limit(limit)
        with self.engine.connect() as connection:
            return [_row(found) for found in connection.execute(query).mappings()]

    def events(self, *, limit: int = 50) -> list[EventRow]:
        """Returns what the contract told of the log, newest first."""
        query = select(events).order_by(events.c.block.desc(), events.c.event.desc()).limit(limit)
        with self.engine.connect() as connection:
            return [EventRow(row.block, row.name, json.loads(row.told)) for row in connection.execute(query)]

    def unproven(self, final_block: int) -> AnchorRow | None:
        """Returns the newest anchor at or below a final block, None when its proof is kept already."""
        query = (
            select(anchors)
            .where(anchors.c.block <= final_block)
            .order_by(anchors.c.block.desc(), anchors.c.event.desc())
            .limit(1)
        )
        with self.engine.connect() as connection:
            found = connection.execute(query).mappings().first()
        return None if found is None or found["proof"] is not None else _row(found)

    def keep_proof(self, row: AnchorRow, proof: Anchor) -> None:
        """Keeps the proof of a final anchor."""
        with self.engine.begin() as connection:
            self._change = connection
            connection.execute(
                anchors.update()
                .where(anchors.c.block == row.block, anchors.c.event == row.event)
                .values(proof=proof.encode())
            )

    def proof(self, size: int = MAX_SIZE) -> Anchor | None:
        """Returns the newest kept proof of an anchor of at most `size` records, of any by default.

        Every receipt asks for it, so the newest of all is kept in memory.
        """
        newest = self._newest_proof()
        return newest if newest is None or newest.size <= size else self._proof(size)

    def _newest_proof(self) -> Anchor | None:
        change, known = self._change, self._known
        if known is not None and known[0] is change:
            return known[1]
        is_over = change is None or change.closed  # looked at before reading: else what is read may be from before it
        newest = self._proof(MAX_SIZE)
        if is_over:
            self._known = change, newest
        return newest

    def _proof(self, size: int) -> Anchor | None:
        query = (
            select(anchors.c.proof)
            .where(anchors.c.size <= size, anchors.c.proof.is_not(None))
            .order_by(anchors.c.size.desc(), anchors.c.block.desc())
            .limit(1)
        )
        with self.engine.connect() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else Anchor.parse(found)


def _require_readable(engine: Engine) -> None:
    with engine.connect() as connection:
        proofs = connection.execute(select(anchors.c.proof).where(anchors.c.proof.is_not(None))).scalars().all()
    for proof in proofs:
        Anchor.parse(proof)


def _row(found: RowMapping) -> AnchorRow:
    values = {name: value for name, value in found.items() if name != "proof"}
    return AnchorRow(is_proven=found["proof"] is not None, **values)
