"""The market of one home as a whole."""

from __future__ import annotations

import pytest
from making_market import Stall

from counterfoil.errors import CounterfoilError
from counterfoil.market.buying.purchases import PurchaseState, Stated


def test_a_result_that_is_here_stays_where_it_cannot_be_fetched_again(fair_stall: Stall) -> None:
    market = fair_stall.buyer.market
    begun = market.purchases.begin(
        offer=f"0x{'5' * 64}",
        asset=f"0x{'6' * 64}",
        kind="job",
        title="Means",
        sheet=b"{}",  # as good as a node that is gone
        account=bytes(20),
        stated=Stated(),
        job=b"{}",
    )
    result = market.bought / begun.order / "result"
    (result / "out").mkdir(parents=True)
    (result / "out" / "mean.json").write_bytes(b"7")
    market.purchases.keep(begun)
    market.purchases.change(begun.order, state=PurchaseState.FETCHED, path=str(result))
    with pytest.raises(CounterfoilError):
        market.fetch(begun.order)
    assert (result / "out" / "mean.json").read_bytes() == b"7"
