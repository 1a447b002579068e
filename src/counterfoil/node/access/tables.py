"""What the node remembers of who may come in. Of secrets there are digests only."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table

from counterfoil.node.state import metadata

__all__ = ["failures", "keys", "nonces", "peers", "sessions", "untold", "users"]

keys: Final = Table(
    "access_keys",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("name", String, nullable=False),
    Column("roles", String, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("made_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger),
    Column("revoked_s", BigInteger),
    Column("used_s", BigInteger),
)

users: Final = Table(
    "access_users",
    metadata,
    Column("name", String, primary_key=True),
    Column("roles", String, nullable=False),
    Column("password", String, nullable=False),
    Column("made_s", BigInteger, nullable=False),
    Column("login_s", BigInteger),
)

sessions: Final = Table(
    "access_sessions",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("user", String, nullable=False),
    Column("began_s", BigInteger, nullable=False),
    Column("used_s", BigInteger, nullable=False),
)

failures: Final = Table(
    "access_failures",
    metadata,
    Column("who", LargeBinary(16), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_s", BigInteger, nullable=False),
    Column("locked_until_s", BigInteger, nullable=False),
)

peers: Final = Table(
    "access_peers",
    metadata,
    Column("origin", String, primary_key=True),
    Column("vkey", String, nullable=False),
    Column("roles", String, nullable=False),
    Column("made_s", BigInteger, nullable=False),
)

nonces: Final = Table(
    "access_nonces",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("peer", String, nullable=False),
    Column("expires_s", BigInteger, nullable=False),
)

untold: Final = Table(
    "access_untold",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("values", String, nullable=False),
)
"""What was taken away and is not on record yet."""
