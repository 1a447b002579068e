"""Where the outbox of an account is: the settings say so, and it is moved there by a command, never left behind.

A file that was moved to a database keeps its name with `.moved` behind it, so that nobody
starts an empty outbox beside it: an empty one would send again what is sent already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from counterfoil.errors import NotSetUp
from counterfoil.ledger.connection import Connection, LedgerPaths
from counterfoil.ledger.sending.database import OutboxDatabase
from counterfoil.ledger.sending.postgres_outbox import PostgresOutbox, outbox_schema
from counterfoil.ledger.sending.sqlite_outbox import SqliteOutbox, set_aside

__all__ = ["moved_name", "outbox_place", "set_all_aside", "wanted_place"]

MOVE: Final = "run `counterfoil ledger move-outbox`"


def outbox_place(paths: LedgerPaths, chain_id: int, account: bytes) -> OutboxDatabase:
    """Returns the outbox of an account, not opened yet.

    Raises:
        NotSetUp: The settings name another place than the one where it is.
    """
    file = paths.outbox(chain_id, account)
    if paths.outbox_url and file.exists():
        raise NotSetUp(f"the settings name an outbox_url, and the outbox is still in {file}", hint=MOVE)
    if not paths.outbox_url and moved_name(file).exists():
        raise NotSetUp(
            f"the outbox of {file} was moved to a database, and the settings name no outbox_url",
            hint=f"name it again, or {MOVE} --from with its address to move it back",
        )
    return wanted_place(paths, chain_id, account)


def wanted_place(paths: LedgerPaths, chain_id: int, account: bytes) -> OutboxDatabase:
    """Returns where the settings want the outbox of an account, not opened yet."""
    if paths.outbox_url:
        return PostgresOutbox(paths.outbox_url, outbox_schema(chain_id, account))
    return SqliteOutbox(paths.outbox(chain_id, account))


def set_all_aside(paths: LedgerPaths, connection: Connection, now_s: int) -> None:
    """Sets aside the outbox of a connection and what its ledger told, under names with the time in them."""
    where = connection.where
    wanted_place(paths, where.chain_id, bytes.fromhex(connection.account[2:])).set_aside(now_s)
    set_aside(paths.book(where), now_s)
    if connection.assets:
        set_aside(paths.asset_book(where.chain_id, bytes.fromhex(connection.assets[2:])), now_s)
    if connection.market:
        set_aside(paths.market_book(where.chain_id, bytes.fromhex(connection.market[2:])), now_s)


def moved_name(file: Path) -> Path:
    """Returns the name of an outbox's file after its rows were moved."""
    return file.with_name(file.name + ".moved")
