"""A home and its ledger, together: anchoring, and what receipts and bundles gain."""

from __future__ import annotations

from pathlib import Path

import pytest
from lying_node import LyingNode
from organisations import Clock, open_home, write_events

import counterfoil
from counterfoil.errors import LedgerContradicts, NotAllowed, NotSetUp, OverLimit
from counterfoil.ledger.connecting import Wanted
from counterfoil.ledger.rpc.rpc import RpcError
from counterfoil.ledger.sending.spending import SpendingLimits
from counterfoil.organisation import Organisation
from counterfoil.organisation.doctor import examine
from counterfoil.store.unlock import Unlock

AGE_S = 3_600


def test_a_home_that_is_not_connected_says_so(org: Organisation) -> None:
    assert not org.ledger.is_connected
    with pytest.raises(NotSetUp, match="not connected"):
        org.ledger.step()


def test_anchoring_puts_every_record_under_a_final_head(org: Organisation) -> None:
    org.ledger.connect()
    write_events(org, 5)
    state = org.ledger.anchor()
    assert state.is_done
    opened, where = org.ledger.opened, org.ledger.require_connection().where
    held = opened.evidence.head(where.log_id)
    assert (held.size, held.root) == (org.archive.size, org.archive.root(org.archive.size))


def test_the_running_epochs_are_inside(org: Organisation) -> None:
    org.ledger.connect()
    write_events(org)
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
        write_events(org, count)
        assert org.ledger.anchor().is_done


def test_nothing_is_due_before_its_time(org: Organisation, clock: Clock) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    write_events(org)
    assert org.ledger.step().due == ""
    clock.move(AGE_S - 1)
    assert org.ledger.step().due == ""
    clock.move(1)
    state = org.ledger.step()  # due, sent and in a block in one step
    assert state.is_done


def test_volume_makes_a_head_due(org: Organisation) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    write_events(org, 9_999)
    assert org.ledger.step().due == ""
    write_events(org)
    assert org.ledger.step().is_done


def test_a_receipt_gains_its_anchor(org: Organisation, tmp_path: Path) -> None:
    org.ledger.connect()
    write_events(org)
    place = org.archive.size - 1
    before = org.archive.receipt(place)
    assert before.anchor is None
    assert before.anchor_by is not None
    org.ledger.anchor()
    write_events(org, 3)  # the log goes on; the proof leads from the anchored head to the newest
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
    write_events(org)
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


def test_another_writer_on_the_ledger_is_named(org: Organisation) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    opened, where = org.ledger.opened, org.ledger.require_connection().where
    revoked = opened.evidence.revoke_writer(where.log_id)
    opened.outbox.wait(opened.outbox.submit(where.contract, revoked, purpose="revoke"))
    write_events(org)
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
    assert [each.state for each in sent] == ["final"] * 7


def test_history_tells_what_is_known_here_when_the_ledger_is_wrong(
    org: Organisation, node: LyingNode, by_node: Wanted, heard: list[str]
) -> None:
    org.ledger.connect(by_node)
    org.ledger.anchor()
    before = org.ledger.history()
    node.lie("eth_getBlockByNumber", lambda block, _: block | {"hash": "0x" + "11" * 32} if block else block)
    assert org.ledger.history() == before
    [remark] = heard
    assert remark.startswith("the newest is missing below: the ledger has taken back block")


def test_status_knows_the_way_and_the_money(org: Organisation) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    status = org.ledger.status()
    assert status.problems == ()
    assert status.balance_wei is not None
    assert 0 < status.spent_wei < status.balance_wei
    assert status.to_json()["final_size"] == org.archive.size


def test_the_doctor_tells_how_the_ledger_stands(org: Organisation, home: Path, clock: Clock) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    write_events(org)
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


def test_a_node_that_proves_nothing_does_not_stop_anchoring(
    org: Organisation, node: LyingNode, by_node: Wanted
) -> None:
    org.ledger.connect(by_node)
    node.lie("eth_getProof", RpcError(-32601, "the method eth_getProof does not exist"))
    for _ in range(2):
        write_events(org)
        state = org.ledger.step(at_once=True)
        assert state.ledger_size == state.log_size
        assert "does not prove what it holds" in state.fault
    node.honest()
    assert org.ledger.anchor().is_done


def test_a_node_that_answers_from_an_old_state_is_not_believed(
    org: Organisation, node: LyingNode, by_node: Wanted
) -> None:
    org.ledger.connect(by_node)
    org.ledger.anchor()
    old = org.ledger.opened.chain.require_block("latest").number
    write_events(org)
    org.ledger.anchor()
    write_events(org)
    size = org.archive.size
    node.lie("eth_call", lambda _, params: node.real.call("eth_call", params[0], hex(old)))
    with pytest.raises(LedgerContradicts, match="has shown a final one"):
        org.ledger.step(at_once=True)
    assert org.archive.size == size  # nothing was prepared on its word
    node.honest()
    assert org.ledger.anchor().is_done


def test_a_busy_log_is_not_waited_for_for_ever(org: Organisation) -> None:
    org.ledger.connect()
    write_events(org)
    size = org.archive.size
    state = org.ledger.anchor(progress=lambda _: write_events(org), timeout_s=30)
    assert state.proven_size >= size


def test_a_limit_that_stops_anchoring_is_a_problem(org: Organisation, home: Path, clock: Clock) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    write_events(org)
    clock.move(AGE_S)
    org.ledger.opened.outbox.limits = SpendingLimits(1, 1)
    assert any("cannot be sent" in problem for problem in org.ledger.status().problems)
    size = org.archive.size
    for _ in range(3):
        with pytest.raises(OverLimit):
            org.ledger.step()
    assert org.archive.size == size  # refusals leave no records behind
