"""Vaults as version 1 wrote them, to be brought to this version."""

from __future__ import annotations

import sqlite3
from pathlib import Path

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE subjects (
    id INTEGER PRIMARY KEY,
    tag BLOB NOT NULL UNIQUE,
    wrapped_key BLOB NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE payloads (
    idx INTEGER PRIMARY KEY,
    subject INTEGER REFERENCES subjects (id),
    wrapped_rk BLOB NOT NULL,
    body BLOB NOT NULL,
    retain_until_s INTEGER NOT NULL,
    state TEXT NOT NULL
);
CREATE INDEX payloads_subject ON payloads (subject) WHERE subject IS NOT NULL;
CREATE INDEX payloads_erased ON payloads (idx) WHERE state = 'E';
CREATE TABLE resealed (idx INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE restrictions (idx INTEGER PRIMARY KEY, until_s INTEGER NOT NULL);
"""


def make_older(path: Path) -> None:
    """Replaces a vault of this version, all of it here, by one of version 1 with the same contents."""
    older = path.with_name("older.db")
    db = sqlite3.connect(older, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(_TABLES)
    db.execute("ATTACH ? AS new", (str(path),))
    db.execute("BEGIN")
    db.execute("INSERT INTO meta SELECT name, iif(name = 'version', 1, value) FROM new.meta")
    for table in ("subjects", "resealed", "restrictions"):
        db.execute(f"INSERT INTO main.{table} SELECT * FROM new.{table}")
    db.execute(
        "INSERT INTO main.payloads SELECT idx, subject, wrapped_rk, body, retain_until_s, state"
        " FROM new.payloads JOIN new.bodies USING (idx) ORDER BY idx"
    )
    db.execute("COMMIT")
    db.close()
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    older.rename(path)
    path.chmod(0o600)
