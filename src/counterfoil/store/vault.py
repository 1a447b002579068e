"""The vault: private values, encrypted, so that erasing a key erases what it opens.

    vault key ─ wraps ─ subject key (one a person) ─ wraps ─ record key ─ seals ─ body
              └ wraps ─ record key, when the record is about nobody
              └ wraps ─ index secret ─ HMAC ─ tag of a subject's reference

The log holds only salted hashes; destroying a record key makes those hashes
unguessable for good, while every proof about the log still holds. References to
people are kept as keyed tags, never in clear. Bodies may be in a depot; keys never are.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Final, Self

from counterfoil.errors import InvalidInput, Locked, NotAllowed, NotFound
from counterfoil.store import vault_erasure, vault_rows
from counterfoil.store.away_bodies import AwayBodies, require_here
from counterfoil.store.depot import Depot
from counterfoil.store.sealing import cipher, open_body, seal_body, unwrap, wrap
from counterfoil.store.vault_bodies import VaultBodies
from counterfoil.store.vault_erasure import Erasure
from counterfoil.store.vault_file import (
    ERASED,
    RESTRICTED,
    STORED,
    committing,
    connect,
    create_file,
    naming_faults,
    read_meta,
    scrub,
)
from counterfoil.store.vault_key import index_secret, take_key, wrap_anew
from counterfoil.store.vault_rows import Absence, Opened, Stored, VaultRow, VaultStats
from counterfoil.store.vault_subjects import Subject, Subjects, record_purpose, require_key

__all__ = ["Absence", "Erasure", "Opened", "Vault", "VaultRow", "VaultStats", "seal_body"]

_CHUNK: Final = 500


class Vault:
    """An open vault. Any thread may call it; one lock covers the connection, the key cache and `bodies`."""

    def __init__(self, db: sqlite3.Connection, key: bytes, *, read_only: bool, depot: Depot | None = None) -> None:
        """For `create` and `open`.

        Raises:
            Locked: When `key` is not the vault's.
        """
        self._lock = Lock()
        self._db = db
        self._read_only = read_only
        self._away = AwayBodies(depot)
        self.withheld: set[int] = set()  # records not given out, for fields of them are still to be erased
        self.bodies = VaultBodies(db, self._lock, read_only=read_only)
        self._key = cipher(key)
        with self._reading() as opened:
            self._subjects = Subjects(self._key, index_secret(opened, self._key))

    @classmethod
    def create(cls, path: Path, key: bytes) -> Self:
        """Makes an empty vault.

        Args:
            path: The file; it must not exist.
            key: The organisation's vault key, 32 bytes.
        """
        org = cipher(key)
        db = create_file(path)
        with naming_faults("create the vault"):
            take_key(db, org)
        return cls(db, key, read_only=False)

    @classmethod
    def open(
        cls,
        path: Path,
        key: bytes,
        *,
        read_only: bool = False,
        previous_key: bytes | None = None,
        depot: Depot | None = None,
    ) -> Self:
        """Opens a vault.

        Args:
            path: The file.
            key: The organisation's vault key, 32 bytes.
            read_only: Refuse every change.
            previous_key: The key before a rotation that may not have reached the vault;
                when only this one fits, the rotation is finished.
            depot: Where bodies may be instead.

        Raises:
            NotSetUp: No vault there, or one of another version.
            Locked: A wrong key.
            HomeDamaged: Something else than a vault.
        """
        db = connect(path, read_only=read_only)
        try:
            try:
                return cls(db, key, read_only=read_only, depot=depot)
            except Locked:
                if previous_key is None:
                    raise
                vault = cls(db, previous_key, read_only=read_only, depot=depot)
                vault.rotate_key(key)
                return vault
        except BaseException:
            db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file. Everything put is durable already."""
        with self._lock:
            self._subjects.forget()
            self._db.close()

    @property
    def id(self) -> bytes:
        """16 random bytes that stay with this vault and its backups."""
        with self._reading() as db:
            return read_meta(db, "vault_id")

    def put_many(self, rows: Sequence[VaultRow]) -> None:
        """Stores a batch in one commit: durable on return, or nothing was stored.

        Args:
            rows: Ascending by index, beyond every index stored so far.

        Raises:
            InvalidInput: Indices out of order, or a subject's reference that is not text.
            LogUnavailable: Disk full, or an I/O error.
        """
        if not rows:
            return
        tags = [self._subjects.tag_of(row.subject) for row in rows]
        with self._writing("save private values") as db:
            with committing(db):
                vault_rows.require_next(db, rows)
                subjects = self._subjects.for_batch(db, {tag for tag in tags if tag is not None})
                nobody = Subject(None, self._key)
                vault_rows.insert(db, rows, [nobody if tag is None else subjects[tag] for tag in tags])
            self._subjects.remember(subjects)

    def get(self, index: int, root: bytes, *, even_withheld: bool = False) -> Opened:
        """Returns the private values of one record.

        Args:
            index: The record's index in the log.
            root: 32 bytes, the field root that the record names.
            even_withheld: For whoever erases fields of it.

        Raises:
            NotFound: Erased, or never stored; the message says which.
            NotAllowed: Restricted until a retention lock ends.
            HomeDamaged: What is stored does not belong to this root, or is nowhere.
            LogUnavailable: It is in a depot that is away.
        """
        return vault_rows.require_opened(*self._read([(index, root)], () if even_withheld else self.withheld)[0])

    def get_many(self, wanted: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, Opened | Absence]]:
        """Yields (index, what is there) for each (index, root), in order, holding 500 at a time.

        Raises:
            HomeDamaged: What is stored does not belong to its root, or is nowhere.
            LogUnavailable: Some of it is in a depot that is away.
        """
        source = iter(wanted)
        while chunk := list(islice(source, _CHUNK)):
            yield from self._read(chunk, self.withheld)

    def bring(self, indices: Iterable[int]) -> None:
        """Fetches what is in a depot, for whoever then holds a lock that others wait for."""
        with self._reading() as db:
            away = [index for index, row in vault_rows.stored(db, indices).items() if row.is_away]
        self._away.bring(away)

    def sealed(self, wanted: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """Yields (index, sealed body) of what can be read and was never resealed, each opened once, ascending.

        Raises:
            HomeDamaged: A body is not here, or does not belong to its root.
        """
        source = iter(wanted)
        while chunk := dict(islice(source, _CHUNK)):
            with self._reading() as db:
                rows = [row for row in vault_rows.stored(db, chunk).values() if row.is_original]
                for row in rows:
                    self._opened(row, chunk[row.record], {})
            yield from sorted((row.record, require_here(row.record, row.sealed)) for row in rows)

    def replace(self, index: int, rk: bytes, sealed: bytes) -> bool:
        """Puts a resealed body (some fields of it gone) in the place of the old one, whose key is destroyed.

        Args:
            index: The record's index in the log.
            rk: The new record key: a key seals one body only.
            sealed: The new body, sealed with the record's root.

        Returns:
            Whether the write-ahead file is clean too, see `Erasure.is_scrubbed`.

        Raises:
            NotFound: Nothing is stored there, or it was erased.
            NotAllowed: The record is restricted.
            InvalidInput: `rk` is the old key.
        """
        with self._writing("replace private values") as db:
            row = vault_rows.stored(db, [index]).get(index)
            if row is None or row.state == ERASED:
                raise NotFound(f"record {index} has no private values to replace")
            if row.state == RESTRICTED:
                raise NotAllowed(f"the private values of record {index} are restricted until a retention lock ends")
            if hmac.compare_digest(self._record_key(row), rk):
                raise InvalidInput("a replaced body needs a new record key")
            wrapped = wrap(self._subjects.key_of(row.tag, row.wrapped_key), rk, record_purpose(index))
            with committing(db):
                db.execute("UPDATE payloads SET wrapped_rk = ? WHERE idx = ?", (wrapped, index))
                db.execute("UPDATE bodies SET body = zeroblob(length(body)) WHERE idx = ?", (index,))
                db.execute("INSERT OR REPLACE INTO resealed VALUES (?, ?)", (index, sealed))
            return scrub(db)

    def require_covered(self, size: int) -> None:
        """Refuses a log of `size` records that lacks more than a crash can take (HomeDamaged)."""
        with self._reading() as db:
            vault_rows.require_covered(db, size)

    def truncate(self, size: int) -> int:
        """Drops what a crash left between vault and log: rows with an index >= `size`. Returns their number."""
        with self._writing("drop what never reached the log") as db:
            rows = db.execute("SELECT idx FROM payloads WHERE idx >= ?", (size,)).fetchall()
            if rows:
                self._erase(db, Erasure(tuple(index for (index,) in rows)))
                with committing(db):
                    vault_rows.delete_from(db, size)
        return len(rows)

    def subject_tag(self, ref: str) -> bytes:
        """Returns the 16-byte keyed tag that stands for a person's reference in this vault.

        Raises:
            InvalidInput: An empty reference, or one that is not text. The message does not repeat it.
        """
        return self._subjects.tag(ref)

    def subject_of(self, index: int) -> bytes | None:
        """Returns the tag of the person that a record is about; None for nobody, or nothing stored."""
        with self._reading() as db:
            return vault_rows.subject_of(db, index)

    def indices_of(self, subject: str) -> list[int]:
        """Returns the log indices with values still kept about a person, restricted ones included."""
        with self._reading() as db:
            return vault_erasure.kept(db, self.subject_tag(subject))

    def plan_erasure(self, indices: Iterable[int], now_s: int) -> Erasure:
        """Says what erasing would do, so that it can be logged first. Changes nothing."""
        with self._reading() as db:
            return vault_erasure.plan(db, indices, now_s)

    def erase_record(self, index: int, now_s: int) -> Erasure:
        """Erases one record's private values; under a lock they are restricted at once and kept.

        Raises:
            NotFound: Nothing was ever stored for it.
        """
        with self._writing("erase private values") as db:
            if db.execute("SELECT 1 FROM payloads WHERE idx = ?", (index,)).fetchone() is None:
                raise NotFound(f"no private values were ever stored for record {index}")
            return self._erase(db, vault_erasure.plan(db, [index], now_s))

    def erase_subject(self, ref: str, now_s: int) -> Erasure:
        """Erases everything about a person that no lock keeps; what a lock keeps is restricted at once.

        Raises:
            NotFound: Nobody is known under that reference.
        """
        tag = self.subject_tag(ref)
        with self._writing("erase private values") as db:
            if db.execute("SELECT 1 FROM subjects WHERE tag = ?", (tag,)).fetchone() is None:
                raise NotFound("nobody is known under that reference", hint="use the reference given at the decision")
            return self._erase(db, vault_erasure.plan(db, vault_erasure.kept(db, tag), now_s))

    def apply_erasure(self, indices: Iterable[int], restrict_until: Iterable[tuple[int, int]] = ()) -> Erasure:
        """Does what a logged erasure says: once, or again after a backup was restored.

        Args:
            indices: Records to shred.
            restrict_until: (log index, Unix seconds) of records to restrict.
        """
        with self._writing("apply logged erasures") as db:
            return self._erase(db, Erasure(tuple(indices), tuple(restrict_until)))

    def due(self, now_s: int) -> list[int]:
        """Returns the restricted records whose lock has ended by `now_s`."""
        with self._reading() as db:
            return vault_erasure.due(db, now_s)

    def shred_due(self, now_s: int) -> Erasure:
        """Shreds the restricted records whose lock has ended."""
        with self._writing("erase private values") as db:
            return self._erase(db, Erasure(tuple(vault_erasure.due(db, now_s))))

    @property
    def erasures_applied(self) -> int:
        """Log index up to which logged erasures were applied here."""
        with self._reading() as db:
            return int(db.execute("SELECT value FROM meta WHERE name = 'erasures_applied'").fetchone()[0])

    def mark_erasures_applied(self, index: int) -> None:
        """Remembers that the erasures logged below `index` were applied."""
        with self._writing("remember applied erasures") as db:
            db.execute("UPDATE meta SET value = ? WHERE name = 'erasures_applied'", (index,))

    def scrub(self) -> bool:
        """Empties the write-ahead file. False while another program reads from it."""
        with self._lock:
            return scrub(self._db)

    def stats(self) -> VaultStats:
        """Returns counts and size, without reading any value."""
        with self._reading() as db:
            return vault_rows.stats(db)

    def rotate_key(self, new_key: bytes) -> bool:
        """Wraps every key again under `new_key`, in one commit. Tags and bodies stay as they are.

        Returns:
            Whether the write-ahead file is clean too, see `Erasure.is_scrubbed`.
        """
        new = cipher(new_key)
        with self._writing("change the vault key") as db:
            with committing(db):
                secret = wrap_anew(db, self._key, new)
            self._key = new
            self._subjects = Subjects(new, secret)
            return scrub(db)

    def _record_key(self, row: Stored) -> bytes:
        key = self._subjects.key_of(row.tag, row.wrapped_key)
        return require_key(unwrap(key, row.wrapped_rk, record_purpose(row.record)))

    def _read(
        self, wanted: Sequence[tuple[int, bytes]], withheld: Collection[int]
    ) -> list[tuple[int, Opened | Absence]]:
        """Looks again after each fetch: meanwhile a key may have been destroyed, or another body have left."""
        fetched: dict[int, bytes] = {}
        while True:
            with self._lock, naming_faults("read private values"):
                rows = vault_rows.stored(self._db, [index for index, _ in wanted], withheld)
                away = [index for index, row in rows.items() if row.is_away and index not in fetched]
                if not away:
                    return [(index, self._opened(rows.get(index), root, fetched)) for index, root in wanted]
            fetched |= self._away.fetch(away)

    def _opened(self, row: Stored | None, root: bytes, fetched: Mapping[int, bytes]) -> Opened | Absence:
        if row is None:
            return Absence.NEVER_STORED
        if row.state != STORED:
            return Absence.ERASED if row.state == ERASED else Absence.RESTRICTED
        rk = self._record_key(row)
        sealed = require_here(row.record, fetched.get(row.record) if row.sealed is None else row.sealed)
        return Opened(rk, open_body(rk, root, sealed), row.retain_until_s, row.tag)

    def _erase(self, db: sqlite3.Connection, erasure: Erasure) -> Erasure:
        self._subjects.forget()  # first: a key that outlived its row would seal what nobody can open later
        with committing(db):
            vault_erasure.restrict(db, erasure.restricted)
            vault_erasure.shred(db, erasure.erased)
        return replace(erasure, is_scrubbed=scrub(db))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, naming_faults("read the vault"):
            yield self._db

    @contextmanager
    def _writing(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Holds the lock: what is remembered in memory must change together with the file."""
        if self._read_only:
            raise NotAllowed("the vault was opened for reading only")
        with self._lock, naming_faults(doing):
            yield self._db
