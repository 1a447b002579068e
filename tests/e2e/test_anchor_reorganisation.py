"""A chain takes blocks back with anchors in them: every anchor goes out again by itself, and counts once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from anvil import Anvil, needs_anvil
from organisations import Clock, copy_home, open_home

import counterfoil
from counterfoil.core.statement import Draft
from counterfoil.ledger.connecting import Wanted
from counterfoil.ledger.connection import Connection
from counterfoil.organisation import Organisation

pytestmark = needs_anvil

CONFIRMATIONS = 12
BALANCE_WEI = 10**20


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with Anvil(options=["--no-mining"]) as started:
        yield started


@pytest.fixture
def org(anvil: Anvil, tmp_path: Path) -> Iterator[Organisation]:
    """A home whose log is open on anvil, where twelve blocks make one final."""
    with open_home(copy_home(tmp_path), Clock()) as opened:
        account = opened.ledger.joining.accounts.create()
        anvil.call("anvil_setBalance", f"0x{(account.address or b'').hex()}", hex(BALANCE_WEI))
        draft = Connection.draft(rpc=(anvil.url,), finality="confirmations", confirmations=CONFIRMATIONS)
        with anvil.mining():
            opened.ledger.connect(Wanted(draft))
        yield opened


def write(org: Organisation) -> None:
    org.recorder.write(Draft("event", "events", "one"))


def anchor_in_a_block(anvil: Anvil, org: Organisation) -> int:
    """Sends the log's head and makes one block of it; returns the size under it."""
    write(org)
    org.ledger.step(at_once=True)
    anvil.call("evm_mine")
    state = org.ledger.step()
    assert state.ledger_size == state.log_size
    return state.ledger_size


def anchors_on(org: Organisation) -> list[int]:
    """Returns the size of every anchor the chain shows, in order."""
    opened, where = org.ledger.opened, org.ledger.require_connection().where
    told = opened.evidence.events(0, opened.chain.require_block("latest").number, where.log_id)
    return [each.values["size"] for each in told if each.name == "Anchored"]


def test_an_anchor_outlives_reorganisations_of_one_to_ten_blocks(anvil: Anvil, org: Organisation) -> None:
    wanted = []
    for depth in range(1, 11):
        wanted.append(anchor_in_a_block(anvil, org))
        for _ in range(depth - 1):
            anvil.call("evm_mine")
        anvil.call("anvil_reorg", depth, [])
        assert wanted[-1] not in anchors_on(org)  # the chain knows nothing of it any more
        with anvil.mining():
            assert org.ledger.anchor(timeout_s=60).proven_size >= wanted[-1]
    found = anchors_on(org)
    assert [size for size in found if size in wanted] == wanted  # each once, in order
    opened = org.ledger.opened
    assert {row.state for row in opened.outbox.rows(purpose="anchor")} == {"final"}


def test_two_anchors_in_one_reorganisation_go_out_again_in_order(anvil: Anvil, org: Organisation) -> None:
    sizes = [anchor_in_a_block(anvil, org) for _ in range(2)]
    anvil.call("anvil_reorg", 2, [])
    assert anchors_on(org) == []
    with anvil.mining():
        org.ledger.anchor(timeout_s=60)
    assert anchors_on(org)[:2] == sizes


def test_a_receipt_carries_final_anchors_only(anvil: Anvil, org: Organisation, tmp_path: Path) -> None:
    place = org.archive.size
    anchor_in_a_block(anvil, org)
    assert org.archive.receipt(place).anchor is None  # in a block, and that may still be taken back
    with anvil.mining():
        org.ledger.anchor(timeout_s=60)
    receipt = org.archive.receipt(place)
    assert receipt.anchor is not None
    (tmp_path / "receipt.json").write_bytes(receipt.encode())
    block = f"0x{receipt.anchor.block_hash.hex()}"
    report = counterfoil.check(tmp_path / "receipt.json", issuer=str(org.issuer), block=block)
    assert report.exit_code(["anchor"]) == 0
