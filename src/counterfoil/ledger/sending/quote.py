"""What one change to a contract would cost, and what it would make public, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from counterfoil.errors import OutOfFunds, OverLimit
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.amounts import amount

__all__ = ["Quote"]


@dataclass(frozen=True, slots=True)
class Quote:
    """One transaction, or several to one end, before they are sent.

    Attributes:
        title: What it does, in words.
        chain_id: The chain.
        contract: 20 bytes of the contract; None while it is to be deployed.
        account: 20 bytes of the account that pays.
        gas: Most gas it is signed for; 0 where nothing is left to be sent.
        most_wei: The most it costs.
        balance_wei: What the account holds.
        left_wei: What the settings still let be spent today.
        asset: Id of the asset, `0x…`; empty where it is about none.
        public: What everybody can read on the ledger afterwards, by name.
        transactions: How many are to be sent, where any is.
        moves: The money that moves, besides fees, in words.
        signs: What the account signs besides transactions, in words.
    """

    title: str
    chain_id: int
    contract: bytes | None
    account: bytes
    gas: int
    most_wei: int
    balance_wei: int
    left_wei: int
    asset: str = ""
    public: Mapping[str, str] = field(default_factory=dict)
    transactions: int = 1
    moves: tuple[str, ...] = ()
    signs: str = ""

    def require_funds(self) -> None:
        """Makes sure that the account can pay, and may.

        Raises:
            OutOfFunds: It cannot.
            OverLimit: The settings allow less today.
        """
        if self.most_wei > self.left_wei:
            raise OverLimit(
                f"to {self.title} costs up to {amount(self.most_wei)}, and {amount(self.left_wei)} may be spent today",
                hint="wait, or raise spend_per_day_gwei in ledger/connection.toml",
            )
        if self.balance_wei < self.most_wei:
            raise OutOfFunds(
                f"the account {checksummed(self.account)} holds {amount(self.balance_wei)}, "
                f"and to {self.title} costs up to {amount(self.most_wei)}",
                hint="send it funds on this chain, then repeat",
            )

    def to_json(self) -> dict[str, Any]:
        """Returns the quote as JSON."""
        return {
            "account": checksummed(self.account),
            "asset": self.asset or None,
            "balance_wei": self.balance_wei,
            "chain_id": self.chain_id,
            "contract": checksummed(self.contract) if self.contract else None,
            "done": False,
            "gas": self.gas,
            "most_wei": self.most_wei,
            "public": dict(self.public),
            "title": self.title,
        }
