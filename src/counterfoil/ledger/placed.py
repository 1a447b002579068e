"""Contracts that are put on a ledger, once, or are there already; and from which block on they are read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from counterfoil.errors import InvalidInput, LedgerContradicts, LedgerError, NotSetUp
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.connection import Connection
from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.rpc.answers import TransactionReceipt
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.sending.awaited import awaited
from counterfoil.ledger.sending.outbox import Outbox
from counterfoil.ledger.sending.rows import State

__all__ = ["Placed", "Told", "deployed", "placed_at", "sent_once"]

Told = Callable[[str], None]
"""Told what is being done, in words."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A contract on a chain: its 20 bytes, and the height of the block from which on it is there."""

    address: bytes
    block_number: int

    def named_in(self, connection: Connection, what: Literal["assets", "market"]) -> Connection:
        """Returns settings that name it as the Assets contract, or as the Market."""
        address, first = checksummed(self.address), self.block_number
        if what == "assets":
            return replace(connection, assets=address, assets_from=first)
        return replace(connection, market=address, market_from=first)


def deployed(outbox: Outbox, artefact: Artefact, tell: Told, arguments: bytes = b"") -> Placed:
    """Puts a contract on the chain of an outbox, once; returns where it is when that is final.

    Args:
        outbox: Sends it.
        artefact: The contract.
        tell: Told what is being done.
        arguments: What it is made with, ABI-encoded.
    """
    tell(f"Putting the {artefact.name} contract on the ledger ...")
    key = f"deploy {artefact.runtime_code_hash.hex()[:16]} on {outbox.chain.chain_id}"
    key += f" with {arguments.hex()[-64:]}" if arguments else ""
    receipt = sent_once(outbox, None, artefact.bytecode + arguments, "deploy", key, tell)
    if receipt.contract is None:
        raise LedgerContradicts("the ledger's node names no contract for the transaction that made one")
    return Placed(receipt.contract, receipt.block_number)


def _first_block_of(chain: Chain, address: bytes) -> int:
    """Returns the height of the block from which on a contract is there.

    Raises:
        NotSetUp: The node does not know how the chain was so long ago.
    """
    low, high = 0, chain.require_block("latest").number
    try:
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if chain.code(address, middle) else (middle + 1, high)
    except LedgerError as error:
        raise NotSetUp(
            f"the node does not tell from which block on the contract is there: {error.message}",
            hint="whoever put it there knows: name the block with --from-block",
        ) from error
    return low


def placed_at(chain: Chain, address: bytes, from_block: int | None) -> Placed:
    """Returns where a contract is, and the height from which on it is read: `from_block`, or looked for when None.

    Raises:
        InvalidInput: It was there before that block, or the block is not there yet: events would be missed.
        NotSetUp: The node does not know how the chain was so long ago.
    """
    if from_block is None:
        return Placed(address, _first_block_of(chain, address))
    is_missed = from_block > chain.require_block("latest").number
    with suppress(LedgerError):  # a node that keeps no past cannot say; whoever names the block can
        is_missed = is_missed or (from_block > 0 and bool(chain.code(address, from_block - 1)))
    if is_missed:
        raise InvalidInput(
            f"the contract is there before block {from_block}, and what it told until then would be missed",
            hint="name the block in which it was put there, or leave that out and it is looked for",
        )
    return Placed(address, from_block)


def sent_once(
    outbox: Outbox, to: bytes | None, calldata: bytes, purpose: str, key: str, tell: Told
) -> TransactionReceipt:
    """Sends once and for all, and returns the receipt when it is final; what was refused before is tried anew."""
    row = outbox.row(outbox.submit(to, calldata, purpose=purpose, key=key))
    tries = 1
    while row.state in (State.REFUSED, State.CANCELLED):
        tries += 1
        row = outbox.row(outbox.submit(to, calldata, purpose=purpose, key=f"{key}, try {tries}"))
    return awaited(outbox, row.id, purpose, tell)
