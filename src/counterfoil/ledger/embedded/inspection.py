"""Reading a ledger to see whether it is whole: its ends when it is opened, all of it when somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from eth_hash.auto import keccak

from counterfoil.core.rlp import decode
from counterfoil.core.trie_proof import EMPTY_TRIE
from counterfoil.errors import HomeDamaged, MalformedEvidence
from counterfoil.ledger.embedded.block import Block, next_base_fee_wei
from counterfoil.ledger.embedded.ledger_file import LedgerFile
from counterfoil.ledger.embedded.mined import FullBlock
from counterfoil.ledger.embedded.tables import RESTORE, key_of
from counterfoil.ledger.embedded.trees import leaves

__all__ = ["CHECKED_ON_OPEN", "check", "newest"]

CHECKED_ON_OPEN: Final = 256
"""How many of the newest headers are read and linked when a ledger is opened."""

_NO_CODE: Final = keccak(b"")


def newest(file: LedgerFile) -> Block:
    """Returns the newest block, after a look at its transactions and state, and at the headers before it.

    Raises:
        HomeDamaged: Something is missing or was altered.
    """
    number = file.newest()
    head = child = _full_block(file, number).block
    _require_root(file, head)
    for earlier in range(number - 1, max(number - CHECKED_ON_OPEN, -1), -1):
        parent = _block(file, earlier)
        _require_link(parent, child)
        child = parent
    return head


def check(file: LedgerFile, progress: Callable[[int, int], None] | None = None) -> int:
    """Reads everything and compares every hash; returns how many blocks there are.

    1. Every node of the trees has the hash it is found by.
    2. Every block links to the one before, and its time and base fee follow from it.
    3. Its roots, bloom and gas are those of its transactions, receipts and events.
    4. Every transaction was signed, for this chain.
    5. The state after every block begins at a node that is there; after the newest, all of it is there.

    It does not run the transactions again.

    Args:
        file: The ledger's file.
        progress: Is told how many blocks were read, and how many there are.

    Raises:
        HomeDamaged: Something is missing or was altered.
    """
    for key, body in file.all_nodes():  # 1
        if key_of(keccak(body)) != key:
            raise HomeDamaged("a part of the state was altered: its bytes do not have its hash", hint=RESTORE)
    newest_number = file.newest()
    parent: Block | None = None
    for number in range(newest_number + 1):
        full = _full_block(file, number)  # 3, 4
        if parent is not None:
            _require_link(parent, full.block)  # 2
        _require_root(file, full.block)  # 5
        parent = full.block
        if progress is not None:
            progress(number + 1, newest_number + 1)
    assert parent is not None
    _require_state(file, parent)  # 5
    return newest_number + 1


def _block(file: LedgerFile, number: int) -> Block:
    block = file.block(number)
    if block is None:
        raise HomeDamaged(f"block {max(number, 0):,} is missing", hint=RESTORE)
    return block


def _full_block(file: LedgerFile, number: int) -> FullBlock:
    _block(file, number)
    full = file.full_block(number)
    assert full is not None
    return full


def _require_link(parent: Block, child: Block) -> None:
    header = child.header
    if (
        header.parent_hash != parent.hash
        or header.number != parent.number + 1
        or header.time_s < parent.header.time_s
        or header.base_fee_wei != next_base_fee_wei(parent.header)
    ):
        raise HomeDamaged(f"block {header.number:,} does not follow from the one before", hint=RESTORE)


def _require_root(file: LedgerFile, block: Block) -> None:
    root = block.header.state_root
    if root != EMPTY_TRIE and file.node(root) is None:
        raise HomeDamaged(f"the state after block {block.number:,} is missing", hint=RESTORE)


def _require_state(file: LedgerFile, block: Block) -> None:
    """Reads every account after a block, all its storage and its code."""
    try:
        for _, account in leaves(file.node, block.header.state_root):
            fields = decode(account)
            if not isinstance(fields, list) or len(fields) != 4:
                raise MalformedEvidence("an account has not four fields")
            _, _, storage_root, code_hash = fields
            assert isinstance(storage_root, bytes)
            assert isinstance(code_hash, bytes)
            for _ in leaves(file.node, storage_root):
                pass
            if code_hash != _NO_CODE and file.node(code_hash) is None:
                raise HomeDamaged("a contract's code is missing", hint=RESTORE)
    except MalformedEvidence as error:
        raise HomeDamaged(f"the state cannot be read: {error.message}", hint=RESTORE) from error
