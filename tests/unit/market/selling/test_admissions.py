"""Who is let in; attacks are in tests/hostile/test_market.py."""

from __future__ import annotations

from pathlib import Path

from making_market import Stall, offered
from sqlalchemy import select

from counterfoil.core.age_payload import decrypt
from counterfoil.ledger.market import tables
from counterfoil.market.buying.purchases import Stated
from counterfoil.market.delivery.tickets import TICKET_S, is_ticket


def test_a_preview_decides_and_records_nothing(fair_stall: Stall, scans: Path) -> None:
    rules = [{"name": "research", "effect": "allow", "purposes": ["research"]}]
    offer, signed = offered(
        fair_stall, scans, name="preview", terms={"purposes": ["research", "trade"], "rules": rules}
    )
    buying, admissions = fair_stall.buyer.market.buying, fair_stall.seller.market.selling.admissions
    planned = buying.planning(offer.offer, Stated(purpose="research"))
    bought = planned.carry_out(lambda _: None)
    size = fair_stall.seller.archive.size
    assert admissions.preview(signed, buying.entrance.claims(bought)).allowed
    assert fair_stall.seller.archive.size == size
    assert not admissions.is_admitted(bought.order)


def test_a_ticket_asked_for_again_ends_with_the_first(fair_stall: Stall, scans: Path) -> None:
    offer, _ = offered(fair_stall, scans, name="again")
    buying, selling = fair_stall.buyer.market.buying, fair_stall.seller.market.selling
    bought = buying.planning(offer.offer).carry_out(lambda _: None)
    secret = fair_stall.buyer.market.purchases.secret_of(bought)
    first = decrypt(selling.admissions.admit(bought.order, buying.entrance.claims(bought)), secret).decode()
    assert is_ticket(first)
    assert selling.admissions.is_admitted(bought.order)
    fair_stall.clock.move(TICKET_S - 1)
    again = decrypt(selling.admissions.admit(bought.order, buying.entrance.claims(bought)), secret).decode()
    for ticket in (first, again):
        selling.tickets.require(bought.order, ticket)
    fair_stall.clock.move(1)
    assert selling.tickets._live(bought.order) == {}


def test_a_buyers_uses_are_counted_behind_any_number_of_orders(fair_stall: Stall, scans: Path) -> None:
    """An order of what is free costs fees alone: whoever makes many must not get past a limit by them."""
    rule = {"name": "once", "effect": "allow", "uses": {"most": 1, "per": "buyer"}}
    offer, signed = offered(fair_stall, scans, name="counted", terms={"rules": [rule]})
    buying, admissions = fair_stall.buyer.market.buying, fair_stall.seller.market.selling.admissions
    bought = buying.planning(offer.offer).carry_out(lambda _: None)
    admissions.admit(bought.order, buying.entrance.claims(bought))
    book = fair_stall.sells.opened.book
    with book.engine.begin() as connection:
        for table in (tables.orders, tables.events):
            row = connection.execute(select(table).where(table.c.order == bought.order)).first()
            assert row is not None
            ids = ({"order": f"0x{number:064x}", "block": 0, "event": number} for number in range(1_000))
            connection.execute(table.insert(), [row._asdict() | each for each in ids])
    try:
        assert "used up" in admissions.preview(signed, buying.entrance.claims(bought)).why
    finally:
        with book.engine.begin() as connection:
            for table in (tables.orders, tables.events):
                connection.execute(table.delete().where(table.c.block == 0))
