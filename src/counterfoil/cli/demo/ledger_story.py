"""The demonstration's chapters about the shared ledger: the head is anchored, and a rewrite is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import counterfoil
from counterfoil.cli.demo.narrator import Narrator
from counterfoil.core.steps import EXIT_MISMATCH
from counterfoil.core.wording import counted
from counterfoil.errors import Reverted
from counterfoil.ledger.sending.rows import State
from counterfoil.organisation import Organisation
from counterfoil.store.check_file import read_head

__all__ = ["Anchored", "anchor", "refuse_rewrite"]

GAS: Final = 200_000
TIMEOUT_S: Final = 60


class Anchored:
    """What the auditor keeps of the ledger: the block's hash, and the log's id there."""

    def __init__(self, org: Organisation) -> None:
        proof = org.ledger.newest(org.archive.size)
        assert proof is not None  # `anchor` waits until it is final
        self.block = f"0x{proof.block_hash.hex()}"
        self.block_number = proof.block_number
        self.log_id = f"0x{proof.log_id.hex()}"
        self.size = proof.size


def anchor(org: Organisation, say: Narrator) -> Anchored:
    """Connects the bank to a ledger of its own and anchors its log."""
    say.chapter("The log's head goes where the bank cannot rewrite it")
    say.say(
        "A ledger is a book that several parties keep together. Here it is a small one on this machine, with the "
        "machinery and the contract of a real one. The log stays in the bank; its head, 32 bytes, goes to the ledger, "
        "with a proof that it contains the head before it. The contract checks the proof."
    )
    org.ledger.connect()
    state = org.ledger.anchor(timeout_s=TIMEOUT_S)
    kept = Anchored(org)
    row = org.ledger.opened.outbox.rows(purpose="anchor", limit=1)[0]
    say.say(
        f"The head over {counted(state.ledger_size, 'record')} is in block {kept.block_number}. It took "
        f"{row.gas_used:,} units of gas, however many records stand behind it."
    )
    say.claim("every record of the log is under a head on the ledger", state.is_done)
    say.gap()
    say.say(
        "While one party alone runs such a ledger it proves nothing to others, for that party could make it anew. "
        "With several, or on a public chain, it does. The auditor notes the block's hash:",
    )
    say.gap()
    say.quote([kept.block])
    return kept


def refuse_rewrite(org: Organisation, say: Narrator, kept: Anchored, forged: Path, key: Path) -> None:
    """Shows that the contract refuses the bank's forged log, and that the block's hash exposes it."""
    say.say("Would the ledger take it? The bank signs and sends the forged head to the contract:")
    head = read_head(forged).head
    opened, where = org.ledger.opened, org.ledger.require_connection().where
    # No honest proof exists; the bank tries the one of its true log.
    proof = org.archive.consistency(kept.size, head.size)
    calldata = opened.evidence.anchor(where.log_id, head.size, head.root, proof)
    try:
        opened.chain.call(opened.evidence.address, calldata, sender=opened.account.address)
        reason = ""
    except Reverted as error:
        reason = error.message
    say.quote([reason])
    row = opened.outbox.submit(opened.evidence.address, calldata, gas=GAS, purpose="rewrite")
    done = opened.outbox.wait(row, timeout_s=TIMEOUT_S)
    say.claim("the transaction is refused, and the bank pays its fee all the same", done.state is State.REFUSED)
    held = opened.evidence.head(where.log_id)
    say.claim("the ledger goes on to hold the true head", held.root == org.archive.root(held.size) != head.root)
    report = counterfoil.check(forged, issuer=str(key), block=kept.block, log_id=kept.log_id)
    say.claim(
        "the forged file can show no anchor: who requires one refuses it", report.exit_code(["anchor"]) == EXIT_MISMATCH
    )
