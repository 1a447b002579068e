"""Algorithms and publishers that the owner approved by hand, beside what offer sheets say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Column, Integer, String, Table, select

from counterfoil.core.note import ED25519, VerifierKey
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.market.compute.approvals import Approvals
from counterfoil.market.state import MarketState, metadata

__all__ = ["Approved"]

approved: Final = Table(
    "approved_algorithms",
    metadata,
    Column("what", String(400), primary_key=True),
    Column("made_s", Integer, nullable=False),
)
"""One row a digest (64 hexadecimal digits) or a publisher's key in note form."""

_DIGITS: Final = frozenset("0123456789abcdef")


class Approved:
    """What one owner approved. Safe to use from several threads.

    Args:
        state: Where it is kept.
        now: Returns Unix seconds.
    """

    def __init__(self, state: MarketState, now: Callable[[], int]) -> None:
        state.make(approved)
        self._state = state
        self._now = now

    def add(self, what: str) -> str:
        """Approves a digest, or whatever a publisher publishes. Adding it again changes nothing.

        Raises:
            InvalidInput: It is neither a digest nor an Ed25519 key in note form.
        """
        named = _read(what)
        with self._state.writing() as connection:
            if connection.execute(select(approved).where(approved.c.what == named)).first() is None:
                connection.execute(approved.insert().values(what=named, made_s=self._now()))
        return named

    def remove(self, what: str) -> None:
        """Takes an approval back (NotFound where there is none): jobs that wait are asked about again."""
        with self._state.writing() as connection:
            if not connection.execute(approved.delete().where(approved.c.what == what)).rowcount:
                raise NotFound("that was never approved here", hint="`counterfoil market approved` lists what was")

    def all(self) -> list[str]:
        """Returns everything approved, oldest first."""
        with self._state.reading() as connection:
            return list(
                connection.execute(select(approved.c.what).order_by(approved.c.made_s, approved.c.what)).scalars()
            )

    def approvals(self) -> Approvals:
        """Returns it as whoever runs jobs asks for it."""
        named = self.all()
        publishers = tuple(VerifierKey.parse(each) for each in named if not _is_digest(each))
        return Approvals(frozenset(filter(_is_digest, named)), publishers)


def _read(what: str) -> str:
    if _is_digest(what):
        return what
    if "+" not in what:
        raise InvalidInput(
            f"{what[:80]!r} is neither an algorithm's digest of 64 hex digits nor a publisher's market key",
            hint="`counterfoil market algorithm` prints the digest of a file or folder",
        )
    key = VerifierKey.parse(what)
    if key.kind != ED25519:
        raise InvalidInput("a publisher signs with an Ed25519 key", hint="`counterfoil market key` prints a home's own")
    return str(key)


def _is_digest(what: str) -> bool:
    return len(what) == 64 and not set(what) - _DIGITS
