"""Tickets: what a buyer shows to be given what it bought, for one order and for a time.

    cft_<256 random bits, base64url>

A ticket is handed out encrypted to the order's public key, so whoever can read it is the
buyer. Here only its SHA-256 is kept, beside its end, in a small file for each order.
"""

from __future__ import annotations

import json
import re
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from secrets import token_bytes
from typing import Final

from counterfoil.core.age import FILE_KEY_BYTES, KEY_BYTES, NONCE_BYTES, make_header
from counterfoil.core.age_payload import encrypt
from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, NotSignedIn
from counterfoil.store.durable import replace_file

__all__ = ["TICKET_PREFIX", "TICKET_S", "Tickets", "is_ticket", "no_ticket", "sealed_for"]

TICKET_PREFIX: Final = "cft_"
TICKET_S: Final = 7 * 86_400
"""How long a ticket is good for; a new one can be had as long as the order gives access."""

MOST_TICKETS: Final = 16
"""Of one order at a time; the oldest goes when one more is made."""

_TICKET: Final = re.compile(r"cft_[A-Za-z0-9_-]{43}")
_ORDER: Final = re.compile(r"0x[0-9a-f]{64}")


class Tickets:
    """The tickets of a seller's node. Safe to use from several threads of one process.

    Args:
        folder: Where they are kept; made at first use.
        now_s: Returns the time, Unix seconds.
    """

    def __init__(self, folder: Path, now_s: Callable[[], float]) -> None:
        self._folder = folder
        self._now_s = now_s
        self._lock = threading.Lock()  # held while a file is read and written anew

    def issue(self, order: str, recipient: bytes, *, lasts_s: int = TICKET_S) -> bytes:
        """Returns a new ticket as a file of the age format, for the owner of the order's key alone.

        Raises:
            InvalidInput: The recipient is no key that hides anything.
            LogUnavailable: The disk refuses.
        """
        ticket = TICKET_PREFIX + urlsafe_b64encode(token_bytes(32)).rstrip(b"=").decode()
        sealed = sealed_for(recipient, ticket.encode())
        with self._lock:
            kept = self._live(order)
            kept[_digest(ticket)] = int(self._now_s()) + lasts_s
            newest = sorted(kept.items(), key=lambda each: each[1])[-MOST_TICKETS:]
            self._write(order, dict(newest))
        return sealed

    def require(self, order: str, ticket: str) -> None:
        """Refuses what is no ticket for this order, or no longer.

        Raises:
            NotSignedIn: With the same words whatever is wrong.
        """
        if _ORDER.fullmatch(order) and is_ticket(ticket):
            shown = _digest(ticket)
            with self._lock:
                kept = self._live(order)
            if any(compare_digest(shown, each) for each in kept):
                return
        raise no_ticket()

    def revoke(self, order: str) -> None:
        """Ends all tickets of an order. Doing it again is safe.

        Raises:
            LogUnavailable: The disk refuses.
        """
        with self._lock:
            if self._path(order).exists():
                self._write(order, {})

    def _live(self, order: str) -> dict[str, int]:
        """Returns the digests of the tickets that are good now, and when they end."""
        try:
            kept = json.loads(self._path(order).read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise HomeDamaged("a file of tickets cannot be read", hint="delete it: buyers ask for new ones") from error
        now = self._now_s()
        return {digest: end for digest, end in kept.items() if end > now}

    def _write(self, order: str, kept: dict[str, int]) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path(order), json.dumps(kept).encode())
        except OSError as error:
            raise LogUnavailable(f"a ticket could not be kept: {error.strerror}") from error

    def _path(self, order: str) -> Path:
        if not _ORDER.fullmatch(order):
            raise InvalidInput(f"{order[:80]!r} is no order", hint="0x and 64 digits in small letters")
        return self._folder / f"{order}.json"


def is_ticket(text: str) -> bool:
    """Whether `text` has the form of a ticket, and so is no other credential of a node."""
    return _TICKET.fullmatch(text) is not None


def no_ticket() -> NotSignedIn:
    """Returns the one refusal, whatever is wrong: no order, another's, one refunded, a ticket that ended."""
    return NotSignedIn("that is no ticket for this order", hint="ask the seller's node for one; it may have ended")


def sealed_for(recipient: bytes, data: bytes) -> bytes:
    """Returns a short text as a file of the age format, with keys of its own.

    Raises:
        InvalidInput: The recipient is no key that hides anything.
    """
    file_key = token_bytes(FILE_KEY_BYTES)
    header = make_header(file_key, [(recipient, token_bytes(KEY_BYTES))])
    return encrypt(data, header, file_key, token_bytes(NONCE_BYTES))


def _digest(ticket: str) -> str:
    return sha256(ticket.encode()).hexdigest()
