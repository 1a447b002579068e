"""Passwords: Argon2id (RFC 9106), slow on purpose, and equally slow for people who are not there."""

from __future__ import annotations

import os
import threading
import unicodedata
from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from counterfoil.errors import INSTALL_NODE, InvalidInput, NotSetUp

__all__ = ["COST", "LEAST_CHARS", "Cost", "Passwords"]

LEAST_CHARS: Final = 12
MOST_CHARS: Final = 1_000
MOST_AT_ONCE: Final = 2
"""Hashes worked out at once; each takes the memory below, and strangers can ask for them."""

SALT_BYTES: Final = 16
HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs; by default the second of the parameters that RFC 9106, 4 recommends.

    Attributes:
        passes: Over the memory.
        memory_kib: Memory, in KiB.
        lanes: That are filled side by side.
    """

    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4


COST: Final = Cost()


class Passwords:
    """Hashes passwords and checks them. Safe to use from many threads, which wait for each other.

    Args:
        cost: Of one hash; hashes of another cost are made anew when their owner signs in.

    Raises:
        NotSetUp: The package for Argon2 is not installed.
    """

    def __init__(self, cost: Cost = COST) -> None:
        try:
            from argon2 import PasswordHasher
        except ImportError as error:
            raise NotSetUp("passwords need the package argon2-cffi", hint=INSTALL_NODE) from error
        self._hasher = PasswordHasher(cost.passes, cost.memory_kib, cost.lanes, HASH_BYTES, SALT_BYTES)
        self._nobody = _hash_of_nothing(cost)
        self._turn = threading.BoundedSemaphore(MOST_AT_ONCE)

    def hash(self, password: str) -> str:
        """Returns what is kept of a password.

        Raises:
            InvalidInput: It is too short or too long.
        """
        text = _normal(password)
        if text is None or not LEAST_CHARS <= len(text) <= MOST_CHARS:
            raise InvalidInput(
                f"a password has {LEAST_CHARS} to {MOST_CHARS:,} characters, this one {len(password)}",
                hint="a few words that nobody would guess; nothing asks for digits or signs",
            )
        with self._turn:
            return self._hasher.hash(text)

    def is_right(self, kept: str | None, password: str) -> bool:
        """Whether a password is the one that was hashed; as much work where nothing was kept."""
        from argon2.exceptions import InvalidHashError, VerificationError

        text = _normal(password)
        with self._turn:
            try:
                is_right = self._hasher.verify(kept or self._nobody, text or "")
            except (VerificationError, InvalidHashError):
                return False
        return is_right and kept is not None and text is not None

    def is_dated(self, kept: str) -> bool:
        """Whether a hash was made at another cost."""
        return self._hasher.check_needs_rehash(kept)


def _normal(password: str) -> str | None:
    """Returns a password as RFC 8265, 4 has it: the same letters typed in two ways are one password.

    None for one that is too long: the time that normalising takes grows with the square of the length, and
    nothing else in the process runs meanwhile.
    """
    return None if len(password) > MOST_CHARS else unicodedata.normalize("NFC", password)


def _hash_of_nothing(cost: Cost) -> str:
    """Returns a hash that no password has, and that takes the same time to find that out."""
    salt, value = (b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (SALT_BYTES, HASH_BYTES))
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${salt}${value}"
