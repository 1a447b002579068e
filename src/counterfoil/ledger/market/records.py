"""What a log says of something done on a ledger's market, so that log and ledger point at each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.statement import Draft
from counterfoil.errors import MalformedEvidence

__all__ = ["STREAM", "TradeRecord"]

STREAM: Final = "trades"

_TEXTS: Final = ("action", "contract", "transaction", "asset", "offer", "order", "token", "amount", "digest")


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """Something done on the market from this home; nothing in it that the ledger does not show.

    Attributes:
        action: `offered`, `withdrawn`, `bought`, `delivered`, `settled`, `refunded`, `paid`, `deposited`,
            `claimed`, `reviewed`, `fee`, `paused`, `resumed`, `governor offered`, `governor accepted`, `collected` or
            `minted`.
        chain_id: The ledger's number.
        contract: Address of the contract it was done in, `0x…` in mixed case.
        transaction: Hash of the transaction that did it, `0x` and 64 digits.
        asset: Id of the asset, `0x…`; empty where it is about none.
        offer: Id of the offer, likewise.
        order: Id of the order, likewise.
        token: Address of the token, likewise.
        amount: Of the token, decimal text such as `12.50`; empty where none is moved or asked.
        digest: SHA-256 of the offer sheet, delivery statement, execution receipt or review, 64 hexadecimal digits; the
            root of claims; empty without one.
        of: Leaf hash of the record before it about the same order or offer; empty without one.
    """

    action: str
    chain_id: int
    contract: str
    transaction: str
    asset: str = ""
    offer: str = ""
    order: str = ""
    token: str = ""
    amount: str = ""
    digest: str = ""
    of: str = ""

    @property
    def subject(self) -> str:
        """What it is about: the order, else the offer, the asset, or the contract."""
        return self.order or self.offer or self.asset or self.contract

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about = {name: getattr(self, name) for name in _TEXTS} | {"chainId": self.chain_id}
        return Draft("trade", STREAM, self.subject, (self.of,) if self.of else (), about)

    @classmethod
    def from_about(cls, about: Mapping[str, Any], of: str = "") -> TradeRecord:
        """Reads it back from the public part of its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        try:
            told = {name: about[name] for name in _TEXTS}
            chain_id = about["chainId"]
        except (KeyError, TypeError) as error:
            raise MalformedEvidence("a trade record lacks a part") from error
        if not all(isinstance(each, str) for each in told.values()) or type(chain_id) is not int:
            raise MalformedEvidence("a trade record holds another type")
        return cls(chain_id=chain_id, of=of, **told)
