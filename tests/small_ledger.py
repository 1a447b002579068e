"""Small embedded ledgers for tests: funded accounts, a clock in the test's hand, three contracts of a few bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.hexadecimal import data, quantity

CHAIN_ID = 7_000_000_007
START_S = 1_795_460_400
FUNDS_WEI = 10**20
GWEI = 10**9


@dataclass
class Clock:
    """Tells the time that the test sets."""

    time_s: float = START_S

    def __call__(self) -> float:
        return self.time_s


@dataclass
class Purse:
    """Accounts that count their own transactions."""

    accounts: list[LocalAccount] = field(
        default_factory=lambda: [LocalAccount(bytes([number]) * 32) for number in range(1, 5)]
    )
    nonces: dict[int, int] = field(default_factory=dict)

    def address(self, who: int) -> bytes:
        return self.accounts[who].address

    @property
    def funded(self) -> dict[bytes, int]:
        return {account.address: FUNDS_WEI for account in self.accounts}

    def sign(
        self,
        who: int = 0,
        to: bytes | None = b"\x77" * 20,
        calldata: bytes = b"",
        *,
        value: int = 0,
        gas: int = 1_000_000,
        max_fee: int = 10 * GWEI,
        tip: int = 0,
        nonce: int | None = None,
        chain_id: int = CHAIN_ID,
    ) -> bytes:
        """Returns the account's next transaction, or one with a nonce of the test's choice, which is not counted."""
        if nonce is None:
            nonce = self.nonces.get(who, 0)
            self.nonces[who] = nonce + 1
        transaction = Transaction(chain_id, nonce, to, calldata, gas, max_fee, tip, value)
        return self.accounts[who].sign(transaction).raw


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def init_code(runtime: bytes) -> bytes:
    """Returns creation code that deploys `runtime`: PUSH2 size DUP1 PUSH2 11 PUSH0 CODECOPY PUSH0 RETURN."""
    return bytes.fromhex(f"61{len(runtime):04x}8061000b5f395ff3") + runtime


STORE = bytes.fromhex("5f35602035555f545f5260205ff3")
"""Stores the first word of calldata at the slot that the second names; returns slot 0."""

TELL = bytes.fromhex("365f5f375f3560203533365fa300")
"""Tells its calldata; topics are the caller, the second word, and the first."""

REFUSE = bytes.fromhex("365f5f37365ffd")
"""Reverts with its calldata."""


@dataclass
class Contracts:
    """The three contracts, deployed, and what is asked of them."""

    ledger: EmbeddedLedger
    store: bytes
    tell: bytes
    refuse: bytes

    @classmethod
    def deploy(cls, ledger: EmbeddedLedger, purse: Purse) -> Self:
        raws = [purse.sign(3, None, init_code(code)) for code in (STORE, TELL, REFUSE)]
        receipts = [ledger.call("eth_getTransactionReceipt", data(made)) for made in ledger.send(raws)]
        return cls(ledger, *(bytes.fromhex(receipt["contractAddress"][2:]) for receipt in receipts))

    def call(self, to: bytes, calldata: bytes, which: Any = "latest") -> str:
        result: str = self.ledger.call("eth_call", {"to": data(to), "data": data(calldata)}, which)
        return result

    def slot(self, number: int, which: Any = "latest") -> int:
        return int(self.ledger.call("eth_getStorageAt", data(self.store), quantity(number), which), 16)
