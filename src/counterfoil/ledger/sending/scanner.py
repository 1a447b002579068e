"""Reads a ledger's events in order, each once, into tables that a reorganisation rolls back.

A cursor says how far was read, by the height and hash of a block. It moves in the same
database transaction in which the reader's rows are written, so that neither is ever ahead
of the other. When the block at the cursor is no longer on the chain, the scanner goes back
to the last remembered block that is, has the reader forget what came after it, and reads
on from there.

Nothing is taken from a span of blocks unless its end, the block before its start and every
block that an event names were on the chain after the events had been read.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from sqlalchemy import BigInteger, Column, Connection, Engine, LargeBinary, MetaData, String, Table, select

from counterfoil.errors import InvalidInput, LedgerContradicts, Reverted
from counterfoil.ledger.rpc.answers import Block, Event
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.sending.sqlite_outbox import naming_faults

__all__ = ["NEAR_SPAN", "SPAN", "EventReader", "Scanned", "Scanner", "metadata"]

SPAN: Final = 2_000
"""Blocks that are asked for at once, at most; half as many after a node refused."""

NEAR_SPAN: Final = 32
"""The same among blocks that may be taken back: so much is read again at most after a reorganisation of one block."""

REMEMBERED: Final = 1_024
"""Blocks that are remembered to find back to, besides the newest final one."""

MOST_EXCHANGES: Final = 3
"""So often one step begins again when blocks were exchanged while it read them."""

_NAME_CHARACTERS: Final = 60

metadata: Final = MetaData()

scan_cursors: Final = Table(
    "scan_cursors",
    metadata,
    Column("name", String(_NAME_CHARACTERS), primary_key=True),
    Column("what", String(64), nullable=False),
    Column("genesis", LargeBinary(32)),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)
"""How far each scanner has read. `what` is a digest of what it reads: another question starts anew."""

scan_blocks: Final = Table(
    "scan_blocks",
    metadata,
    Column("name", String(_NAME_CHARACTERS), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)
"""Blocks that were on the chain when they were read, to find back to."""


class EventReader(Protocol):
    """Keeps rows about events, in the database of the scanner."""

    def take(self, connection: Connection, events: Sequence[Event]) -> None:
        """Takes events in the order of the chain, each once; never none. The scanner commits."""

    def forget(self, connection: Connection, after_block: int) -> None:
        """Takes back what came from blocks above `after_block`, which may be -1. The scanner commits."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one step of a scanner did.

    Attributes:
        number: Height of the block up to which everything is read.
        events: How many were taken.
        back_to: Height that a reorganisation led back to; None without one.
    """

    number: int
    events: int
    back_to: int | None


@dataclass(frozen=True, slots=True)
class _Place:
    """A block's height and hash. Before the first block to read, the hash is empty."""

    number: int
    hash: bytes


class Scanner:
    """Reads events into a reader's tables. Safe to use from several threads; one process a name.

    Args:
        engine: The database of the reader's tables; the cursor's are made there too.
        chain: The ledger.
        name: Of this scanner, among those that share the database.
        addresses: Contracts.
        topics: What each topic must be: one value, one of several, or anything (None).
        reader: Keeps the events.
        start: Height of the first block that can hold any.
        until: "latest" reads what may still be taken back; "final" waits until it cannot.
        span: Most blocks to ask for at once.
    """

    def __init__(
        self,
        engine: Engine,
        chain: Chain,
        name: str,
        addresses: Sequence[bytes],
        topics: Sequence[bytes | Sequence[bytes] | None],
        reader: EventReader,
        *,
        start: int = 0,
        until: Literal["latest", "final"] = "latest",
        span: int = SPAN,
    ) -> None:
        if not 0 < len(name) <= _NAME_CHARACTERS or not addresses or start < 0 or span < 1:
            raise InvalidInput("a scanner has a short name, contracts, a start of at least 0 and a span of at least 1")
        self._engine = engine
        self._chain = chain
        self._name = name
        self._addresses = tuple(addresses)
        self._topics = tuple(topics)
        self._reader = reader
        self._start = start
        self._until = until
        self._most_span = self._span = span
        self._lock = threading.Lock()  # one step at a time; guards `_span`
        with naming_faults():
            metadata.create_all(engine)

    def step(self) -> Scanned:
        """Reads everything there is now.

        Returns:
            How far, and how many events. What was read before an error stays read.

        Raises:
            WrongChain: The node serves another ledger.
            LedgerUnreachable: Nobody answers.
            LedgerContradicts: The node said what cannot be; nothing of it was taken.
            HomeDamaged: The database cannot be read.
            LogUnavailable: The disk refuses.
        """
        with self._lock:
            self._chain.require_chain()
            taken, back_to = 0, None
            for _ in range(MOST_EXCHANGES):
                final = self._chain.final_block()
                end = self._chain.require_block("latest") if self._until == "latest" else final
                cursor, went_back = self._found_again(self._cursor(), end)
                back_to = cursor.number if went_back else back_to
                while cursor.number < end.number:
                    place, events = self._advance(cursor, end, final)
                    taken += events
                    if place is None:
                        break
                    cursor = place
                else:
                    return Scanned(cursor.number, taken, back_to)
            raise LedgerContradicts(
                "the ledger's newest blocks are exchanged again and again while they are read, or do not fit together",
                hint="what did not fit was not taken; it is tried again by the next step",
            )

    # Forward

    def _advance(self, cursor: _Place, end: Block, final: Block) -> tuple[_Place | None, int]:
        """Reads one span and moves the cursor.

        Returns:
            The cursor, None when blocks were exchanged while they were read; and the number of events.
        """
        first = cursor.number + 1
        if first <= final.number:
            last = min(first + self._span - 1, final.number, end.number)
        else:
            last = min(first + min(self._span, NEAR_SPAN) - 1, end.number)
        last, events = self._ask(first, last)
        place = self._stable(cursor, last, events)
        if place is None:
            return None, 0
        with self._writing() as connection:
            if events:
                self._reader.take(connection, events)
            self._move(connection, place)
            self._remember(connection, place, final)
        return place, len(events)

    def _ask(self, first: int, last: int) -> tuple[int, list[Event]]:
        """Returns the events of a span, of half of it where the node refuses the whole, and where it ends."""
        while True:
            try:
                events = self._chain.events(first, last, self._addresses, self._topics)
            except (LedgerContradicts, Reverted):
                if last == first:
                    raise
                self._span = max(1, (last - first + 1) // 2)
                last = first + self._span - 1
            else:
                if last - first + 1 == self._span:
                    self._span = min(2 * self._span, self._most_span)
                return last, events

    def _stable(self, cursor: _Place, last: int, events: Sequence[Event]) -> _Place | None:
        """Returns the place of block `last` when it is certain that the events come from the chain that leads there.

        Raises:
            LedgerContradicts: The node told one event twice.
        """
        if len({(event.block_number, event.index) for event in events}) != len(events):
            raise LedgerContradicts("the ledger's node tells an event twice")
        numbers = sorted({last, *(event.block_number for event in events), max(cursor.number, 0)})
        found = dict(zip(numbers, self._chain.blocks(numbers), strict=True))
        hashes = {number: None if block is None else block.hash for number, block in found.items()}
        end = found[last]
        if end is None or (cursor.hash and hashes[cursor.number] != cursor.hash):
            return None
        if last == cursor.number + 1 and cursor.hash and end.parent_hash != cursor.hash:
            return None
        if any(hashes[event.block_number] != event.block_hash for event in events):
            return None
        return _Place(last, end.hash)

    # Back

    def _found_again(self, cursor: _Place, end: Block) -> tuple[_Place, bool]:
        """Returns the newest place that was read and is on the chain, and whether it is behind the cursor.

        A node that is only behind has not seen the block at the cursor, and what it has seen is what was
        read: then nothing is taken back.
        """
        if not cursor.hash:
            return cursor, False
        highest = min(cursor.number, end.number)
        if highest == cursor.number:
            block = self._chain.block(cursor.number)
            if block is not None and block.hash == cursor.hash:
                return cursor, False
        places = [place for place in self._remembered() if place.number <= highest]
        common = next(self._on_chain(places), None)
        if highest < cursor.number and (not places or common == places[0]):
            return cursor, False
        common = common or self._origin()
        self._go_back(common)
        return common, True

    def _on_chain(self, places: Sequence[_Place]) -> Iterator[_Place]:
        """Yields those of some places that are on the chain."""
        blocks = self._chain.blocks([place.number for place in places])
        for place, block in zip(places, blocks, strict=True):
            if block is not None and block.hash == place.hash:
                yield place

    def _go_back(self, place: _Place) -> None:
        with self._writing() as connection:
            self._reader.forget(connection, place.number)
            after = (scan_blocks.c.name == self._name, scan_blocks.c.number > place.number)
            connection.execute(scan_blocks.delete().where(*after))
            self._move(connection, place)

    # The cursor

    def _origin(self) -> _Place:
        return _Place(self._start - 1, b"")

    def _cursor(self) -> _Place:
        """Returns how far was read. Another question, or another ledger, starts anew and forgets what was read."""
        genesis = self._chain.genesis_hash()
        mine = scan_cursors.c.name == self._name
        with self._writing() as connection:
            found = connection.execute(select(scan_cursors).where(mine)).first()
            if found is not None:
                is_other = bool(genesis and found.genesis and found.genesis != genesis)
                if found.what == self._what() and not is_other:
                    return _Place(found.number, found.hash)
                self._reader.forget(connection, -1)
                connection.execute(scan_blocks.delete().where(scan_blocks.c.name == self._name))
                connection.execute(scan_cursors.delete().where(mine))
            place = self._origin()
            values = {"name": self._name, "what": self._what(), "genesis": genesis}
            connection.execute(scan_cursors.insert().values(number=place.number, hash=place.hash, **values))
            return place

    def _move(self, connection: Connection, place: _Place) -> None:
        mine = scan_cursors.c.name == self._name
        connection.execute(scan_cursors.update().where(mine).values(number=place.number, hash=place.hash))

    def _remember(self, connection: Connection, place: _Place, final: Block) -> None:
        """Remembers a place; forgets those below the newest final one, and the oldest when there are too many."""
        mine = scan_blocks.c.name == self._name
        connection.execute(scan_blocks.insert().values(name=self._name, number=place.number, hash=place.hash))
        numbers = select(scan_blocks.c.number).where(mine).order_by(scan_blocks.c.number.desc())
        held = list(connection.execute(numbers).scalars())
        newest_final = next((number for number in held if number <= final.number), None)
        if newest_final is not None:
            connection.execute(scan_blocks.delete().where(mine, scan_blocks.c.number < newest_final))
        for number in held[REMEMBERED:]:
            if number != newest_final:
                connection.execute(scan_blocks.delete().where(mine, scan_blocks.c.number == number))

    def _remembered(self) -> list[_Place]:
        """Returns the remembered places, newest first."""
        mine = scan_blocks.c.name == self._name
        query = select(scan_blocks.c.number, scan_blocks.c.hash).where(mine).order_by(scan_blocks.c.number.desc())
        with naming_faults(), self._engine.connect() as connection:
            return [_Place(number, hash_) for number, hash_ in connection.execute(query)]

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with naming_faults(), self._engine.begin() as connection:
            yield connection

    def _what(self) -> str:
        """Returns a digest of what is read and where, 64 hexadecimal digits."""
        topics = [[each] if isinstance(each, bytes) else each for each in self._topics]
        asked: list[Any] = [self._chain.chain_id, self._start, sorted(self._addresses), topics]
        return hashlib.sha256(repr(asked).encode()).hexdigest()
