"""Market keys that this home knows to be an organisation's, so that terms can name organisations by their origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Column, String, Table, select

from counterfoil.core.note import ED25519, VerifierKey
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.market.state import MarketState, metadata

__all__ = ["KnownBuyers"]

known_keys: Final = Table("known_keys", metadata, Column("vkey", String(400), primary_key=True))
"""One row a key, in the form of a note's verifier key, whose name is the origin."""


class KnownBuyers:
    """The keys of one home. Safe to use from several threads.

    Args:
        state: Where they are kept.
    """

    def __init__(self, state: MarketState) -> None:
        state.make(known_keys)
        self._state = state

    def add(self, vkey: str) -> VerifierKey:
        """Keeps a key as that of the origin it is named for. Adding it again changes nothing.

        Raises:
            MalformedEvidence: It is no key in note form.
            InvalidInput: It is no Ed25519 key.
        """
        key = VerifierKey.parse(vkey)
        if key.kind != ED25519:
            raise InvalidInput("a market key is an Ed25519 key", hint="`counterfoil market key` prints a home's own")
        with self._state.writing() as connection:
            if connection.execute(select(known_keys).where(known_keys.c.vkey == str(key))).first() is None:
                connection.execute(known_keys.insert().values(vkey=str(key)))
        return key

    def remove(self, vkey: str) -> None:
        """Forgets a key (NotFound where it is not known)."""
        with self._state.writing() as connection:
            if not connection.execute(known_keys.delete().where(known_keys.c.vkey == vkey)).rowcount:
                raise NotFound("that key is not known here", hint="`counterfoil market known` lists those that are")

    def all(self) -> list[VerifierKey]:
        """Returns all keys, by name."""
        with self._state.reading() as connection:
            found = connection.execute(select(known_keys.c.vkey).order_by(known_keys.c.vkey)).scalars()
            return [VerifierKey.parse(each) for each in found]

    def by_origin(self) -> Mapping[str, frozenset[bytes]]:
        """Returns the public keys (32 bytes) of each origin."""
        found: dict[str, set[bytes]] = {}
        for key in self.all():
            found.setdefault(key.name, set()).add(key.public)
        return {origin: frozenset(keys) for origin, keys in found.items()}
