"""The outbox: whatever is handed to it is executed on the ledger once, whatever happens meanwhile.

A row is durable when `submit` returns, whether or not the ledger can be reached. `step`
does what can be done now (`sender` lists what), and may be repeated at any time, after a
crash too. Why no row can be executed twice stands in `settling`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

from counterfoil.errors import (
    InvalidInput,
    LedgerError,
    LedgerUnreachable,
    NotAllowed,
    NotFound,
    WrongChain,
)
from counterfoil.ledger.accounts.account import Account, checksummed
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.sending.database import OutboxDatabase
from counterfoil.ledger.sending.journal import Journal, Order
from counterfoil.ledger.sending.rows import Attempt, Kind, OutboxRow, State
from counterfoil.ledger.sending.sender import Sender, SendingSettings, Tally
from counterfoil.ledger.sending.spending import SpendingLimits
from counterfoil.ledger.sending.stuck import Cause, Notes, Stuck

__all__ = [
    "Attempt",
    "Cause",
    "Kind",
    "Outbox",
    "OutboxRow",
    "SendingSettings",
    "SpendingLimits",
    "State",
    "Stepped",
    "Stuck",
]

MAX_DATA_BYTES: Final = 120_000
"""Nodes take transactions of at most 128 KiB."""

MIN_GAS: Final = 21_000
"""What any transaction uses (Ethereum yellow paper, appendix G)."""

_MAX_TEXT: Final = 200
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """What one step did, in numbers of rows.

    Attributes:
        signed: Given a number and signed.
        bumped: Signed again, with more for the fee or to cancel.
        sent: Sent to the node, again included.
        mined: Found in a block, or in another block than before.
        taken_back: In no block any more.
        final: Done.
        refused: The contract refused.
        cancelled: Nothing is done any more.
        renumbered: Waiting again, since another wallet used their numbers.
        filled: Rows that were added to use up numbers which another wallet left unused.
        open: Not done yet, after the step.
        trouble: Why the step went no further; None when nothing stood in the way of it as a whole.
    """

    signed: int = 0
    bumped: int = 0
    sent: int = 0
    mined: int = 0
    taken_back: int = 0
    final: int = 0
    refused: int = 0
    cancelled: int = 0
    renumbered: int = 0
    filled: int = 0
    open: int = 0
    trouble: LedgerError | None = None

    @property
    def is_progress(self) -> bool:
        """Whether anything changed."""
        return any((self.signed, self.bumped, self.sent, self.mined, self.taken_back, self.final, self.refused)) or any(
            (self.cancelled, self.renumbered, self.filled)
        )


class Outbox:
    """Sends an account's transactions, each once. Safe to use from several threads.

    Use it as a context manager, or call `close`. It is one process's at a time, and an
    account needs an outbox of its own: two outboxes of one account get in each other's way.
    Never go on from an old copy of its rows: it would send again what the newer one has sent.

    Args:
        database: Where its rows are kept; made when they are not there.
        chain: The ledger.
        account: Signs.
        limits: The most that may be spent.
        settings: How patient it is.
        now: Returns Unix seconds.

    Raises:
        LedgerBusy: Another process is sending from it.
        HomeDamaged: It is torn; it is left as it is.
        WrongChain: It belongs to another chain.
        NotAllowed: It belongs to another account.
        NotSetUp: It was written by a newer version.
        LogUnavailable: The disk refuses.
    """

    def __init__(
        self,
        database: OutboxDatabase,
        chain: Chain,
        account: Account,
        *,
        limits: SpendingLimits,
        settings: SendingSettings | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.where = database.where
        self.chain = chain
        self.account = account
        self.limits = limits
        self.settings = settings or SendingSettings()
        self._now = now
        database.open({"chain_id": str(chain.chain_id), "account": account.address.hex()})
        try:
            self._journal = Journal(database)
            self._require_ours()
        except BaseException:
            database.close()
            raise
        self._sender = Sender(chain, account, self._journal, limits, self.settings)
        self._stepping = threading.Lock()  # one step at a time; guards all of `_sender`, `_notes`, `_trouble_since_s`
        self._closing = threading.Event()
        self._notes = Notes()
        self._trouble_since_s: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file, when a step that runs has ended. What waits goes out after the next opening."""
        self._closing.set()
        with self._stepping:
            self._journal.close()

    # What callers ask for

    def submit(
        self,
        to: bytes | None,
        data: bytes,
        *,
        value_wei: int = 0,
        gas: int | None = None,
        purpose: str,
        key: str = "",
    ) -> int:
        """Takes a transaction; returns its number in the outbox once it is durable. Never asks the ledger.

        Transactions go out in the order of submission. Where `gas` is None it is estimated
        before signing; when the contract would refuse and nothing before it can change that,
        the row is marked refused and nothing is spent. With `gas` set it goes out unseen, right
        behind the ones before it.

        Args:
            to: 20 bytes of the receiver; None makes a contract.
            data: Calldata, or a contract's creation code.
            value_wei: What it carries.
            gas: Most gas it may use; None to estimate it.
            purpose: What it is for, in words.
            key: Idempotency key: with a key that was used before, the number of that row is
                returned and nothing is added, whatever became of it.

        Raises:
            OverLimit: It cannot be sent within the spending limits now; nothing was added.
            InvalidInput: The transaction cannot be, or the key stands for another one.
        """
        _require_usable(to, data, value_wei, gas)
        _require_text(purpose, "a purpose")
        if key:
            _require_text(key, "a key")
        least_wei = value_wei + (MIN_GAS if gas is None else gas) * self.chain.fees.tip_wei
        return self._journal.add(Order(to, data, value_wei, gas, purpose, key), least_wei, self.limits, self._now())

    def cancel(self, row_id: int) -> OutboxRow:
        """Cancels what was not sent yet at once; for the rest, lets an empty transaction compete for its number.

        Which of the two is executed shows when one is final: then the row is cancelled, or final all the same.

        Raises:
            NotFound: There is no such row.
            NotAllowed: It is done already.
        """
        return self._journal.cancel(row_id, self._now())

    def row(self, row_id: int) -> OutboxRow:
        """Returns one row.

        Raises:
            NotFound: There is none with this number.
        """
        return self._journal.row(row_id)

    def row_of(self, key: str) -> OutboxRow:
        """Returns the row with an idempotency key.

        Raises:
            NotFound: No row has it.
        """
        row = self._journal.by_key(key)
        if row is None:
            raise NotFound(f"the outbox has nothing with the key {key!r}")
        return row

    def rows(
        self, *, purpose: str | None = None, states: Sequence[str] | None = None, limit: int | None = None
    ) -> list[OutboxRow]:
        """Returns rows, newest first.

        Args:
            purpose: Only those for this purpose.
            states: Only those in one of these states.
            limit: At most so many.
        """
        return self._journal.newest(purpose=purpose, states=states, limit=limit)

    def stuck(self) -> list[Stuck]:
        """Returns the rows that the newest step could not bring on, oldest first, with the reasons in words."""
        open_ids = {row.id for row in self._journal.open_rows()}
        return [stuck for row_id, stuck in sorted(self._notes.stuck.items()) if row_id in open_ids]

    @property
    def fee_paid_wei(self) -> int:
        """What all transactions that are done cost in fees, values not included."""
        return self._journal.fees_paid_wei()

    @property
    def spent_today_wei(self) -> int:
        """What transactions that became final in the last 24 hours cost, fees and values."""
        return self._journal.paid_wei(self._now())

    @property
    def left_today_wei(self) -> int:
        """What may still be spent by the limit of a day."""
        return max(0, self.limits.per_day_wei - self.spent_today_wei)

    # Sending

    def step(self) -> Stepped:
        """Does what can be done now, and returns what it did. Safe to call at any time, from a loop.

        A ledger that does not answer, or says what cannot be, is `trouble` in the report and
        in `stuck`; what could not be done is done by a later step.

        Raises:
            WrongChain: The node serves another ledger; nothing was sent to it.
            HomeDamaged: The outbox cannot be read.
            LedgerBusy: The lock was lost with the connection to the database, and another process has it.
            LogUnavailable: The disk refuses, or the database is away.
        """
        with self._stepping:
            self._journal.begin_step()
            rows, now_s, tally = self._journal.open_rows(), self._now(), Tally()
            notes = Notes(self._notes, now_s)
            trouble = None
            try:
                if rows:
                    self._sender.step(rows, now_s, notes, tally)
            except WrongChain:
                raise
            except LedgerError as error:
                trouble = error
                self._note_trouble(error, notes, now_s)
            else:
                self._trouble_since_s = None
            self._notes = notes
            return Stepped(**tally, open=len(self._journal.open_rows()), trouble=trouble)

    def wait(self, row_id: int, until: Literal["mined", "final"] = "final", timeout_s: float = 60.0) -> OutboxRow:
        """Steps until a row is in a block, or done; returns it as it stands then, or when the time is over.

        Args:
            row_id: Its number.
            until: "mined" returns once it is in a block, refused or not (`error` tells); "final" once it is done.
            timeout_s: Longest wait; 0 takes one step.

        Raises:
            NotFound: There is no such row.
            WrongChain: The node serves another ledger.
        """
        deadline_s = time.monotonic() + timeout_s
        pause_s = _FIRST_PAUSE_S
        while True:
            stepped = self.step()
            row = self.row(row_id)
            left_s = deadline_s - time.monotonic()
            if row.state.is_done or (until == "mined" and row.state is State.MINED) or left_s <= 0:
                return row
            if stepped.is_progress:
                pause_s = _FIRST_PAUSE_S
                continue
            if self._closing.wait(min(pause_s, left_s)):
                return row
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _note_trouble(self, error: LedgerError, notes: Notes, now_s: float) -> None:
        if self._trouble_since_s is None:
            self._trouble_since_s = now_s
        cause = Cause.UNREACHABLE if isinstance(error, LedgerUnreachable) else Cause.CONTRADICTS
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self._trouble_since_s))
        what = "no node of the ledger answers" if cause is Cause.UNREACHABLE else "the ledger's node cannot be believed"
        notes.add_all(self._journal.open_rows(), cause, f"{what} since {since}: {error.message}")

    def _require_ours(self) -> None:
        facts = self._journal.meta()
        chain_id, known = facts.get("chain_id", "?"), bytes.fromhex(facts.get("account", ""))
        if chain_id != str(self.chain.chain_id):
            raise WrongChain(
                f"the outbox {self.where} sends to chain {chain_id}, and the node serves {self.chain.chain_id}",
                hint="name the right node with --rpc, or use another outbox",
            )
        if known != self.account.address:
            raise NotAllowed(
                f"the outbox {self.where} sends for {checksummed(known)}, not for {checksummed(self.account.address)}",
                hint="an account needs an outbox of its own",
            )


def _require_usable(to: bytes | None, data: bytes, value_wei: int, gas: int | None) -> None:
    if to is not None and len(to) != 20:
        raise InvalidInput("a receiver is 20 bytes")
    if len(data) > MAX_DATA_BYTES:
        raise InvalidInput(f"a transaction's data has {len(data):,} bytes, and {MAX_DATA_BYTES:,} at most are taken")
    if not 0 <= value_wei < 2**256 or (gas is not None and not MIN_GAS <= gas < 2**63):
        raise InvalidInput(f"a value is from 0 to 2^256 - 1 wei, and gas at least {MIN_GAS:,}")


def _require_text(text: str, what: str) -> None:
    if not 0 < len(text) <= _MAX_TEXT or not text.isprintable():
        raise InvalidInput(f"{what} is 1 to {_MAX_TEXT} printable characters")
