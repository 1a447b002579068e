"""One step of an outbox: looks, writes down, signs and sends what can be now.

1. Look what the ledger shows of everything that was sent (`look`).
2. Write down what has become of it: in a block, final, or taken back (`settling`).
3. Give a fresh number to a row whose own was used by another wallet, once that is final.
4. Sign again what offers too little by now, or shall be cancelled (`signing`).
5. Give numbers to what waits, in the order of submission, and sign it (`signing`).
6. Use up a number below ours that another wallet left unused.
7. Send what is new, was taken back, or was sent long ago.

What is written down is durable before it has an effect outside, so that a process killed
at any point leaves nothing that the next one could double.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.keccak import keccak256
from counterfoil.errors import (
    HomeDamaged,
    InvalidInput,
    LedgerContradicts,
    OverLimit,
    Reverted,
    WrongChain,
)
from counterfoil.ledger.accounts.account import Account
from counterfoil.ledger.rpc.chain import Chain, Fees
from counterfoil.ledger.sending.database import RESTORE
from counterfoil.ledger.sending.journal import Change, Journal
from counterfoil.ledger.sending.look import Look, is_used_elsewhere
from counterfoil.ledger.sending.rows import Attempt, Kind, OutboxRow, State
from counterfoil.ledger.sending.settling import renumbered, settled
from counterfoil.ledger.sending.signing import Signing
from counterfoil.ledger.sending.spending import Budget, SpendingLimits
from counterfoil.ledger.sending.stuck import Cause, Notes

__all__ = ["Sender", "SendingSettings", "Tally"]

Tally = Counter[str]
"""How many rows a step brought on, by the names in `Stepped`."""

RETRY_S: Final = 5.0
"""After a node did not take a transaction, it is offered again so much later."""

MOST_FILLED: Final = 16
"""So many numbers left unused below ours are used up; more are not another wallet's doing."""


@dataclass(frozen=True, slots=True)
class SendingSettings:
    """How patient an outbox is.

    Attributes:
        bump_after_s: A transaction that is so long in no block, while blocks are made, is offered more for.
        resend_after_s: The same bytes are sent again so much later, should the node have dropped them.
        most_in_flight: Transactions that are sent and in no block, at most.
    """

    bump_after_s: float = 180.0
    resend_after_s: float = 60.0
    most_in_flight: int = 100

    def __post_init__(self) -> None:
        if min(self.bump_after_s, self.resend_after_s) < 0 or self.most_in_flight < 1:
            raise InvalidInput("bump_after_s and resend_after_s are at least 0, most_in_flight at least 1")


class Sender:
    """Steps, and what it remembers between two of them. The caller sees to it that one runs at a time.

    Args:
        chain: The ledger.
        account: Signs.
        journal: The durable part.
        limits: The most that may be spent.
        settings: How patient it is.
    """

    def __init__(
        self, chain: Chain, account: Account, journal: Journal, limits: SpendingLimits, settings: SendingSettings
    ) -> None:
        self._chain = chain
        self._account = account
        self._journal = journal
        self._limits = limits
        self._settings = settings
        self._due_s: dict[bytes, float] = {}  # when a version is to be sent again
        self._untaken: dict[bytes, str] = {}  # why a version is not with the node, in words
        # Our lowest number in no block, and since when; after a restart it is taken to have been so long before.
        self._head: tuple[int | None, float] = (None, 0.0)
        self._searched: dict[int, tuple[float, bool | None]] = {}  # when a number was looked for, and the answer
        self._gap_since_s: float | None = None

    def step(self, rows: Sequence[OutboxRow], now_s: float, notes: Notes, tally: Tally) -> None:
        """Does what can be done now.

        Args:
            rows: Those that may still change, oldest first.
            now_s: Unix seconds.
            notes: Takes what stands in the way.
            tally: Takes what was done.

        Raises:
            WrongChain: The node serves another ledger.
            LedgerUnreachable: Nobody answers; what was not done is done by a later step.
            LedgerContradicts: The node said what cannot be; nothing of it was believed.
        """
        self._require_ledger()
        look = Look.at(self._chain, self._account.address, rows)
        self._settle(rows, look, now_s, notes, tally)
        rows = self._journal.open_rows()
        self._sign(rows, look, now_s, notes, tally)
        rows = self._journal.open_rows()
        self._fill_gap(rows, look, now_s, notes, tally)
        self._send(rows, look, now_s, notes, tally)
        self._forget(rows)
        notes.add_those_behind(sorted(rows, key=_order))

    # What has become of rows

    def _settle(self, rows: Sequence[OutboxRow], look: Look, now_s: float, notes: Notes, tally: Tally) -> None:
        changes = []
        for row in rows:
            change = None
            if row.live:
                change = settled(row, look) or self._renumbered(row, look, now_s, notes)
            if change is not None:
                changes.append(self._with_reason(change))
                tally[_name_of(change)] += 1
                for attempt in row.live:
                    self._due_s.pop(attempt.hash, None)
                    self._untaken.pop(attempt.hash, None)
        self._journal.change(changes, now_s)

    def _renumbered(self, row: OutboxRow, look: Look, now_s: float, notes: Notes) -> Change | None:
        """Returns the change of a row whose number another wallet used for good; None for others."""
        if row.nonce is None or not look.is_taken(row) or look.found(row) is not None:
            return None
        where = f"another wallet, as it seems, used the account's number {row.nonce}, which was given to it"
        if row.nonce >= look.final_nonce:
            notes.add(row, Cause.USED_ELSEWHERE, f"{where}; it goes out under a fresh number once that is final")
            return None
        searched_s, is_lost = self._searched.get(row.nonce, (None, None))
        if searched_s is None or now_s - searched_s >= self._settings.resend_after_s:
            hashes = [attempt.hash for attempt in row.live]
            is_lost = is_used_elsewhere(self._chain, self._account.address, row.nonce, hashes, look.final)
            if is_lost:
                return renumbered(row)
            self._searched[row.nonce] = (now_s, is_lost)
        if is_lost is None:
            why = f"{where}; this node does not show for what: connect one that keeps history"
            notes.add(row, Cause.USED_ELSEWHERE, why)
        else:
            notes.add(row, Cause.CONTRADICTS, "it is in a final block, and the node does not show its receipt")
        return None

    def _with_reason(self, change: Change) -> Change:
        """Asks the contract why it refused, where the node still tells."""
        row = change.row
        if change.state is not State.REFUSED or row.to is None or row.value_wei:
            return change
        try:
            self._chain.call(row.to, row.data, sender=self._account.address, which=change.values["block_number"])
        except Reverted as error:
            reason = f"{error.message}; the fee was paid"
            return Change(row, change.state, {**change.values, "error": reason}, change.paid_wei)
        except LedgerContradicts:  # the node no longer has the state of that block
            pass
        return change

    # Signing

    def _sign(self, rows: Sequence[OutboxRow], look: Look, now_s: float, notes: Notes, tally: Tally) -> None:
        sent = sorted((row for row in rows if row.state is State.SENT and not look.is_taken(row)), key=_order)
        weak = self._weak(sent, look, now_s)
        room = max(0, self._settings.most_in_flight - len(sent))
        waiting = sorted((row for row in rows if row.state is State.WAITING), key=_order)
        # Those that hold a number already may be what the ones in flight wait for.
        waiting = waiting[: room + sum(row.nonce is not None for row in waiting)]
        if not weak and not waiting:
            return
        offered = self._offered()
        balance_wei = self._chain.balance_wei(self._account.address)
        under_way = [row for row in rows if row.live]
        budget = Budget(self._limits, self._journal.paid_wei(now_s), balance_wei, under_way)
        signing = Signing(self._chain, self._account, self._journal, budget, look, notes, now_s)
        is_first = not any(row.state is State.SENT for row in rows)
        tally["bumped"] += signing.sign_again(weak, offered)
        tally["signed"] += signing.sign_waiting(waiting, is_first=is_first, offered=offered)

    def _weak(self, sent: Sequence[OutboxRow], look: Look, now_s: float) -> list[OutboxRow]:
        """Returns the rows that offer too little by now, or whose cancelling is not signed yet."""
        if not sent:
            self._head = (-1, now_s)
            return []
        head = sent[0].live[-1]
        if head.nonce != self._head[0]:
            self._head = (head.nonce, 0.0 if self._head[0] is None else now_s)
        patience_s = self._settings.bump_after_s
        is_next, is_passed_by = head.nonce == look.nonce, look.tip.number > head.tip_number
        is_late = is_next and is_passed_by and now_s - max(self._head[1], head.first_sent_s) >= patience_s

        def is_weak(row: OutboxRow) -> bool:
            newest = row.live[-1]
            if row.is_cancel_asked and newest.kind is Kind.SEND:
                return True
            if newest.max_fee_wei <= look.tip.base_fee_wei:
                return True
            # Those behind the first wait for it; the ones that offer no more would not get on after it.
            return is_late and newest.tip_wei <= head.tip_wei and now_s - newest.first_sent_s >= patience_s

        return [row for row in sent if is_weak(row)]

    def _offered(self) -> Fees | None:
        try:
            return self._chain.offered()
        except OverLimit:
            return None

    def _fill_gap(self, rows: Sequence[OutboxRow], look: Look, now_s: float, notes: Notes, tally: Tally) -> None:
        """Uses up free numbers below ours, as of another wallet's transaction that was taken back: ours would wait."""
        sent = sorted((row for row in rows if row.state is State.SENT), key=_order)
        last = (sent[-1].nonce or 0) if sent else 0
        missing = self._journal.missing(look.nonce, last, MOST_FILLED + 1)
        if not missing:
            self._gap_since_s = None
            return
        if self._gap_since_s is None:
            self._gap_since_s = now_s
        is_long = len(missing) > MOST_FILLED
        if is_long or now_s - self._gap_since_s < self._settings.bump_after_s:
            why = f"another wallet, as it seems, left the account's number {missing[0]} unused; it is used up soon"
            if is_long:
                why = f"more than {MOST_FILLED} numbers of the account before it are unused; was the node wrong once?"
            notes.add_all((row for row in sent if (row.nonce or 0) > missing[0]), Cause.USED_ELSEWHERE, why)
            return
        self._journal.fill(missing, self._account.address, now_s)
        tally["filled"] += len(missing)

    # Sending

    def _send(self, rows: Sequence[OutboxRow], look: Look, now_s: float, notes: Notes, tally: Tally) -> None:
        """Sends each row's newest version where it is due, in the order of their numbers."""
        due: list[tuple[OutboxRow, Attempt]] = []
        for row in sorted((row for row in rows if row.state is State.SENT and not look.is_taken(row)), key=_order):
            newest = row.live[-1]
            if self._due_s.get(newest.hash, now_s) <= now_s:
                due.append((row, newest))
            elif newest.hash in self._untaken:
                notes.add(row, Cause.NODE_REFUSED, self._untaken[newest.hash])
            elif now_s - newest.first_sent_s >= self._settings.bump_after_s:
                notes.add(row, Cause.LATE, "it was sent and is in no block yet; the same bytes are sent again at times")
        for row, attempt in due:
            if keccak256(attempt.raw) != attempt.hash:
                raise HomeDamaged(
                    f"the bytes of row {row.id} of the outbox are not those that were signed", hint=RESTORE
                )
        if not due:
            return
        answers = self._chain.send_raw([attempt.raw for _, attempt in due])
        tally["sent"] += len(due)
        doubtful = [place for place, answer in enumerate(answers) if answer is not None]
        # "already known", "nonce too low" and the like: whether the node has it is asked, not guessed from words.
        known = dict(zip(doubtful, self._chain.is_known([due[place][1].hash for place in doubtful]), strict=True))
        for place, ((row, attempt), answer) in enumerate(zip(due, answers, strict=True)):
            is_there = answer is None or known[place]
            self._due_s[attempt.hash] = now_s + (self._settings.resend_after_s if is_there else RETRY_S)
            self._untaken.pop(attempt.hash, None)
            if not is_there and answer is not None:
                words = "".join(ch if ch.isprintable() else " " for ch in answer.message[:200])
                self._untaken[attempt.hash] = f"the ledger's node did not take it: {words}"
                notes.add(row, Cause.NODE_REFUSED, self._untaken[attempt.hash])

    # Which ledger

    def _require_ledger(self) -> None:
        """Refuses another ledger than the one of all the steps before, even one that has the same number.

        Raises:
            WrongChain: It is another one.
        """
        self._chain.require_chain()
        found, known = self._chain.genesis_hash(), self._journal.meta().get("genesis")
        if found is None:
            return
        if known is None:
            self._journal.keep_meta("genesis", found.hex())
        elif known != found.hex():
            raise WrongChain(
                f"the node serves a chain {self._chain.chain_id} that began with another block than this outbox's",
                hint="a test ledger was started anew? name the right node with --rpc; nothing was sent",
            )

    def _forget(self, rows: Sequence[OutboxRow]) -> None:
        """Lets go of what is remembered of rows that are done."""
        hashes = {attempt.hash for row in rows for attempt in row.live}
        self._due_s = {key: value for key, value in self._due_s.items() if key in hashes}
        self._untaken = {key: words for key, words in self._untaken.items() if key in hashes}
        numbers = {row.nonce for row in rows}
        self._searched = {key: value for key, value in self._searched.items() if key in numbers}


def _order(row: OutboxRow) -> tuple[bool, int]:
    """Rows that hold a number come first, by number; the others as they were submitted."""
    return (row.nonce is None, row.id if row.nonce is None else row.nonce)


def _name_of(change: Change) -> str:
    """Returns what `Stepped` calls a change."""
    if change.state is State.SENT:
        return "taken_back"
    return "renumbered" if change.state is State.WAITING else str(change.state)
