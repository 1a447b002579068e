"""Moves an outbox between a file and PostgreSQL: all of it or nothing, and never while something is in flight.

1. hold both locks, so that nobody sends meanwhile;
2. refuse when a row is not done;
3. copy every row in one transaction, and read all of it back;
4. set the old one aside, so that nobody goes on from it.

An interruption before 4 leaves both, and neither is used: the settings name one, and the
other is still in its place. Repeating the move ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, select, text

from counterfoil.core.wording import counted
from counterfoil.errors import HomeDamaged, InvalidInput, NotAllowed, NotFound
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.connection import Connection as Settings
from counterfoil.ledger.connection import LedgerPaths
from counterfoil.ledger.outbox_place import moved_name, wanted_place
from counterfoil.ledger.sending.database import RESTORE, OutboxDatabase, read_meta
from counterfoil.ledger.sending.postgres_outbox import PostgresOutbox, outbox_schema
from counterfoil.ledger.sending.rows import OPEN
from counterfoil.ledger.sending.sqlite_outbox import SqliteOutbox
from counterfoil.ledger.sending.tables import metadata, outbox, outbox_meta
from counterfoil.store.database_url import require_database_url

__all__ = ["Moved", "move_outbox"]

_TABLES = [table for table in metadata.sorted_tables if table is not outbox_meta]


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved, or would be.

    Attributes:
        source: Where the outbox was.
        target: Where it is now.
        rows: Number of transactions in it.
        is_done: Whether it was moved.
    """

    source: str
    target: str
    rows: int
    is_done: bool


def move_outbox(
    paths: LedgerPaths, connection: Settings, *, source_url: str = "", dry_run: bool = False, now_s: int
) -> Moved:
    """Moves an account's outbox to where the settings want it.

    Args:
        paths: Where the home keeps what belongs to the ledger, and the wanted database.
        connection: Names chain and account.
        source_url: The database to move it back from, where the settings name none.
        dry_run: Look, and change nothing.
        now_s: Unix seconds, for the name of what is set aside.

    Raises:
        NotFound: There is no outbox to be moved.
        NotAllowed: Something is in flight, or there is another outbox at the wanted place.
        LedgerBusy: A process is sending from it.
    """
    chain_id, account = connection.chain_id, bytes.fromhex(connection.account[2:])
    source, target = _source(paths, chain_id, account, source_url), wanted_place(paths, chain_id, account)
    if not source.exists():
        raise NotFound(f"there is no outbox in {source.where}", hint="nothing has to be moved")
    with closing(source):
        source.open({})
        with source.reading() as reader:
            facts = read_meta(reader)
            rows = _require_quiet(reader, facts, chain_id, account)
            content = {table: _content(reader, table) for table in _TABLES}
        if dry_run:
            return Moved(source.where, target.where, rows, False)
        with closing(target):
            target.open({name: value for name, value in facts.items() if name != "version"})
            _fill(target, facts, content)
    _set_aside(source, paths, chain_id, account, now_s)
    return Moved(source.where, target.where, rows, True)


def _source(paths: LedgerPaths, chain_id: int, account: bytes, url: str) -> OutboxDatabase:
    if paths.outbox_url and url:
        raise InvalidInput(
            "the settings name an outbox_url, so the outbox is moved there from its file", hint="leave --from out"
        )
    if paths.outbox_url:
        return SqliteOutbox(paths.outbox(chain_id, account))
    if not url:
        raise InvalidInput(
            "the settings name no outbox_url to move the outbox to",
            hint="write outbox_url into counterfoil.toml first; --from with an address moves it back from there",
        )
    require_database_url("--from", url)
    return PostgresOutbox(url, outbox_schema(chain_id, account))


def _require_quiet(connection: Connection, facts: dict[str, str], chain_id: int, account: bytes) -> int:
    """Returns the number of rows."""
    if (facts.get("chain_id"), facts.get("account")) != (str(chain_id), account.hex()):
        raise NotAllowed(f"that outbox is not the one of {checksummed(account)} on chain {chain_id}")
    in_flight = connection.execute(select(func.count()).where(outbox.c.state.in_(OPEN))).scalar_one()
    if in_flight:
        raise NotAllowed(
            f"{counted(in_flight, 'transaction')} of the outbox {'is' if in_flight == 1 else 'are'} not done yet",
            hint="wait until all are final, or take them back with `counterfoil ledger log --cancel`",
        )
    return int(connection.execute(select(func.count()).select_from(outbox)).scalar_one())


def _content(connection: Connection, table: Table) -> Sequence[tuple[Any, ...]]:
    """Every row, as bytes and numbers, in the order of the key."""
    query = select(table).order_by(*table.primary_key.columns)
    return [tuple(row) for row in connection.execute(query)]


def _fill(target: OutboxDatabase, facts: dict[str, str], content: dict[Table, Sequence[tuple[Any, ...]]]) -> None:
    with target.writing() as connection:
        known = read_meta(connection)
        if any(_content(connection, table) for table in _TABLES):
            _require_same(connection, content, target)
            return
        missing = [{"name": name, "value": value} for name, value in facts.items() if name not in known]
        if missing:
            connection.execute(outbox_meta.insert(), missing)
        for table, rows in content.items():
            if rows:
                names = [column.name for column in table.columns]
                connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])
                _go_on_counting(connection, table)
        _require_same(connection, content, target)


def _require_same(
    connection: Connection, content: dict[Table, Sequence[tuple[Any, ...]]], target: OutboxDatabase
) -> None:
    for table, rows in content.items():
        if _content(connection, table) != rows:
            raise NotAllowed(f"{target.where} holds another outbox already", hint="nothing was changed; look at both")


def _go_on_counting(connection: Connection, table: Table) -> None:
    """The number of a row is never given to another; SQLite sees to that by itself."""
    if connection.dialect.name == "postgresql" and "id" in table.columns:
        connection.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), (SELECT max(id) FROM {table.name}))")  # noqa: S608
        )


def _set_aside(source: OutboxDatabase, paths: LedgerPaths, chain_id: int, account: bytes, now_s: int) -> None:
    file = paths.outbox(chain_id, account)
    if isinstance(source, SqliteOutbox):
        if file.with_name(file.name + "-wal").exists():
            raise HomeDamaged(f"{file} still has a write-ahead file after it was closed", hint=RESTORE)
        file.replace(moved_name(file))
        return
    source.set_aside(now_s)
    if moved_name(file).exists():
        moved_name(file).replace(file.with_name(f"set-aside-{now_s}-{file.name}"))
