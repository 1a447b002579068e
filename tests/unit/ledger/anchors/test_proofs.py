"""Anchors made from ledgers that run: the embedded one, and anvil under the rules of three years."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from anvil import Anvil, needs_anvil
from live_anchors import LiveLog
from making import BankLog
from making_anchors import head_of, path_of

from counterfoil.core.anchor import Anchor, EventProof, StorageProof
from counterfoil.core.block_header import BlockHeader
from counterfoil.core.check_anchor import LedgerView, check_anchor
from counterfoil.core.rlp import decode
from counterfoil.core.steps import Status
from counterfoil.errors import LedgerContradicts, NotFound
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.ledger.anchors.evidence import Evidence
from counterfoil.ledger.anchors.proofs import event_proof, header_bytes, receipt_bytes, storage_proof
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.rpc.rpc import Call, Rpc, RpcError

SECRET = b"\7" * 32
SIZES = (3, 17, 20)
LOG = BankLog().fill(24)


def passes(anchor: Anchor, log: BankLog = LOG) -> bool:
    """Whether a checker who has the block's hash believes it."""
    whole = replace(anchor, consistency=path_of(log, anchor.size))
    return check_anchor(whole, head_of(log), LedgerView(anchor.block_hash), 0).status is Status.PASSED


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedLedger]:
    funded = {LocalAccount(SECRET).address: 10**24}
    with EmbeddedLedger.create(tmp_path_factory.mktemp("ledger") / "ledger", funded=funded) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def live(ledger: EmbeddedLedger) -> LiveLog:
    """A log on the embedded ledger, anchored three times."""
    live = LiveLog(Chain.connect(ledger), SECRET, LOG)
    for size in SIZES:
        live.anchor(size)
    return live


def test_every_event_and_the_newest_head_are_proved(live: LiveLog) -> None:
    for place, size in enumerate(SIZES):
        anchor = live.event_proof(place)
        assert isinstance(anchor.proof, EventProof)
        assert (anchor.size, anchor.root, anchor.consistency) == (size, LOG.root(size), ())
        assert (anchor.chain_id, anchor.contract, anchor.log_id) == (
            live.chain.chain_id,
            live.evidence.address,
            live.log_id,
        )
        assert passes(anchor)
    anchor = live.storage_proof()
    assert isinstance(anchor.proof, StorageProof)
    assert (anchor.size, anchor.root) == (20, LOG.root(20))
    assert passes(anchor)


def test_an_older_block_still_shows_the_head_it_held(live: LiveLog) -> None:
    first = live.event_proof(0)
    anchor = storage_proof(live.chain, live.evidence.address, live.log_id, first.block_hash)
    assert (anchor.size, anchor.block_hash) == (3, first.block_hash)
    assert passes(anchor)


def test_a_place_far_back_in_a_full_block(ledger: EmbeddedLedger) -> None:
    """The key of a receipt changes its form at 128, and the tree its shape with every further transaction."""
    log = BankLog(BankLog().key).fill(5)
    secret = b"\x08" * 32
    sender, fees = LocalAccount(SECRET), Chain.connect(ledger).offered()
    chain = Chain.connect(ledger)
    nonce = chain.nonce(sender.address)

    def pay(place: int, to: bytes, value_wei: int) -> bytes:
        transaction = Transaction(
            chain.chain_id, nonce + place, to, b"", 21_000, fees.max_wei, fees.tip_wei, value_wei=value_wei
        )
        return sender.sign(transaction).raw

    other = LocalAccount(secret)
    ledger.send([pay(0, other.address, 10**20)])
    live = LiveLog(chain, secret, log)
    calldata = Evidence.anchor(live.log_id, 5, log.root(), ())
    anchoring = other.sign(
        Transaction(
            chain.chain_id,
            chain.nonce(other.address),
            live.evidence.address,
            calldata,
            200_000,
            fees.max_wei,
            fees.tip_wei,
        )
    )
    ledger.send([*(pay(place, bytes(19) + b"\x99", 1) for place in range(1, 131)), anchoring.raw])
    anchor = event_proof(chain, live.evidence.address, live.log_id, anchoring.hash)
    assert isinstance(anchor.proof, EventProof)
    assert anchor.proof.transaction >= 128
    assert passes(anchor, log)


def test_what_is_not_there_is_not_found(live: LiveLog) -> None:
    chain, contract = live.chain, live.evidence.address
    with pytest.raises(NotFound, match="in no block"):
        event_proof(chain, contract, live.log_id, b"\1" * 32)
    with pytest.raises(NotFound, match="anchored nothing"):
        event_proof(chain, contract, b"\1" * 32, live.transactions[0])
    with pytest.raises(NotFound, match="anchored nothing"):
        event_proof(chain, b"\1" * 20, live.log_id, live.transactions[0])
    with pytest.raises(NotFound, match="holds no head"):
        storage_proof(chain, contract, b"\1" * 32, "latest")


@pytest.mark.parametrize("hardfork", ["cancun", "prague", "osaka"])
@needs_anvil
def test_on_anvil(hardfork: str) -> None:
    with Anvil(hardfork=hardfork) as anvil:
        live = LiveLog(Chain.connect(anvil), anvil.keys[0], LOG)
        for size in SIZES:
            live.anchor(size)
        for anchor in (live.event_proof(0), live.event_proof(), live.storage_proof()):
            assert passes(anchor)


@needs_anvil
def test_several_transactions_in_a_block_of_anvil() -> None:
    with Anvil() as anvil:
        live = LiveLog(Chain.connect(anvil), anvil.keys[0], LOG)
        anvil.call("evm_setAutomine", False)
        hashes = [
            anvil.call("eth_sendTransaction", {"from": account, "to": account, "value": "0x1"})
            for account in anvil.call("eth_accounts")[1:]
        ]
        fees = live.chain.offered()
        calldata = Evidence.anchor(live.log_id, 3, LOG.root(3), ())
        nonce = live.chain.nonce(live.account.address)
        signed = live.account.sign(
            Transaction(31_337, nonce, live.evidence.address, calldata, 200_000, fees.max_wei, fees.tip_wei)
        )
        anvil.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        anvil.call("evm_mine")
        anchor = event_proof(live.chain, live.evidence.address, live.log_id, signed.hash)
        block = live.chain.require_block(anchor.block_hash)
        assert len(block.transactions) == len(hashes) + 1
        assert passes(anchor)


class Altered:
    """A node whose answers to some methods are changed; all else is the real one's."""

    def __init__(self, rpc: Rpc, **changes: Callable[[Any], Any]) -> None:
        self._rpc = rpc
        self._changes = changes

    def call(self, method: str, *params: Any) -> Any:
        answer = self._rpc.call(method, *params)
        return self._changes.get(method, lambda same: same)(answer)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        answers = self._rpc.batch(calls)
        return [
            self._changes.get(method, lambda same: same)(answer)
            for (method, _), answer in zip(calls, answers, strict=True)
        ]


def flipped(text: str, place: int = -1) -> str:
    digits = list(text)
    digits[place] = "1" if digits[place] == "0" else "0"
    return "".join(digits)


def refuse(_: Any) -> Any:
    raise RpcError(-32000, "missing trie node: state is not available")


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("eth_getProof", refuse),
        ("eth_getProof", lambda proof: None),
        ("eth_getProof", lambda proof: proof | {"accountProof": None}),
        ("eth_getProof", lambda proof: proof | {"accountProof": [5]}),
        ("eth_getProof", lambda proof: proof | {"accountProof": []}),
        ("eth_getProof", lambda proof: proof | {"accountProof": [flipped(node) for node in proof["accountProof"]]}),
        ("eth_getProof", lambda proof: proof | {"accountProof": proof["accountProof"] * 40}),
        ("eth_getProof", lambda proof: proof | {"storageProof": proof["storageProof"] * 2 + [None]}),
        ("eth_getBlockByHash", lambda block: block | {"stateRoot": flipped(block["stateRoot"])}),
        ("eth_getBlockByHash", lambda block: block | {"stateRoot": None}),
        ("eth_getBlockByHash", lambda block: block | {"timestamp": "0x0"}),
        ("eth_getBlockByHash", lambda block: block | {"extraData": "0x" + "00" * 70_000}),
        ("eth_getTransactionReceipt", lambda row: row | {"cumulativeGasUsed": "0x1"}),
        ("eth_getTransactionReceipt", lambda row: row | {"logsBloom": "0x" + "00" * 256}),
        ("eth_getTransactionReceipt", lambda row: row | {"logsBloom": None}),
        ("eth_getTransactionReceipt", lambda row: row | {"transactionIndex": "0x1"}),
        ("eth_getTransactionReceipt", lambda row: row | {"type": "0x0"}),
        (
            "eth_getTransactionReceipt",
            lambda row: row | {"logs": [log | {"data": flipped(log["data"])} for log in row["logs"]]},
        ),
    ],
    ids=range(18),
)
def test_a_node_that_lies_makes_no_anchor(method: str, change: Callable[[Any], Any], live: LiveLog) -> None:
    chain = Chain.connect(Altered(live.chain.rpc, **{method: change}))
    with pytest.raises(LedgerContradicts):
        event_proof(chain, live.evidence.address, live.log_id, live.transactions[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: None,
        lambda rows: rows[:1],
        lambda rows: rows[::-1],
        lambda rows: [rows[0] | {"value": "soon"}, rows[1]],
        lambda rows: [rows[0], rows[1] | {"value": "0x1"}],
        lambda rows: [rows[0] | {"proof": rows[0]["proof"][:-1]}, rows[1]],
        lambda rows: [rows[0], rows[1] | {"proof": "0x"}],
    ],
    ids=range(7),
)
def test_a_node_that_lies_about_storage_makes_no_anchor(change: Callable[[Any], Any], live: LiveLog) -> None:
    def altered(proof: Any) -> Any:
        return proof | {"storageProof": change(proof["storageProof"])}

    chain = Chain.connect(Altered(live.chain.rpc, eth_getProof=altered))
    with pytest.raises(LedgerContradicts):
        storage_proof(chain, live.evidence.address, live.log_id, live.chain.require_block("latest").hash)


def test_headers_are_written_as_the_ledger_hashes_them(live: LiveLog) -> None:
    for number in range(live.chain.require_block("latest").number + 1):
        block = live.chain.require_block(number)
        header = BlockHeader.parse(header_bytes(block.raw))
        assert (header.hash, header.number, header.time_s) == (block.hash, block.number, block.time_s)


def test_receipts_of_deposits_on_op_stack_chains_have_two_more_fields(live: LiveLog) -> None:
    """Every block of such a chain begins with one (OP stack specification, deposits)."""
    receipt = live.chain.receipt(live.transactions[0])
    assert receipt is not None
    row = dict(receipt.raw) | {"type": "0x7e", "depositNonce": "0x2a"}
    older = receipt_bytes(row)
    newer = receipt_bytes(row | {"depositReceiptVersion": "0x1"})
    assert older[0] == newer[0] == 0x7E
    fields, more = decode(older[1:]), decode(newer[1:])
    assert isinstance(fields, list)
    assert more == [*fields, b"\x2a", b"\1"]
