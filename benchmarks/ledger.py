"""What the embedded ledger takes per second, what a transaction costs, how soon it opens; and anvil beside it.

Transfers go to a thousand accounts. Anchors are calls of the Evidence contract with a
consistency proof, in a log of half a million records and more. Signing comes before and
is in no figure; the sync of every block is in all of the embedded ledger's.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import rlp
from Crypto.Hash import keccak as compiled
from measure import Figure, Run, size_bytes, spending, start, version_of

from counterfoil.core import keccak
from counterfoil.core.merkle import consistency_path, leaf_hash, root_of
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.ledger.anchors.evidence import Evidence, artefact, log_id_of
from counterfoil.ledger.embedded.block import BLOCK_GAS_LIMIT
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.hexadecimal import data, quantity

sys.path.append(str(Path(__file__).parents[1] / "tests"))
try:
    from anvil import WHY_NOT, Anvil
except ImportError:  # pytest, which the tests' tools need, is not in this environment
    Anvil, WHY_NOT = None, "anvil is run by the tests' tools, which need the group `dev`"  # type: ignore[assignment, misc]

TRANSFERS = 10_000
ONE_A_BLOCK = 2_000
ANCHORS = 1_000
BATCH = 100
THREADS = 8
RECORDS = 1_000_000
TREE_PART = 1_024
RECEIVERS = 1_000
CHAIN_ID = 7_000_000_007
ORIGIN = "bank.example/credit"
FUNDS_WEI = 10**24
ANCHOR_GAS = 150_000
GWEI = 10**9

_PER_S, _MS, _BYTES = "per second", "milliseconds of CPU", "bytes"
_ONE, _MANY = "sent one by one, each in a block of its own", f"sent {BATCH} at a time"
FIGURES = (
    Figure("transactions_per_s_one_a_block", _PER_S, f"Transfers {_ONE}", "higher", 100),
    Figure("transactions_per_s_in_batches", _PER_S, f"Transfers {_MANY}", "higher", 300),
    Figure("transactions_per_s_from_8_threads", _PER_S, f"Transfers sent one by one by {THREADS} threads", "higher"),
    Figure("cpu_ms_per_transaction_one_a_block", _MS, "A transfer in a block of its own", "lower"),
    Figure("cpu_ms_per_transaction_in_batches", _MS, f"A transfer among {BATCH}", "lower"),
    Figure("bytes_per_transaction", _BYTES, "On disk, a transfer in a block of its own", "lower", 4_096),
    Figure("reopen_ms_at_10000_transactions", "milliseconds", "Opening the ledger again, py-evm loaded", "lower", 100),
    Figure("anchors_per_s_one_a_block", _PER_S, f"Anchors {_ONE}", "higher", 100),
    Figure("anchors_per_s_in_batches", _PER_S, f"Anchors {_MANY}", "higher", 300),
    Figure("cpu_ms_per_anchor_one_a_block", _MS, "An anchor in a block of its own", "lower"),
    Figure("cpu_ms_per_anchor_in_batches", _MS, f"An anchor among {BATCH}", "lower"),
    Figure("bytes_per_anchor", _BYTES, "On disk, an anchor in a block of its own", "lower", 4_096),
    Figure("anvil_transactions_per_s_one_a_block", _PER_S, f"Anvil: transfers {_ONE}", "higher"),
    Figure("anvil_transactions_per_s_in_batches", _PER_S, f"Anvil: transfers {_MANY}", "higher"),
    Figure("anvil_anchors_per_s_one_a_block", _PER_S, f"Anvil: anchors {_ONE}", "higher"),
    Figure("anvil_anchors_per_s_in_batches", _PER_S, f"Anvil: anchors {_MANY}", "higher"),
)


@dataclass(frozen=True)
class Work:
    """Signed transactions, made beforehand.

    Attributes:
        transfers: One account's, in order of their nonces.
        by_thread: Transfers of each thread's own account.
        deploying: What deploys the contract and opens the log.
        anchors: In order: each extends the one before.
        funded: The accounts that pay for all this, with what they hold.
    """

    transfers: list[bytes]
    by_thread: list[list[bytes]]
    deploying: list[bytes]
    anchors: list[bytes]
    funded: dict[bytes, int]


class Signer:
    """An account that counts its transactions."""

    def __init__(self, random: Random) -> None:
        self.account = LocalAccount(random.randbytes(32))
        self.nonce = 0

    def sign(self, to: bytes | None, calldata: bytes = b"", gas: int = 21_000, value_wei: int = 0) -> bytes:
        self.nonce += 1
        transaction = Transaction(CHAIN_ID, self.nonce - 1, to, calldata, gas, 100 * GWEI, 0, value_wei)
        return self.account.sign(transaction).raw


class Tree:
    """A log of made-up records, with the hashes of its complete parts of 1,024 kept."""

    def __init__(self, records: int) -> None:
        self.leaves = [leaf_hash(b"%d" % number) for number in range(records)]
        full = records // TREE_PART * TREE_PART
        self.parts = [root_of(self.leaves[at : at + TREE_PART]) for at in range(0, full, TREE_PART)]

    def root(self, first: int, end: int) -> bytes:
        if first % TREE_PART or end - first < TREE_PART:
            return root_of(self.leaves[first:end])
        rest = self.leaves[end // TREE_PART * TREE_PART : end]
        return root_of([*self.parts[first // TREE_PART : end // TREE_PART], *([root_of(rest)] if rest else [])])


def main() -> None:
    run = start("ledger", __doc__, FIGURES)
    keccak.use(_in_c)
    run.say("making the log and signing")
    work = make(run)
    for _ in range(run.repeat):
        embedded(run, work)
        beside(run, work)
    py_evm = f"py-evm {version_of('py-evm')}, every block synced"
    run.note("transactions_per_s_one_a_block", py_evm)
    run.finish()


def make(run: Run) -> Work:
    """Signs everything. The log's heads are the same for a seed and scale."""
    random = Random(run.seed)
    receivers = [random.randbytes(20) for _ in range(RECEIVERS)]
    payer, writer, threads = Signer(random), Signer(random), [Signer(random) for _ in range(THREADS)]
    transfers = [payer.sign(random.choice(receivers), value_wei=1) for _ in range(run.count(TRANSFERS, least=20))]
    each = run.count(ONE_A_BLOCK // THREADS, least=2)
    by_thread = [[own.sign(random.choice(receivers), value_wei=1) for _ in range(each)] for own in threads]
    me = writer.account.address
    contract = keccak.keccak256(rlp.encode([me, b""]))[12:]
    opening = Evidence.open(ORIGIN, sha256(b"key").digest(), me, me)
    deploying = [writer.sign(None, artefact().bytecode, 5_000_000), writer.sign(contract, opening, 400_000)]
    anchors = [writer.sign(contract, calldata, ANCHOR_GAS) for calldata in heads(run, random, log_id_of(me, ORIGIN))]
    funded = {signer.account.address: FUNDS_WEI for signer in (payer, writer, *threads)}
    return Work(transfers, by_thread, deploying, anchors, funded)


def heads(run: Run, random: Random, log_id: bytes) -> Iterator[bytes]:
    """Yields calls that anchor a growing log from half its size on."""
    records, count = run.count(RECORDS, least=4_000), run.count(ANCHORS, least=10)
    tree, held = Tree(records), 0
    for size in sorted(random.sample(range(records // 2, records), count)):
        path = consistency_path(held, size, tree.root) if held else []
        yield Evidence.anchor(log_id, size, tree.root(0, size), path)
        held = size


def embedded(run: Run, work: Work) -> None:
    """Measures the embedded ledger."""
    with run.folder() as folder:
        transfers(run, work, folder / "transfers")
        anchors(run, work, folder / "anchors")


def transfers(run: Run, work: Work, folder: Path) -> None:
    singly = work.transfers[: len(work.transfers) * ONE_A_BLOCK // TRANSFERS]
    with EmbeddedLedger.create(folder, chain_id=CHAIN_ID, funded=work.funded) as ledger:
        settle(ledger, work.by_thread[0][:1])
    before = size_bytes(folder)
    with EmbeddedLedger.open(folder) as ledger:
        one_by_one(run, "transaction", ledger, singly)
    run.add("bytes_per_transaction", (size_bytes(folder) - before) / len(singly))
    with EmbeddedLedger.open(folder) as ledger:
        in_batches(run, "transaction", ledger, work.transfers[len(singly) :])
    began = time.perf_counter()
    with EmbeddedLedger.open(folder) as ledger:
        run.add("reopen_ms_at_10000_transactions", (time.perf_counter() - began) * 1e3)
        run.say("many threads")
        run.add(
            "transactions_per_s_from_8_threads",
            at_once(ledger, [own[1:] for own in work.by_thread[:1]] + work.by_thread[1:]),
        )


def anchors(run: Run, work: Work, folder: Path) -> None:
    half = len(work.anchors) // 2
    with EmbeddedLedger.create(folder, chain_id=CHAIN_ID, funded=work.funded) as ledger:
        settle(ledger, [*work.deploying, work.anchors[0]])
    before = size_bytes(folder)
    with EmbeddedLedger.open(folder) as ledger:
        one_by_one(run, "anchor", ledger, work.anchors[1:half])
    run.add("bytes_per_anchor", (size_bytes(folder) - before) / (half - 1))
    with EmbeddedLedger.open(folder) as ledger:
        in_batches(run, "anchor", ledger, work.anchors[half:])
        for raw in work.anchors:
            require_success(ledger.call("eth_getTransactionReceipt", data(keccak.keccak256(raw))))


def settle(ledger: EmbeddedLedger, raws: list[bytes]) -> None:
    for raw in raws:
        ledger.send([raw])


def one_by_one(run: Run, what: str, ledger: EmbeddedLedger, raws: list[bytes]) -> None:
    run.say(f"{what}s one a block")
    with spending() as spent:
        for raw in raws:
            ledger.send([raw])
    run.add(f"{what}s_per_s_one_a_block", len(raws) / spent.wall_s)
    run.add(f"cpu_ms_per_{what}_one_a_block", spent.cpu_s / len(raws) * 1e3)


def in_batches(run: Run, what: str, ledger: EmbeddedLedger, raws: list[bytes]) -> None:
    run.say(f"{what}s in batches")
    with spending() as spent:
        for at in range(0, len(raws), BATCH):
            ledger.send(raws[at : at + BATCH])
    run.add(f"{what}s_per_s_in_batches", len(raws) / spent.wall_s)
    run.add(f"cpu_ms_per_{what}_in_batches", spent.cpu_s / len(raws) * 1e3)


def at_once(ledger: EmbeddedLedger, by_thread: list[list[bytes]]) -> float:
    """Returns how many transactions per second many threads get through, each waiting for its own."""

    def send(own: list[bytes]) -> None:
        for raw in own:
            ledger.call("eth_sendRawTransaction", data(raw))

    threads = [threading.Thread(target=send, args=(own,)) for own in by_thread]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(map(len, by_thread)) / (time.perf_counter() - began)


def beside(run: Run, work: Work) -> None:
    """Measures anvil with the same transactions; it keeps everything in memory."""
    names = [figure.name for figure in FIGURES if figure.name.startswith("anvil")]
    if Anvil is None or Anvil.find() is None:
        for name in names:
            run.note(name, WHY_NOT)
        return
    run.say("anvil")
    for what, first, raws in (
        ("transactions", [], work.transfers),
        ("anchors", [*work.deploying, work.anchors[0]], work.anchors[1:]),
    ):
        with Anvil(chain_id=CHAIN_ID, options=["--order", "fifo", "--gas-limit", str(BLOCK_GAS_LIMIT)]) as anvil:
            for address, balance_wei in work.funded.items():
                anvil.call("anvil_setBalance", data(address), quantity(balance_wei))
            for raw in first:
                anvil.call("eth_sendRawTransactionSync", data(raw))
            half = min(len(raws) // 2, ONE_A_BLOCK)
            began = time.perf_counter()
            for raw in raws[:half]:
                anvil.call("eth_sendRawTransactionSync", data(raw))
            run.add(f"anvil_{what}_per_s_one_a_block", half / (time.perf_counter() - began))
            anvil.call("evm_setAutomine", False)
            began = time.perf_counter()
            for at in range(half, len(raws), BATCH):
                anvil.batch([("eth_sendRawTransaction", [data(raw)]) for raw in raws[at : at + BATCH]])
                anvil.call("evm_mine")
            run.add(f"anvil_{what}_per_s_in_batches", (len(raws) - half) / (time.perf_counter() - began))
            require_success(anvil.call("eth_getTransactionReceipt", data(keccak.keccak256(raws[-1]))))


def require_success(receipt: Any) -> None:
    if receipt is None or receipt["status"] != "0x1":
        raise SystemExit("a transaction failed: the figures would be of another thing")


def _in_c(content: bytes) -> bytes:
    return bytes(compiled.new(data=content, digest_bits=256).digest())


if __name__ == "__main__":
    main()
