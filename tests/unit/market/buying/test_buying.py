"""Buying from a node that really serves: let in by terms, paid on the ledger, fetched and checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from making_market import ANYBODY, Stall, offered

from counterfoil.core.statement import parse_record
from counterfoil.errors import InvalidInput, NotAllowed, NotSignedIn
from counterfoil.market.buying.purchases import PurchaseState, Stated


@pytest.fixture
def bought_here(tmp_path: Path) -> Path:
    folder = tmp_path / "bought"
    folder.mkdir()
    return folder


@pytest.fixture
def scans(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "scans.csv"
    path.write_text("person,dose\n" + "".join(f"{request.node.name}-{each},{each % 7}\n" for each in range(50_000)))
    return path


def kinds(stall: Stall, whose: str, order: str) -> list[str]:
    org = getattr(stall, whose)
    records = [parse_record(org.archive.entry(place)) for place in range(org.archive.size)]
    return [each.kind for each in records if each.stream in ("market", "trades") and each.about.get("order") == order]


def test_what_is_paid_at_once_is_fetched_at_once_and_both_logs_say_so(
    stall: Stall, scans: Path, bought_here: Path
) -> None:
    offer, signed = offered(stall, scans, name="at once")
    planned = stall.buyer.market.buying.planning(offer.offer)
    assert planned.sheet.data == signed.data
    assert planned.admission == "allowed by rule 1 'anybody'"
    assert planned.quote.to_json()["pays"] == offer.price.to_json()
    before = stall.sells.owed().units
    bought = planned.carry_out(lambda _: None)
    assert (bought.order, bought.state) == (planned.order, PurchaseState.BOUGHT)
    assert stall.sells.owed().units - before == offer.price.units
    fetched = stall.buyer.market.buying.fetch(bought.order, bought_here)
    assert fetched.state is PurchaseState.FETCHED
    assert Path(fetched.path).name == "scans.csv"
    assert scans.read_bytes() == (bought_here / "scans.csv").read_bytes()
    assert kinds(stall, "buyer", bought.order)[-1] == "received"
    assert [each for each in kinds(stall, "seller", bought.order) if each != "trade"] == ["admission", "delivery"]


def test_a_hidden_file_is_only_written_under_a_name_that_was_asked_for(
    stall: Stall, tmp_path: Path, bought_here: Path
) -> None:
    path = tmp_path / ".profile"
    path.write_text("echo hello\n")
    offer, _ = offered(stall, path, name="hidden")
    buying = stall.buyer.market.buying
    with pytest.raises(InvalidInput, match="may read as a setting") as caught:
        buying.planning(offer.offer, to=bought_here)
    assert caught.value.hint == "say what it shall be called: --to FILE"
    bought = buying.planning(offer.offer).carry_out(lambda _: None)
    with pytest.raises(InvalidInput, match="may read as a setting"):
        buying.fetch(bought.order, bought_here)
    assert buying.fetch(bought.order, bought_here / "greeting").state is PurchaseState.FETCHED
    assert [each.name for each in bought_here.iterdir()] == ["greeting"]


def test_terms_that_do_not_let_in_are_told_before_anything_is_paid(stall: Stall, scans: Path) -> None:
    rules = [
        {"name": "research in Germany", "effect": "allow", "purposes": ["research"], "jurisdictions": {"in": ["DE"]}}
    ]
    offer, _ = offered(stall, scans, name="terms", terms={"purposes": ["research", "trade"], "rules": rules})
    spent = stall.buys.balance().units
    with pytest.raises(NotAllowed, match="rule 1 'research in Germany' is for research"):
        stall.buyer.market.buying.planning(offer.offer, Stated(purpose="trade", jurisdiction="DE"))
    assert stall.buys.balance().units == spent
    stated = Stated(purpose="research", jurisdiction="DE")
    assert (
        stall.buyer.market.buying.planning(offer.offer, stated).admission == "allowed by rule 1 'research in Germany'"
    )


def test_nobody_asks_in_a_buyers_name_without_the_orders_key(stall: Stall, scans: Path) -> None:
    offer, _ = offered(stall, scans, name="challenge")
    planned = stall.buyer.market.buying.planning(offer.offer)
    bought = planned.carry_out(lambda _: None)
    claims = stall.buyer.market.buying.entrance.claims(bought)
    with pytest.raises(NotSignedIn, match="not answered by the holder"):
        stall.seller.market.selling.admit(bought.order, claims, "0" * 64)
    assert kinds(stall, "seller", bought.order) == []


def test_held_money_moves_only_after_the_delivery_is_on_the_ledger(
    stall: Stall, scans: Path, bought_here: Path
) -> None:
    offer, _ = offered(stall, scans, name="held", delivery_s=3_600, window_s=86_400, terms=ANYBODY)
    buying, selling = stall.buyer.market.buying, stall.seller.market.selling
    bought = buying.planning(offer.offer).carry_out(lambda _: None)
    assert stall.buys.order(bought.order).state == "held"
    assert selling.fulfilment.step() == 0  # nobody was let in yet
    buying.ticket(bought.order)
    assert selling.fulfilment.step() == 1
    assert stall.buys.order(bought.order).state == "delivered"
    fetched = buying.fetch(bought.order, bought_here)
    assert Path(fetched.path).read_bytes() == scans.read_bytes()
    stall.clock.move(86_401)
    assert selling.fulfilment.step() == 1
    assert stall.buys.order(bought.order).state == "settled"
    assert selling.fulfilment.step() == 0
