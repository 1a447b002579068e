"""Getting a home to a ledger, away from it, and to another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lying_node import LyingNode
from organisations import ORIGIN, Clock, open_home, write_events

import counterfoil
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.errors import CounterfoilError, InvalidInput, OverLimit
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.anchors.evidence import log_id_of
from counterfoil.ledger.anchors.head_signer import claimed_signers
from counterfoil.ledger.connecting import Wanted
from counterfoil.ledger.connection import Connection
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.rpc.rpc import RpcError
from counterfoil.ledger.treasury import fund
from counterfoil.organisation import Organisation


class Interrupted(Exception):
    """Somebody does not wait."""


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
    def interrupt(line: str) -> None:
        if line.startswith("Opening the log"):
            raise Interrupted

    plan, carry_out = org.ledger.connecting()
    assert len(plan.steps) == 6
    with pytest.raises(Interrupted):
        carry_out(interrupt)
    assert not org.ledger.is_connected
    org.ledger.connect()
    sent = org.ledger.opened.outbox.rows()
    assert [row.purpose for row in sent] == ["mint", "deploy", "deploy", "deploy", "open", "deploy"]


def test_a_home_may_move_to_another_ledger(org: Organisation, tmp_path: Path) -> None:
    first = org.ledger.connect()
    write_events(org)
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


def test_connecting_to_the_same_ledger_again_sends_nothing(org: Organisation) -> None:
    first = org.ledger.connect()
    org.ledger.disconnect()
    plan, carry_out = org.ledger.connecting(account=first.account)
    assert plan.steps == ()
    assert carry_out(lambda _: None) == first


def test_a_new_head_key_is_named_to_the_contract(org: Organisation) -> None:
    first = org.ledger.connect()
    org.ledger.disconnect()
    org.keyring.rotate("head", "2026-11-23T19:00:00Z")
    org.keyring.confirm("head")
    plan, carry_out = org.ledger.connecting(account=first.account)
    assert [step.title for step in plan.steps] == ["name the key that signs heads for it"]
    told: list[str] = []
    assert carry_out(told.append) == first
    assert told == ["Naming the key that signs heads ..."]
    signed = SignedCheckpoint.parse(org.checkpoint())
    [signer] = claimed_signers(signed, first.where)
    assert org.ledger.opened.evidence.is_signer(first.where.log_id, signer)


def test_what_a_node_does_not_take_is_told_while_it_waits(
    org: Organisation, clock: Clock, node: LyingNode, by_node: Wanted
) -> None:
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if "did not take it" in line:
            node.honest()
            clock.move(60)  # it is offered again

    node.lie("eth_sendRawTransaction", RpcError(-32000, "the pool is full"))
    _, carry_out = org.ledger.connecting(by_node)
    carry_out(tell)
    assert told[0] == "Putting the Evidence contract on the ledger ..."
    assert "the pool is full" in told[1]
    assert told[2] == f"Opening the log {ORIGIN} in it ..."
    assert len(told) == 3


def test_a_block_that_is_not_final_yet_is_told_while_it_waits(
    org: Organisation, node: LyingNode, by_node: Wanted
) -> None:
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if "waiting until that is final" in line:
            raise Interrupted

    few = replace(by_node, draft=replace(by_node.draft, finality="confirmations", confirmations=2))
    _, carry_out = org.ledger.connecting(few)
    with pytest.raises(Interrupted):
        carry_out(tell)
    assert told[1:] == ["  it is in a block; waiting until that is final ..."]


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


def test_what_an_interruption_left_of_a_new_ledger_is_no_ledger(org: Organisation) -> None:
    fresh = org.home.paths.ledger / "embedded.new"
    for half in (fresh, org.home.paths.ledger / "embedded"):
        half.mkdir(parents=True)
        (half / "ledger.db").write_bytes(b"")
    org.ledger.connect()
    assert org.ledger.anchor().is_done
    assert not fresh.exists()


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
