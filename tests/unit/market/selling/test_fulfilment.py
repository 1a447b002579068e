"""What a seller does by itself; killed at every step it is in tests/e2e/test_market_kill.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from making_market import Stall, offered
from two_traders import trades

from counterfoil.market.buying.purchases import Purchase


class Interrupted(Exception):
    """Somebody does not wait."""


def held(stall: Stall, path: Path, name: str, **rules: int) -> Purchase:
    offer, _ = offered(stall, path, name=name, **{"delivery_s": 3_600, "window_s": 86_400} | rules)
    return stall.buyer.market.buying.planning(offer.offer).carry_out(lambda _: None)


def actions(stall: Stall, order: str) -> list[str]:
    return [each.action for each in trades(stall.seller) if each.order == order]


def test_what_is_overdue_is_not_delivered(fair_stall: Stall, scans: Path) -> None:
    bought = held(fair_stall, scans, "overdue")
    fair_stall.buyer.market.buying.ticket(bought.order)
    fair_stall.clock.move(3_600)
    assert fair_stall.seller.market.selling.fulfilment.step() == 0
    assert fair_stall.sells.order(bought.order).state == "held"


def test_what_the_ledger_knows_and_the_log_does_not_is_put_on_record(fair_stall: Stall, scans: Path) -> None:
    bought, selling = held(fair_stall, scans, "unrecorded"), fair_stall.seller.market.selling
    fair_stall.buyer.market.buying.ticket(bought.order)
    promised = selling.deliveries.prepare(bought.order)

    def leave(_: str) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        fair_stall.sells.delivering(bought.order, promised.digest_hex)[1](leave)
    outbox = fair_stall.seller.ledger.opened.outbox
    outbox.wait(outbox.rows(purpose=f"trade delivered {bought.order}")[0].id)
    assert (fair_stall.sells.order(bought.order).state, actions(fair_stall, bought.order)) == ("delivered", [])
    assert selling.fulfilment.step() == 1
    assert actions(fair_stall, bought.order) == ["delivered"]
    assert selling.fulfilment.step() == 0


def test_several_orders_go_on_in_one_step_and_one_that_cannot_is_told_once(
    fair_stall: Stall, scans: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = tmp_path / "gone.csv"
    gone.write_text("person\n7\n")
    orders = [held(fair_stall, scans, "one"), held(fair_stall, gone, "two"), held(fair_stall, scans, "one")]
    for each in orders:
        fair_stall.buyer.market.buying.ticket(each.order)
    gone.unlink()
    fulfilment = fair_stall.seller.market.selling.fulfilment
    assert fulfilment.step() == 2
    assert fulfilment.step() == 0
    states = [fair_stall.sells.order(each.order).state for each in orders]
    assert states == ["delivered", "held", "delivered"]
    assert sum(orders[1].order in each.getMessage() for each in caplog.records) == 1
