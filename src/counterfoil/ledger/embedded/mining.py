"""Making blocks from what was sent.

There is no waiting room: a transaction that is taken is in a block when its sender gets
the answer, and one that cannot be run now is refused. Of one sender's transactions that
arrive together, those with lower nonces go first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from counterfoil.ledger.embedded.block import BLOCK_GAS_LIMIT, Block, Header, next_base_fee_wei
from counterfoil.ledger.embedded.execution import State
from counterfoil.ledger.embedded.mined import FullBlock, Mined
from counterfoil.ledger.embedded.receipts import contents_of
from counterfoil.ledger.embedded.signed import SignedTransaction, refusal
from counterfoil.ledger.rpc.rpc import RpcError

__all__ = ["Sent", "mine"]


@dataclass(slots=True)
class Sent:
    """A transaction that somebody sent, and what became of it.

    Attributes:
        transaction: What was sent.
        refused: Why it was not taken, None when it is in a block.
    """

    transaction: SignedTransaction
    refused: RpcError | None = None


def mine(
    sent: Sequence[Sent],
    parent: Block,
    begin: Callable[[Block, int, int], State],
    is_known: Callable[[bytes], bool],
    time_s: int,
) -> list[FullBlock]:
    """Puts transactions into blocks: one, or more where one cannot hold them.

    Args:
        sent: What was sent; those that are not taken get the reason why.
        parent: The newest block.
        begin: Makes the state for the block after a parent, with its time and its base fee.
        is_known: Tells whether a transaction with that hash is in an older block.
        time_s: Unix seconds now.

    Returns:
        The new blocks, none when nothing was taken.

    Raises:
        HomeDamaged: A part of the stored state is missing or was altered.
    """
    blocks: list[FullBlock] = []
    waiting: Sequence[Sent] = _in_turn(sent)
    new: set[bytes] = set()
    while waiting:
        base_fee_wei = next_base_fee_wei(parent.header)
        block_time_s = max(time_s, parent.header.time_s)
        state = begin(parent, block_time_s, base_fee_wei)
        mined, waiting = _fill(waiting, state, base_fee_wei, lambda key: key in new or is_known(key), new)
        if mined:
            parent = _seal(parent, mined, state.store(), block_time_s, base_fee_wei)
            blocks.append(FullBlock(parent, mined))
    return blocks


def _fill(
    waiting: Sequence[Sent], state: State, base_fee_wei: int, is_known: Callable[[bytes], bool], new: set[bytes]
) -> tuple[list[Mined], Sequence[Sent]]:
    """Runs what fits into one block; returns it, and what waits for the next."""
    mined: list[Mined] = []
    gas_used = 0
    for place, each in enumerate(waiting):
        transaction = each.transaction
        if gas_used + transaction.gas > BLOCK_GAS_LIMIT:
            return mined, waiting[place:]
        each.refused = _problem(transaction, state, base_fee_wei, is_known)
        if each.refused is not None:
            continue
        try:
            outcome = state.run(transaction)
        except RpcError as error:
            each.refused = error
            continue
        gas_used += outcome.gas_used
        new.add(transaction.hash)
        mined.append(Mined(transaction, outcome.is_success, outcome.gas_used, outcome.logs))
    return mined, ()


def _seal(parent: Block, mined: Sequence[Mined], state_root: bytes, time_s: int, base_fee_wei: int) -> Block:
    contents = contents_of(mined)
    return Block.of(
        Header(
            parent_hash=parent.hash,
            state_root=state_root,
            transactions_root=contents.transactions_root,
            receipts_root=contents.receipts_root,
            bloom=contents.bloom,
            number=parent.number + 1,
            gas_used=contents.gas_used,
            time_s=time_s,
            extra_data=b"",
            base_fee_wei=base_fee_wei,
        )
    )


def _problem(
    transaction: SignedTransaction, state: State, base_fee_wei: int, is_known: Callable[[bytes], bool]
) -> RpcError | None:
    """Returns why a transaction cannot be run now, in the words of other nodes; None when it can."""
    sender = transaction.sender
    nonce = state.nonce(sender)
    if transaction.nonce < nonce:
        if is_known(transaction.hash):
            return refusal("already known")
        return refusal(f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
    if transaction.nonce > nonce:
        return refusal(
            f"nonce too high: next nonce {nonce}, tx nonce {transaction.nonce}; nothing waits here for others"
        )
    if transaction.max_fee_per_gas < base_fee_wei:
        return refusal(
            "max fee per gas less than block base fee: "
            f"maxFeePerGas: {transaction.max_fee_per_gas}, baseFee: {base_fee_wei}"
        )
    most_wei = transaction.gas * transaction.max_fee_per_gas + transaction.value
    if (balance_wei := state.balance_wei(sender)) < most_wei:
        return refusal(f"insufficient funds for gas * price + value: balance {balance_wei}, tx cost {most_wei}")
    if state.code(sender):
        return refusal("sender not an eoa: it is a contract")
    return None


def _in_turn(sent: Sequence[Sent]) -> list[Sent]:
    """Returns what was sent in order, with each sender's own transactions by nonce in that sender's places."""
    places = defaultdict(list)
    for place, each in enumerate(sent):
        places[each.transaction.sender].append(place)
    turn = list(sent)
    for own in places.values():
        by_nonce = sorted((sent[place] for place in own), key=lambda each: each.transaction.nonce)
        for place, each in zip(own, by_nonce, strict=True):
            turn[place] = each
    return turn
