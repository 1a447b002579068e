"""Two heads that contradict each other, before the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from organisations import ORIGIN

from counterfoil.core.checkpoint import Checkpoint, SignedCheckpoint
from counterfoil.errors import DoesNotMatch, InvalidInput, Reverted
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.anchors.head_signer import claimed_signers
from counterfoil.ledger.judging import Contradiction
from counterfoil.ledger.sending.rows import State
from counterfoil.organisation import Organisation


def signer_on_record(org: Organisation) -> bytes:
    """Returns the address of the key that signs heads, as the log itself names it."""
    [about] = org.archive.abouts("ledger")
    return bytes.fromhex(str(about["signer"])[2:])


def test_heads_carry_a_signature_that_the_contract_takes(org: Organisation) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    opened, where = org.ledger.opened, org.ledger.require_connection().where
    signer = signer_on_record(org)
    signed = SignedCheckpoint.parse(org.checkpoint())
    true = claimed_signers(signed, where)[signer]
    # The bank signs a second history of the same size; anybody who has both heads can have the log marked.
    false = Checkpoint(ORIGIN, signed.head.size, b"\7" * 32)
    note = false.signed(org.recorder.signer) + org.ledger.line(false)
    lie = claimed_signers(SignedCheckpoint.parse(note), where)[signer]
    heads = [(signed.head.root, true), (false.root, lie)]
    judged = opened.evidence.judge(where.log_id, signed.head.size, signer, heads)
    row = opened.outbox.wait(opened.outbox.submit(where.contract, judged, purpose="judge"))
    assert row.state is State.FINAL
    assert opened.evidence.is_equivocated(where.log_id)
    assert any("contradict" in problem for problem in org.ledger.status().problems)


def test_two_equal_heads_convict_nobody(org: Organisation) -> None:
    org.ledger.connect()
    opened, where = org.ledger.opened, org.ledger.require_connection().where
    signer = signer_on_record(org)
    signed = SignedCheckpoint.parse(org.checkpoint())
    heads = [(signed.head.root, claimed_signers(signed, where)[signer])] * 2
    judged = opened.evidence.judge(where.log_id, signed.head.size, signer, heads)
    with pytest.raises(Reverted, match="equal"):
        opened.chain.call(where.contract, judged)


def test_two_files_that_contradict_each_other_mark_the_log(org: Organisation, tmp_path: Path) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    opened, where = org.ledger.opened, org.ledger.require_connection().where
    true, false = tmp_path / "true", tmp_path / "false"
    true.write_text(org.checkpoint())
    lie = Checkpoint(ORIGIN, org.archive.size, b"\7" * 32)
    false.write_text(lie.signed(org.recorder.signer) + org.ledger.line(lie))
    named = where.chain_id, checksummed(where.contract), f"0x{where.log_id.hex()}"
    assert Contradiction.between(true, false, *named).mark(org.ledger)
    assert opened.evidence.is_equivocated(where.log_id)
    with pytest.raises(DoesNotMatch, match="the same"):
        Contradiction.between(true, true, *named)
    with pytest.raises(InvalidInput, match="neither file says"):
        Contradiction.between(true, false, where.chain_id, None, None)
    with pytest.raises(DoesNotMatch, match="no key signed both"):
        Contradiction.between(true, false, where.chain_id, named[1], "0x" + "12" * 32)
