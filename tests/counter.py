"""A contract that counts, on a ledger that runs, and an outbox that sends to it: each key must be counted once.

The contract is compiled from Vyper here, once a test run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from anvil import Anvil
from lying_node import LyingNode

from counterfoil.core.keccak import keccak256
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.ledger.rpc.answers import Event, TransactionReceipt
from counterfoil.ledger.rpc.chain import Chain, FeePolicy, Finality
from counterfoil.ledger.rpc.endpoint import Endpoint
from counterfoil.ledger.sending.database import OutboxDatabase
from counterfoil.ledger.sending.outbox import Outbox, OutboxRow, SendingSettings, SpendingLimits, State
from counterfoil.ledger.sending.postgres_outbox import PostgresOutbox
from counterfoil.ledger.sending.rows import OPEN
from counterfoil.ledger.sending.sqlite_outbox import SqliteOutbox
from counterfoil.store.postgres import schema_name

SOURCE = """
# pragma version 0.4.3

event Counted:
    key: indexed(bytes32)
    total: uint256

counts: public(HashMap[bytes32, uint256])
total: public(uint256)
is_shut: public(bool)

@external
@payable
def count(key: bytes32):
    assert not self.is_shut, "the counter is shut"
    self.counts[key] += 1
    self.total += 1
    log Counted(key=key, total=self.total)

@external
def shut(is_shut: bool):
    self.is_shut = is_shut
"""

outbox_url = ""
"""Where outboxes opened from now on keep their rows; in files while empty. Set by the fixture `outbox_on`."""


def place_of(path: Path, url: str = "") -> OutboxDatabase:
    """Returns the outbox that a test calls by a file's name, wherever it is kept."""
    url = url or outbox_url
    return PostgresOutbox(url, schema_name("outbox", "test", str(path).encode())) if url else SqliteOutbox(path)


ETHER = 10**18
BLOCK_S = 12
GENEROUS = SpendingLimits(per_day_wei=1_000 * ETHER, per_transaction_wei=100 * ETHER)
COUNTED = keccak256(b"Counted(bytes32,uint256)")
LATEST_IS_FINAL = Finality("", confirmations=1)
TWELVE_BLOCKS = Finality("", confirmations=12)


@cache
def creation_code() -> bytes:
    import vyper

    return bytes.fromhex(vyper.compile_code(SOURCE, output_formats=["bytecode"])["bytecode"][2:])


def count_call(key: bytes) -> bytes:
    return _selector("count(bytes32)") + key


def shut_call(is_shut: bool) -> bytes:
    return _selector("shut(bool)") + int(is_shut).to_bytes(32, "big")


def key_of(name: object) -> bytes:
    return keccak256(str(name).encode())


class Clock:
    """A clock that tests set."""

    def __init__(self, now_s: float = 1_800_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


class Wallet:
    """Sends by itself, at once: another program that uses an account."""

    def __init__(self, chain: Chain, account: LocalAccount) -> None:
        self.chain = chain
        self.account = account

    def sign(self, to: bytes | None, calldata: bytes, *, nonce: int | None = None, fee_times: int = 1) -> bytes:
        chain, sender = self.chain, self.account.address
        fees = chain.offered()
        number = chain.nonce(sender) if nonce is None else nonce
        gas = 2_000_000 if to is None else 200_000
        most, tip = fees.max_wei * fee_times, fees.tip_wei * fee_times
        return self.account.sign(Transaction(chain.chain_id, number, to, calldata, gas, most, tip)).raw

    def send(self, to: bytes | None, calldata: bytes, *, nonce: int | None = None, fee_times: int = 1) -> bytes:
        raw = self.sign(to, calldata, nonce=nonce, fee_times=fee_times)
        assert self.chain.send_raw([raw]) == [None]
        return keccak256(raw)

    def deploy(self, anvil: Anvil | None = None) -> bytes:
        transaction_hash = self.send(None, creation_code())
        if anvil is not None:
            anvil.call("evm_mine")
        receipt = self.chain.receipt(transaction_hash)
        assert receipt is not None
        assert receipt.contract is not None
        return receipt.contract


class Counting:
    """A counter on a chain, and an outbox that counts on it.

    Attributes:
        chain: The ledger, for looking past the outbox.
        counter: The contract's address.
        clock: The outbox's clock.
        outbox: Open, until `close`.
    """

    def __init__(
        self,
        path: Path,
        chain: Chain,
        account: LocalAccount,
        counter: bytes,
        *,
        limits: SpendingLimits = GENEROUS,
        settings: SendingSettings | None = None,
        through: Chain | None = None,
    ) -> None:
        self.path = path
        self.chain = chain
        self.account = account
        self.counter = counter
        self.limits = limits
        self.settings = settings or SendingSettings()
        self.clock = Clock()
        self.through = through or chain
        self.outbox = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.outbox.close()

    def _open(self) -> Outbox:
        place, chain = place_of(self.path), self.through
        return Outbox(place, chain, self.account, limits=self.limits, settings=self.settings, now=self.clock)

    def reopen(self) -> None:
        """As after a restart of the process: whatever was only in memory is gone."""
        self.outbox.close()
        self.outbox = self._open()

    def submit(self, *names: object, gas: int | None = 100_000, value_wei: int = 0) -> list[int]:
        submit = self.outbox.submit
        calls = [(count_call(key_of(name)), str(name)) for name in names]
        return [
            submit(self.counter, call, gas=gas, value_wei=value_wei, purpose="count", key=key) for call, key in calls
        ]

    def counted(self, name: object) -> int:
        return int.from_bytes(self.chain.call(self.counter, _selector("counts(bytes32)") + key_of(name)), "big")

    @property
    def total(self) -> int:
        return int.from_bytes(self.chain.call(self.counter, _selector("total()")), "big")

    def events(self) -> list[Event]:
        tip = self.chain.require_block("latest").number
        return self.chain.events(0, tip, [self.counter], [COUNTED])

    def states(self, ids: Iterable[int]) -> list[State]:
        return [self.outbox.row(row_id).state for row_id in ids]

    def rows(self, ids: Iterable[int]) -> list[OutboxRow]:
        return [self.outbox.row(row_id) for row_id in ids]

    def mine(self, blocks: int = 1) -> None:
        """Makes blocks where the ledger does not make them by itself."""

    def settle(self, *, steps: int = 30, blocks: int = 1) -> None:
        """Steps, and makes blocks at the pace of a real ledger, until everything is done."""
        for _ in range(steps):
            if not self.outbox.step().open:
                return
            self.mine(blocks)
            self.clock.advance(BLOCK_S)
        left = [(row.id, row.state, row.nonce) for row in self.outbox.rows(states=OPEN)]
        raise AssertionError(f"{len(left)} rows are left, the oldest are {left[-5:]}: {self.outbox.stuck()[:5]}")


class AnvilCounting(Counting):
    """The same on an anvil of its own, which makes blocks when it is told to.

    Attributes:
        anvil: The node, for mining, reorganising and the rest.
        wallet: Another program that uses the outbox's account.
        node: What stands between the outbox and anvil, in the tests that ask for it.
    """

    anvil: Anvil
    wallet: Wallet
    node: LyingNode

    def mine(self, blocks: int = 1) -> None:
        self.anvil.call("anvil_mine", hex(blocks))

    def let_mine(self) -> None:
        """From now on the node makes a block of each transaction, soon."""
        self.anvil.call("evm_setAutomine", True)

    def set_base_fee(self, wei: int) -> None:
        """The next block's, and those after it follow from it."""
        self.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(wei))

    def receipt(self, row_id: int) -> TransactionReceipt | None:
        hashes = [attempt.hash for attempt in self.outbox.row(row_id).attempts]
        return next((receipt for receipt in self.chain.receipts(hashes) if receipt is not None), None)


@contextmanager
def counting_on_anvil(
    folder: Path,
    *,
    finality: Finality = LATEST_IS_FINAL,
    fees: FeePolicy | None = None,
    limits: SpendingLimits = GENEROUS,
    settings: SendingSettings | None = None,
    timeout_s: float | None = None,
) -> Iterator[AnvilCounting]:
    """Starts an anvil with a counter on it, and an outbox for its first account.

    Args:
        folder: Where the outbox's file goes.
        finality: When a block counts as final.
        fees: What a unit of gas may cost.
        limits: What may be spent.
        settings: How patient the outbox is.
        timeout_s: How long the outbox waits for the `node` that is put between it and anvil; None puts none there.
    """
    with ExitStack() as stack:
        anvil = stack.enter_context(Anvil(options=["--no-mining"]))
        endpoint = stack.enter_context(Endpoint(anvil.url))
        chain = Chain.connect(endpoint, finality=finality, fees=fees)
        counter = Wallet(chain, LocalAccount(anvil.keys[9])).deploy(anvil)
        account = LocalAccount(anvil.keys[0])
        way = None
        if timeout_s is not None:
            node = stack.enter_context(LyingNode(endpoint))
            through = stack.enter_context(Endpoint(node.url, timeout_s=timeout_s))
            way = Chain(through, chain.chain_id, chain.finality, chain.fees)
        counting = AnvilCounting(
            folder / "outbox.db", chain, account, counter, limits=limits, settings=settings, through=way
        )
        stack.enter_context(counting)
        counting.anvil = anvil
        counting.wallet = Wallet(chain, account)
        if timeout_s is not None:
            counting.node = node
        yield counting


def _selector(signature: str) -> bytes:
    return keccak256(signature.encode())[:4]
