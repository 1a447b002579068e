"""Secrets of a de-identification, all worked out from one key of the home.

    project key    = HMAC-SHA-256(home key, "counterfoil pseudonyms v1" 0x00 project)
    pseudonym      = "p_" + first 32 hex digits of HMAC-SHA-256(project key, "pseudonym" 0x00 of 0x00 value)
    shift in days  = from the first 16 bytes of HMAC-SHA-256(project key, "shift" 0x00 person), see `shift_days`

Texts are UTF-8. Who has the key can work out every pseudonym of every value; nobody else can try values out.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final, Self

__all__ = ["KEY_BYTES", "ProjectKey"]

KEY_BYTES: Final = 32
_PURPOSE: Final = b"counterfoil pseudonyms v1\x00"


@dataclass(frozen=True, slots=True, repr=False)
class ProjectKey:
    """The secret of one project.

    Attributes:
        secret: 32 bytes.
    """

    secret: bytes

    @classmethod
    def of(cls, home_key: bytes, project: str) -> Self:
        """Returns the key of a project, from 32 bytes that the home keeps secret."""
        if len(home_key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        return cls(hmac.digest(home_key, _PURPOSE + project.encode(), "sha256"))

    def pseudonym(self, of: str, value: str) -> str:
        """Returns the pseudonym of a value among those that `of` names: 34 characters."""
        return "p_" + hmac.digest(self.secret, _said("pseudonym", of, value), "sha256").hex()[:32]

    def shift_days(self, person: str, most_days: int) -> int:
        """Returns by how many days a person's dates move: -most_days to most_days, and never 0."""
        drawn = int.from_bytes(hmac.digest(self.secret, _said("shift", person), "sha256")[:16], "big")
        days = drawn % (2 * most_days) - most_days
        return days if days < 0 else days + 1


def _said(*parts: str) -> bytes:
    return b"\x00".join(part.encode("utf-8", "surrogatepass") for part in parts)
