"""Rows of the outbox: what is to be sent, every version that was signed, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import RowMapping

__all__ = ["OPEN", "Attempt", "Kind", "OutboxRow", "State", "read_attempt", "read_row"]


class State(StrEnum):
    """Where a row stands.

    waiting -> sent -> mined -> final | refused | cancelled. A reorganisation leads from mined back to
    sent; a number used by another wallet from sent back to waiting.
    """

    WAITING = "waiting"
    """Durable here; no signed bytes have left yet under a number it still holds."""
    SENT = "sent"
    """Signed under a number of its own, the bytes kept; in no block."""
    MINED = "mined"
    """In a block that may still be taken back."""
    FINAL = "final"
    """Done, in a block that stays."""
    REFUSED = "refused"
    """The contract refused it: in a block that stays, or before anything was sent."""
    CANCELLED = "cancelled"
    """Nothing was done: taken back before it was sent, or an empty transaction took its number."""

    @property
    def is_done(self) -> bool:
        """Whether nothing changes it any more."""
        return self not in OPEN


OPEN: Final = (State.WAITING, State.SENT, State.MINED)
"""States that may still change."""


class Kind(StrEnum):
    """What a signed version does."""

    SEND = "send"
    CANCEL = "cancel"
    """Sends nothing to the account itself, to use the number up."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed version of a row.

    Attributes:
        nonce: Its number among the account's transactions.
        hash: 32 bytes it is known by.
        raw: The bytes that are sent.
        kind: What it does.
        max_fee_wei: Most it pays for a unit of gas.
        tip_wei: Of that, most goes to the block's maker.
        most_wei: Most it can cost in all, what it carries included.
        first_sent_s: When it was signed, Unix seconds.
        tip_number: The newest block then.
    """

    nonce: int
    hash: bytes
    raw: bytes = field(repr=False)
    kind: Kind
    max_fee_wei: int
    tip_wei: int
    most_wei: int
    first_sent_s: float
    tip_number: int


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One transaction to be executed once.

    Attributes:
        id: Its number here; numbers are given in the order of submission and never again.
        key: The caller's idempotency key; empty without one.
        purpose: What it is for, in the caller's words.
        to: 20 bytes of the receiver; None makes a contract.
        data: Calldata, or a contract's creation code.
        value_wei: What it carries.
        gas: Most gas, as the caller set it; None when it is estimated.
        gas_limit: Most gas, as signed; None before.
        nonce: Its number among the account's transactions; None before, and after another wallet used it.
        state: Where it stands.
        is_cancel_asked: Whether its number is to be used up by an empty transaction.
        max_fee_wei: Most that was offered last for a unit of gas; None before.
        tip_wei: Of that, most for the block's maker; None before.
        created_s: When it was submitted, Unix seconds.
        changed_s: When `state` last changed.
        sent_s: When it was first signed; None before.
        final_s: When it was done; None before.
        transaction_hash: 32 bytes of the version in a block, else of the newest; None before.
        block_number: Height of its block; None while it is in none.
        block_hash: 32 bytes.
        gas_used: None while it is in no block.
        fee_paid_wei: None while it is in no block; 0 when it was done without a transaction.
        error: Why it was refused or cancelled, in words; empty for what went well, in a block too.
        attempts: Every signed version, oldest first, those of lost numbers included.
    """

    id: int
    key: str
    purpose: str
    to: bytes | None
    data: bytes = field(repr=False)
    value_wei: int
    gas: int | None
    gas_limit: int | None
    nonce: int | None
    state: State
    is_cancel_asked: bool
    max_fee_wei: int | None
    tip_wei: int | None
    created_s: float
    changed_s: float
    sent_s: float | None
    final_s: float | None
    transaction_hash: bytes | None
    block_number: int | None
    block_hash: bytes | None
    gas_used: int | None
    fee_paid_wei: int | None
    error: str
    attempts: tuple[Attempt, ...] = field(repr=False)

    @property
    def live(self) -> tuple[Attempt, ...]:
        """The signed versions under the number it holds now: at most one of them can ever be executed."""
        return tuple(attempt for attempt in self.attempts if attempt.nonce == self.nonce)

    @property
    def most_wei(self) -> int:
        """The most that its live versions can cost."""
        return max((attempt.most_wei for attempt in self.live), default=0)


def read_row(found: RowMapping | dict[str, Any], signed: Sequence[Attempt]) -> OutboxRow:
    """Returns a row of the table `outbox` with its signed versions."""
    values = dict(found)
    return OutboxRow(
        to=values.pop("receiver"),
        state=State(values.pop("state")),
        key=values.pop("key") or "",
        attempts=tuple(signed),
        **values,
    )


def read_attempt(found: RowMapping) -> Attempt:
    """Returns a row of the table `attempts`."""
    values = {name: value for name, value in found.items() if name not in ("id", "row", "kind")}
    return Attempt(kind=Kind(found["kind"]), **values)
