"""State of contributions beside the log: what an owner opened, what was proposed to it, and what a home proposed."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Float, Index, LargeBinary, String, Table, Text

from counterfoil.market.state import metadata

__all__ = ["ALL", "openings", "plans", "proposals", "sent_proposals", "votes"]

openings: Final = Table(
    "openings",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("asset", String(66), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("is_newest", Boolean, nullable=False),
    Index("openings_by_asset", "asset"),
)
"""One row an opening that this home signed; of an asset one is the newest."""

proposals: Final = Table(
    "proposals",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("asset", String(66), nullable=False),
    Column("key", String(64), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("received_s", Float, nullable=False),
    Column("words", Text, nullable=False),
    Index("proposals_by_asset", "asset", "state"),
    Index("proposals_by_key", "key", "state"),
)
"""One row a proposal that was taken.

`key` is the contributor's public key, `words` are the owner's when it declined.
"""

votes: Final = Table(
    "votes",
    metadata,
    Column("proposal", String(64), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("agrees", Boolean, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""One row a vote: a key has one for each proposal."""

plans: Final = Table(
    "contribution_plans",
    metadata,
    Column("proposal", String(64), primary_key=True),
    Column("offer", String(66), primary_key=True),
    Column("plan", Text, nullable=False),
)
"""One row for each offer that an acceptance changes, as it was worked out before anything was sent; `plan` is JSON."""

sent_proposals: Final = Table(
    "sent_proposals",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("node", String(400), nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""One row a proposal that this home made, and the node it was handed to."""

ALL: Final = (openings, plans, proposals, sent_proposals, votes)
"""Every table of contributions."""
