"""The vault key in the table `meta`: how it is recognised, and the secret that it wraps there."""

from __future__ import annotations

import os
import sqlite3
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.errors import HomeDamaged, Locked
from counterfoil.store.sealing import KEY_BYTES, unwrap, wrap
from counterfoil.store.vault_file import VAULT_VERSION, read_meta
from counterfoil.store.vault_subjects import rewrap

__all__ = ["index_secret", "take_key", "wrap_anew"]

_CHECK: Final = b"counterfoil vault key"


def take_key(db: sqlite3.Connection, key: AESGCM) -> None:
    """Writes what a new vault says of itself: version, id, and a fresh index secret under its key."""
    values: list[tuple[str, bytes | int]] = [
        ("version", VAULT_VERSION),
        ("vault_id", os.urandom(16)),
        ("key_check", wrap(key, _CHECK, b"check")),
        ("index_secret", wrap(key, os.urandom(KEY_BYTES), b"index")),
        ("erasures_applied", 0),
    ]
    db.executemany("INSERT INTO meta VALUES (?, ?)", values)


def index_secret(db: sqlite3.Connection, key: AESGCM) -> bytes:
    """Returns the secret that tags depend on, 32 bytes.

    Raises:
        Locked: `key` is not the vault's.
        HomeDamaged: The secret was altered.
    """
    if unwrap(key, read_meta(db, "key_check"), b"check") != _CHECK:
        raise Locked(
            "this key does not open the vault",
            hint="vault.db and keys.json belong together; restore both from the same backup",
        )
    secret = unwrap(key, read_meta(db, "index_secret"), b"index")
    if secret is None:
        raise HomeDamaged("the vault's index secret was altered", hint="restore the vault from a backup")
    return secret


def wrap_anew(db: sqlite3.Connection, old: AESGCM, new: AESGCM) -> bytes:
    """Wraps under a new key all that the old one wraps; returns the index secret, which stays."""
    secret = index_secret(db, old)
    db.execute("UPDATE meta SET value = ? WHERE name = 'key_check'", (wrap(new, _CHECK, b"check"),))
    db.execute("UPDATE meta SET value = ? WHERE name = 'index_secret'", (wrap(new, secret, b"index"),))
    rewrap(db, old, new)
    return secret
