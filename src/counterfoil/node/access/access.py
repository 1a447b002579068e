"""Who may come in: keys, people and other nodes, behind the one question that the gate asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from counterfoil.errors import LogUnavailable, NotSignedIn
from counterfoil.node.access.keys import Keys, NewKey
from counterfoil.node.access.records import AccessRecords
from counterfoil.node.gate import Scope
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import NodeState
from counterfoil.web.roles import Principal, Role

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["HOME", "Access"]

HOME = "home"
"""In the place of an id: whoever works on the home itself."""


class Access:
    """Lets into one node who may come in.

    Args:
        state: The node's state.
        settings: How long sessions last, and when an account is locked.
        org: The organisation, whose log tells of every change.
        now: Returns Unix seconds.

    Attributes:
        keys: Keys of applications and people.
    """

    def __init__(
        self, state: NodeState, settings: NodeSettings, org: Organisation, now: Callable[[], float] = time.time
    ) -> None:
        self._records = AccessRecords(state, org.recorder, org.archive)
        self.keys = Keys(state, self._records, now)
        self._now = now
        self._settle()

    def identify(self, scope: Scope) -> Principal | None:
        """Returns who sends a request; see `node.gate.Identify`.

        Raises:
            NotSignedIn: The key is wrong, was revoked or has expired.
        """
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            return None
        if len(given) > 1:
            raise NotSignedIn("this request names two keys", hint="send one Authorization header")
        return self.keys.identify(_bearer(given[0]))

    def first_admin(self) -> NewKey | None:
        """Makes a key for an admin where nobody could come in as one; returns it, to be shown once."""
        now_s = self._now()
        if any(Role.ADMIN in key.roles and key.works_at(now_s) for key in self.keys.all()):
            return None
        return self.keys.add("first admin", frozenset({Role.ADMIN}), by=HOME)

    def keep(self) -> None:
        """Writes down what is in memory only, and what could not be put on record before."""
        self.keys.keep()
        self._settle()

    def _settle(self) -> None:
        try:
            self._records.settle()
        except LogUnavailable:
            return  # who may come in is known without it; whoever changes that is told


def _bearer(header: bytes) -> str:
    """Returns the key in an Authorization header (RFC 6750, 2.1)."""
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer":
        raise NotSignedIn("this node takes no such credentials", hint="send the key as `Authorization: Bearer …`")
    return token.strip().decode("latin-1")
