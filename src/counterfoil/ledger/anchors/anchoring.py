"""Keeps a log's head on the ledger: when it is due, one at a time, until it is final.

One step does what can be done now and may be repeated at any time, after a crash too:

1. send what waits, see what became of what was sent (the outbox);
2. read what the ledger tells of this log (the scanner);
3. hold the ledger's head against the log: it must be the log's own beginning;
4. keep the proof of the newest final anchor, for receipts and bundles;
5. when no anchor is under way and one is due, end the running epochs, and send the
   log's head with the proof that it extends the head on the ledger.

An anchor that a reorganisation of the ledger drops goes out again by itself, because it
stays in the outbox until it is final. Whatever was anchored by hand or by another
process is seen in step 2, for the proof is always built from the head on the ledger.
"""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Callable
from typing import Final

from counterfoil.core.anchor import Anchor
from counterfoil.errors import HomeDamaged, LedgerContradicts, LedgerUnreachable, NotAllowed, NotSetUp, Reverted
from counterfoil.ledger.anchors.book import AnchorBook, AnchorRow
from counterfoil.ledger.anchors.evidence import Evidence, LedgerHead
from counterfoil.ledger.anchors.policy import AnchorPolicy, has_news
from counterfoil.ledger.anchors.proofs import event_proof, storage_proof
from counterfoil.ledger.sending.outbox import Outbox
from counterfoil.ledger.sending.rows import OutboxRow, State
from counterfoil.ledger.sending.scanner import Scanner
from counterfoil.ledger.standing import AnchorState
from counterfoil.store.archive import Archive
from counterfoil.store.recorder import Recorder

__all__ = ["PURPOSE", "Anchoring"]

PURPOSE: Final = "anchor"
POLL_S: Final = 1.0
_ANCHOR_GAS: Final = 80_000
"""What an anchor may be signed for, margin included."""

_REFUSED_PAUSE_S: Final = 60
"""After a refused anchor nothing is sent for so long: the reason may cost a fee every time."""


class Anchoring:
    """Anchors one log. Safe to call from several threads.

    Args:
        recorder: Ends epochs.
        archive: Reads the log.
        evidence: The contract.
        log_id: 32 bytes of the log's id there.
        outbox: Sends.
        scanner: Reads the ledger's events into `book`.
        book: The anchors.
        policy: When a head is due.
        now: Returns Unix seconds.
    """

    def __init__(
        self,
        recorder: Recorder,
        archive: Archive,
        evidence: Evidence,
        log_id: bytes,
        outbox: Outbox,
        scanner: Scanner,
        book: AnchorBook,
        policy: AnchorPolicy,
        now: Callable[[], float] = clock.time,
    ) -> None:
        self._recorder = recorder
        self._archive = archive
        self._evidence = evidence
        self._log_id = log_id
        self._outbox = outbox
        self._scanner = scanner
        self._book = book
        self._policy = policy
        self._now = now
        self._lock = threading.Lock()  # one step at a time
        self._proof_fault = ""

    def step(self, *, at_once: bool = False) -> AnchorState:
        """Does what can be done now.

        Args:
            at_once: Send the newest head though none is due yet, if there is news in it.

        Raises:
            HomeDamaged: The ledger holds a head that this log does not lead to.
            NotAllowed: Another account may anchor this log, not this one.
            LedgerContradicts: The node said what cannot be; nothing was believed.
        """
        with self._lock:
            self._outbox.step()  # step 1
            try:
                head = self._read_ledger()
            except LedgerUnreachable as error:
                return self.state(error.message)
            waiting = self.waiting()
            if waiting is None and (self._due(head.size) or (at_once and has_news(self._archive, head.size))):  # step 5
                self._send(head)
                self._outbox.step()  # sends it
                self._outbox.step()  # a ledger that is one with this process has it in a block already
                self._read_ledger()
            return self.state()

    def anchor(self, *, timeout_s: float, progress: Callable[[AnchorState], None] | None = None) -> AnchorState:
        """Anchors everything recorded so far, and returns when it is final; see `Ledger.anchor`."""
        size = self._archive.size
        before = self.step()  # as the ledger stands now
        wanted = size if has_news(self._archive, before.ledger_size) else before.ledger_size
        ends_s = clock.monotonic() + timeout_s
        state = before
        while True:
            state = self.step(at_once=wanted > state.ledger_size)
            if progress is not None:
                progress(state)
            if state.proven_size >= wanted:
                return state
            if clock.monotonic() > ends_s:
                why = f": {state.fault}" if state.fault else ""
                raise LedgerUnreachable(
                    f"the anchor is not final after {timeout_s:,.0f} seconds{why}",
                    hint="nothing is lost: it goes on while the home is open; see `counterfoil ledger status`",
                )
            clock.sleep(POLL_S)

    def look(self) -> LedgerHead:
        """Reads the ledger and what became of what was sent; sends no new anchor. See `step` for errors."""
        with self._lock:
            self._outbox.step()
            return self._read_ledger()

    def keep(self, *, timeout_s: float) -> int:
        """Has the contract store its newest head for good; returns that head's size when it is final.

        Raises:
            NotSetUp: The ledger holds no head of this log.
            Reverted: The contract refused.
            LedgerUnreachable: It was not final in time; nothing is lost.
        """
        head = self.look()
        if head.size == 0:
            raise NotSetUp("the ledger holds no head of this log yet", hint="run `counterfoil ledger anchor` first")
        calldata = self._evidence.keep(self._log_id, head.size, head.root, ())
        key = f"keep {self._log_id.hex()} {head.size}"
        row = self._outbox.submit(self._evidence.address, calldata, purpose="keep", key=key)
        done = self._outbox.wait(row, until="final", timeout_s=timeout_s)
        if not done.state.is_done:
            raise LedgerUnreachable(
                f"the head is not kept after {timeout_s:,.0f} seconds",
                hint="nothing is lost: it goes on by itself; repeating it pays nothing again",
            )
        if done.state is not State.FINAL:
            raise Reverted(f"the head was not kept: {done.error or done.state}")
        return head.size

    def state(self, fault: str = "") -> AnchorState:
        """Returns where log and ledger stand, as far as is known without asking the ledger."""
        newest, size = self._book.newest(), self._archive.size
        proven = self._book.proof(size)
        ledger_size = newest.size if newest else 0
        stuck = self._outbox.stuck()
        return AnchorState(
            log_size=size,
            ledger_size=ledger_size,
            proven_size=proven.size if proven else 0,
            has_news=has_news(self._archive, ledger_size),
            due=self._due(ledger_size),
            waiting=self.waiting(),
            fault=fault or (stuck[0].reason if stuck else self._proof_fault),
        )

    def waiting(self) -> OutboxRow | None:
        """Returns the anchor that is sent and in no block yet, None without one."""
        return next((row for row in self._outbox.rows(purpose=PURPOSE, states=(State.WAITING, State.SENT))), None)

    def _read_ledger(self) -> LedgerHead:
        """Steps 2 to 4; returns the newest head in a block."""
        self._require_final_stays()  # first: the scanner would forget what was taken back
        self._scanner.step()
        head = self._evidence.head(self._log_id)
        self._require_history(head)
        self._keep_proof()
        return head

    def _require_final_stays(self) -> None:
        """Refuses a ledger that has taken back a block in which it called an anchor final."""
        proven = self._book.proof()
        if proven is None:
            return
        block = self._evidence.chain.block(proven.block_number)
        if block is not None and block.hash == proven.block_hash:
            return
        if block is None:
            tip = self._evidence.chain.require_block("latest").number
            what = f"ends at block {tip:,}, and an anchor was final in block {proven.block_number:,}"
        else:
            what = f"has taken back block {proven.block_number:,}, in which an anchor was final"
        raise LedgerContradicts(
            f"the ledger {what}",
            hint="an old copy of it was put back, or it cannot be relied on: receipts with that anchor fail; "
            "`counterfoil ledger disconnect --force`, then connect anew",
        )

    def _require_history(self, head: LedgerHead) -> None:
        proven = self._book.proof()
        if proven is not None and proven.size > head.size:  # the block stands, and the state is one from before it
            raise LedgerContradicts(
                f"the ledger holds a head over {head.size:,} records, and has shown a final one over {proven.size:,}",
                hint="the node answers from a state older than its blocks: use another node",
            )
        if head.size == 0:
            return
        if head.size > self._archive.size:
            raise HomeDamaged(
                f"the ledger holds a head over {head.size:,} records, and this log has {self._archive.size:,}",
                hint="an old backup was restored; bring back the newest one, before anything is recorded on top",
            )
        if self._archive.root(head.size) != head.root:
            raise HomeDamaged(
                f"the first {head.size:,} records of this log are not the ones whose head is on the ledger",
                hint="the log was altered, or somebody else anchors with this account's key: restore the newest backup "
                "of the whole home; if this is the newest, revoke the writer",
            )

    def _keep_proof(self) -> None:
        final = self._evidence.chain.final_block()
        row = self._book.unproven(final.number)
        if row is None:
            return
        try:
            self._book.keep_proof(row, self._proof(row, final.hash))
            self._proof_fault = ""
        except (LedgerContradicts, Reverted) as error:  # anchoring goes on; receipts wait for a node that can
            self._proof_fault = (
                f"the node does not prove what it holds, so that receipts get no anchor: {error.message}"
            )

    def _proof(self, row: AnchorRow, final_hash: bytes) -> Anchor:
        chain, contract = self._evidence.chain, self._evidence.address
        try:
            return event_proof(chain, contract, self._log_id, row.transaction_hash)
        except LedgerContradicts:  # the node has dropped the state of that block; the final one it still has
            proof = storage_proof(chain, contract, self._log_id, final_hash)
            if proof.size != row.size:
                raise
            return proof

    def _due(self, ledger_size: int) -> str:
        return self._policy.due(self._archive, ledger_size, self._now())

    def _send(self, head: LedgerHead) -> None:
        if self._evidence.writer(self._log_id) != self._outbox.account.address:
            raise NotAllowed(
                "another account may anchor this log, not the one this home uses",
                hint="the log's owner assigns the writer; `counterfoil ledger status` names both",
            )
        refused = next(iter(self._outbox.rows(purpose=PURPOSE, states=(State.REFUSED,), limit=1)), None)
        if refused is not None and 0 <= self._now() - refused.changed_s < _REFUSED_PAUSE_S:
            return
        self.require_affordable()  # before records are written that a refusal would leave behind at every try
        self._recorder.close_epochs(up_to_now=True)
        self._archive.checkpoint()  # kept on disk before anybody sees it
        size = self._archive.size
        if size == head.size:
            return
        proof = self._archive.consistency(head.size, size) if head.size else ()
        calldata = self._evidence.anchor(self._log_id, size, self._archive.root(size), proof)
        self._outbox.submit(self._evidence.address, calldata, purpose=PURPOSE)

    def require_affordable(self) -> None:
        """Refuses (OverLimit) what the fee ceiling or the spending limits would not let out."""
        most_wei = _ANCHOR_GAS * self._evidence.chain.offered().max_wei
        self._outbox.limits.require(most_wei, self._outbox.spent_today_wei)
