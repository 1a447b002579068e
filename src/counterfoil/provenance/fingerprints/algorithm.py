"""The hash of a file's content: SHA-256, or BLAKE3 where both sides agree on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from counterfoil.errors import INSTALL_FINGERPRINT, InvalidInput, NotSetUp

__all__ = ["ALGORITHMS", "Algorithm", "Hash", "new_hash", "require_algorithm"]

Algorithm: TypeAlias = Literal["sha256", "blake3"]
"""Both give 32 bytes."""

ALGORITHMS: Final[tuple[Algorithm, ...]] = ("sha256", "blake3")

Hash: TypeAlias = Callable[..., Any]
"""Makes a hash object of the bytes it is given; it has `update` and `digest`, and lets other threads run."""


def new_hash(algorithm: Algorithm) -> Hash:
    """Returns what makes hash objects.

    Raises:
        NotSetUp: The package for BLAKE3 is missing.
    """
    if algorithm == "sha256":
        return hashlib.sha256
    try:
        from blake3 import blake3
    except ImportError as error:
        raise NotSetUp("BLAKE3 needs the package blake3, which is missing", hint=INSTALL_FINGERPRINT) from error
    return blake3


def require_algorithm(text: object) -> Algorithm:
    """Returns the algorithm of this name (InvalidInput for any other)."""
    for each in ALGORITHMS:
        if text == each:
            return each
    raise InvalidInput(f"{str(text)[:40]!r} is no algorithm for fingerprints", hint=f"one of {', '.join(ALGORITHMS)}")
