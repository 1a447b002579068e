"""A transaction with a fee cap (EIP-1559, EIP-2718 type 2): what is signed, and its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from counterfoil.core.keccak import keccak256
from counterfoil.core.rlp import Encodable, decode, encode, parse_number
from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = ["TYPE", "SignedTransaction", "Transaction"]

TYPE: Final = b"\x02"


@dataclass(frozen=True, slots=True)
class Transaction:
    """What an account is asked to sign.

    Attributes:
        chain_id: The chain it is bound to.
        nonce: Its number among the account's transactions, from 0.
        to: 20 bytes of the receiver; None makes a contract.
        data: Calldata, or a contract's creation code.
        gas: Most gas it may use.
        max_fee_wei: Most it pays for a unit of gas.
        tip_wei: Of that, most goes to the block's maker.
        value_wei: What it carries.
    """

    chain_id: int
    nonce: int
    to: bytes | None
    data: bytes
    gas: int
    max_fee_wei: int
    tip_wei: int
    value_wei: int = 0

    def __post_init__(self) -> None:
        numbers = (self.chain_id, self.nonce, self.gas, self.max_fee_wei, self.tip_wei, self.value_wei)
        if min(numbers) < 0 or max(numbers) >= 2**256 or (self.to is not None and len(self.to) != 20):
            raise InvalidInput("a transaction has numbers from 0 to 2^256 - 1 and a receiver of 20 bytes")

    @property
    def most_wei(self) -> int:
        """The most it can cost, what it carries included."""
        return self.gas * self.max_fee_wei + self.value_wei

    def signing_hash(self) -> bytes:
        """Returns the 32 bytes that are signed: keccak256(0x02 || rlp(fields)) (EIP-1559)."""
        return keccak256(TYPE + encode(self._fields()))

    def signed(self, r: int, s: int, y_parity: int) -> SignedTransaction:
        """Returns it with its signature."""
        return SignedTransaction(TYPE + encode([*self._fields(), y_parity, r, s]), self)

    def _fields(self) -> list[Encodable]:
        to = self.to or b""
        numbers = (self.chain_id, self.nonce, self.tip_wei, self.max_fee_wei, self.gas)
        return [*numbers, to, self.value_wei, self.data, []]


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction as nodes take it.

    Attributes:
        raw: The bytes that are sent.
        transaction: What they say.
    """

    raw: bytes
    transaction: Transaction

    @property
    def hash(self) -> bytes:
        """The 32 bytes it is known by."""
        return keccak256(self.raw)

    @classmethod
    def decode(cls, raw: bytes) -> tuple[Self, tuple[int, int, int]]:
        """Reads a signed transaction; returns it with its signature (r, s, y_parity).

        Raises:
            MalformedEvidence: When it is something else, or lists accounts to be warmed.
        """
        fields = decode(raw[1:]) if raw[:1] == TYPE else None
        if not isinstance(fields, list) or len(fields) != 12 or fields[8]:
            raise MalformedEvidence("not a plain EIP-1559 transaction")
        to, data = fields[5], fields[7]
        if not isinstance(to, bytes) or not isinstance(data, bytes):
            raise MalformedEvidence("not a plain EIP-1559 transaction")
        chain_id, nonce, tip_wei, max_fee_wei, gas, value_wei, y_parity, r, s = (
            parse_number(fields[place]) for place in (0, 1, 2, 3, 4, 6, 9, 10, 11)
        )
        try:
            transaction = Transaction(chain_id, nonce, to or None, data, gas, max_fee_wei, tip_wei, value_wei)
        except InvalidInput as error:
            raise MalformedEvidence("not a plain EIP-1559 transaction") from error
        return cls(raw, transaction), (r, s, y_parity)
