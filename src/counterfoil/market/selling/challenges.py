"""Challenges: a word that only the holder of an order's key can read, by which it shows that the order is its own.

    word = HMAC-SHA-256(key, order || turn), 32 bytes, hex

Handed out encrypted to the order's key; a turn lasts ten minutes, and the word of the one before counts too, so
nothing is kept. Without it anybody could ask in a buyer's name, and use up what the buyer may use.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Final

from counterfoil.errors import NotSignedIn

__all__ = ["Challenges", "is_challenge_word"]

TURN_S: Final = 600
_WORD: Final = re.compile(r"[0-9a-f]{64}")


def is_challenge_word(text: str) -> bool:
    """Whether `text` has the form of a challenge's word: nothing else that a node had encrypted is sent back to it."""
    return _WORD.fullmatch(text) is not None


class Challenges:
    """The challenges of one seller's home.

    Args:
        key: 32 secret bytes.
        now: Returns Unix seconds.
    """

    def __init__(self, key: bytes, now: Callable[[], float] = time.time) -> None:
        self._key = sha256(b"counterfoil challenges 1" + key).digest()
        self._now = now

    def word(self, order: str) -> str:
        """Returns the word for an order now."""
        return self._word(order, self._turn())

    def require(self, order: str, word: str) -> None:
        """Refuses what is not the word for this order, now or a turn ago.

        Raises:
            NotSignedIn: With the same words whatever is wrong.
        """
        turn = self._turn()
        known = [self._word(order, each) for each in (turn, turn - 1)]
        if not word.isascii() or not any(compare_digest(word, each) for each in known):
            raise NotSignedIn(
                "the challenge was not answered by the holder of the order's key",
                hint="ask for a challenge and open it with the order's key; it holds for ten minutes",
            )

    def _turn(self) -> int:
        return int(self._now()) // TURN_S

    def _word(self, order: str, turn: int) -> str:
        return digest(self._key, order.encode() + turn.to_bytes(8), "sha256").hex()
