"""Any sequence of batches, with reopening in between: every wei and every nonce is accounted for."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from small_ledger import CHAIN_ID, Clock, Contracts, Purse, words

from counterfoil.core.keccak import keccak256
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.hexadecimal import data, quantity
from counterfoil.ledger.rpc.rpc import RpcError

WHO = st.integers(0, 3)
KIND = st.sampled_from(["pay", "pay", "store", "refuse", "tell"])
SENDING = st.tuples(WHO, KIND, st.integers(0, 50), st.integers(-1, 1))
"""Who sends what, an amount, and by how much the nonce is off."""


class Books(RuleBasedStateMachine):
    """Keeps books beside the ledger: balances, nonces, slots and events as they must be."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="counterfoil-test-"))
        self.purse, self.clock = Purse(), Clock()

    @initialize()
    def create(self) -> None:
        self.ledger = EmbeddedLedger.create(
            self.folder / "ledger", chain_id=CHAIN_ID, funded=self.purse.funded, now=self.clock
        )
        self.contracts = Contracts.deploy(self.ledger, self.purse)
        self.wei = {who: self.balance(self.purse.address(who)) for who in range(4)}
        self.nonce = {0: 0, 1: 0, 2: 0, 3: 3}
        self.paid, self.slots, self.events = 0, dict.fromkeys(range(4), 0), 0
        self.sent: list[bytes] = []
        self.past: list[tuple[int, int, dict[int, int]]] = []

    @rule(batch=st.lists(SENDING, max_size=12), later_s=st.integers(0, 3))
    def send(self, batch: list[tuple[int, str, int, int]], later_s: int) -> None:
        self.clock.time_s += later_s
        signed, expected = [], dict(self.nonce)
        for who, kind, amount, off in batch:
            signed.append((who, kind, amount, self.sign(who, kind, amount, max(expected[who] + off, 0))))
            expected[who] += off == 0
        outcomes = self.ledger.batch([("eth_sendRawTransaction", [data(raw)]) for *_, raw in signed])
        refused = [outcome.message for outcome in outcomes if isinstance(outcome, RpcError)]
        assert all(words_.startswith(("nonce too", "already known")) for words_ in refused)
        mined = {outcome: each for each, outcome in zip(signed, outcomes, strict=True) if isinstance(outcome, str)}
        if mined:
            assert self.ledger.head.number == self.past[-1][0] + 1
            for transaction_hash in self.ledger.call("eth_getBlockByNumber", "latest", False)["transactions"]:
                self.enter(*mined.pop(transaction_hash))
        assert not mined

    @rule()
    def reopen(self) -> None:
        head = self.ledger.head
        self.ledger.close()
        self.ledger = EmbeddedLedger.open(self.folder / "ledger", now=self.clock)
        self.contracts.ledger = self.ledger
        assert self.ledger.head == head

    @precondition(lambda self: self.sent)
    @rule(place=st.integers(0, 10**6))
    def send_again(self, place: int) -> None:
        raw = self.sent[place % len(self.sent)]
        (outcome,) = self.ledger.batch([("eth_sendRawTransaction", [data(raw)])])
        assert outcome.message == "already known"

    @rule()
    def check(self) -> None:
        assert self.ledger.check() == self.ledger.head.number + 1

    @precondition(lambda self: self.past)
    @rule(place=st.integers(0, 10**6))
    def look_back(self, place: int) -> None:
        number, paid, slots = self.past[place % len(self.past)]
        assert self.balance(b"\x77" * 20, quantity(number)) == paid
        assert {slot: self.contracts.slot(slot, quantity(number)) for slot in slots} == slots

    @invariant()
    def books_agree(self) -> None:
        for who in range(4):
            address = self.purse.address(who)
            assert self.balance(address) == self.wei[who]
            assert int(self.ledger.call("eth_getTransactionCount", data(address), "latest"), 16) == self.nonce[who]
        assert self.balance(b"\x77" * 20) == self.paid
        assert {slot: self.contracts.slot(slot) for slot in self.slots} == self.slots
        assert len(self.ledger.call("eth_getLogs", {"fromBlock": "0x0"})) == self.events
        self.past.append((self.ledger.head.number, self.paid, dict(self.slots)))

    def teardown(self) -> None:
        self.ledger.check()
        self.ledger.close()
        shutil.rmtree(self.folder)

    def sign(self, who: int, kind: str, amount: int, nonce: int) -> bytes:
        if kind == "pay":
            return self.purse.sign(who, value=amount, nonce=nonce, gas=21_000)
        to = {"store": self.contracts.store, "refuse": self.contracts.refuse, "tell": self.contracts.tell}[kind]
        return self.purse.sign(who, to, words(amount, amount % 4), value=amount, nonce=nonce, gas=200_000)

    def enter(self, who: int, kind: str, amount: int, raw: bytes) -> None:
        receipt = self.ledger.call("eth_getTransactionReceipt", data(keccak256(raw)))
        assert receipt["status"] == ("0x0" if kind == "refuse" else "0x1")
        self.sent.append(raw)
        self.nonce[who] += 1
        self.wei[who] -= int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        self.wei[who] -= 0 if kind == "refuse" else amount
        self.paid += amount if kind == "pay" else 0
        self.events += kind == "tell"
        if kind == "store":
            self.slots[amount % 4] = amount

    def balance(self, address: bytes, which: str = "latest") -> int:
        return int(self.ledger.call("eth_getBalance", data(address), which), 16)


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=25, stateful_step_count=15)
