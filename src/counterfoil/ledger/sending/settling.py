"""From what the ledger shows to what has become of a row. Pure: nothing is asked and nothing written here.

Why no row is ever executed twice:

1. A row is executed only by one of its signed versions, and all bytes that ever left are kept: a
   version is durable before it is sent, and after a crash the same bytes go out again.
2. All versions of a row carry one number, and a chain executes at most one transaction of an
   account with that number.
3. A row gets a fresh number only when a final block shows that the old one was used up there by
   something that is none of its versions; these can then never be executed any more.
4. No number is ever given to two rows.
5. So at most one version of a row is executed, on any chain that does not take final blocks back.
"""

from __future__ import annotations

from typing import Any, Final

from counterfoil.ledger.rpc.answers import TransactionReceipt
from counterfoil.ledger.sending.journal import Change
from counterfoil.ledger.sending.look import Look
from counterfoil.ledger.sending.rows import Attempt, Kind, OutboxRow, State

__all__ = ["refused", "renumbered", "settled"]

_IN_NO_BLOCK: Final = {"block_number": None, "block_hash": None, "gas_used": None, "fee_paid_wei": None, "error": ""}


def settled(row: OutboxRow, look: Look) -> Change | None:
    """Returns what a look says has become of a row that was sent; None when it stands as before."""
    found = look.found(row)
    if found is None:
        if row.state is not State.MINED:
            return None
        newest = row.live[-1]  # taken back by a reorganisation: the same bytes go out again
        offered = {"max_fee_wei": newest.max_fee_wei, "tip_wei": newest.tip_wei}
        return Change(row, State.SENT, {**_IN_NO_BLOCK, **offered, "transaction_hash": newest.hash})
    attempt, receipt = found
    values = _place(attempt, receipt)
    if look.is_final(attempt):
        return _final(row, attempt, receipt, values)
    if not receipt.is_success and attempt.kind is Kind.SEND:
        values["error"] = "the contract refused it, in a block that may still be taken back"
    as_before = (row.state, row.block_hash, row.transaction_hash) == (State.MINED, receipt.block_hash, attempt.hash)
    return None if as_before else Change(row, State.MINED, values)


def renumbered(row: OutboxRow) -> Change:
    """Returns what becomes of a row whose number another wallet used, in a final block: it waits again."""
    if row.is_cancel_asked:
        why = f"cancelled; number {row.nonce} was used by another wallet"
        return Change(row, State.CANCELLED, {"nonce": None, "fee_paid_wei": 0, "error": why})
    return Change(row, State.WAITING, {"nonce": None, "gas_limit": None, "transaction_hash": None})


def refused(row: OutboxRow, reason: str) -> Change:
    """Returns what becomes of a row that the contract would refuse: it is never sent."""
    return Change(row, State.REFUSED, {"error": reason, "fee_paid_wei": 0})


def _place(attempt: Attempt, receipt: TransactionReceipt) -> dict[str, Any]:
    return {
        "transaction_hash": attempt.hash,
        "block_number": receipt.block_number,
        "block_hash": receipt.block_hash,
        "gas_used": receipt.gas_used,
        "fee_paid_wei": receipt.fee_wei,
        "max_fee_wei": attempt.max_fee_wei,
        "tip_wei": attempt.tip_wei,
    }


def _final(row: OutboxRow, attempt: Attempt, receipt: TransactionReceipt, values: dict[str, Any]) -> Change:
    carried_wei = row.value_wei if receipt.is_success and attempt.kind is Kind.SEND else 0
    state, error = State.FINAL, ""
    if attempt.kind is Kind.CANCEL:
        state, error = State.CANCELLED, "cancelled: an empty transaction took its number"
    elif not receipt.is_success:
        state, error = State.REFUSED, "the contract refused it; the fee was paid"
    return Change(row, state, values | {"error": error}, paid_wei=receipt.fee_wei + carried_wei)
