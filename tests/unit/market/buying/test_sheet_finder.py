"""Finding the sheet of an offer; sheets that lie are in tests/hostile/test_market.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from making_market import LICENCE, Stall, offered

from counterfoil.errors import NotFound
from counterfoil.market.buying.sheet_finder import SheetFinder
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.provenance.snapshots.addresses import Reach


def test_a_sheet_comes_from_the_shelf_or_from_the_node(fair_stall: Stall, scans: Path, tmp_path: Path) -> None:
    offer, signed = offered(fair_stall, scans, name="found")
    ledger, shelf = fair_stall.buyer.ledger, Shelf(tmp_path / "shelf")
    assert SheetFinder(ledger, shelf, Reach(("127.0.0.0/8",))).sheet_of(offer).data == signed.data
    closed = SheetFinder(ledger, shelf, Reach(()))
    with pytest.raises(NotFound, match="cannot be had"):
        closed.sheet_of(offer)
    shelf.put_licence(LICENCE)
    shelf.put_sheet(signed)
    assert closed.sheet_of(offer).data == signed.data
    with pytest.raises(NotFound, match="cannot be had"):
        closed.sheet_of(replace(offer, sheet="0" * 64))
