"""Where an outbox keeps its rows: a file of the home, or a schema in PostgreSQL.

Either way one process at a time holds it, and what it acknowledged is on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final, Protocol

from sqlalchemy import Connection, select

from counterfoil.errors import HomeDamaged, NotSetUp
from counterfoil.ledger.sending.tables import SCHEMA_VERSION, outbox_meta

__all__ = ["RESTORE", "OutboxDatabase", "read_meta", "require_version"]

RESTORE: Final = (
    "nothing was changed; keep all its files, and restore the outbox from a backup made after the last sending"
)


class OutboxDatabase(Protocol):
    """The rows of one outbox.

    Attributes:
        where: Where they are, for messages.
    """

    where: str

    def exists(self) -> bool:
        """Whether there are tables at all; makes none."""

    def open(self, facts: Mapping[str, str]) -> None:
        """Takes the lock, then opens the tables; makes them, with `facts` about them, where there are none.

        Raises:
            LedgerBusy: Another process holds the lock.
            HomeDamaged: The tables are not as they should be; they are left as they are.
            NotSetUp: They were written by another version.
            LogUnavailable: The disk refuses, or the server is away.
        """

    def hold(self) -> int:
        """Makes sure that this process holds the lock; returns how often it had to take it anew.

        Raises:
            LedgerBusy: It was lost, and another process has it.
            LogUnavailable: It was lost, and cannot be taken.
        """

    def writing(self) -> AbstractContextManager[Connection]:
        """Opens a transaction that only the holder of the lock can commit, and that is on disk then."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Opens the tables as they are at one moment."""

    def close(self) -> None:
        """Lets go of the tables and of the lock."""

    def set_aside(self, time_s: int) -> None:
        """Renames what is there, so that nothing is lost and nobody goes on from it; it must not be open."""


def read_meta(connection: Connection) -> dict[str, str]:
    """Returns the rows of `outbox_meta` by name."""
    return {row.name: row.value for row in connection.execute(select(outbox_meta))}


def require_version(what: str, facts: Mapping[str, str], restore: str) -> None:
    """Refuses tables of another version."""
    version = facts.get("version", "")
    if not version.isdigit():
        raise HomeDamaged(f"{what} does not name its version", hint=restore)
    if int(version) > SCHEMA_VERSION:
        raise NotSetUp("this outbox was written by a newer Counterfoil", hint="install the newer version")
    if int(version) < SCHEMA_VERSION:
        raise NotSetUp("this outbox was written by an older Counterfoil", hint="run `counterfoil migrate`")
