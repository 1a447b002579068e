"""Why a row does not get on, in plain words, and since when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from counterfoil.ledger.sending.rows import OutboxRow

__all__ = ["Cause", "Notes", "Stuck"]


class Cause(StrEnum):
    """What holds a row up."""

    UNREACHABLE = "unreachable"
    """No node answers."""
    CONTRADICTS = "contradicts"
    """The node says what cannot be."""
    FEE_CEILING = "fee_ceiling"
    """A unit of gas costs more than is offered, and more is not allowed."""
    OUT_OF_FUNDS = "out_of_funds"
    """The account cannot pay it."""
    SPENDING_LIMIT = "spending_limit"
    """It may cost more than the limits allow."""
    SIGNER = "signer"
    """The signer does not sign."""
    WOULD_REFUSE = "would_refuse"
    """The contract would refuse it now; transactions before it may change that."""
    NODE_REFUSED = "node_refused"
    """The node did not take it."""
    USED_ELSEWHERE = "used_elsewhere"
    """Another wallet uses the account, and took its number."""
    EARLIER_WAITS = "earlier_waits"
    """One before it is stuck."""
    LATE = "late"
    """It should be in a block by now."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A row that does not get on.

    Attributes:
        id: Its number in the outbox.
        purpose: What it is for.
        cause: What holds it up.
        reason: The same in words, with what to do.
        since_s: When this was noticed first, Unix seconds, by this process.
    """

    id: int
    purpose: str
    cause: Cause
    reason: str
    since_s: float


class Notes:
    """What one step found in the way; the first finding about a row counts.

    Args:
        before: Those of the step before; what is the same keeps its time.
        now_s: Unix seconds.
    """

    def __init__(self, before: Notes | None = None, now_s: float = 0) -> None:
        self._before = {} if before is None else before.stuck
        self._now_s = now_s
        self.stuck: dict[int, Stuck] = {}

    def add(self, row: OutboxRow, cause: Cause, reason: str) -> None:
        """Notes what holds a row up."""
        if row.id in self.stuck:
            return
        known = self._before.get(row.id)
        since_s = known.since_s if known is not None and known.cause == cause else self._now_s
        self.stuck[row.id] = Stuck(row.id, row.purpose, cause, reason, since_s)

    def add_all(self, rows: Iterable[OutboxRow], cause: Cause, reason: str) -> None:
        """Notes the same for many rows."""
        for row in rows:
            self.add(row, cause, reason)

    def add_those_behind(self, rows: Iterable[OutboxRow]) -> None:
        """Notes for every row behind a stuck one that it waits for it: `rows` in the order in which they go out."""
        first: Stuck | None = None
        for row in rows:
            if first is not None and row.block_number is None:
                self.add(row, Cause.EARLIER_WAITS, f"it waits for row {first.id} before it: {first.reason}"[:_WORDS])
            if first is None and row.id in self.stuck:
                first = self.stuck[row.id]


_WORDS: Final = 500
