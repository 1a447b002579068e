"""The Evidence contract on an EVM in this process (titanoboa), accounts, and small trees to anchor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import boa
import boa.interpret
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_keys import keys

from counterfoil.core.merkle import consistency_path, inclusion_path, leaf_hash, node_hash, root_of
from counterfoil.ledger.contracts.build import FOLDER

boa.interpret.set_search_paths([str(FOLDER)])
boa.interpret.set_cache_dir(str(Path(__file__).parents[3] / "build/cache/titanoboa"))
# By itself it writes out all that a contract stores each time a call is refused: a sixth of the time of these tests.
VyperContract.__repr__ = lambda self: f"<{self.compiler_data.contract_path} at {self.address}>"

ORIGIN = "bank.example/credit"
LOG_KEY = sha256(b"log key").digest()
NOBODY = "0x" + "00" * 20
MAX_SIZE = 2**48 - 1
BATCH = 100
"""Cases that a test contract takes in one call."""
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of the group of secp256k1."""


@dataclass(frozen=True)
class Account:
    """An account with a key that is the same in every run."""

    name: str

    @cached_property
    def key(self) -> Any:
        return keys.PrivateKey(sha256(f"account {self.name}".encode()).digest())

    @cached_property
    def address(self) -> str:
        return self.key.public_key.to_checksum_address()

    def sign(self, digest: bytes) -> bytes:
        """Returns r || s || v with low s and v of 27 or 28."""
        signature = self.key.sign_msg_hash(digest)
        return signature.to_bytes()[:64] + bytes([27 + signature.v])


OWNER, WRITER, SIGNER, STRANGER = (Account(name) for name in ("owner", "writer", "signer", "stranger"))


def high_s(signature: bytes) -> bytes:
    """Returns the other signature by the same key over the same bytes, which anybody can compute."""
    s = int.from_bytes(signature[32:64], "big")
    return signature[:32] + (ORDER - s).to_bytes(32, "big") + bytes([55 - signature[64]])


Growth = tuple[int, bytes, int, bytes, list[bytes]]
"""A claim that a tree has grown: old size, old root, new size, new root, proof."""

Inclusion = tuple[bytes, int, int, list[bytes], bytes]
"""A claim that a tree has a leaf: leaf, index, size, proof, root."""


@dataclass(frozen=True)
class Tree:
    """A log's tree and every earlier one: leaf hashes of 32 bytes."""

    leaves: Sequence[bytes]
    _subtrees: dict[tuple[int, int], bytes] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, size: int, tag: str = "") -> Tree:
        """Returns a tree of which no two leaves are equal."""
        return cls([leaf_hash(f"{tag}{number}".encode()) for number in range(size)])

    def subtree(self, start: int, end: int) -> bytes:
        if (start, end) not in self._subtrees:
            self._subtrees[start, end] = root_of(self.leaves[start:end])
        return self._subtrees[start, end]

    def root(self, size: int | None = None) -> bytes:
        return self.subtree(0, len(self.leaves) if size is None else size)

    def consistency(self, old_size: int, new_size: int | None = None) -> list[bytes]:
        return consistency_path(old_size, len(self.leaves) if new_size is None else new_size, self.subtree)

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        return inclusion_path(index, len(self.leaves) if size is None else size, self.subtree)


def deploy() -> Any:
    """Returns a fresh Evidence contract."""
    return compiled(FOLDER / "Evidence.vy").deploy()


def load(name: str) -> Any:
    """Returns a fresh contract that only tests use."""
    return compiled(Path(__file__).parent / "contracts" / f"{name}.vy").deploy()


@cache
def compiled(path: Path) -> Any:
    """Returns the compiled source, read once in a process."""
    return boa.load_partial(str(path))


def are_consistent(trees: Any, cases: Sequence[Growth]) -> list[bool]:
    """Returns what the contract's verifier says of each case. `trees` is the test contract of that name."""
    return _in_batches(trees.are_consistent, cases)


def are_included(trees: Any, cases: Sequence[Inclusion]) -> list[bool]:
    """The same for leaves."""
    return _in_batches(trees.are_included, cases)


def _in_batches(ask: Callable[[Any], list[bool]], cases: Sequence[Any]) -> list[bool]:
    batches = (list(cases[start : start + BATCH]) for start in range(0, len(cases), BATCH))
    return [answer for batch in batches for answer in ask(batch)]


def open_log(evidence: Any, origin: str = ORIGIN) -> bytes:
    """Opens a log of OWNER with WRITER and SIGNER; returns its id."""
    log_id: bytes = evidence.open(origin, LOG_KEY, WRITER.address, SIGNER.address, sender=OWNER.address)
    return log_id


def anchor(evidence: Any, log_id: bytes, tree: Tree, size: int | None = None) -> None:
    """Anchors a tree of any size from whatever head is held."""
    size = len(tree.leaves) if size is None else size
    held = evidence.head(log_id)[0]
    proof = tree.consistency(held, size) if held else []
    evidence.anchor(log_id, size, tree.root(size), proof, sender=WRITER.address)


def made_up_proof(old_size: int, new_size: int) -> tuple[bytes, bytes, list[bytes]]:
    """Returns (old root, new root, proof) of trees too large to make, from made-up hashes.

    Works out the proof's shape by RFC 9162 2.1.4.1, and both roots from the hashes in it.
    """
    sides: list[int] = []

    def subtree(start: int, end: int) -> bytes:
        sides.append(start)
        return sha256(f"{start} {end}".encode()).digest()

    proof = consistency_path(old_size, new_size, subtree)
    steps = list(zip(reversed(sides), proof, strict=True))  # consistency_path goes down, a proof goes up
    if old_size.bit_count() == 1 or not steps:  # a growth by nothing has no proof
        first = second = sha256(b"old root").digest()
    else:
        first = second = steps.pop(0)[1]
    for start, sibling in steps:
        if start < old_size:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
        else:
            second = node_hash(second, sibling)
    return first, second, proof


def made_up_inclusion(index: int, size: int) -> tuple[bytes, bytes, list[bytes]]:
    """Returns (leaf, root, proof) of a tree too large to make, from made-up hashes."""
    sides: list[int] = []

    def subtree(start: int, end: int) -> bytes:
        sides.append(start)
        return sha256(f"{start} {end}".encode()).digest()

    proof = inclusion_path(index, size, subtree)
    leaf = reached = sha256(f"leaf {index}".encode()).digest()
    for start, sibling in zip(reversed(sides), proof, strict=True):
        reached = node_hash(sibling, reached) if start < index else node_hash(reached, sibling)
    return leaf, reached, proof


def refused(reason: str) -> AbstractContextManager[None]:
    """Expects the contract to refuse a call with these words."""
    expected: AbstractContextManager[None] = boa.reverts(vm_error=reason)
    return expected


def events(contract: Any) -> list[tuple[Any, ...]]:
    """Returns what the last call emitted: (name, value of each field in its order)."""
    return [(type(event).__name__, *event[1:]) for event in contract.get_logs()]
