"""Waits until a transaction is final, and tells each new reason why it is not."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from typing import Final

from counterfoil.errors import LedgerContradicts, LedgerUnreachable, Reverted
from counterfoil.ledger.rpc.answers import TransactionReceipt
from counterfoil.ledger.sending.outbox import Outbox
from counterfoil.ledger.sending.rows import OutboxRow, State

__all__ = ["WAIT_S", "awaited"]

TELL_S: Final = 3.0
WAIT_S: Final = 3_600.0
"""Ethereum itself takes 13 to 20 minutes until a block is final."""


def awaited(
    outbox: Outbox, row_id: int, purpose: str, tell: Callable[[str], None], *, timeout_s: float = WAIT_S
) -> TransactionReceipt:
    """Returns the receipt of a transaction when it is final.

    Args:
        outbox: Sends it.
        row_id: Its number there.
        purpose: What it is for, as in "to open".
        tell: Told why it is not done yet, each reason once.
        timeout_s: How long to wait.

    Raises:
        LedgerUnreachable: It was not final in time; nothing is lost.
        Reverted: The ledger refused it.
        LedgerContradicts: The node does not know what it called final.
    """
    row = _waited(outbox, row_id, tell, timeout_s)
    if not row.state.is_done:
        stuck = next((each.reason for each in outbox.stuck() if each.id == row.id), "no block has become final with it")
        raise LedgerUnreachable(
            f"to {purpose} takes longer than {timeout_s / 60:,.0f} minutes: {stuck}",
            hint="nothing is lost: repeat the command, and it goes on where it stopped",
        )
    if row.state is not State.FINAL or row.transaction_hash is None:
        raise Reverted(f"the ledger refused to {purpose}: {row.error or row.state}", hint="repeat it to try anew")
    receipt = outbox.chain.receipt(row.transaction_hash)
    if receipt is None:
        raise LedgerContradicts("the ledger's node does not know a transaction that it called final")
    return receipt


def _waited(outbox: Outbox, row_id: int, tell: Callable[[str], None], timeout_s: float) -> OutboxRow:
    """Waits until a row is done, or long enough."""
    ends_s, told = clock.monotonic() + timeout_s, ""
    while True:
        row = outbox.wait(row_id, until="final", timeout_s=min(TELL_S, timeout_s))
        if row.state.is_done or clock.monotonic() > ends_s:
            return row
        in_block = (
            "it is in a block; waiting until that is final" if row.state is State.MINED else "waiting for a block"
        )
        reason = next((each.reason for each in outbox.stuck() if each.id == row_id), in_block)
        if reason != told:
            tell(f"  {reason} ...")
            told = reason
