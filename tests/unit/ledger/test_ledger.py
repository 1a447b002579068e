"""A home and its ledger, together: connecting, anchoring, and what receipts and bundles gain."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from organisations import ORIGIN, Clock, open_home

import counterfoil
from counterfoil.core.checkpoint import Checkpoint, SignedCheckpoint
from counterfoil.core.statement import Draft
from counterfoil.errors import (
    CounterfoilError,
    DoesNotMatch,
    HomeDamaged,
    InvalidInput,
    LedgerContradicts,
    NotAllowed,
    NotSetUp,
    OverLimit,
    Reverted,
)
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.anchors.evidence import log_id_of
from counterfoil.ledger.anchors.head_signer import claimed_signers
from counterfoil.ledger.connecting import Wanted
from counterfoil.ledger.connection import Connection
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.judging import Contradiction
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.rpc.rpc import RpcError
from counterfoil.ledger.sending.rows import State
from counterfoil.ledger.sending.spending import SpendingLimits
from counterfoil.ledger.treasury import fund
from counterfoil.organisation import Organisation
from counterfoil.organisation.doctor import examine
from counterfoil.store.unlock import Unlock

AGE_S = 3_600


def write(org: Organisation, count: int = 1) -> None:
    org.recorder.record([org.recorder.prepare(Draft("event", "events", str(place))) for place in range(count)])


def test_a_home_that_is_not_connected_says_so(org: Organisation) -> None:
    assert not org.ledger.is_connected
    with pytest.raises(NotSetUp, match="not connected"):
        org.ledger.step()


def test_connecting_opens_the_log_in_the_contract(org: Organisation) -> None:
    made = org.ledger.connect()
    opened = org.ledger.opened
    log_id = made.where.log_id
    assert log_id == log_id_of(opened.account.address, ORIGIN)
    assert opened.evidence.owner(log_id) == opened.evidence.writer(log_id) == opened.account.address
    [opening] = opened.evidence.logs_of_key(org.issuer.public, 0, 100)
    assert opening.values["log_id"] == log_id
    assert opening.values["origin"] == ORIGIN


def test_the_log_itself_says_where_its_heads_are(org: Organisation) -> None:
    made = org.ledger.connect()
    record = org.archive.record(org.archive.size - 1)
    assert record.kind == "ledger"
    assert record.about["logId"] == made.log_id
    assert record.about["contract"] == made.contract


def test_connecting_twice_is_refused(org: Organisation) -> None:
    org.ledger.connect()
    with pytest.raises(InvalidInput, match="connected to chain"):
        org.ledger.connect()


def test_an_interrupted_connect_goes_on_where_it_stopped(org: Organisation) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(line: str) -> None:
        if line.startswith("Opening the log"):
            raise Interrupted

    plan, carry_out = org.ledger.connecting()
    assert len(plan.steps) == 2
    with pytest.raises(Interrupted):
        carry_out(interrupt)
    assert not org.ledger.is_connected
    org.ledger.connect()
    sent = org.ledger.opened.outbox.rows()
    assert [row.purpose for row in sent] == ["open", "deploy"]


def test_anchoring_puts_every_record_under_a_final_head(org: Organisation) -> None:
    org.ledger.connect()
    write(org, 5)
    state = org.ledger.anchor()
    assert state.is_done
    opened, where = org.ledger.opened, org.ledger.require_connection().where
    held = opened.evidence.head(where.log_id)
    assert (held.size, held.root) == (org.archive.size, org.archive.root(org.archive.size))


def test_the_running_epochs_are_inside(org: Organisation) -> None:
    org.ledger.connect()
    write(org)
    org.ledger.anchor()
    streams = {
        record.about["stream"] for record in map(org.archive.record, range(org.archive.size)) if record.kind == "epoch"
    }
    assert "events" in streams


def test_anchoring_again_without_new_records_sends_nothing(org: Organisation) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    count = len(org.ledger.opened.outbox.rows())
    assert org.ledger.anchor().is_done
    assert len(org.ledger.opened.outbox.rows()) == count


def test_a_head_grows_on_the_ledger(org: Organisation) -> None:
    org.ledger.connect()
    for count in (1, 7, 300, 2):
        write(org, count)
        assert org.ledger.anchor().is_done


def test_nothing_is_due_before_its_time(org: Organisation, clock: Clock) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    write(org)
    assert org.ledger.step().due == ""
    clock.move(AGE_S - 1)
    assert org.ledger.step().due == ""
    clock.move(1)
    state = org.ledger.step()  # due, sent and in a block in one step
    assert state.is_done


def test_volume_makes_a_head_due(org: Organisation) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    write(org, 9_999)
    assert org.ledger.step().due == ""
    write(org)
    assert org.ledger.step().is_done


def test_a_receipt_gains_its_anchor(org: Organisation, tmp_path: Path) -> None:
    org.ledger.connect()
    write(org)
    place = org.archive.size - 1
    before = org.archive.receipt(place)
    assert before.anchor is None
    assert before.anchor_by is not None
    org.ledger.anchor()
    write(org, 3)  # the log goes on; the proof leads from the anchored head to the newest
    after = org.archive.receipt(place)
    assert after.anchor is not None
    assert after.anchor_by is None
    (tmp_path / "receipt.json").write_bytes(after.encode())
    block = f"0x{after.anchor.block_hash.hex()}"
    report = counterfoil.check(tmp_path / "receipt.json", issuer=str(org.issuer), block=block)
    assert report.exit_code(["anchor", "issuer"]) == 0


def test_a_record_behind_the_anchor_is_due_later(org: Organisation) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    write(org)
    receipt = org.archive.receipt(org.archive.size - 1)
    assert receipt.anchor is not None
    assert receipt.anchor_by == "2026-11-23T20:00:00Z"


def test_a_bundle_gains_its_anchor(org: Organisation, tmp_path: Path) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    org.bundles.write_range(tmp_path / "all.zip")
    org.bundles.write_records(tmp_path / "one.zip", [0])
    proof = org.ledger.newest(org.archive.size)
    assert proof is not None
    for name in ("all.zip", "one.zip"):
        report = counterfoil.check(tmp_path / name, issuer=str(org.issuer), block=f"0x{proof.block_hash.hex()}")
        assert report.exit_code(["anchor"]) == 0


def test_heads_carry_a_signature_that_the_contract_takes(org: Organisation) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    opened, where = org.ledger.opened, org.ledger.require_connection().where
    signer = bytes.fromhex(org.archive.record(_place_of(org, "ledger")).about["signer"][2:])
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
    signer = bytes.fromhex(org.archive.record(_place_of(org, "ledger")).about["signer"][2:])
    signed = SignedCheckpoint.parse(org.checkpoint())
    heads = [(signed.head.root, claimed_signers(signed, where)[signer])] * 2
    judged = opened.evidence.judge(where.log_id, signed.head.size, signer, heads)
    with pytest.raises(Reverted, match="equal"):
        opened.chain.call(where.contract, judged)


def test_what_waited_while_the_ledger_was_away_goes_out_when_it_is_back(
    org: Organisation, home: Path, clock: Clock
) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    org.close()
    away = home / "ledger" / "embedded"
    away.rename(home / "ledger" / "away")
    with open_home(home, clock) as opened:
        write(opened, 3)
        clock.move(AGE_S)
        with pytest.raises(NotSetUp):
            opened.ledger.step()
        write(opened, 3)  # recording does not mind
    (home / "ledger" / "away").rename(away)
    with open_home(home, clock) as opened:
        assert opened.ledger.step().is_done


def test_an_old_backup_is_found_out_by_the_ledger(org: Organisation, home: Path, clock: Clock, tmp_path: Path) -> None:
    org.ledger.connect()
    write(org, 2)
    org.close()
    shutil.copytree(home, tmp_path / "backup" / "home")
    shutil.copy(tmp_path / "bank.key", tmp_path / "backup" / "bank.key")
    with open_home(home, clock) as opened:
        write(opened, 5)
        opened.ledger.anchor()
    # The home is lost and its backup restored; the ledger, kept elsewhere, is the newest.
    restored = tmp_path / "backup" / "home"
    shutil.rmtree(restored / "ledger" / "embedded")
    shutil.copytree(home / "ledger" / "embedded", restored / "ledger" / "embedded")
    with open_home(restored, clock) as opened, pytest.raises(HomeDamaged, match="the ledger holds a head over"):
        opened.ledger.step()


def test_a_log_written_anew_behind_the_ledgers_back_is_found_out(
    org: Organisation, home: Path, clock: Clock, tmp_path: Path
) -> None:
    org.ledger.connect()
    org.close()
    shutil.copytree(home, tmp_path / "backup" / "home")
    shutil.copy(tmp_path / "bank.key", tmp_path / "backup" / "bank.key")
    with open_home(home, clock) as opened:
        write(opened, 5)
        opened.ledger.anchor()
    rewritten = tmp_path / "backup" / "home"
    shutil.rmtree(rewritten / "ledger" / "embedded")
    shutil.copytree(home / "ledger" / "embedded", rewritten / "ledger" / "embedded")
    with open_home(rewritten, clock) as opened:
        write(opened, 50)
        with pytest.raises(HomeDamaged, match="are not the ones whose head is on the ledger"):
            opened.ledger.step(at_once=True)


def test_another_writer_on_the_ledger_is_named(org: Organisation) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    opened, where = org.ledger.opened, org.ledger.require_connection().where
    revoked = opened.evidence.revoke_writer(where.log_id)
    opened.outbox.wait(opened.outbox.submit(where.contract, revoked, purpose="revoke"))
    write(org)
    with pytest.raises(NotAllowed, match="another account may anchor"):
        org.ledger.step(at_once=True)
    assert any("anchor this log" in problem for problem in org.ledger.status().problems)


def test_keeping_stores_the_head_for_good(org: Organisation) -> None:
    org.ledger.connect()
    size = org.ledger.anchor().ledger_size
    assert org.ledger.keep() == size
    where = org.ledger.require_connection().where
    assert org.ledger.opened.evidence.kept(where.log_id, size) == org.archive.root(size)


def test_keeping_before_the_first_anchor_is_refused(org: Organisation) -> None:
    org.ledger.connect()
    with pytest.raises(NotSetUp, match="no head"):
        org.ledger.keep()


def test_history_tells_in_words(org: Organisation) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    told, sent = org.ledger.history()
    assert [each.name for each in told] == ["Anchored", "SignerNamed", "WriterAssigned", "Opened"]
    assert told[0].sentence == f"head over {org.archive.size} records"
    assert [each.state for each in sent] == ["final"] * 3


def test_status_knows_the_way_and_the_money(org: Organisation) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    status = org.ledger.status()
    assert status.problems == ()
    assert status.balance_wei is not None
    assert 0 < status.spent_wei < status.balance_wei
    assert status.to_json()["final_size"] == org.archive.size


def _place_of(org: Organisation, kind: str) -> int:
    return next(place for place in range(org.archive.size) if org.archive.record(place).kind == kind)


def test_a_home_may_move_to_another_ledger(org: Organisation, tmp_path: Path) -> None:
    first = org.ledger.connect()
    write(org)
    place = org.archive.size - 1
    org.ledger.anchor()
    old = org.archive.receipt(place)
    kept = org.ledger.disconnect()
    assert kept.name == f"connection-{first.chain_id}.toml"
    assert not org.ledger.is_connected
    assert org.archive.receipt(place).anchor is None
    (org.home.paths.ledger / "embedded").rename(tmp_path / "old-ledger")
    second = org.ledger.connect()
    assert second.chain_id != first.chain_id
    assert org.ledger.anchor().is_done
    assert old.anchor is not None
    (tmp_path / "old.json").write_bytes(old.encode())
    report = counterfoil.check(tmp_path / "old.json", issuer=str(org.issuer), block=f"0x{old.anchor.block_hash.hex()}")
    assert report.exit_code(["anchor"]) == 0  # what was handed out goes on to hold


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


def test_the_doctor_tells_how_the_ledger_stands(org: Organisation, home: Path, clock: Clock) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    write(org)
    org.close()
    clock.move(2 * AGE_S)
    with open_home(home, clock) as opened:
        assert "make one due" in opened.ledger.due()
    findings = {each.id: each for each in examine(home, lambda found: Unlock.from_environment(found.key_file))}
    assert "are under a final head on the ledger" in findings["ledger"].found


def test_an_idle_log_is_not_anchored_again(org: Organisation, home: Path, clock: Clock, tmp_path: Path) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    org.close()
    for night in range(3):
        clock.move(86_400)
        with open_home(home, clock) as opened:
            opened.bundles.write_range(tmp_path / f"{night}.zip")  # counts the streams, which are records
            state = opened.ledger.anchor()
            assert state.is_done
            assert state.due == ""
            assert len(opened.ledger.opened.outbox.rows(purpose="anchor")) == 1


def test_a_ledger_that_went_back_is_found_out(org: Organisation, home: Path, clock: Clock, tmp_path: Path) -> None:
    org.ledger.connect()
    org.close()
    shutil.copytree(home / "ledger" / "embedded", tmp_path / "old")
    with open_home(home, clock) as opened:
        write(opened)
        opened.ledger.anchor()
    shutil.rmtree(home / "ledger" / "embedded")
    shutil.copytree(tmp_path / "old", home / "ledger" / "embedded")
    with open_home(home, clock) as opened:
        with pytest.raises(LedgerContradicts, match="ends at block|has taken back block"):
            opened.ledger.step()
        assert "an anchor was final" in opened.ledger.status().problems[0]


def test_an_old_log_beside_newer_proofs_is_refused(org: Organisation, home: Path, clock: Clock, tmp_path: Path) -> None:
    org.ledger.connect()
    org.close()
    shutil.copytree(home, tmp_path / "old" / "home")
    shutil.copy(tmp_path / "bank.key", tmp_path / "old" / "bank.key")
    with open_home(home, clock) as opened:
        write(opened)
        opened.ledger.anchor()
    shutil.rmtree(tmp_path / "old" / "home" / "ledger")
    shutil.copytree(home / "ledger", tmp_path / "old" / "home" / "ledger")
    with pytest.raises(HomeDamaged, match="the ledger holds a head over"):
        open_home(tmp_path / "old" / "home", clock)


def test_a_limit_that_is_too_low_is_told_before_anything_is_sent(org: Organisation) -> None:
    plan, _ = org.ledger.connecting()
    with pytest.raises(OverLimit, match="may be spent in a day"):
        replace(plan, limit_wei=plan.most_wei - 1).require_funds()
    plan.require_funds()


def test_a_second_log_on_the_same_chain_is_refused(org: Organisation) -> None:
    first = org.ledger.connect()
    org.ledger.disconnect()
    other = org.ledger.joining.accounts.create().address
    assert other is not None
    folder = org.home.paths.ledger / "embedded"
    with EmbeddedLedger.open(folder) as ledger:
        fund(folder, Chain.connect(ledger), [other])
    with pytest.raises(InvalidInput, match="people would be shown two"):
        org.ledger.connect(account=checksummed(other))
    anew = org.ledger.connect(Wanted(Connection.draft(), is_anew=True), checksummed(other))
    assert anew.log_id != first.log_id
    org.ledger.disconnect()
    with pytest.raises(InvalidInput, match="people would be shown two"):
        org.ledger.connect(account=first.account)  # the newest counts
    again = org.ledger.connect(account=checksummed(other))
    assert again == anew
    assert org.ledger.anchor().is_done


def test_a_lost_ledger_is_let_go_of_by_force(org: Organisation, tmp_path: Path) -> None:
    org.ledger.connect()
    org.close()
    (org.home.paths.ledger / "embedded").rename(tmp_path / "lost")
    with open_home(org.home.paths.folder, Clock()) as opened:
        with pytest.raises(CounterfoilError):
            opened.ledger.disconnect()
        opened.ledger.disconnect(force=True)
        assert not opened.ledger.is_connected
        assert opened.ledger.connect().chain_id


def test_what_an_interruption_left_of_a_new_ledger_is_no_ledger(org: Organisation) -> None:
    fresh = org.home.paths.ledger / "embedded.new"
    for half in (fresh, org.home.paths.ledger / "embedded"):
        half.mkdir(parents=True)
        (half / "ledger.db").write_bytes(b"")
    org.ledger.connect()
    assert org.ledger.anchor().is_done
    assert not fresh.exists()


def test_a_node_that_proves_nothing_does_not_stop_anchoring(org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    org.ledger.connect()
    ledger = org.ledger.opened.chain.rpc
    real = ledger.call

    def call(method: str, *params: object) -> object:
        if method == "eth_getProof":
            raise RpcError(-32601, "the method eth_getProof does not exist")
        return real(method, *params)

    monkeypatch.setattr(ledger, "call", call)
    for _ in range(2):
        write(org)
        state = org.ledger.step(at_once=True)
        assert state.ledger_size == state.log_size
        assert "does not prove what it holds" in state.fault
    monkeypatch.undo()
    assert org.ledger.anchor().is_done


def test_a_busy_log_is_not_waited_for_for_ever(org: Organisation) -> None:
    org.ledger.connect()
    write(org)
    size = org.archive.size
    state = org.ledger.anchor(progress=lambda _: write(org), timeout_s=30)
    assert state.proven_size >= size


def test_a_connect_that_was_killed_before_its_record_is_settled_at_the_next_opening(
    org: Organisation, home: Path, clock: Clock
) -> None:
    org.ledger.connect()
    org.ledger.paths.recorded.unlink()
    before = org.archive.size
    org.close()
    with open_home(home, clock) as opened:
        assert sum(1 for _ in opened.archive.abouts("ledger")) == 2  # told once more, never not at all
        assert opened.ledger.paths.recorded.exists()
        assert opened.archive.size > before
    with open_home(home, clock) as opened:
        assert sum(1 for _ in opened.archive.abouts("ledger")) == 2


def test_naming_a_new_head_key_is_planned(org: Organisation) -> None:
    first = org.ledger.connect()
    org.ledger.disconnect()
    assert org.ledger.joining.connecting(None, first.account)[0].steps == ()


def test_a_ledger_that_takes_back_what_was_final_is_found_out_though_it_grew(
    org: Organisation, home: Path, clock: Clock, tmp_path: Path
) -> None:
    first = org.ledger.connect()
    embedded = home / "ledger" / "embedded"
    org.close()
    shutil.copytree(embedded, tmp_path / "old")
    with open_home(home, clock) as opened:
        write(opened)
        opened.ledger.anchor()
    shutil.rmtree(embedded)
    shutil.copytree(tmp_path / "old", embedded)
    with EmbeddedLedger.open(embedded, now=Clock()) as ledger:  # others use it, and it grows past that block
        for number in range(1, 6):
            fund(embedded, Chain.connect(ledger), [bytes([number]) * 20])
    with open_home(home, clock) as opened:
        assert "has taken back block" in opened.ledger.status().problems[0]
        with pytest.raises(LedgerContradicts, match="in which an anchor was final"):
            opened.ledger.anchor()
        opened.ledger.disconnect(force=True)
        assert opened.ledger.connect(account=first.account).log_id == first.log_id
        write(opened)
        assert opened.ledger.anchor().is_done


def test_a_limit_that_stops_anchoring_is_a_problem(org: Organisation, home: Path, clock: Clock) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    write(org)
    clock.move(AGE_S)
    org.ledger.opened.outbox.limits = SpendingLimits(1, 1)
    assert any("cannot be sent" in problem for problem in org.ledger.status().problems)
    size = org.archive.size
    for _ in range(3):
        with pytest.raises(OverLimit):
            org.ledger.step()
    assert org.archive.size == size  # refusals leave no records behind
