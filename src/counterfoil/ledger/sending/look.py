"""What the ledger says, in one look, about an account and what it sent. Nothing is believed by halves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.rpc.answers import Block, TransactionReceipt
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.sending.rows import Attempt, OutboxRow

__all__ = ["Look", "is_used_elsewhere"]


@dataclass(frozen=True, slots=True)
class Look:
    """What the ledger said.

    Attributes:
        tip: The newest block.
        final: The newest block that will not be taken back.
        nonce: How many transactions of the account are in blocks.
        final_nonce: How many are in blocks up to `final`; asked for only when one of ours could be: else 0.
        receipts: By hash, of versions that are in a block which the ledger still has.
    """

    tip: Block
    final: Block
    nonce: int
    final_nonce: int
    receipts: Mapping[bytes, TransactionReceipt]

    @classmethod
    def at(cls, chain: Chain, account: bytes, rows: Iterable[OutboxRow]) -> Self:
        """Looks at the ledger.

        Raises:
            LedgerUnreachable: Nobody answers.
            LedgerContradicts: What was said cannot be.
        """
        tip, final = chain.require_block("latest"), chain.final_block()
        nonce = chain.nonce(account)
        live = [attempt for row in rows for attempt in row.live]
        receipts = _in_blocks(chain, live)
        in_doubt = any(attempt.nonce < nonce for attempt in live if attempt.hash not in receipts)
        may_be_final = any(receipt.block_number <= final.number for receipt in receipts.values())
        final_nonce = chain.nonce(account, final.number) if in_doubt or may_be_final else 0
        look = cls(tip, final, nonce, final_nonce, receipts)
        for attempt in live:
            if look.is_final(attempt) and attempt.nonce >= final_nonce:
                raise LedgerContradicts(
                    "the ledger's node shows a transaction as final and not as sent", hint=_ASK_ANOTHER
                )
        return look

    def found(self, row: OutboxRow) -> tuple[Attempt, TransactionReceipt] | None:
        """Returns the version of a row that is in a block, and its receipt."""
        for attempt in row.live:
            if attempt.hash in self.receipts:
                return attempt, self.receipts[attempt.hash]
        return None

    def is_final(self, attempt: Attempt) -> bool:
        """Whether this version is in a block that will not be taken back."""
        receipt = self.receipts.get(attempt.hash)
        return receipt is not None and receipt.block_number <= self.final.number

    def is_taken(self, row: OutboxRow) -> bool:
        """Whether some transaction in a block has the row's number."""
        return row.nonce is not None and row.nonce < self.nonce


def is_used_elsewhere(chain: Chain, account: bytes, nonce: int, hashes: Sequence[bytes], final: Block) -> bool | None:
    """Looks up what used up an account's number, in a block that will not be taken back.

    An account's count passes a number in exactly one block of a chain, by the one transaction that is
    executed under that number. When it is none of ours, none of ours ever will be.

    Args:
        chain: The ledger.
        account: 20 bytes.
        nonce: The number; the count at `final` is above it.
        hashes: Of all versions that were ever signed with that number here.
        final: A block that will not be taken back.

    Returns:
        True when another transaction of the account under this number is shown in that block; False
        when one of `hashes` is; None when the node shows neither, e.g. keeps no states so old.
    """
    try:
        senders = chain.senders(_block_that_used(chain, account, nonce, final.number))
    except LedgerContradicts:
        return None
    shown = {hash_ for hash_, sent in senders.items() if sent == (account, nonce)}
    if shown & set(hashes):
        return False
    return True if shown else None


def _block_that_used(chain: Chain, account: bytes, nonce: int, last: int) -> int:
    """Returns the height of the block after which the account's count is above `nonce` for the first time.

    Goes back in steps that double, then halves: a node need not keep old states unless the block is old.
    """
    above, step = last, 1
    below = max(-1, last - step)
    while below >= 0 and chain.nonce(account, below) > nonce:
        above, step = below, step * 2
        below = max(-1, below - step)
    while above - below > 1:
        middle = (above + below) // 2
        if chain.nonce(account, middle) > nonce:
            above = middle
        else:
            below = middle
    return above


def _in_blocks(chain: Chain, live: Sequence[Attempt]) -> dict[bytes, TransactionReceipt]:
    """Returns the receipts whose block is still on the chain and holds the transaction."""
    found = [receipt for receipt in chain.receipts([attempt.hash for attempt in live]) if receipt is not None]
    numbers = sorted({receipt.block_number for receipt in found})
    blocks = dict(zip(numbers, chain.blocks(numbers), strict=True))
    believed = {}
    for receipt in found:
        block = blocks[receipt.block_number]
        if block is None or block.hash != receipt.block_hash:
            continue  # the chain was reorganised between two questions; the next look sees it whole
        if receipt.transaction_hash not in block.transactions:
            raise LedgerContradicts("the ledger's node shows a receipt in a block without it", hint=_ASK_ANOTHER)
        believed[receipt.transaction_hash] = receipt
    return believed


_ASK_ANOTHER: Final = "nothing it said was believed; try another node, with another --rpc"
