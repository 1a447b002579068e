"""A home gets to a market: with its own ledger, by a command later, or one that is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from organisations import Clock, copy_home, open_home
from two_traders import SHEET, Fair, done

from counterfoil.errors import InvalidInput, LedgerContradicts, NotFound, NotSetUp
from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.assets.placing import placing
from counterfoil.ledger.connecting import Wanted
from counterfoil.ledger.connection import Connection
from counterfoil.ledger.market.contract import MarketContract, artefact
from counterfoil.ledger.market.deploying import market_steps
from counterfoil.ledger.market.placing import placing_market
from counterfoil.ledger.market.selling import OfferDraft
from counterfoil.organisation import Organisation


class Interrupted(Exception):
    """Somebody does not wait."""


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Organisation]:
    """A home that was connected before there was a market."""
    with open_home(copy_home(tmp_path), Clock()) as org:
        org.ledger.connect(Wanted(Connection.draft(), with_market=False))
        yield org


def test_a_ledger_of_the_homes_own_comes_with_a_market_and_credits(fair: Fair) -> None:
    connection = fair.seller.ledger.require_connection()
    rule = fair.sells.rule()
    assert (checksummed(rule.governor), rule.fee_bps, rule.is_paused) == (connection.account, 0, False)
    fair.sells.opened.contract.require_genuine(parse_address(connection.assets))
    assert fair.sells.balance().symbol == "CREDIT"
    settings = (fair.seller.home.paths.ledger / "connection.toml").read_text()
    assert all(f'{name} = "{getattr(connection, name)}"' in settings for name in ("assets", "market", "credits"))


def test_a_home_without_a_market_is_told_what_to_do_and_puts_one_there(bare: Organisation) -> None:
    with pytest.raises(NotSetUp, match="no Market contract") as refused:
        bare.ledger.market.offers()
    assert "counterfoil market deploy" in refused.value.hint

    def interrupt(line: str) -> None:
        if "Credits" in line:
            raise Interrupted

    quote, carry_out = placing_market(bare.ledger)
    quote.require_funds()
    assert quote.gas == sum(gas for _, gas in market_steps(None))
    with pytest.raises(Interrupted):
        carry_out(interrupt)
    assert not bare.ledger.require_connection().market
    address = placing_market(bare.ledger)[1](lambda _: None)

    assert bare.ledger.require_connection().market == address
    codes = [row.data[: len(artefact().bytecode)] for row in bare.ledger.opened.outbox.rows(purpose="deploy")]
    assert codes.count(artefact().bytecode) == 1
    assert bare.ledger.market.balance().text == "1000000.00 CREDIT"
    asset = bare.ledger.assets.register("dataset", "11" * 32).asset
    assert done(bare.ledger.market.offering(asset, OfferDraft("licence", "1", SHEET))).is_open
    with pytest.raises(InvalidInput, match="uses the Market contract"):
        placing_market(bare.ledger)
    again, carry_out = placing_market(bare.ledger, address)
    assert (again.gas, carry_out(lambda _: None)) == (0, address)


def test_a_home_that_lets_go_and_comes_back_has_its_market(bare: Organisation) -> None:
    placing_market(bare.ledger)[1](lambda _: None)
    before = bare.ledger.require_connection()
    bare.ledger.disconnect()
    with pytest.raises(NotSetUp, match="not connected"):
        bare.ledger.market.offers()
    assert bare.ledger.connect(account=before.account) == before


def test_another_contract_is_not_taken_for_a_market(fair: Fair, bare: Organisation) -> None:
    connection = bare.ledger.require_connection()
    with pytest.raises(LedgerContradicts, match="is not the Market contract"):
        placing_market(bare.ledger, connection.assets)
    with pytest.raises(NotFound, match="no contract at"):
        placing_market(bare.ledger, "0x" + "12" * 20)
    contract = fair.sells.opened.contract
    with pytest.raises(LedgerContradicts, match="was deployed with"):
        MarketContract(contract.chain, contract.address).require_genuine(b"\x12" * 20)


def test_a_market_needs_assets(tmp_path: Path) -> None:
    with open_home(copy_home(tmp_path), Clock()) as org:
        with pytest.raises(InvalidInput, match="no Assets contract"):
            org.ledger.connecting(Wanted(Connection.draft(), with_assets=False, with_market=True))
        with pytest.raises(InvalidInput, match="no Assets contract"):  # and one that is put there is not the market's
            Wanted(Connection.draft(), market=b"\x12" * 20, with_assets=True).require_whole()
        org.ledger.connect(Wanted(Connection.draft(), with_assets=False))
        with pytest.raises(NotSetUp, match="no Assets contract"):
            placing_market(org.ledger)
        placing(org.ledger)[1](lambda _: None)
        placing_market(org.ledger)[1](lambda _: None)
        assert org.ledger.market.offers() == []


def test_what_putting_it_there_takes_was_said_before(bare: Organisation) -> None:
    placing_market(bare.ledger)[1](lambda _: None)
    rows = [row for row in bare.ledger.opened.outbox.rows(limit=3) if row.purpose in ("deploy", "mint")]
    used = [row.gas_used or 0 for row in reversed(rows)]
    for (title, said), gas in zip(market_steps(None), used, strict=True):
        assert gas <= said <= 1.2 * gas, title
