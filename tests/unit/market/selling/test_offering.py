"""Putting something on offer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from making_crowds import crowded
from making_market import ANYBODY, LICENCE, Stall

from counterfoil.errors import InvalidInput, NotSetUp
from counterfoil.ledger.market.selling import OfferDraft
from counterfoil.market.selling.goods import Place
from counterfoil.market.selling.listing_form import next_number
from counterfoil.market.selling.offering import Listing, Offering, Registered
from counterfoil.market.sheets.wares import Seller, SheetLicence, Wares
from counterfoil.provenance.assets.manifests import manifest_sha256


def listing(stall: Stall, path: Path, name: str) -> Listing:
    seller = stall.seller
    known = seller.provenance.register_dataset(path, name=name)
    licence = SheetLicence("research only", seller.market.shelf.put_licence(LICENCE))
    who = Seller("Bank", seller.archive.origin)
    wares = Wares("licence", "dataset", "Scans", "Of chests.", licence, stall.url, who, terms=ANYBODY)
    of = Registered("dataset", name, known.record.version, known.leaf, known.leaf)
    return Listing(wares, of, Place("path", str(path)), OfferDraft("licence", "12.50", ""), uri=f"{stall.url}/")


def listings(stall: Stall, offer: str) -> list[Any]:
    archive = stall.seller.archive
    found = [archive.record(place) for place in range(archive.size)]
    return [each for each in found if each.kind == "listing" and each.about["offer"] == offer]


def test_what_was_planned_and_not_sent_keeps_its_sheet(fair_stall: Stall, scans: Path) -> None:
    offering, wanted = fair_stall.seller.market.selling.offering, listing(fair_stall, scans, "planned")
    _, first, _ = offering.planning(wanted)
    fair_stall.clock.move(60)
    quote, again, carry_out = offering.planning(wanted)
    assert again.data == first.data
    assert quote.to_json()["transactions"] == 1
    made = carry_out(lambda _: None)
    assert made.sheet == first.digest_hex
    carry_out(lambda _: None)
    [record] = listings(fair_stall, made.offer)
    assert (record.about["sheet"], record.builds_on) == (first.digest_hex, (wanted.of.leaf,))


def test_another_sheet_is_another_listing(fair_stall: Stall, scans: Path) -> None:
    offering, wanted = fair_stall.seller.market.selling.offering, listing(fair_stall, scans, "changed")
    first = offering.planning(wanted)[2](lambda _: None)
    changed = replace(wanted, wares=replace(wanted.wares, title="Better scans"))
    again = offering.planning(changed)[2](lambda _: None)
    assert first.offer == again.offer
    assert [each.about["sheet"] for each in listings(fair_stall, first.offer)] == [first.sheet, again.sheet]


def test_the_next_number_is_behind_the_highest_of_any_number_of_offers(fair_stall: Stall, scans: Path) -> None:
    seller, wanted = fair_stall.seller, listing(fair_stall, scans, "often")
    made = seller.market.selling.offering.planning(replace(wanted, draft=replace(wanted.draft, number=7)))
    offer, known = made[2](lambda _: None), seller.provenance.find("often")
    with crowded(seller, "offer", offer.offer, 999):
        again = seller.market.selling.offering.planning(replace(wanted, draft=replace(wanted.draft, number=8)))
        again[2](lambda _: None)
        assert next_number(seller, manifest_sha256(known)) == 9


def test_what_cannot_be_offered_so_is_refused(fair_stall: Stall, scans: Path) -> None:
    seller, wanted = fair_stall.seller, listing(fair_stall, scans, "refused")
    selling = seller.market.selling
    with pytest.raises(InvalidInput, match="the sheet is for a licence, and a period"):
        selling.offering.planning(replace(wanted, draft=replace(wanted.draft, kind="period", duration_s=60)))
    nowhere = Offering(
        seller.ledger,
        seller.market.shelf,
        selling.goods,
        selling.deliveries,
        seller.recorder,
        seller.views,
        lambda: bytes(32),
        Seller("Bank", seller.archive.origin),
        "",
    )
    with pytest.raises(NotSetUp, match="name no address of its node"):
        nowhere.planning(wanted)
