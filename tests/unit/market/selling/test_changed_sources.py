"""A file that was changed after it was offered: nothing false is sent, a person is told, and the log says so once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from making_market import Stall, offered

from counterfoil.core.statement import parse_record
from counterfoil.errors import CounterfoilError, LogUnavailable
from counterfoil.market.buying.purchases import PurchaseState
from counterfoil.market.delivery.deliveries import SourceChanged
from counterfoil.market.selling.changed_sources import ChangedSources
from counterfoil.market.state import MarketState
from counterfoil.node.concerns import concerns


def told(stall: Stall) -> list[str]:
    return [each.found for each in concerns(stall.seller, [], []) if each.id.startswith("market:source")]


def test_a_changed_source_is_told_until_it_is_put_right(stall: Stall, tmp_path: Path) -> None:
    path = tmp_path / "scans.csv"
    path.write_bytes(b"person,dose\n1,2\n")
    offer, _ = offered(stall, path, name="changing")
    buying = stall.buyer.market.buying
    bought = buying.planning(offer.offer).carry_out(lambda _: None)
    path.write_bytes(b"person,dose\n1,3\n")
    for _ in range(2):
        with pytest.raises(CounterfoilError):
            buying.fetch(bought.order, tmp_path / "bought.csv")
    assert len(told(stall)) == 1
    assert "from chunk 0 on" in told(stall)[0]
    records = [parse_record(stall.seller.archive.entry(place)) for place in range(stall.seller.archive.size)]
    assert [each.about["order"] for each in records if each.kind == "source-change"] == [bought.order]
    assert not (tmp_path / "bought.csv").exists()
    path.write_bytes(b"person,dose\n1,2\n")
    offered(stall, path, name="changing")
    assert told(stall) == []
    assert buying.fetch(bought.order, tmp_path / "bought.csv").state is PurchaseState.FETCHED


class FullAtFirst:
    """A recorder whose disk is full when it is first written to."""

    def __init__(self) -> None:
        self.written: list[Any] = []
        self.is_full = True

    def now_s(self) -> int:
        return 1_800_000_000

    def write(self, draft: Any) -> None:
        if self.is_full:
            self.is_full = False
            raise LogUnavailable("the disk is full")
        self.written.append(draft)


def test_what_could_not_be_put_on_record_is_noticed_again(state: MarketState) -> None:
    recorder = FullAtFirst()
    changed = ChangedSources(state, recorder)  # type: ignore[arg-type]
    change = SourceChanged("0x" + "11" * 32, "22" * 32, "33" * 32, 4)
    with pytest.raises(LogUnavailable):
        changed.notice(change)
    assert changed.all() == []
    for _ in range(2):
        changed.notice(change)
    assert changed.all() == [(change.root, 4)]
    assert [(each.kind, each.about["content"]) for each in recorder.written] == [("source-change", change.root)]
