"""One SQLite file of the owner's state: what it acknowledged is on disk, and a fault is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from counterfoil.errors import HomeDamaged, LogUnavailable, NotSetUp

__all__ = ["StateFile"]

_WAIT_S: Final = 30.0


class StateFile:
    """A file with tables of one version. Each use opens it anew, so that threads and processes may share it.

    Args:
        path: The file; made when missing, readable by its owner only.
        tables: What makes the tables.
        version: Of the tables.

    Raises:
        HomeDamaged: It is no such file.
        NotSetUp: It was written by another version.
        LogUnavailable: The disk refuses.
    """

    def __init__(self, path: Path, tables: str, version: int) -> None:
        self.path = path
        with self.writing(touch=True) as connection:
            [found] = connection.execute("PRAGMA user_version").fetchone()
            if found not in (0, version):
                raise NotSetUp(
                    f"{path.name} was written by another version of Counterfoil", hint="install that version"
                )
            if found == 0:
                for statement in tables.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version:d}")

    @contextmanager
    def writing(self, *, touch: bool = False) -> Iterator[sqlite3.Connection]:
        """Opens the tables for changes by one writer at a time: on disk when the block ends, or none of them."""
        with self._open(touch) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Opens the tables as they are."""
        with self._open(touch=False) as connection:
            yield connection

    @contextmanager
    def _open(self, touch: bool) -> Iterator[sqlite3.Connection]:
        try:
            if touch:
                self.path.touch(mode=0o600)
            with closing(sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = EXTRA")
                yield connection
        except (sqlite3.OperationalError, OSError) as error:
            raise LogUnavailable(
                f"{self.path.name} cannot be used: {error}", hint="free some disk space, then try again"
            ) from error
        except sqlite3.DatabaseError as error:
            raise HomeDamaged(f"{self.path.name} is damaged: {error}", hint="restore it from a backup") from error
