"""Anchors on a ledger made in memory: one block with accounts, a contract's storage and receipts.

Only the trees and the header are real; no contract runs. What a real ledger gives is
held against the same checks in tests/unit/ledger/anchors.

When the contract's code has changed, `python tests/making_anchors.py` writes its hash
wherever it is pinned, and the example of docs/reference/anchor.md anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import rlp
from making import BankLog
from trie import HexaryTrie

from counterfoil.core.anchor import Anchor, EventProof, StorageProof
from counterfoil.core.block_header import BlockHeader
from counterfoil.core.check_anchor import ANCHORED, KNOWN_CODE, head_slots
from counterfoil.core.checkpoint import Checkpoint
from counterfoil.core.keccak import keccak256
from counterfoil.core.merkle import consistency_path, root_of
from counterfoil.ledger.contracts.artefact import Artefact

CHAIN_ID = 31_337
CONTRACT = sha256(b"contract").digest()[:20]
LOG_ID = sha256(b"log id").digest()
CODE, HEADS_SLOT = next(iter(KNOWN_CODE.items()))
TIME_S = 1_795_000_000
SECOND_LEAF = "4e89cd6b05c46b9d27327ee0204d6979f18a331776b2ed47cac41e0332d3aa6e"
FORKS = {"london": 16, "shanghai": 17, "cancun": 20, "prague": 21, "next": 24}
"""How many fields a header has under which rules."""


def proof_of(tree: HexaryTrie, key: bytes) -> tuple[bytes, ...]:
    """Returns the nodes to a key as ledgers give them: small ones stand inside the node above."""
    nodes = [rlp.encode(node) for node in tree.get_proof(key)]
    return tuple(node for place, node in enumerate(nodes) if place == 0 or len(node) >= 32)


def tree_of(items: dict[bytes, bytes]) -> HexaryTrie:
    """Returns a tree with these keys."""
    tree = HexaryTrie({})
    for key, value in items.items():
        tree[key] = value
    return tree


@dataclass(frozen=True)
class Block:
    """What one block of the made-up ledger holds. Every part can be replaced.

    Attributes:
        size: Size of the anchored head.
        root: Root of the anchored head.
        accounts: How many other accounts there are.
        logs: How many other logs the contract holds.
        transactions: How many the block has.
        events: How many other events each of them has.
        place: Place of the one that anchors.
        event: Place of the anchoring among its events.
        type: Number of the receipt's type; 0 for none.
        fork: Which rules the header follows.
    """

    size: int
    root: bytes
    contract: bytes = CONTRACT
    log_id: bytes = LOG_ID
    code: bytes = CODE
    accounts: int = 6
    logs: int = 3
    transactions: int = 3
    events: int = 3
    place: int = 1
    event: int = 1
    type: int = 2
    status: bytes = b"\1"
    topic: bytes = ANCHORED
    number: int = 1_234
    time_s: int = TIME_S
    fork: str = "prague"
    writer: bytes = b"\x77" * 20
    stored: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def storage(self) -> HexaryTrie:
        """The contract's storage: this log's head, and others'."""
        packed = int.from_bytes(self.writer, "big") | self.size << 160 | self.time_s << 208
        slots = dict(zip(head_slots(self.log_id, HEADS_SLOT), (packed, int.from_bytes(self.root, "big")), strict=True))
        items = {slot: rlp.encode(value) for slot, value in slots.items() if value} | self.stored
        for number in range(self.logs):
            other = sha256(b"log %d" % number).digest()
            for slot in head_slots(other, HEADS_SLOT):
                items[slot] = rlp.encode(int.from_bytes(sha256(slot).digest(), "big"))
        return tree_of({keccak256(slot): value for slot, value in items.items()})

    @property
    def state(self) -> HexaryTrie:
        """All accounts."""
        items = {self.contract: rlp.encode([1, 0, self.storage.root_hash, self.code])}
        for number in range(self.accounts):
            address = sha256(b"account %d" % number).digest()[:20]
            items[address] = rlp.encode([number, 10**18, tree_of({}).root_hash, keccak256(b"")])
        return tree_of({keccak256(address): value for address, value in items.items()})

    @property
    def receipts(self) -> HexaryTrie:
        """What the block's transactions did."""
        items = {}
        for number in range(self.transactions):
            events: list[Any] = [
                [b"\x05" * 20, [sha256(b"%d" % each).digest()], b"x" * 40] for each in range(self.events)
            ]
            if number == self.place:
                topics = [self.topic, self.log_id, self.size.to_bytes(32, "big")]
                events.insert(self.event, [self.contract, topics, self.root])
            receipt = rlp.encode([self.status if number == self.place else b"\1", 50_000 * number, bytes(256), events])
            items[rlp.encode(number)] = (bytes([self.type]) if self.type else b"") + receipt
        return tree_of(items)

    @property
    def header(self) -> bytes:
        """RLP of the header."""
        digest = sha256(b"filler").digest()
        fields: list[Any] = [digest, digest, bytes(20), self.state.root_hash, digest, self.receipts.root_hash]
        fields += [bytes(256), 0, self.number, 30_000_000, 100_000, self.time_s, b"made", digest, bytes(8)]
        fields += [7, digest, 0, 0, digest, digest, digest, 5, digest]
        return rlp.encode(fields[: FORKS[self.fork]])

    def anchor(self, kind: Literal["event", "storage"], consistency: tuple[bytes, ...] = ()) -> Anchor:
        """Returns the anchor that this block proves."""
        header = BlockHeader.parse(self.header)
        return Anchor(
            CHAIN_ID,
            self.contract,
            self.log_id,
            self.size,
            self.root,
            header.hash,
            header.number,
            header.time,
            self.header,
            proof_of(self.state, keccak256(self.contract)),
            self.event_proof() if kind == "event" else self.storage_proof(),
            consistency,
        )

    def event_proof(self) -> EventProof:
        """Returns the proof of the event."""
        return EventProof(self.place, self.event, proof_of(self.receipts, rlp.encode(self.place)))

    def storage_proof(self) -> StorageProof:
        """Returns the proof of both slots."""
        storage = self.storage
        return StorageProof(*(proof_of(storage, keccak256(slot)) for slot in head_slots(self.log_id, HEADS_SLOT)))


def block_of(log: BankLog, size: int, **parts: Any) -> Block:
    """Returns a block in which the log's head over `size` records was anchored."""
    return replace(Block(size, log.root(size)), **parts)


def path_of(log: BankLog, size: int, newer: int | None = None) -> tuple[bytes, ...]:
    """Returns the consistency path from the head over `size` records to a newer one, the newest by default."""
    leaves = log.leaves()
    newer = len(leaves) if newer is None else newer
    return tuple(consistency_path(size, newer, lambda start, end: root_of(leaves[start:end])))


def anchored(log: BankLog, size: int, kind: Literal["event", "storage"] = "event", **parts: Any) -> Anchor:
    """Returns an anchor of the log's first `size` records, for a file with its newest head."""
    return block_of(log, size, **parts).anchor(kind, path_of(log, size))


def head_of(log: BankLog) -> Checkpoint:
    """Returns the log's newest head."""
    return Checkpoint(log.origin, len(log.entries), log.root())


def documented(code: bytes = CODE) -> Anchor:
    """Returns the example of docs/reference/anchor.md: the first of the two records of docs/reference/receipt.md."""
    leaves = ("92852d8799057c700d6b43adc59f5bb1917951681f28188303a8be711e0d787e", SECOND_LEAF)
    first, second = map(bytes.fromhex, leaves)
    block = Block(1, first, code=code, accounts=1, logs=0, transactions=1, events=0, place=0, event=0)
    return block.anchor("event", (second,))


def with_example(page: str, code: bytes = CODE) -> str:
    """Returns docs/reference/anchor.md with its example as it is now."""
    before, _, rest = page.partition("```json\n{")
    after = rest.partition("\n```")[2]
    return f"{before}```json\n{documented(code).encode().decode()}\n```{after}"


def pin(code: bytes) -> None:
    """Writes the hash of the contract's code wherever it is pinned by hand, and the documented example with it."""
    for name in ("src/counterfoil/core/check_anchor.py", "examples/independent_anchor.py", "docs/reference/anchor.md"):
        path = Path(__file__).parents[1] / name
        text = path.read_text("utf-8")
        pinned = re.search(_PINNED, text)
        assert pinned is not None
        text = text.replace(pinned[1], code.hex())
        path.write_text(with_example(text, code) if name.endswith(".md") else text, "utf-8")


_PINNED = r"(?:KNOWN_CODE(?:: .*?)? = (?:\{\n    bytes\.fromhex\()?\"|code at the address \| `)([0-9a-f]{64})"

if __name__ == "__main__":
    pin(Artefact.load("Evidence").runtime_code_hash)
