"""Other organisations' nodes that an admin has listed, each known by its key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from counterfoil.core.note import ED25519, VerifierKey
from counterfoil.errors import InvalidInput, MalformedEvidence, NotFound, NotSignedIn
from counterfoil.node.access.body_digest import guarded_body
from counterfoil.node.access.nonces import Nonces
from counterfoil.node.access.records import AccessRecords, Change
from counterfoil.node.access.signing import authority_of, read_claim
from counterfoil.node.access.tables import peers as table
from counterfoil.node.access.tokens import read_roles, roles_text
from counterfoil.node.gate import BODY_GUARD, Scope
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import NodeState
from counterfoil.web.roles import Principal, Role

__all__ = ["Peer", "Peers"]

WHERE: Final = "its admin finds it at Access, Other nodes of their console, as this node's own; it is in no file"
"""Where the key of a node is found, and not in issuer.vkey, which is a log's."""

_LOOPBACK: Final = ("127.0.0.1", "[::1]", "localhost")


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node.

    Attributes:
        key: Its public key, under the origin of its log.
        roles: What it may do here; none lets it only be known.
        made_s: When it was listed, Unix seconds.
        principal: As whom it acts.
    """

    key: VerifierKey
    roles: frozenset[Role]
    made_s: int
    principal: Principal

    @property
    def origin(self) -> str:
        """Name of its log."""
        return self.key.name


class Peers:
    """The nodes that one node knows. Safe to use from many threads.

    Args:
        state: Where they are kept.
        records: Puts changes on record.
        nonces: Remembers which requests were taken.
        settings: Under which address this node is reached.
        public_url: That address.
        now: Returns Unix seconds.
        not_a_peer: Returns why a key is known to be no other node's, in words; empty where it may be one.
    """

    def __init__(
        self,
        state: NodeState,
        records: AccessRecords,
        nonces: Nonces,
        settings: NodeSettings,
        public_url: str,
        now: Callable[[], float],
        not_a_peer: Callable[[VerifierKey], str],
    ) -> None:
        self._state = state
        self._records = records
        self._nonces = nonces
        self._most_body_bytes = settings.most_body_bytes
        self._public_url = urlsplit(public_url)
        self._now = now
        self._not_a_peer = not_a_peer
        self._changing = threading.Lock()  # covers whoever replaces a peer in _peers
        with state.reading() as connection:
            rows = connection.execute(select(table)).all()
        found = [_peer(VerifierKey.parse(row.vkey), read_roles(row.roles), row.made_s) for row in rows]
        self._peers = {peer.key.fingerprint: peer for peer in found}

    def all(self) -> list[Peer]:
        """Returns every peer, by origin."""
        return sorted(self._peers.values(), key=lambda peer: peer.origin)

    def require(self, origin: str) -> Peer:
        """Returns a peer by its origin.

        Raises:
            NotFound: None of that origin is listed.
        """
        for peer in self._peers.values():
            if peer.origin == origin:
                return peer
        raise NotFound(f"no peer {origin[:80]!r} is listed", hint="see: counterfoil access list")

    def add(self, vkey: str, roles: frozenset[Role], *, by: str, tag: bytes | None = None) -> tuple[Peer, int]:
        """Lists a node, or gives a listed one another key or other roles; returns it and the place of the record.

        Args:
            vkey: Its public key, `bank.example+1a2b3c4d+AVt5…`, got from its organisation by a way that is trusted.
            roles: What it may do here; never all that an admin may.
            by: Id of whoever lists it.
            tag: Of the request that asks for it.

        Raises:
            InvalidInput: That is no public key of another node, as far as this one knows, or the role is admin.
            LogUnavailable: It could not be recorded or kept.
        """
        if Role.ADMIN in roles:
            raise InvalidInput("another organisation's node cannot be an admin here", hint="auditor sees everything")
        key = _parse(vkey)
        if fault := self._not_a_peer(key):
            raise InvalidInput(f"{fault}, not of another node", hint=f"the key of the other node is wanted: {WHERE}")
        peer = _peer(key, roles, int(self._now()))
        with self._changing:
            place = self._records.write(
                Change("add peer", peer.principal.id, by, name=key.fingerprint, roles=roles), tag
            )
            values = {"vkey": str(key), "roles": roles_text(roles), "made_s": peer.made_s}
            with self._state.writing() as connection:
                statement = insert(table).values(origin=key.name, **values)
                connection.execute(statement.on_conflict_do_update(index_elements=["origin"], set_=values))
            self._peers = self._without(key.name) | {key.fingerprint: peer}
        return peer, place

    def remove(self, origin: str, *, by: str) -> None:
        """Lets a node in no more.

        Raises:
            NotFound: None of that origin is listed.
            LogUnavailable: It could not be kept, and it stays; or it is done, and not on record yet.
        """
        with self._changing:
            self.require(origin)
            with self._state.writing() as connection:
                connection.execute(delete(table).where(table.c.origin == origin))
                self._records.keep(connection, Change("remove peer", f"node:{origin}", by))
            self._peers = self._without(origin)
        self._records.settle()

    def identify(self, scope: Scope) -> Principal:
        """Returns which node signed a request.

        1. it is read, strictly; 2. its key is listed; 3. the signature is that key's; 4. it was meant for this
        node; 5. it was made just now; 6. it was never taken before; 7. its body is held back until its digest was
        checked, which the gate does.

        Raises:
            NotSignedIn: One of these does not hold.
            TooManyRequests: It sent so many requests that no more can be remembered.
        """
        claim = read_claim(scope)
        peer = self._peers.get(claim.key)
        if peer is None or not claim.is_signed_by(peer.key.public):
            raise NotSignedIn("no node listed here signed this request", hint="ask its admin to list your node's key")
        if not self._is_mine(claim.authority, scope):
            raise NotSignedIn("this request was signed for another node", hint="sign the address that you call")
        now_s = self._now()
        if not claim.is_current(now_s):
            raise NotSignedIn("this signature is too old, too early or too long-lived", hint="compare the clocks")
        self._nonces.take(peer.key.fingerprint, claim.nonce, claim.expires_s)
        scope["state"][BODY_GUARD] = lambda receive: guarded_body(receive, claim.digest, self._most_body_bytes)
        return peer.principal

    def _is_mine(self, authority: str, scope: Scope) -> bool:
        """Whether a request was meant for this node: for its public address, or on this machine, for its port."""
        if self._public_url.netloc:
            return authority == authority_of(self._public_url.scheme, self._public_url.netloc)
        port = (scope.get("server") or ("", None))[1]
        scheme = scope.get("scheme", "http")
        return any(authority == authority_of(scheme, f"{name}:{port}") for name in _LOOPBACK)

    def _without(self, origin: str) -> dict[str, Peer]:
        return {name: peer for name, peer in self._peers.items() if peer.origin != origin}


def _peer(key: VerifierKey, roles: frozenset[Role], made_s: int) -> Peer:
    return Peer(key, roles, made_s, Principal(f"node:{key.name}", roles))


def _parse(vkey: str) -> VerifierKey:
    try:
        key = VerifierKey.parse(vkey)
    except MalformedEvidence as error:
        raise InvalidInput("that is not the public key of a node", hint=f"copy all of it: {WHERE}") from error
    if key.kind != ED25519:
        raise InvalidInput("that is the key of a witness, not of a node", hint=WHERE)
    return key
