"""The people in a vault: their tags, their keys, and the keys kept unwrapped in memory."""

from __future__ import annotations

import hmac
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Collection
from itertools import islice
from typing import Final, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterfoil.errors import HomeDamaged, InvalidInput
from counterfoil.store.sealing import KEY_BYTES, NONCE_BYTES, cipher, encoded, unwrap, wrap
from counterfoil.store.vault_file import ERASED, STORED

__all__ = ["SUBJECT_CACHE", "TAG_BYTES", "Subject", "Subjects", "record_purpose", "require_key", "rewrap"]

SUBJECT_CACHE: Final = 10_000
"""Subject keys held unwrapped in memory, at most."""

TAG_BYTES: Final = 16

_CHUNK: Final = 500
_FIND: Final = f"SELECT tag, id, wrapped_key, state FROM subjects WHERE tag IN ({','.join('?' * _CHUNK)})"  # noqa: S608 - no values


class Subject(NamedTuple):
    """Whose key wraps a record's key: a person's row and key, or (None, the vault key) for nobody."""

    id: int | None
    key: AESGCM


class Subjects:
    """Tags and keys of people. The vault's lock covers everything but `tag`.

    Args:
        key: The vault key's cipher.
        index_secret: 32 bytes. Tags depend on it and not on the vault key, so they outlive a rotation.
    """

    def __init__(self, key: AESGCM, index_secret: bytes) -> None:
        self._key = key
        self._tag_key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"counterfoil subject tag").derive(
            index_secret
        )
        self._cache: OrderedDict[bytes, Subject] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are unwrapped in memory."""
        return len(self._cache)

    def tag(self, ref: str) -> bytes:
        """Returns the 16-byte keyed tag that stands for a person's reference.

        Raises:
            InvalidInput: An empty reference, or one that is not text. The message does not repeat it.
        """
        data = encoded(ref)
        if data is None:
            raise InvalidInput("a subject's reference is text that UTF-8 can hold")
        if not data:
            raise InvalidInput("a subject's reference is empty", hint="pass None for a record about nobody")
        return hmac.digest(self._tag_key, data, "sha256")[:TAG_BYTES]

    def tag_of(self, subject: str | bytes | None) -> bytes | None:
        """Returns the tag of a reference; a tag, and None, as they are (InvalidInput as `tag`)."""
        return subject if subject is None or isinstance(subject, bytes) else self.tag(subject)

    def for_batch(self, db: sqlite3.Connection, tags: Collection[bytes]) -> dict[bytes, Subject]:
        """Returns the subjects of a batch, making those that are new or come back after an erasure.

        The caller passes them to `remember` once they are committed, not before.
        """
        found = {tag: self._cache[tag] for tag in tags if tag in self._cache}
        # Sorted, neighbours in the index are written together.
        missing = iter(sorted(tag for tag in tags if tag not in found))
        fresh: list[bytes] = []
        while chunk := list(islice(missing, _CHUNK)):
            known = db.execute(_FIND, chunk + [None] * (_CHUNK - len(chunk))).fetchall()
            for tag, number, wrapped, state in known:
                key = self._revived(db, tag, number) if state == ERASED else self.key_of(tag, wrapped)
                found[tag] = Subject(number, key)
            fresh += chunk if not known else [tag for tag in chunk if tag not in found]
        if fresh:
            found.update(self._added(db, fresh))
        return found

    def remember(self, subjects: dict[bytes, Subject]) -> None:
        """Keeps committed keys unwrapped, the least recently used ones make room."""
        self._cache.update(subjects)
        for tag in subjects if len(self._cache) > SUBJECT_CACHE else ():
            self._cache.move_to_end(tag)
        while len(self._cache) > SUBJECT_CACHE:
            self._cache.popitem(last=False)

    def forget(self) -> None:
        """Drops every unwrapped key from memory."""
        self._cache.clear()

    def key_of(self, tag: bytes | None, wrapped: bytes | None) -> AESGCM:
        """Returns the key that wraps a record's key: its subject's, or the vault's own."""
        if tag is None or wrapped is None:
            return self._key
        cached = self._cache.get(tag)
        if cached is not None:
            self._cache.move_to_end(tag)
            return cached.key
        return cipher(require_key(unwrap(self._key, wrapped, tag)))

    def _added(self, db: sqlite3.Connection, tags: list[bytes]) -> dict[bytes, Subject]:
        first = (db.execute("SELECT max(id) FROM subjects").fetchone()[0] or 0) + 1
        size = KEY_BYTES + NONCE_BYTES
        noise = os.urandom(size * len(tags))
        added: dict[bytes, Subject] = {}
        rows = []
        for number, tag in enumerate(tags):
            key = noise[number * size : number * size + KEY_BYTES]
            nonce = noise[number * size + KEY_BYTES : (number + 1) * size]
            added[tag] = Subject(first + number, AESGCM(key))
            rows.append((first + number, tag, nonce + self._key.encrypt(nonce, key, tag), STORED))
        db.executemany("INSERT INTO subjects VALUES (?, ?, ?, ?)", rows)
        return added

    def _revived(self, db: sqlite3.Connection, tag: bytes, number: int) -> AESGCM:
        key = os.urandom(KEY_BYTES)
        db.execute(
            "UPDATE subjects SET wrapped_key = ?, state = ? WHERE id = ?", (wrap(self._key, key, tag), STORED, number)
        )
        return cipher(key)


def rewrap(db: sqlite3.Connection, old: AESGCM, new: AESGCM) -> None:
    """Wraps again every key that the vault key wraps: people's, and those of records about nobody."""
    _rewrap(
        db,
        (old, new),
        "SELECT id, tag, wrapped_key FROM subjects WHERE id > ? AND state <> 'E' ORDER BY id LIMIT 1000",
        "UPDATE subjects SET wrapped_key = ? WHERE id = ?",
    )
    _rewrap(
        db,
        (old, new),
        "SELECT idx, NULL, wrapped_rk FROM payloads"
        " WHERE idx > ? AND subject IS NULL AND state <> 'E' ORDER BY idx LIMIT 1000",
        "UPDATE payloads SET wrapped_rk = ? WHERE idx = ?",
    )


def _rewrap(db: sqlite3.Connection, keys: tuple[AESGCM, AESGCM], read: str, write: str) -> None:
    old, new = keys
    last = -1
    while rows := db.execute(read, (last,)).fetchall():
        changed = []
        for number, tag, wrapped in rows:
            purpose = record_purpose(number) if tag is None else tag
            changed.append((wrap(new, require_key(unwrap(old, wrapped, purpose)), purpose), number))
        db.executemany(write, changed)
        last = rows[-1][0]


def record_purpose(index: int) -> bytes:
    """Returns what a wrapped record key is bound to, so that it cannot be moved to another record."""
    return index.to_bytes(8, "big")


def require_key(key: bytes | None) -> bytes:
    """Returns `key`, or raises HomeDamaged when unwrapping gave none."""
    if key is None:
        raise HomeDamaged("a wrapped key in the vault was altered", hint="restore the vault from a backup")
    return key
