"""Going on with purchases beside everything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from making_hostile_node import hostile_node
from making_market import Stall, offered

from counterfoil.market.buying.purchases import PurchaseState
from counterfoil.market.buying.resuming import Resuming
from counterfoil.market.sheets.sheet import sign_sheet


def test_a_purchase_that_cannot_go_on_is_tried_ever_less_often(fair_stall: Stall, scans: Path, tmp_path: Path) -> None:
    buyer = fair_stall.buyer.market
    offer, signed = offered(fair_stall, scans, name="ever less often")
    bought = buyer.buying.planning(offer.offer, to=tmp_path / "got.csv").carry_out(lambda _: None)
    now = [0.0]
    resuming = Resuming(buyer.buying, buyer.computing, lambda: now[0])
    with hostile_node() as node:
        node.how = "refuse"
        sheet = replace(signed.sheet, wares=replace(signed.sheet.wares, node=node.url))
        buyer.purchases.change(bought.order, sheet=sign_sheet(sheet, bytes(32), "elsewhere").data)
        asked = []
        for at in (0.0, 4.9, 5.0, 14.9, 15.0, 34.0, 35.0):
            now[0] = at
            assert resuming.step() == 0
            asked.append(len(node.paths))
        assert asked == [1, 1, 2, 2, 3, 3, 4]
        assert "answers 403" in buyer.purchases.at(bought.order).fault
    buyer.purchases.change(bought.order, sheet=signed.data)
    now[0] = 1_000.0
    assert resuming.step() == 1
    resuming.close()
    assert buyer.purchases.at(bought.order).state is PurchaseState.FETCHED
    assert (tmp_path / "got.csv").read_bytes() == scans.read_bytes()
