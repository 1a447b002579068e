"""How large an anchor is that a receipt or bundle carries, and how long its check takes, with and without a C hash."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from hashlib import sha256
from random import Random

from Crypto.Hash import keccak as compiled
from measure import Figure, Run, start

from counterfoil.core import keccak
from counterfoil.core.anchor import Anchor
from counterfoil.core.check_anchor import LedgerView, check_anchor
from counterfoil.core.checkpoint import Checkpoint
from counterfoil.core.merkle import consistency_path, root_of
from counterfoil.core.steps import Status
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.ledger.anchors.evidence import Evidence, artefact, log_id_of
from counterfoil.ledger.anchors.proofs import event_proof, storage_proof
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.chain import Chain

RECORDS = 1_000_000
CHECKS = 100
ACCOUNTS = 1_000
LOGS = 100
ORIGIN = "bank.example/credit"

_BYTES, _MS = "bytes", "milliseconds of CPU"
_BUSY = f"on a ledger with {ACCOUNTS:,} accounts and {LOGS} other logs"
FIGURES = (
    Figure("event_proof_bytes", _BYTES, "An anchor proved by its event, near a million records", "lower", 4_096),
    Figure("storage_proof_bytes", _BYTES, "An anchor proved by storage, near a million records", "lower", 4_096),
    Figure("busy_event_proof_bytes", _BYTES, f"The first of these, {_BUSY}", "lower"),
    Figure("busy_storage_proof_bytes", _BYTES, f"The second, {_BUSY}", "lower"),
    Figure("event_check_ms", _MS, "Reading and checking the first, with hashes in C", "lower", 5),
    Figure("storage_check_ms", _MS, "The same for the second", "lower", 5),
    Figure("event_check_plain_ms", _MS, "The first again, as a base install checks it, in Python alone", "lower", 5),
    Figure("storage_check_plain_ms", _MS, "The same for the second", "lower", 5),
)


@dataclass
class Tree:
    """A log of made-up leaf hashes, with the hashes of its complete parts of 1,024 kept."""

    leaves: list[bytes]
    part: int = 1_024

    def __post_init__(self) -> None:
        full = len(self.leaves) // self.part * self.part
        self.parts = [root_of(self.leaves[at : at + self.part]) for at in range(0, full, self.part)]

    def root(self, start: int, end: int) -> bytes:
        """Returns the root over a part that starts at a multiple of its own size."""
        if start % self.part or end - start < self.part:
            return root_of(self.leaves[start:end])
        split = end // self.part
        hashes = self.parts[start // self.part : split]
        rest = self.leaves[split * self.part : end]
        return root_of([*hashes, *([root_of(rest)] if rest else [])])

    def path(self, old: int, new: int) -> tuple[bytes, ...]:
        return tuple(consistency_path(old, new, self.root))


class Ledger:
    """The embedded ledger with the contract, and one account that sends."""

    def __init__(self, chain: Chain, secret: bytes) -> None:
        self.chain = chain
        self.account = LocalAccount(secret)
        self.nonce = 0
        self.contract = b""
        self.send(None, artefact().bytecode)
        receipt = chain.receipt(self.hash)
        assert receipt is not None
        assert receipt.contract is not None
        self.contract = receipt.contract

    def send(self, to: bytes | None, calldata: bytes) -> bytes:
        fees = self.chain.offered()
        gas = 4_000_000 if to is None else 400_000
        transaction = Transaction(self.chain.chain_id, self.nonce, to, calldata, gas, fees.max_wei, fees.tip_wei)
        signed = self.account.sign(transaction)
        self.chain.rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        self.nonce += 1
        self.hash = signed.hash
        return signed.hash

    def open(self, origin: str) -> bytes:
        me = self.account.address
        self.send(self.contract, Evidence.open(origin, sha256(origin.encode()).digest(), me, me))
        return log_id_of(me, origin)


def main() -> None:
    run = start("anchor_proof", __doc__, FIGURES)
    random = Random(run.seed)
    run.say("making the log")
    tree = Tree([random.randbytes(32) for _ in range(run.count(RECORDS, least=2_000))])
    for busy in (False, True):
        with run.folder() as folder:
            others = run.count(ACCOUNTS) if busy else 0
            secret = random.randbytes(32)
            funded = {random.randbytes(20): 1 for _ in range(others)} | {LocalAccount(secret).address: 10**24}
            with EmbeddedLedger.create(folder / "ledger", funded=funded) as ledger:
                measure(run, Ledger(Chain.connect(ledger), secret), tree, random, busy=busy)
    run.finish()


def measure(run: Run, ledger: Ledger, tree: Tree, random: Random, *, busy: bool) -> None:
    for number in range(run.count(LOGS) if busy else 0):
        run.say(f"log {number:,}")
        other = ledger.open(f"other.example/{number}")
        ledger.send(ledger.contract, Evidence.anchor(other, 1 + number, random.randbytes(32), ()))
    log_id, held = ledger.open(ORIGIN), 0
    total, size = len(tree.leaves), len(tree.leaves) // 2
    for _ in range(run.repeat):
        size = random.randrange(size + 1, size + 2 + (total - size) // 2)
        path = tree.path(held, size) if held else ()
        hash_ = ledger.send(ledger.contract, Evidence.anchor(log_id, size, tree.root(0, size), path))
        held = size
        head = Checkpoint(ORIGIN, total, tree.root(0, total))
        for kind, anchor in (
            ("event", event_proof(ledger.chain, ledger.contract, log_id, hash_)),
            ("storage", storage_proof(ledger.chain, ledger.contract, log_id, "latest")),
        ):
            whole = replace(anchor, consistency=tree.path(size, total))
            run.add(f"{'busy_' if busy else ''}{kind}_proof_bytes", len(whole.encode()))
            if not busy:
                time_checks(run, kind, whole, head)


def time_checks(run: Run, kind: str, anchor: Anchor, head: Checkpoint) -> None:
    data, view, count = anchor.encode(), LedgerView(anchor.block_hash), run.count(CHECKS)
    for name, function in (("check_ms", _in_c), ("check_plain_ms", None)):
        keccak.use(function)
        began = time.process_time()
        for _ in range(count):
            step = check_anchor(Anchor.parse(data), head, view, 0)
        run.add(f"{kind}_{name}", (time.process_time() - began) / count * 1e3)
        if step.status is not Status.PASSED:
            raise SystemExit(f"the anchor does not check: {step.detail}")


def _in_c(data: bytes) -> bytes:
    return bytes(compiled.new(data=data, digest_bits=256).digest())


if __name__ == "__main__":
    main()
