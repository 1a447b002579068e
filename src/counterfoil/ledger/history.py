"""What the ledger told of a log and what a home sent, as lines for people."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core.wording import counted
from counterfoil.errors import CounterfoilError, LedgerError
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.amounts import amount
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.anchors.book import AnchorBook, EventRow
    from counterfoil.ledger.opening import OpenedLedger
    from counterfoil.ledger.rpc.chain import Chain
    from counterfoil.ledger.sending.rows import OutboxRow

__all__ = ["SentTransaction", "ToldEvent", "history_of", "sent_transaction", "told_events"]

_LOGGER: Final = logging.getLogger("counterfoil.ledger")


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """One thing the ledger told of a log.

    Attributes:
        block: Height of its block.
        time: UTC text of the chain's clock; empty when the ledger did not answer.
        name: The event's name in the contract.
        sentence: The same in words.
        told: Its values, as JSON has them.
    """

    block: int
    time: str
    name: str
    sentence: str
    told: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Returns the event as JSON."""
        return {"block": self.block, "name": self.name, "time": self.time or None, "told": self.told}


@dataclass(frozen=True, slots=True)
class SentTransaction:
    """One transaction of a home.

    Attributes:
        id: Its number in the outbox.
        purpose: What it is for.
        state: Where it stands.
        fee: What it cost, for people; empty while it is in no block.
        fee_wei: The same as a number; None while it is in no block.
        note: Its hash, and why it was refused.
    """

    id: int
    purpose: str
    state: str
    fee: str
    fee_wei: int | None
    note: str

    def to_json(self) -> dict[str, Any]:
        """Returns the transaction as JSON."""
        return {
            "fee_wei": self.fee_wei,
            "id": self.id,
            "note": self.note,
            "purpose": self.purpose,
            "state": self.state,
        }


def history_of(opened: OpenedLedger, book: AnchorBook, limit: int) -> tuple[list[ToldEvent], list[SentTransaction]]:
    """Returns what the ledger told of a log and what its home sent, newest first, at most `limit` of each."""
    try:
        opened.anchoring.look()
    except CounterfoilError as error:  # what is known here is wanted most when something is wrong
        _LOGGER.warning("the newest is missing below: %s", error.message)
    sent = [sent_transaction(row) for row in opened.outbox.rows(limit=limit)]
    return told_events(book, opened.chain, limit), sent


def told_events(book: AnchorBook, chain: Chain, limit: int) -> list[ToldEvent]:
    """Returns what the ledger told, newest first, with the time of each block."""
    rows = book.events(limit=limit)
    times = {number: _time(chain, number) for number in {row.block for row in rows}}
    return [ToldEvent(row.block, times[row.block], row.name, _sentence(row), row.told) for row in rows]


def sent_transaction(row: OutboxRow) -> SentTransaction:
    """Returns a row of the outbox for people."""
    fee = "" if row.fee_paid_wei is None else amount(row.fee_paid_wei)
    identity = f"0x{row.transaction_hash.hex()}" if row.transaction_hash else ""
    asked = "taking it back" if row.is_cancel_asked and not row.state.is_done else ""
    note = "; ".join(part for part in (identity, asked, row.error) if part)
    return SentTransaction(row.id, row.purpose, str(row.state), fee, row.fee_paid_wei, note)


def _time(chain: Chain, number: int) -> str:
    try:
        block = chain.block(number)
    except LedgerError:
        return ""
    return time_text(block.time_s) if block else ""


def _shown(value: Any) -> Any:
    """Returns an address with its checksum, and everything else as it is."""
    if isinstance(value, str) and len(value) == 42 and value.startswith("0x"):
        return checksummed(bytes.fromhex(value[2:]))
    return value


def _sentence(row: EventRow) -> str:
    told = {name: _shown(value) for name, value in row.told.items()}
    account = told.get("account", "")
    size = told.get("size", 0)
    return {
        "Opened": f"opened as {told.get('origin')} by {told.get('opener')}",
        "OwnerOffered": f"offered to {account}",
        "OwnerAssigned": f"now belongs to {account}",
        "WriterOffered": f"{account} was asked to anchor it",
        "WriterAssigned": f"{account} anchors it",
        "SignerNamed": f"heads signed by {account} count",
        "Anchored": f"head over {counted(size, 'record')}",
        "Kept": f"the head over {counted(size, 'record')} is kept for good",
        "Noted": f"{told.get('by')} left a note on record {told.get('index')}",
        "Equivocated": f"marked: two different heads over {counted(size, 'record')} were signed",
    }.get(row.name, row.name)
