"""The durable part of an outbox: what waits, what was signed, what became of it.

Every method that changes something has committed it, and the disk has it, when it
returns. Safe to use from several threads.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from counterfoil.errors import InvalidInput, LogUnavailable, NotAllowed, NotFound
from counterfoil.ledger.accounts.transaction import SignedTransaction
from counterfoil.ledger.sending.database import OutboxDatabase, read_meta
from counterfoil.ledger.sending.rows import OPEN, Attempt, Kind, OutboxRow, State, read_attempt, read_row
from counterfoil.ledger.sending.spending import DAY_S, SpendingLimits
from counterfoil.ledger.sending.tables import attempts, outbox, outbox_meta, spent

__all__ = ["Change", "Journal", "Order", "Signed"]


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller asks to be sent."""

    to: bytes | None
    data: bytes
    value_wei: int
    gas: int | None
    purpose: str
    key: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A new signed version of a row."""

    row: OutboxRow
    kind: Kind
    signed: SignedTransaction


@dataclass(frozen=True, slots=True)
class Change:
    """What has become of a row.

    Attributes:
        row: As it was.
        state: Where it stands now.
        values: More of its columns.
        paid_wei: What a final one cost; None for others.
    """

    row: OutboxRow
    state: State
    values: Mapping[str, Any] = field(default_factory=dict)
    paid_wei: int | None = None


class Journal:
    """The tables of one outbox."""

    def __init__(self, database: OutboxDatabase) -> None:
        """Takes over tables that are open."""
        self._database = database
        self._is_open = True
        self._lock = threading.Lock()  # one writer at a time; the file's own lock would make threads wait in naps
        self._tenure = database.hold()

    def close(self) -> None:
        """Lets go of the database."""
        with self._lock:
            self._is_open = False
            self._database.close()

    def begin_step(self) -> None:
        """Makes sure of the lock; what a step writes down from here on fails once it was lost meanwhile.

        Another process may have held it in between and brought on the same rows: then what the
        step knows of them is old, and a new step must look again.
        """
        with self._lock:
            self._require_open()
            self._tenure = self._database.hold()

    # What comes in

    def add(self, order: Order, least_wei: int, limits: SpendingLimits, now_s: float) -> int:
        """Takes an order; returns its row's id, that of the earlier one when its key was used before.

        Args:
            order: What to send.
            least_wei: The least that can be offered for it.
            limits: The most that may be spent.
            now_s: Unix seconds.

        Raises:
            OverLimit: It cannot be sent within the limits now.
            InvalidInput: The key stands for another transaction.
        """
        with self._writing() as connection:
            if order.key:
                known = connection.execute(select(outbox).where(outbox.c.key == order.key)).mappings().first()
                if known is not None:
                    _require_same(read_row(known, ()), order)
                    return int(known["id"])
            limits.require(least_wei, self._promised_wei(connection, now_s))
            values = {
                "key": order.key or None,
                "purpose": order.purpose,
                "receiver": order.to,
                "data": order.data,
                "value_wei": order.value_wei,
                "gas": order.gas,
                "state": State.WAITING,
                "created_s": now_s,
                "changed_s": now_s,
            }
            return _key_of(connection.execute(outbox.insert().values(values)).inserted_primary_key)

    def fill(self, nonces: Iterable[int], account: bytes, now_s: float) -> None:
        """Adds rows that do nothing but use up numbers which would hold up the ones after them."""
        with self._stepping() as connection:
            for nonce in nonces:
                connection.execute(
                    outbox.insert().values(
                        purpose=f"use up the account's number {nonce}, which another wallet left unused",
                        receiver=account,
                        data=b"",
                        value_wei=0,
                        nonce=nonce,
                        state=State.WAITING,
                        is_cancel_asked=True,
                        created_s=now_s,
                        changed_s=now_s,
                    )
                )

    def cancel(self, row_id: int, now_s: float) -> OutboxRow:
        """Cancels a row that has no number yet, else notes that it shall be; returns how it stands.

        Raises:
            NotFound: There is no such row.
            NotAllowed: It is done already.
        """
        with self._writing() as connection:
            row = self._one(connection, row_id)
            if row.state in (State.FINAL, State.REFUSED):
                raise NotAllowed(f"row {row_id} of the outbox is done ({row.state}): it cannot be cancelled any more")
            values: dict[str, Any] = {"is_cancel_asked": True}
            if row.state is State.WAITING and row.nonce is None:
                values |= {"state": State.CANCELLED, "changed_s": now_s, "final_s": now_s, "fee_paid_wei": 0}
                values |= {"error": "cancelled before it was sent"}
            if not row.state.is_done:
                connection.execute(outbox.update().where(outbox.c.id == row_id).values(values))
            return self._one(connection, row_id)

    # What goes out

    def assign(self, planned: Sequence[tuple[OutboxRow, int]], first: int) -> list[OutboxRow]:
        """Gives rows their numbers, each the lowest that no row here ever held.

        Args:
            planned: Rows and the most gas they may use, in the order in which they go out.
            first: The first number that is free on the ledger.

        Returns:
            Those rows that were not cancelled meanwhile.
        """
        if not planned:
            return []
        with self._stepping() as connection:
            held = _held(connection, first)
            free = (number for number in count(first) if number not in held)
            for row, gas_limit in planned:
                is_waiting = (outbox.c.id == row.id, outbox.c.state == State.WAITING)
                if connection.execute(select(outbox.c.id).where(*is_waiting)).first() is not None:
                    change = {"nonce": next(free) if row.nonce is None else row.nonce, "gas_limit": gas_limit}
                    connection.execute(outbox.update().where(*is_waiting).values(change))
            places = {row.id: place for place, (row, _) in enumerate(planned)}
            given = _rows(connection, outbox.c.id.in_(places), outbox.c.state == State.WAITING)
        return sorted(given, key=lambda row: places[row.id])

    def keep_signed(self, signed: Sequence[Signed], tip_number: int, now_s: float) -> None:
        """Keeps the bytes of new signed versions; their rows are then sent."""
        if not signed:
            return
        with self._stepping() as connection:
            for each in signed:
                transaction = each.signed.transaction
                connection.execute(
                    attempts.insert().values(
                        row=each.row.id,
                        nonce=transaction.nonce,
                        hash=each.signed.hash,
                        raw=each.signed.raw,
                        kind=each.kind,
                        max_fee_wei=transaction.max_fee_wei,
                        tip_wei=transaction.tip_wei,
                        most_wei=transaction.most_wei,
                        first_sent_s=now_s,
                        tip_number=tip_number,
                    )
                )
                values: dict[str, Any] = {
                    "max_fee_wei": transaction.max_fee_wei,
                    "tip_wei": transaction.tip_wei,
                    "transaction_hash": each.signed.hash,
                    "sent_s": func.coalesce(outbox.c.sent_s, now_s),
                }
                if each.row.state is State.WAITING:
                    values |= {"state": State.SENT, "changed_s": now_s}
                connection.execute(outbox.update().where(outbox.c.id == each.row.id).values(values))

    # What becomes of it

    def change(self, changes: Sequence[Change], now_s: float) -> None:
        """Writes down what has become of rows, all of it or nothing; a row that changed meanwhile stays as it is."""
        if not changes:
            return
        with self._stepping() as connection:
            for each in changes:
                values = {"state": each.state, "changed_s": now_s, **each.values}
                if each.state.is_done:
                    values["final_s"] = now_s
                as_it_was = (outbox.c.id == each.row.id, outbox.c.state == each.row.state)
                done = connection.execute(outbox.update().where(*as_it_was).values(values))
                if done.rowcount and each.paid_wei is not None:  # else somebody cancelled it meanwhile
                    paid = {"row": each.row.id, "time_s": now_s, "paid_wei": each.paid_wei}
                    connection.execute(spent.insert().values(paid))

    # What is known

    def meta(self) -> dict[str, str]:
        """Returns what the outbox says of itself, by name."""
        with self._reading() as connection:
            return read_meta(connection)

    def keep_meta(self, name: str, value: str) -> None:
        """Writes down one more fact; it must not be known yet."""
        with self._stepping() as connection:
            connection.execute(outbox_meta.insert().values(name=name, value=value))

    def row(self, row_id: int) -> OutboxRow:
        """Returns one row.

        Raises:
            NotFound: There is none with this number.
        """
        with self._reading() as connection:
            return self._one(connection, row_id)

    def by_key(self, key: str) -> OutboxRow | None:
        """Returns the row with an idempotency key, None without one."""
        with self._reading() as connection:
            return next(iter(_rows(connection, outbox.c.key == key)), None)

    def open_rows(self) -> list[OutboxRow]:
        """Returns the rows that may still change, oldest first."""
        with self._reading() as connection:
            return _rows(connection, outbox.c.state.in_(OPEN))

    def missing(self, first: int, last: int, limit: int) -> list[int]:
        """Returns the lowest numbers from `first` up to, not including, `last` that no row here ever held."""
        with self._reading() as connection:
            held = _held(connection, first)
        return list(islice((number for number in range(first, last) if number not in held), limit))

    def newest(self, *, purpose: str | None, states: Sequence[str] | None, limit: int | None) -> list[OutboxRow]:
        """Returns rows, newest first."""
        wanted = [] if purpose is None else [outbox.c.purpose == purpose]
        wanted += [] if states is None else [outbox.c.state.in_(states)]
        with self._reading() as connection:
            return _rows(connection, *wanted, newest_first=True, limit=limit)

    def paid_wei(self, now_s: float) -> int:
        """Returns what final transactions of the last 24 hours cost, fees and values."""
        with self._reading() as connection:
            return _paid_wei(connection, now_s)

    def fees_paid_wei(self) -> int:
        """Returns the fees of all final transactions."""
        query = select(outbox.c.fee_paid_wei).where(outbox.c.fee_paid_wei.is_not(None), outbox.c.state.not_in(OPEN))
        with self._reading() as connection:
            return _sum(connection, query)  # here, for amounts are text in the database

    def _promised_wei(self, connection: Connection, now_s: float) -> int:
        """What is paid and under way, and the values of what waits."""
        waiting = select(outbox.c.value_wei).where(outbox.c.state == State.WAITING)
        under_way = (
            select(attempts.c.row, attempts.c.most_wei)
            .join(outbox, outbox.c.id == attempts.c.row)
            .where(outbox.c.state.in_((State.SENT, State.MINED)), outbox.c.nonce == attempts.c.nonce)
        )
        most: dict[int, int] = defaultdict(int)
        for row_id, most_wei in connection.execute(under_way):
            most[row_id] = max(most[row_id], most_wei)
        return _paid_wei(connection, now_s) + _sum(connection, waiting) + sum(most.values())

    def _one(self, connection: Connection, row_id: int) -> OutboxRow:
        rows = _rows(connection, outbox.c.id == row_id)
        if not rows:
            raise NotFound(f"the outbox has no row {row_id}")
        return rows[0]

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """For what stands alone: it reads all it needs."""
        with self._lock:
            self._require_open()
            self._database.hold()
            with self._database.writing() as connection:
                yield connection

    @contextmanager
    def _stepping(self) -> Iterator[Connection]:
        """For what rests on rows that a step has read before."""
        with self._lock:
            self._require_open()
            if self._database.hold() != self._tenure:
                raise LogUnavailable(
                    "the outbox's lock was lost for a moment, so nothing more was sent",
                    hint="the next step looks again and goes on by itself",
                )
            with self._database.writing() as connection:
                yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._require_open()
        with self._database.reading() as connection:
            yield connection

    def _require_open(self) -> None:
        if not self._is_open:
            raise LogUnavailable("the outbox was closed", hint="open it again")


def _rows(
    connection: Connection, *wanted: ColumnElement[bool], newest_first: bool = False, limit: int | None = None
) -> list[OutboxRow]:
    query = select(outbox).where(*wanted).limit(limit)
    found = connection.execute(query.order_by(outbox.c.id.desc() if newest_first else outbox.c.id)).mappings().all()
    signed: dict[int, list[Attempt]] = defaultdict(list)
    ids = [row["id"] for row in found if row["sent_s"] is not None]
    for start in range(0, len(ids), 500):
        chosen = select(attempts).where(attempts.c.row.in_(ids[start : start + 500])).order_by(attempts.c.id)
        for attempt in connection.execute(chosen).mappings():
            signed[attempt["row"]].append(read_attempt(attempt))
    return [read_row(row, signed[row["id"]]) for row in found]


def _held(connection: Connection, first: int) -> set[int]:
    """The numbers from `first` on that a row here holds or held."""
    held = {
        int(number) for number in connection.execute(select(outbox.c.nonce).where(outbox.c.nonce >= first)).scalars()
    }
    return held | set(connection.execute(select(attempts.c.nonce).where(attempts.c.nonce >= first)).scalars())


def _paid_wei(connection: Connection, now_s: float) -> int:
    # A clock that was set back leaves times to come: they count too.
    return _sum(connection, select(spent.c.paid_wei).where(spent.c.time_s > now_s - DAY_S))


def _sum(connection: Connection, amounts: Select[Any]) -> int:
    return sum(int(amount) for amount in connection.execute(amounts).scalars())


def _require_same(row: OutboxRow, order: Order) -> None:
    if (row.to, row.data, row.value_wei) != (order.to, order.data, order.value_wei):
        raise InvalidInput(
            f"the key {order.key!r} stands for another transaction, row {row.id} of the outbox",
            hint="give each transaction a key of its own",
        )


def _key_of(inserted: Any) -> int:
    return int(inserted[0])
