"""A chain takes blocks back with registrations in them: each goes out again, and is recorded once, when it is final."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from anvil import Anvil, needs_anvil
from organisations import Clock, copy_home, open_home

from counterfoil.ledger.connecting import Wanted
from counterfoil.ledger.connection import Connection
from counterfoil.organisation import Organisation

pytestmark = needs_anvil

BALANCE_WEI = 10**20
ONE, TWO = "11" * 32, "22" * 32


class Interrupted(Exception):
    """Somebody does not wait."""


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with Anvil(options=["--no-mining"]) as started:
        yield started


@pytest.fixture
def org(anvil: Anvil, tmp_path: Path) -> Iterator[Organisation]:
    """A home whose log is open on anvil, with assets, where twelve blocks make one final."""
    with open_home(copy_home(tmp_path), Clock()) as opened:
        account = opened.ledger.joining.accounts.create()
        anvil.call("anvil_setBalance", f"0x{(account.address or b'').hex()}", hex(BALANCE_WEI))
        draft = Connection.draft(rpc=(anvil.url,), finality="confirmations", confirmations=12)
        with anvil.mining():
            opened.ledger.connect(Wanted(draft, with_assets=True))
        yield opened


def records(org: Organisation) -> list[str]:
    """Returns the transaction of every asset record."""
    return [about["transaction"] for about in org.archive.abouts("asset")]


def send_and_leave(org: Organisation, manifest: str) -> None:
    """Registers, and goes away as soon as it is sent."""

    def leave(line: str) -> None:
        raise Interrupted(line)

    with pytest.raises(Interrupted, match="Sent"):
        org.ledger.assets.register("dataset", manifest, tell=leave)
    org.ledger.opened.outbox.step()


@pytest.mark.parametrize("depth", [1, 3])
def test_a_registration_that_is_taken_back_goes_out_again(anvil: Anvil, org: Organisation, depth: int) -> None:
    send_and_leave(org, ONE)
    anvil.call("evm_mine")
    org.ledger.opened.outbox.step()
    [seen] = org.ledger.assets.list()  # in a block, and that may still be taken back
    assert (seen.manifest, records(org)) == (ONE, [])
    for _ in range(depth - 1):
        anvil.call("evm_mine")

    anvil.call("anvil_reorg", depth, [])
    assert org.ledger.assets.list() == []

    with anvil.mining():
        made = org.ledger.assets.register("dataset", ONE)
        recalled = org.ledger.assets.set_state(made.asset, "recalled")
    assert [each.asset for each in org.ledger.assets.list()] == [seen.asset] == [made.asset]
    assert recalled.state == "recalled"
    rows = [row for row in org.ledger.opened.outbox.rows() if row.purpose.endswith("registered")]
    assert [row.state for row in rows] == ["final"]
    assert records(org)[0] == made.transaction == f"0x{(rows[0].transaction_hash or b'').hex()}"


def test_two_registrations_in_one_reorganisation_count_once_each(anvil: Anvil, org: Organisation) -> None:
    for manifest in (ONE, TWO):
        send_and_leave(org, manifest)
    anvil.call("evm_mine")
    org.ledger.opened.outbox.step()
    assert len(org.ledger.assets.list()) == 2
    anvil.call("anvil_reorg", 1, [])

    with anvil.mining():
        made = [org.ledger.assets.register("dataset", manifest) for manifest in (TWO, ONE)]

    assert {each.asset for each in org.ledger.assets.list()} == {each.asset for each in made}
    assert sorted(records(org)) == sorted(each.transaction for each in made)
