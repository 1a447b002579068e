"""The file of an embedded ledger: blocks, transactions, events, and the trees of all accounts.

Everything is found by the first eight bytes of its hash and hashed again when it is
read, so that altered blocks, receipts and accounts are noticed and never believed.
(Looking for events trusts the table `event`; `check` does not.) Rows are only ever
added, all those of a block in one SQLite transaction, synced before anybody is told.

    block   number                  header
    mined   number << 20 | place    a transaction, who signed it, what became of it
    event   number << 20 | place    an event, with its own place among the block's events
    node    in order of writing     a node of the trees, or a contract's code

Beside it, `ledger.head` names the newest block. It is written after the commit and not
synced, so it is never ahead of the file, unless the file lost blocks: then it tells.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from eth_hash.auto import keccak

from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, NotSetUp
from counterfoil.ledger.embedded import tables
from counterfoil.ledger.embedded.block import Block
from counterfoil.ledger.embedded.mined import FullBlock, Log, Mined
from counterfoil.ledger.embedded.receipts import require_contents
from counterfoil.ledger.embedded.signed import SignedTransaction
from counterfoil.ledger.rpc.rpc import RpcError
from counterfoil.store.durable import sync_folder

__all__ = ["FILE_NAME", "HEAD_NAME", "EventRow", "LedgerFile"]

FILE_NAME: Final = "ledger.db"
HEAD_NAME: Final = "ledger.head"

_KEPT_NODES: Final = 8_192
"""Nodes kept in memory, twice: those of late, and those of a while ago."""

_KEPT_BLOCKS: Final = 16
_NODES_AT_ONCE: Final = 1_000
_EVENTS_AT_ONCE: Final = 200
_LOG_KINDS: Final = (int, bytes, *(bytes | None for _ in range(4)), bytes)
"""A transaction's place, then the columns of an event."""

_BIGGEST: Final = 2**43
"""No block's number is as large; a row's number would not fit SQLite's integer."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event, and where it is.

    Attributes:
        number: Height of its block.
        place: The transaction's place in the block.
        index: Its own place among all events of the block.
        log: What the contract told.
        block_hash, transaction_hash: 32 bytes each.
    """

    number: int
    place: int
    index: int
    log: Log
    block_hash: bytes
    transaction_hash: bytes


class LedgerFile:
    """The file, open for one writer. Safe to use from several threads.

    Attributes:
        path: Where it is.
        chain_id: The chain's number.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, head_fd: int) -> None:
        """For `create` and `open`."""
        self.path = path
        self._db = db
        self._head_fd = head_fd
        self._lock = threading.RLock()  # held by a read for one statement, by a commit for all of it
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}
        self._blocks: dict[int, FullBlock] = {}
        self._broken = ""
        self.chain_id = self._first_block().chain_id

    @classmethod
    def create(cls, folder: Path, first: Block, nodes: Mapping[bytes, bytes]) -> Self:
        """Makes a file that holds the first block; it has its name only once it is whole.

        Raises:
            InvalidInput: There is one already.
            LogUnavailable: It cannot be written.
        """
        path, unfinished = folder / FILE_NAME, folder / (FILE_NAME + ".new")
        if path.exists():
            raise InvalidInput(f"there is a ledger already: {path}", hint="open it, or choose another folder")
        with tables.naming_faults("make the ledger"):
            for leftover in (unfinished, folder / HEAD_NAME):
                leftover.unlink(missing_ok=True)
            os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            db = tables.connect(unfinished)
            try:
                tables.make_tables(db)
                tables.store(db, [FullBlock(first, ())], nodes)
                db.execute("COMMIT")
            finally:
                db.close()
            unfinished.rename(path)
            sync_folder(folder)
        return cls.open(folder)

    @staticmethod
    def require(folder: Path) -> Path:
        """Returns the path of the file in `folder`; raises NotSetUp when there is none."""
        path = folder / FILE_NAME
        if not path.is_file():
            raise NotSetUp(f"there is no ledger at {path}", hint="`counterfoil ledger up` makes one")
        return path

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens a file; moves into place first what an interrupted writer left in the write-ahead file.

        Raises:
            NotSetUp: There is none, or another version wrote it.
            HomeDamaged: It is torn, altered, or something else.
        """
        path = cls.require(folder)
        with tables.naming_faults("open the ledger"), ExitStack() as undo:
            tables.require_ours(path)
            db = tables.connect(path)
            undo.callback(db.close)
            tables.require_size(db, path)
            head_fd = os.open(folder / HEAD_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            undo.callback(os.close, head_fd)
            file = cls(path, db, head_fd)
            file._require_acknowledged()
            undo.pop_all()
            return file

    def close(self) -> None:
        """Closes the file; SQLite moves the write-ahead file into place."""
        with self._lock:
            self._db.close()
            if self._head_fd >= 0:
                os.close(self._head_fd)
            self._head_fd = -1

    def append(self, blocks: Sequence[FullBlock], nodes: Mapping[bytes, bytes]) -> None:
        """Adds blocks and the new nodes. They are durable on return.

        Raises:
            LogUnavailable: The disk did not take them. Nothing more is written until the file is opened
                again, because nobody knows what is on the disk.
        """
        with self._lock:
            if self._broken:
                raise LogUnavailable(
                    f"the ledger takes nothing more: {self._broken}", hint="close it and open it again"
                )
            try:
                with tables.naming_faults("commit a block"):
                    self._db.execute("BEGIN IMMEDIATE")
                    tables.store(self._db, blocks, nodes)
                    self._db.execute("COMMIT")
            except BaseException as error:
                self._broken = f"a commit failed ({error})"
                self._roll_back()
                raise
            newest = blocks[-1].block
            os.pwrite(self._head_fd, f"{newest.number:020d} {newest.hash.hex()}\n".encode(), 0)
        for key, body in nodes.items():
            self._keep(key, body)

    # Reading

    def node(self, key: bytes) -> bytes | None:
        """Returns a node of the trees, or a contract's code, by its hash.

        Raises:
            HomeDamaged: It is there and was altered.
        """
        found = self._young.get(key)
        if found is not None:
            return found
        found = self._old.get(key)
        if found is None:
            rows = self._rows("SELECT body FROM node WHERE key = ?", (bytes,), tables.key_of(key))
            found = next((body for (body,) in rows if keccak(body) == key), None)
            if found is None:
                if rows:
                    raise _altered("a part of the state")
                return None
        self._keep(key, found)
        return found

    def newest(self) -> int:
        """Returns the height of the newest block, -1 when there is none at all."""
        found = self._rows("SELECT max(number) FROM block", (int | None,))[0][0]
        return -1 if found is None else int(found)

    def block(self, number: int) -> Block | None:
        """Returns a block's header by its height."""
        full = self._blocks.get(number)
        if full is not None:
            return full.block
        if number >= _BIGGEST:
            return None
        for key, raw in self._rows("SELECT key, header FROM block WHERE number = ?", (int, bytes), number):
            block = Block.parse(raw)
            if tables.key_of(block.hash) != key or block.number != number:
                raise _altered(f"the header of block {number}")
            return block
        return None

    def full_block(self, number: int) -> FullBlock | None:
        """Returns a block with its transactions and events by its height.

        Raises:
            HomeDamaged: They are not those that its header names.
        """
        full = self._blocks.get(number)
        if full is None:
            block = self.block(number)
            if block is None:
                return None
            full = FullBlock(block, self._mined(number))
            require_contents(full)
            with self._lock:
                while len(self._blocks) >= _KEPT_BLOCKS:
                    del self._blocks[next(iter(self._blocks))]
                self._blocks[number] = full
        return full

    def number_of(self, block_hash: bytes) -> int | None:
        """Returns a block's height by its hash."""
        rows = self._rows("SELECT number, header FROM block WHERE key = ?", (int, bytes), tables.key_of(block_hash))
        return next((number for number, header in rows if keccak(header) == block_hash), None)

    def find(self, transaction_hash: bytes) -> tuple[int, int] | None:
        """Returns where a transaction is: its block's height and its place in there."""
        rows = self._rows("SELECT id, raw FROM mined WHERE key = ?", (int, bytes), tables.key_of(transaction_hash))
        return next((tables.split_row(row) for row, raw in rows if keccak(raw) == transaction_hash), None)

    def events(
        self, first: int, last: int, addresses: Sequence[bytes] = (), topics: Sequence[Sequence[bytes]] = ()
    ) -> Iterator[EventRow]:
        """Yields the events of blocks first..last, in order.

        Args:
            first: Height of the first block.
            last: Height of the last block.
            addresses: Contracts; empty for all.
            topics: For each topic what it may be; empty for anything. Events with fewer topics do not fit.
        """
        names = [("address", addresses), *((f"topic{place}", wanted) for place, wanted in enumerate(topics))]
        where = "".join(f" AND {name} IN ({','.join('?' * len(wanted))})" for name, wanted in names if wanted)
        where += f" AND topic{len(topics) - 1} IS NOT NULL" if topics else ""
        values = [value for _, wanted in names for value in wanted]
        after, until = tables.row_range(first, last)
        after -= 1
        query, kinds = tables.EVENTS.format(where=where), (int, *_LOG_KINDS, bytes, bytes)
        while rows := self._rows(query, kinds, after, until, *values, _EVENTS_AT_ONCE):
            yield from (_event(row) for row in rows)
            after = rows[-1][0]

    def all_nodes(self) -> Iterator[tuple[int, bytes]]:
        """Yields each node, after the first eight bytes of its hash as they are stored."""
        last, query = 0, "SELECT id, key, body FROM node WHERE id > ? ORDER BY id LIMIT ?"
        while rows := self._rows(query, (int, int, bytes), last, _NODES_AT_ONCE):
            yield from ((key, body) for _, key, body in rows)
            last = rows[-1][0]

    def _first_block(self) -> Block:
        first = self.block(0)
        if first is None:
            raise HomeDamaged("the first block is missing", hint=tables.RESTORE)
        return first

    def _mined(self, number: int) -> tuple[Mined, ...]:
        logs: dict[int, list[Log]] = {}
        rows = self._rows(tables.LOGS, _LOG_KINDS, *tables.row_range(number, number))
        for place, address, *topics, content in rows:
            logs.setdefault(place, []).append(_log(address, topics, content))
        rows = self._rows(tables.MINED, (int, bytes, int, int), *tables.row_range(number, number))
        mined = []
        for row, raw, success, gas_used in rows:
            try:
                transaction = SignedTransaction.decode(raw, self.chain_id)
            except RpcError as error:
                raise _altered(f"a transaction of block {number:,}") from error
            if gas_used < 0 or success not in (0, 1):
                raise _altered(f"what became of a transaction of block {number:,}")
            mined.append(Mined(transaction, bool(success), gas_used, tuple(logs.get(tables.split_row(row)[1], ()))))
        return tuple(mined)

    def _rows(self, query: str, kinds: Sequence[Any], *values: Any) -> list[Any]:
        """Returns the rows of a query, whose columns must be of these kinds."""
        with self._lock, tables.naming_faults("read the ledger"):
            rows = self._db.execute(query, values).fetchall()
        if not all(isinstance(value, kind) for row in rows for value, kind in zip(row, kinds, strict=True)):
            raise _altered("a row")
        return rows

    def _keep(self, key: bytes, body: bytes) -> None:
        """Keeps a node in memory; those that nobody asked for in a while are forgotten."""
        self._young[key] = body
        if len(self._young) >= _KEPT_NODES:
            self._old, self._young = self._young, {}

    def _roll_back(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:  # the error that led here is the one to tell
            pass

    def _require_acknowledged(self) -> None:
        """Raises HomeDamaged when blocks that were acknowledged are gone."""
        said = os.pread(self._head_fd, 200, 0)
        if not said:
            return
        digits, _, block_hash = said.decode("ascii", "replace").strip().partition(" ")
        if not digits.isdigit() or len(block_hash) != 64:
            raise HomeDamaged(f"{HEAD_NAME} was altered", hint=tables.RESTORE)
        number, newest = int(digits), self.newest()
        if number > newest:
            raise HomeDamaged(
                f"the ledger lost its blocks {newest + 1:,} to {number:,}; {FILE_NAME}-wal may be missing or altered",
                hint=f"restore the ledger's folder from a backup; to go on without these blocks, delete {HEAD_NAME}",
            )
        block = self.block(number)
        if block is None or block.hash.hex() != block_hash:
            raise HomeDamaged(f"block {number:,} is another one than {HEAD_NAME} names", hint=tables.RESTORE)


def _altered(what: str) -> HomeDamaged:
    return HomeDamaged(f"{what} was altered", hint=tables.RESTORE)


def _event(row: Sequence[Any]) -> EventRow:
    number, index = tables.split_row(row[0])
    place, address, *topics, content, raw, header = row[1:]
    return EventRow(number, place, index, _log(address, topics, content), keccak(header), keccak(raw))


def _log(address: bytes, topics: Sequence[bytes | None], content: bytes) -> Log:
    return address, tuple(topic for topic in topics if topic is not None), content
