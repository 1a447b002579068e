"""Access as JSON: one shape for the command line, the HTTP API and whoever reads either."""

from __future__ import annotations

from typing import Any

from counterfoil.node.access.keys import Key
from counterfoil.node.access.peers import Peer
from counterfoil.node.access.users import User
from counterfoil.store.streams import time_text

__all__ = ["key_json", "peer_json", "user_json"]


def key_json(key: Key, now_s: float) -> dict[str, Any]:
    """Returns what is known of a key; never the key itself."""
    return {
        "id": key.id,
        "name": key.name,
        "roles": sorted(key.roles),
        "made": time_text(key.made_s),
        "expires": _time(key.expires_s),
        "revoked": _time(key.revoked_s),
        "used": _time(key.used_s),
        "works": key.works_at(now_s),
    }


def user_json(user: User) -> dict[str, Any]:
    """Returns what is known of somebody with a password."""
    return {
        "name": user.name,
        "roles": sorted(user.roles),
        "made": time_text(user.made_s),
        "login": _time(user.login_s),
    }


def peer_json(peer: Peer) -> dict[str, Any]:
    """Returns what is known of a listed node."""
    return {
        "origin": peer.origin,
        "vkey": str(peer.key),
        "roles": sorted(peer.roles),
        "made": time_text(peer.made_s),
    }


def _time(time_s: int | None) -> str | None:
    return None if time_s is None else time_text(time_s)
