"""The outbox's tables. Amounts are decimal text: wei pass what a database calls an integer."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

from counterfoil.store.view_database import table_text

__all__ = ["SCHEMA_VERSION", "Wei", "attempts", "metadata", "outbox", "outbox_meta", "spent"]

SCHEMA_VERSION: Final = 1
"""Version of the tables; an outbox of a newer one is refused."""

_WEI_DIGITS: Final = 78
"""Digits of 2**256 - 1."""


class Wei(TypeDecorator[int]):
    """An amount from 0 to 2**256 - 1, stored as decimal text."""

    impl = String(_WEI_DIGITS)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Any) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: Any) -> int | None:
        return None if value is None else int(value)


class Words(TypeDecorator[str]):
    """What a contract or a node said: as every database holds it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return table_text(value)


metadata: Final = MetaData()

outbox_meta: Final = Table(
    "outbox_meta",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(100), nullable=False),
)
"""Rows `version`, `chain_id`, `account`, and `genesis` once a node has shown it."""

outbox: Final = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(200), unique=True),
    Column("purpose", String(200), nullable=False),
    Column("receiver", LargeBinary(20)),
    Column("data", LargeBinary, nullable=False),
    Column("value_wei", Wei, nullable=False),
    Column("gas", BigInteger),
    Column("gas_limit", BigInteger),
    Column("nonce", BigInteger, unique=True),
    Column("state", String(10), nullable=False),
    Column("is_cancel_asked", Boolean, nullable=False, default=False),
    Column("max_fee_wei", Wei),
    Column("tip_wei", Wei),
    Column("created_s", Float, nullable=False),
    Column("changed_s", Float, nullable=False),
    Column("sent_s", Float),
    Column("final_s", Float),
    Column("transaction_hash", LargeBinary(32)),
    Column("block_number", BigInteger),
    Column("block_hash", LargeBinary(32)),
    Column("gas_used", BigInteger),
    Column("fee_paid_wei", Wei),
    Column("error", Words, nullable=False, default=""),
    Index("outbox_by_state", "state"),
    sqlite_autoincrement=True,  # the id of a row is never given to another
)
"""What is to be done, one row for each. `gas` is what the caller set, `gas_limit` what is signed."""

attempts: Final = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("row", Integer, ForeignKey("outbox.id"), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("raw", LargeBinary, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("max_fee_wei", Wei, nullable=False),
    Column("tip_wei", Wei, nullable=False),
    Column("most_wei", Wei, nullable=False),
    Column("first_sent_s", Float, nullable=False),
    Column("tip_number", BigInteger, nullable=False),
    Index("attempts_by_row", "row"),
    Index("attempts_by_nonce", "nonce"),
    sqlite_autoincrement=True,
)
"""Everything that was ever signed. `most_wei` is the most it can cost, `tip_number` the newest block then."""

spent: Final = Table(
    "spent",
    metadata,
    Column("row", Integer, ForeignKey("outbox.id"), primary_key=True, autoincrement=False),
    Column("time_s", Float, nullable=False),
    Column("paid_wei", Wei, nullable=False),
    Index("spent_by_time", "time_s"),
)
"""What final transactions cost, fee and value, for the day's limit."""
