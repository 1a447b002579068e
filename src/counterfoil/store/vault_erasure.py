"""What may be erased now, what a lock still keeps, and the shredding itself.

Shredding overwrites keys with zeros, in place (see `vault_file`), and bodies where they
are here; one in a depot stays there and opens for nobody. All functions work inside the
caller's transaction and under the caller's lock.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from counterfoil.store.vault_file import ERASED

__all__ = ["Erasure", "due", "kept", "plan", "restrict", "shred"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure does, or did. Indices ascend; records erased before are in neither list.

    Attributes:
        erased: Log indices whose private values are gone for good.
        restricted: (log index, Unix seconds): unreadable from now on, kept until that time by law or policy.
        is_scrubbed: False when another program held the write-ahead file open, so that old
            bytes may linger in it; `Vault.scrub` finishes.
    """

    erased: tuple[int, ...] = ()
    restricted: tuple[tuple[int, int], ...] = ()
    is_scrubbed: bool = True


def plan(db: sqlite3.Connection, indices: Iterable[int], now_s: int) -> Erasure:
    """Sorts `indices` into what may be shredded at `now_s` and what is under a lock. Changes nothing."""
    rows = db.execute(
        "SELECT p.idx, max(p.retain_until_s, ifnull(r.until_s, 0)) FROM payloads p LEFT JOIN restrictions r USING (idx)"
        " WHERE p.idx IN (SELECT value FROM json_each(?)) AND p.state <> 'E' ORDER BY p.idx",
        (_list(indices),),
    ).fetchall()
    return Erasure(
        tuple(index for index, until_s in rows if until_s <= now_s),
        tuple((index, until_s) for index, until_s in rows if until_s > now_s),
    )


def due(db: sqlite3.Connection, now_s: int) -> list[int]:
    """Returns the restricted records whose lock has ended, oldest record first."""
    rows = db.execute("SELECT idx FROM restrictions WHERE until_s <= ? ORDER BY idx", (now_s,))
    return [index for (index,) in rows]


def kept(db: sqlite3.Connection, tag: bytes) -> list[int]:
    """Returns the records with values still kept about the person with this tag."""
    rows = db.execute(
        "SELECT idx FROM payloads JOIN subjects ON subjects.id = payloads.subject"
        " WHERE tag = ? AND payloads.state <> 'E' ORDER BY idx",
        (tag,),
    )
    return [index for (index,) in rows]


def restrict(db: sqlite3.Connection, restricted: Iterable[tuple[int, int]]) -> None:
    """Makes records unreadable until their lock ends; leaves erased and unknown ones alone."""
    for index, until_s in restricted:
        changed = db.execute("UPDATE payloads SET state = 'R' WHERE idx = ? AND state <> 'E'", (index,)).rowcount
        if changed:
            db.execute("INSERT OR REPLACE INTO restrictions VALUES (?, ?)", (index, until_s))


def shred(db: sqlite3.Connection, indices: Iterable[int]) -> None:
    """Destroys the keys and bodies of records, and the key of each person with nothing left."""
    chosen = _list(indices)
    db.execute(
        "UPDATE payloads SET wrapped_rk = zeroblob(length(wrapped_rk)), state = ?"
        " WHERE idx IN (SELECT value FROM json_each(?)) AND state <> 'E'",
        (ERASED, chosen),
    )
    for table in ("bodies", "resealed"):
        db.execute(
            f"UPDATE {table} SET body = zeroblob(length(body)) WHERE idx IN (SELECT value FROM json_each(?))",  # noqa: S608
            (chosen,),
        )
    db.execute("DELETE FROM restrictions WHERE idx IN (SELECT value FROM json_each(?))", (chosen,))
    db.execute(
        "UPDATE subjects SET wrapped_key = zeroblob(length(wrapped_key)), state = ? WHERE id IN"
        " (SELECT subject FROM payloads WHERE idx IN (SELECT value FROM json_each(?)) AND subject IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM payloads WHERE subject = subjects.id AND state <> 'E')",
        (ERASED, chosen),
    )


def _list(indices: Iterable[int]) -> str:
    return json.dumps(list(indices))
