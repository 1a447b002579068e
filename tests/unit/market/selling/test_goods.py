"""Where the contents of offers lie."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from making_market import Stall

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.market.selling.goods import Goods, Place, read_place
from counterfoil.market.state import MarketState
from counterfoil.provenance.snapshots import PathSource

ROOT = "a1" * 32


def test_a_content_lies_where_it_was_put_last(fair_stall: Stall, state: MarketState, scans: Path) -> None:
    goods = Goods(state, fair_stall.seller.provenance, fair_stall.seller.market.selling.changed)
    with pytest.raises(NotFound, match="is not known here"):
        goods.place(ROOT)
    goods.put(ROOT, Place("path", "/nowhere"))
    goods.put(ROOT, Place("path", str(scans)))
    assert goods.place(ROOT) == Place("path", str(scans))
    with closing(goods.open(goods.place(ROOT))) as source:
        assert source.size_bytes == scans.stat().st_size
    scans.unlink()
    with pytest.raises(NotFound):
        goods.open(goods.place(ROOT))


def test_a_text_names_a_store_a_file_a_folder_or_a_snapshot(fair_stall: Stall, scans: Path) -> None:
    provenance = fair_stall.seller.provenance
    taken = provenance.snapshots.take(PathSource(f"file://{scans}"), name="taken")
    assert read_place("s3://bucket/scans.tar", provenance) == Place("store", "s3://bucket/scans.tar")
    assert read_place(str(scans), provenance) == Place("path", str(scans.resolve()))
    assert read_place(str(scans.parent), provenance).kind == "path"
    assert read_place("taken", provenance) == Place("snapshot", f"taken@{taken.dataset.record.version}")
    with pytest.raises(InvalidInput, match="neither a file or folder, nor an address"):
        read_place("nothing of that name", provenance)
