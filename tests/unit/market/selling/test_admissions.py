"""Who is let in; attacks are in tests/hostile/test_market.py."""

from __future__ import annotations

from pathlib import Path

from making_market import Stall, offered

from counterfoil.core.age_payload import decrypt
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
