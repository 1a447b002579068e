"""How much may be spent: per transaction, per day, and what the account holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from counterfoil.errors import InvalidInput, OutOfFunds, OverLimit
from counterfoil.ledger.sending.rows import OutboxRow

__all__ = ["DAY_S", "Budget", "SpendingLimits"]

DAY_S: Final = 86_400
"""The day of `per_day_wei` is the last 24 hours, at any time."""


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """The most that may leave the account, fees and values together.

    What is under way counts with the most it can cost until it is final, then with what it cost.

    Attributes:
        per_day_wei: In any 24 hours.
        per_transaction_wei: With one transaction.
    """

    per_day_wei: int
    per_transaction_wei: int

    def __post_init__(self) -> None:
        if min(self.per_day_wei, self.per_transaction_wei) < 0:
            raise InvalidInput("a spending limit is an amount of at least 0 wei")

    def require(self, most_wei: int, committed_wei: int) -> None:
        """Refuses a transaction that may cost too much.

        Args:
            most_wei: The most it can cost.
            committed_wei: What was paid in the last 24 hours, and the most that is under way can cost.

        Raises:
            OverLimit: It would pass a limit.
        """
        if most_wei > self.per_transaction_wei:
            raise OverLimit(
                f"it may cost {most_wei:,} wei, and one transaction may cost {self.per_transaction_wei:,}",
                hint="raise the limit per transaction, or cancel it",
            )
        if committed_wei + most_wei > self.per_day_wei:
            raise OverLimit(
                f"it may cost {most_wei:,} wei, and {committed_wei:,} of the day's {self.per_day_wei:,} are gone",
                hint="it goes out by itself when older payments are a day old; or raise the limit per day",
            )


class Budget:
    """What may still be promised in one step.

    Args:
        limits: The most that may leave.
        paid_wei: What final transactions of the last 24 hours cost.
        balance_wei: What the account holds in the newest block.
        under_way: Rows that are sent or in a block.
    """

    def __init__(self, limits: SpendingLimits, paid_wei: int, balance_wei: int, under_way: Iterable[OutboxRow]) -> None:
        rows = list(under_way)
        self._limits = limits
        self._committed_wei = paid_wei + sum(row.most_wei for row in rows)
        # What is in a block is off the balance already.
        self.free_wei = balance_wei - sum(row.most_wei for row in rows if row.block_number is None)

    def take(self, most_wei: int, *, instead_of_wei: int = 0) -> None:
        """Promises `most_wei`, in place of what an earlier version of the same row can cost.

        Raises:
            OverLimit: It would pass a limit.
            OutOfFunds: The account does not hold it.
        """
        more_wei = max(0, most_wei - instead_of_wei)
        self._limits.require(most_wei, self._committed_wei - instead_of_wei)
        if more_wei > self.free_wei:
            raise OutOfFunds(
                f"it may cost {more_wei:,} wei more, and the account has {max(0, self.free_wei):,} to spare",
                hint="send the account funds; what waits goes out by itself then",
            )
        self._committed_wei += more_wei
        self.free_wei -= more_wei
