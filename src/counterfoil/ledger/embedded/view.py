"""What the chain is now: its newest block, and the state of all accounts at any block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from counterfoil.errors import HomeDamaged
from counterfoil.ledger.embedded import parameters
from counterfoil.ledger.embedded.block import Block
from counterfoil.ledger.embedded.execution import State
from counterfoil.ledger.embedded.ledger_file import LedgerFile
from counterfoil.ledger.embedded.mined import FullBlock
from counterfoil.ledger.embedded.nodes import Nodes
from counterfoil.ledger.embedded.tables import RESTORE
from counterfoil.ledger.rpc.rpc import RpcError

__all__ = ["BLOCK_NOT_FOUND", "View"]

BLOCK_NOT_FOUND: Final = -32_001
"""The code for a block that is not here (EIP-1474)."""

_NEWEST: Final = ("latest", "pending", "safe", "finalized")
_HASH_DIGITS: Final = 66


class View:
    """Reads a ledger. Safe to use from several threads.

    Attributes:
        file: Where everything is stored.
        chain_id: The chain's number.
        head: The newest block that is on the disk; replaced by whoever commits the next.
    """

    def __init__(self, file: LedgerFile, head: Block) -> None:
        self.file = file
        self.chain_id = file.chain_id
        self.head = head

    def block(self, number: int) -> Block:
        """Returns a block that must be there, one of 0 to `head.number`.

        Raises:
            HomeDamaged: It is not.
        """
        block = self.file.block(number)
        if block is None:
            raise HomeDamaged(f"block {number:,} is missing", hint=RESTORE)
        return block

    def full_block(self, number: int) -> FullBlock:
        """Returns a block that must be there with its transactions and events.

        Raises:
            HomeDamaged: It is not.
        """
        full = self.file.full_block(number)
        if full is None:
            raise HomeDamaged(f"block {number:,} is missing", hint=RESTORE)
        return full

    def number_of(self, which: Any) -> int | None:
        """Returns the height of the block that a call names, None when there is none such.

        Args:
            which: A name, a number, a hash, or an object with one of the two (EIP-1898).

        Raises:
            RpcError: It names no block at all.
        """
        if isinstance(which, Mapping):
            names = [name for name in ("blockHash", "blockNumber") if which.get(name) is not None]
            if len(names) != 1:
                raise parameters.invalid(dict(which), "block", "either blockHash or blockNumber")
            which = which[names[0]]
        if which in _NEWEST:
            return self.head.number
        if which == "earliest":
            return 0
        if isinstance(which, str) and len(which) == _HASH_DIGITS:
            found = self.file.number_of(parameters.digest(which, "block"))
        else:
            found = parameters.number(which, "block")
        return found if found is not None and found <= self.head.number else None

    def require_number(self, which: Any) -> int:
        """Returns the height of the block that a call names.

        Raises:
            RpcError: There is none such.
        """
        number = self.number_of(which)
        if number is None:
            raise RpcError(BLOCK_NOT_FOUND, "header not found: there is no such block")
        return number

    def state_at(self, block: Block, *, base_fee_wei: int | None = None, time_s: int | None = None) -> State:
        """Returns the accounts after `block`; contracts see that block, and may be told another base fee and time."""
        header = block.header
        return State(
            Nodes(self.file.node),
            header.state_root,
            number=header.number,
            time_s=header.time_s if time_s is None else time_s,
            base_fee_wei=header.base_fee_wei if base_fee_wei is None else base_fee_wei,
            chain_id=self.chain_id,
            ancestors=self._before(header.number, header.parent_hash),
        )

    def state_after(self, parent: Block, nodes: Nodes, time_s: int, base_fee_wei: int) -> State:
        """Returns the accounts after `parent`; contracts see the block that is being made on top of it."""
        return State(
            nodes,
            parent.header.state_root,
            number=parent.number + 1,
            time_s=time_s,
            base_fee_wei=base_fee_wei,
            chain_id=self.chain_id,
            ancestors=self._before(parent.number + 1, parent.hash),
        )

    def _before(self, number: int, parent_hash: bytes) -> Iterator[bytes]:
        """Yields the hashes of the blocks before block `number`, newest first."""
        while number > 0:
            yield parent_hash
            number -= 1
            parent_hash = self.block(number).header.parent_hash
