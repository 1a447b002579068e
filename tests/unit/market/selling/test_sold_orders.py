"""Orders as a seller sees them; whose they are is shown in tests/hostile/test_market.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from making_market import Stall, offered

from counterfoil.errors import NotFound
from counterfoil.market.selling.sold_orders import SoldOrders


def test_an_order_is_looked_up_at_most_once_a_second(fair_stall: Stall, scans: Path) -> None:
    seller = fair_stall.seller
    offer, signed = offered(fair_stall, scans, name="looked up")
    bought = fair_stall.buyer.market.buying.planning(offer.offer).carry_out(lambda _: None)
    orders = SoldOrders(seller.ledger, seller.market.shelf, seller.market.selling.goods, fair_stall.clock)
    paid = orders.order(bought.order)
    assert (paid.state, paid.is_final, paid.gives_access) == ("paid", True, True)
    assert (paid.sheet, paid.market) == (signed.digest_hex, signed.sheet.market)
    assert paid.recipient.hex() == fair_stall.sells.order(bought.order).recipient
    assert orders.look_up(bought.order)[0] is orders.look_up(bought.order)[0]
    with pytest.raises(NotFound):
        orders.order(f"0x{'3' * 64}")


def test_a_place_that_nobody_knows_is_told(fair_stall: Stall, scans: Path) -> None:
    offer, _ = offered(fair_stall, scans, name="gone")
    bought = fair_stall.buyer.market.buying.planning(offer.offer).carry_out(lambda _: None)
    orders = fair_stall.seller.market.selling.orders
    scans.unlink()
    with pytest.raises(NotFound):
        orders.source(orders.order(bought.order))
