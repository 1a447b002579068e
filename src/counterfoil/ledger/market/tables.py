"""The tables of what the market told: every event, and what follows from them, with an index for each question.

Amounts are decimal text of a fixed width, so that they can be compared there: a price has up
to 96 bits, and a database's numbers 63. Ids and digests are `0x` or bare digits, addresses
are `0x…` in lower case.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from counterfoil.ledger.market.prices import AMOUNT_DIGITS

__all__ = ["assets", "events", "metadata", "offers", "orders", "splits"]

_Id: Final = String(66)
_Address: Final = String(42)
_Amount: Final = String(AMOUNT_DIGITS)
_Number: Final = String(78)
_Digest: Final = String(66)

metadata: Final = MetaData()

events: Final = Table(
    "market_events",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Integer, primary_key=True, autoincrement=False),
    Column("name", String(40), nullable=False),
    Column("offer", _Id, nullable=False),
    Column("order", _Id, nullable=False),
    Column("asset", _Id, nullable=False),
    Column("account", _Address, nullable=False),
    Column("transaction_hash", LargeBinary(32), nullable=False),
    Column("told", Text, nullable=False),
    Index("market_events_by_offer", "offer", "name"),
    Index("market_events_by_order", "order"),
    Index("market_events_by_asset", "asset"),
    Index("market_events_by_account", "account", "name"),
    Index("market_events_by_name", "name"),
)
"""Everything the market told, and who owns assets and how they stand; what an event is not about is empty."""

offers: Final = Table(
    "market_offers",
    metadata,
    Column("offer", _Id, primary_key=True),
    Column("asset", _Id, nullable=False),
    Column("number", _Number, nullable=False),
    Column("seller", _Address, nullable=False),
    Column("token", _Address, nullable=False),
    Column("price", _Amount, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("duration_s", BigInteger, nullable=False),
    Column("delivery_s", BigInteger, nullable=False),
    Column("window_s", BigInteger, nullable=False),
    Column("referrer_bps", Integer, nullable=False),
    Column("sheet", _Digest, nullable=False),
    Column("split", _Digest, nullable=False),
    Column("supply", BigInteger, nullable=False),
    Column("left", BigInteger, nullable=False),
    Column("is_withdrawn", Boolean, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("event", Integer, nullable=False),
    Index("market_offers_by_asset", "asset"),
    Index("market_offers_by_seller", "seller", "kind"),
    Index("market_offers_by_price", "token", "kind", "price"),
    Index("market_offers_by_kind", "kind", "price"),
    Index("market_offers_by_block", "block", "event"),
)
"""Each offer as it was said last; `block` and `event` tell when."""

orders: Final = Table(
    "market_orders",
    metadata,
    Column("order", _Id, primary_key=True),
    Column("offer", _Id, nullable=False),
    Column("asset", _Id, nullable=False),
    Column("number", _Number, nullable=False),
    Column("buyer", _Address, nullable=False),
    Column("seller", _Address, nullable=False),
    Column("token", _Address, nullable=False),
    Column("price", _Amount, nullable=False),
    Column("rules", _Number, nullable=False),
    Column("sheet", _Digest, nullable=False),
    Column("split", _Digest, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("recipient", _Digest, nullable=False),
    Column("job", _Digest, nullable=False),
    Column("referrer", _Address, nullable=False),
    Column("until", _Number, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("event", Integer, nullable=False),
    Column("transaction_hash", LargeBinary(32), nullable=False),
    Column("state", Integer, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("charge", _Amount, nullable=False),
    Column("digest", _Digest, nullable=False),
    Index("market_orders_by_buyer", "buyer", "state"),
    Index("market_orders_by_seller", "seller", "state"),
    Index("market_orders_by_offer", "offer", "buyer"),
    Index("market_orders_by_state", "state"),
    Index("market_orders_by_block", "block", "event"),
)
"""Each order: what was bought, for good; and how it stands, from `state` on."""

splits: Final = Table(
    "market_splits",
    metadata,
    Column("split", _Digest, primary_key=True),
    Column("shares", Text, nullable=False),
    Column("block", BigInteger, nullable=False),
)
"""Shares that were shown, as JSON, by their hash."""

assets: Final = Table(
    "market_assets",
    metadata,
    Column("asset", _Id, primary_key=True),
    Column("owner", _Address, nullable=False),
    Column("state", Integer, nullable=False),
)
"""Who owns each asset, and how it stands: an offer lapses with another owner, or where it is recalled."""
