"""Secrets that are made here, shown once, and known afterwards by their digest only.

    key      cf_<8 hexadecimal digits of its id>_<256 random bits, base64url>
    session  <256 random bits, base64url>

A fast digest is enough at rest: nobody guesses 256 random bits.
"""

from __future__ import annotations

import os
import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

from counterfoil.core.statement import is_time
from counterfoil.errors import InvalidInput
from counterfoil.store.streams import parse_time
from counterfoil.web.roles import Role

__all__ = ["KEY_PREFIX", "digest_of", "expiry_s", "new_secret", "read_roles", "require_name", "roles_text"]

KEY_PREFIX: Final = "cf_"
SECRET_BYTES: Final = 32
MOST_NAME_CHARS: Final = 80
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def new_secret() -> str:
    """Returns 256 random bits, 43 characters of base64url."""
    return urlsafe_b64encode(os.urandom(SECRET_BYTES)).rstrip(b"=").decode()


def digest_of(secret: str) -> bytes:
    """Returns what is kept of a secret: its SHA-256, 32 bytes."""
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()


def expiry_s(text: str, now_s: float) -> int | None:
    """Returns when something ends, Unix seconds; None for an empty text, which never does.

    Args:
        text: UTC, `2027-01-31T00:00:00Z`, or a date, whose first second is meant.
        now_s: Unix seconds.

    Raises:
        InvalidInput: It is no time, or has passed.
    """
    if not text:
        return None
    full = f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text
    hint = "a date, 2027-01-31, or a time in UTC, 2027-01-31T12:00:00Z"
    try:
        found = parse_time(full) if is_time(full) else None
    except ValueError:
        found = None
    if found is None:
        raise InvalidInput(f"{text[:40]!r} is not a time", hint=hint)
    if found <= now_s:
        raise InvalidInput(f"{text} has passed; a key that never worked helps nobody", hint=hint)
    return found


def read_roles(text: str) -> frozenset[Role]:
    """Returns roles as they are kept, `auditor operator`."""
    return frozenset(Role(word) for word in text.split())


def roles_text(roles: frozenset[Role]) -> str:
    """Returns the text that `read_roles` reads."""
    return " ".join(sorted(roles))


def require_name(name: str) -> str:
    """Returns what somebody calls a key.

    Raises:
        InvalidInput: It is empty, too long, or no single line of text.
    """
    if not 1 <= len(name) <= MOST_NAME_CHARS or not name.isprintable() or name != name.strip():
        raise InvalidInput("that cannot name a key", hint=f"one line of 1 to {MOST_NAME_CHARS} characters")
    return name
