"""Proposing: the owner's word is believed by the ledger's, and what is proposed is a change to the newest version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from contributing import changed, opened, proposal, sides
from making_market import Stall

from counterfoil.errors import DoesNotMatch, InvalidInput, NotAllowed, NotFound, TooLarge
from counterfoil.market.contributions.opening import sign_opening
from counterfoil.market.contributions.proposal import Lineage


def test_an_opening_that_another_key_signed_is_not_believed(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="whose word")
    owner, giver = sides(stall)
    owner.registry.open(sign_opening(open_.opening.opening, bytes([7]) * 32, "somebody"))
    with pytest.raises(DoesNotMatch, match="not signed by the key"):
        giver.proposing.call(open_.offer.asset)
    owner.registry.open(open_.opening)
    assert giver.proposing.call(open_.offer.asset).opening.digest_hex == open_.opening.digest_hex


def test_an_opening_that_names_others_offers_is_not_believed(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="ours")
    (tmp_path / "b").mkdir()
    other = opened(stall, tmp_path / "b", name="another's")
    owner, giver = sides(stall)
    told = replace(open_.opening.opening, offers=(other.offer.offer,))
    owner.registry.open(sign_opening(told, stall.seller.own_keys.market(), "owner"))
    with pytest.raises(DoesNotMatch, match="names others' offers"):
        giver.proposing.call(open_.offer.asset)


def test_what_is_proposed_is_a_change_to_the_newest_version(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="newest", most_bytes=10_000)
    _, giver = sides(stall)
    path = changed(open_, tmp_path)
    good = proposal(open_, path)
    for wrong, error, words in (
        ({"base": path}, InvalidInput, "not the newest version"),
        ({"path": open_.path}, InvalidInput, "nothing changed"),
        ({"bps": 2_001}, NotAllowed, "at most 20 percent"),
        ({"licence": "ab" * 32}, NotAllowed, "under the licences"),
        ({"path": tmp_path}, NotFound, "about one file"),
        ({"words": ""}, InvalidInput, "words"),
        ({"account": "0x" + "00" * 20}, InvalidInput, "zero address"),
        ({"account": "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}, InvalidInput, "misspelt"),
    ):
        with pytest.raises(error, match=words):
            giver.proposing.prepare(replace(good, **wrong))
    large = tmp_path / "large.csv"
    large.write_text(open_.path.read_text() + "x,1\n" * 3_000)
    with pytest.raises(TooLarge, match="is the most that is sent along"):
        giver.proposing.prepare(replace(good, path=large))
    _, signed, _ = giver.proposing.prepare(replace(good, path=large, offer="0x" + "ab" * 32))
    assert signed.proposal.content.size_bytes == large.stat().st_size
    assert signed.proposal.account == f"0x{stall.buys.account.hex()}"


def test_a_record_that_is_named_is_a_run_or_passport_of_this_home(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="recorded")
    _, giver = sides(stall)
    good, home = proposal(open_, changed(open_, tmp_path)), stall.buyer
    known = home.provenance.register_dataset(open_.path, name="as it was")
    with home.provenance.run("correct", inputs=[known]):
        pass
    made, log = home.archive.leaf_hex(home.archive.size - 1), home.archive.origin
    for record, words in (("ab" * 32, "no record 'abab"), ("7", "no record '7'"), (known.leaf, "but a dataset")):
        with pytest.raises(InvalidInput, match=words):
            giver.proposing.prepare(replace(good, lineage=Lineage(record, log)))
    _, signed, _ = giver.proposing.prepare(replace(good, lineage=Lineage(made, log)))
    assert signed.proposal.lineage.record == made


def test_what_broke_off_is_handed_in_again(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="broken off")
    owner, giver = sides(stall)
    path = changed(open_, tmp_path)
    signed, _ = giver.proposing.propose(proposal(open_, path))
    assert giver.proposing.resume(signed.digest_hex, path)["state"] == "open"
    with pytest.raises(InvalidInput, match="not the file"):
        giver.proposing.resume(signed.digest_hex, open_.path)
    assert signed.digest_hex in [each.digest_hex for each in giver.proposing.sent()]
    assert giver.proposing.withdraw(signed.digest_hex)["state"] == "withdrawn"
    assert owner.registry.held(signed.digest_hex).state == "withdrawn"
    with pytest.raises(NotFound, match="made no proposal"):
        giver.proposing.standing("ab" * 32)
    here = [stall.buyer.archive.record(place) for place in giver.told.places(signed.digest_hex)]
    assert [each.kind for each in here] == ["proposal"]
