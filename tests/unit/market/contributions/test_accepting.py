"""Accepting: the next version of dataset, asset and offers, a share for who contributed; once, also when killed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from contributing import Open, changed, opened, proposal, sides
from making_market import Stall, offered
from two_traders import done, sent

from counterfoil.core import canonical
from counterfoil.core.merkle import leaf_hash
from counterfoil.core.note import Signer
from counterfoil.errors import DoesNotMatch, InvalidInput, NotAllowed, NotFound, Stale
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.market.terms import Share
from counterfoil.market.buying.purchases import PurchaseState
from counterfoil.market.contributions.node_wire import OwnersWire
from counterfoil.market.contributions.proposal import Lineage, sign_proposal
from counterfoil.market.contributions.table_changes import TableChanges
from counterfoil.market.contributions.taking import OpeningDraft
from counterfoil.market.delivery.tickets import sealed_for


class Killed(Exception):
    """The power goes."""


def records(stall: Stall, digest: str) -> list[Any]:
    places = stall.seller.market.contributions.told.places(digest)
    return [stall.seller.archive.record(place) for place in places]


def proposed(stall: Stall, open_: Open, path: Path, **more: Any) -> str:
    return sides(stall)[1].proposing.propose(proposal(open_, path, **more))[0].digest_hex


def test_a_proposal_becomes_the_next_version_and_its_contributor_is_paid(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="story")
    owner, giver = sides(stall)
    other = "0x" + "77" * 20
    done(stall.sells.setting_shares(open_.offer.offer, (Share.of(other, 2_000),)))
    path = changed(open_, tmp_path)
    signed, stands = giver.proposing.propose(proposal(open_, path))
    assert stands["state"] == "open"
    table = signed.proposal.table
    assert table is not None
    assert (table.rows_before, table.rows_after, table.parts) == (600, 601, ((512, 601),))

    quote, carry_out = owner.accepting.planning(signed.digest_hex)
    assert quote.transactions == 3
    assert "10 percent for" in str(quote.public)
    before = stall.seller.archive.size
    assert stall.sells.offer(open_.offer.offer).shares == (Share.of(other, 2_000),)  # looking changed nothing
    assert stall.seller.archive.size == before
    made = carry_out(lambda _: None)

    account = checksummed(stall.buys.account)
    (offer,) = made.offers
    assert offer.shares == (Share.of(other, 1_800), Share.of(account, 1_000))
    assert offer.price == open_.offer.price
    assert made.version == 2
    asset = stall.seller.ledger.assets.show(open_.offer.asset).asset
    assert asset.manifest == made.dataset.leaf == leaf_hash(stall.seller.archive.entry(made.dataset.index)).hex()
    assert [each.kind for each in records(stall, signed.digest_hex)] == ["proposal", "verdict", "contribution"]
    run = stall.seller.provenance.runs.find("contribution")
    base = stall.seller.provenance.find_dataset("story@1")
    assert (run.record.inputs, run.record.outputs) == ((base.leaf,), (made.dataset.leaf,))
    assert giver.proposing.standing(signed.digest_hex)["state"] == "accepted"

    # A buyer has the new contents, and the contributor a tenth of what it brings.
    owed = stall.buys.owed().units
    bought = stall.buyer.market.buying.planning(open_.offer.offer).carry_out(lambda _: None)
    (tmp_path / "got").mkdir()
    fetched = stall.buyer.market.buying.fetch(bought.order, tmp_path / "got")
    assert fetched.state is PurchaseState.FETCHED
    assert (tmp_path / "got" / "corrected.csv").read_bytes() == path.read_bytes()
    assert stall.buys.owed().units - owed == open_.offer.price.units // 10

    with pytest.raises(NotAllowed, match="is accepted"):
        giver.proposing.withdraw(signed.digest_hex)
    with pytest.raises(NotAllowed, match="is accepted"):
        owner.accepting.planning(signed.digest_hex)


@pytest.mark.parametrize("after", [1, 2, 4])
def test_killed_after_any_transaction_it_goes_on_and_does_each_thing_once(
    stall: Stall, tmp_path: Path, after: int
) -> None:
    first = opened(stall, tmp_path, name=f"killed {after}")
    offers = (first.offer, offered_again(stall, first))
    owner, _ = sides(stall)
    told = owner.taking.opening(first.offer.asset).opening
    open_ = reopened(stall, first, offers=tuple(each.offer for each in offers), rule=told.rule)
    digest = proposed(stall, open_, changed(open_, tmp_path, name=f"killed{after}.csv"))
    seen = len(sent(stall.seller))
    left = after

    def tell(_: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Killed

    with pytest.raises(Killed):
        owner.accepting.planning(digest)[1](tell)
    with pytest.raises(NotAllowed, match="accepting"):
        sides(stall)[1].proposing.withdraw(digest)
    made = done(owner.accepting.planning(digest))
    share = (Share.of(checksummed(stall.buys.account), 1_000),)
    assert [each.shares for each in made.offers] == [share, share]
    assert [each.kind for each in records(stall, digest)] == ["proposal", "verdict", "contribution"]
    # The version is published once, the shares of the asset are shown once, each offer is made anew once.
    assert [word.split(" ")[0] for word in sent(stall.seller)[seen:]] == ["shared", "offered", "offered"]
    runs = [each for each in stall.seller.provenance.runs.all() if each.record.source.get("id") == digest]
    assert len(runs) == 1
    versions = stall.seller.ledger.assets.show(first.offer.asset)
    assert versions.asset.version == 2


def test_what_was_sold_while_it_was_broken_off_is_not_sold_again(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="sold meanwhile", draft={"supply": 5})
    digest, said = proposed(stall, open_, changed(open_, tmp_path)), []

    def tell(words: str) -> None:
        said.append(words)
        if len(said) == 2:  # its offer is worked out by now
            raise Killed

    planning = sides(stall)[0].accepting.planning
    with pytest.raises(Killed):
        planning(digest)[1](tell)
    stall.buyer.market.buying.planning(open_.offer.offer).carry_out(lambda _: None)
    assert [each.left for each in done(planning(digest)).offers] == [4]


def offered_again(stall: Stall, open_: Open) -> Any:
    return offered(stall, open_.path, name=name_of(stall, open_), number=2)[0]


def name_of(stall: Stall, open_: Open) -> str:
    manifest = stall.seller.ledger.assets.show(open_.offer.asset).asset.manifest
    return stall.seller.provenance.with_leaf(manifest).record.name


def reopened(stall: Stall, open_: Open, **more: Any) -> Open:
    told = {"offers": (open_.offer.offer,), "licences": (open_.licence,), "who": "anybody"} | more
    signed = sides(stall)[0].taking.open(OpeningDraft(open_.offer.asset, **told))
    return Open(open_.offer, open_.path, open_.licence, signed)


def test_contents_that_lie_about_rows_are_found_out_before_anything_is_done(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="lying")
    owner, giver = sides(stall)
    call, signed, data = giver.proposing.prepare(proposal(open_, changed(open_, tmp_path)))
    table = signed.proposal.table
    assert table is not None
    for number, lie in enumerate(
        (
            dict[str, Any](table=replace(table, parts=((0, 1),))),
            dict[str, Any](content=replace(signed.proposal.content, fingerprint="ab" * 32)),
        )
    ):
        secret = bytes([number + 1]) * 32
        lie["contributor"] = str(Signer("liar", secret).key)
        told = sign_proposal(replace(signed.proposal, **lie), secret, "liar")
        wire = OwnersWire(call.node, giver.proposing._reach)
        wire.propose(canonical.loads(told.data))
        wire.send(told.digest_hex, sealed_for(bytes.fromhex(call.opening.opening.recipient), data))
        before = stall.seller.archive.size
        with pytest.raises(DoesNotMatch, match="than the proposal says"):
            owner.accepting.planning(told.digest_hex)
        assert stall.seller.archive.size == before
        assert not list(tmp_path.parent.rglob("looked at"))


def test_what_is_no_table_has_no_rows_to_change(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="no table")
    owner, giver = sides(stall)
    call, signed, data = giver.proposing.prepare(proposal(open_, changed(open_, tmp_path, name="notes.txt")))
    assert signed.proposal.table is None
    secret = bytes([9]) * 32
    told = {"contributor": str(Signer("liar", secret).key), "table": TableChanges(600, 601, parts=((512, 601),))}
    lie = sign_proposal(replace(signed.proposal, **told), secret, "liar")
    wire = OwnersWire(call.node, giver.proposing._reach)
    wire.propose(canonical.loads(lie.data))
    wire.send(lie.digest_hex, sealed_for(bytes.fromhex(call.opening.opening.recipient), data))
    with pytest.raises(DoesNotMatch, match="other rows or columns"):
        owner.accepting.look(lie.digest_hex)


def test_several_may_look_at_once(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="looked at")
    path = changed(open_, tmp_path)
    digest = proposed(stall, open_, path)
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(sides(stall)[0].accepting.look, [digest] * 12))
    assert seen == [path.read_bytes()] * 12


def test_a_proposal_to_change_an_older_version_is_stale(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="two at once")
    first = proposed(stall, open_, changed(open_, tmp_path, name="first.csv", mark="8"))
    second = proposed(stall, open_, changed(open_, tmp_path, name="second.csv", mark="9"))
    owner, _ = sides(stall)
    done(owner.accepting.planning(first))
    with pytest.raises(Stale, match="another version"):
        owner.accepting.planning(second)
    assert owner.taking.decline(second, "the other one was first").words == "the other one was first"
    with pytest.raises(NotAllowed, match="declined"):
        owner.accepting.planning(second)


def test_of_two_that_were_planned_at_once_the_second_does_not_undo_the_first(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="planned at once")
    owner, _ = sides(stall)
    paths = [changed(open_, tmp_path, name=f"{mark}.csv", mark=mark) for mark in "89"]
    digests = [proposed(stall, open_, path) for path in paths]
    first, second = (owner.accepting.planning(digest) for digest in digests)
    made = done(first)
    with pytest.raises(Stale, match="another version"):
        done(second)
    assert owner.registry.held(digests[1]).state == "open"
    assert stall.seller.ledger.assets.show(open_.offer.asset).asset.manifest == made.dataset.leaf


def test_contents_that_were_not_sent_along_are_given_as_a_file(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="large")
    path = changed(open_, tmp_path)
    digest = proposed(stall, open_, path, offer="0x" + "ab" * 32)
    owner, _ = sides(stall)
    with pytest.raises(NotFound, match="contents of the proposal are not here"):
        owner.accepting.planning(digest)
    with pytest.raises(DoesNotMatch, match="another length"):
        owner.accepting.planning(digest, open_.path)
    other = tmp_path / "other.csv"
    other.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(DoesNotMatch, match="another root"):
        owner.accepting.planning(digest, other)
    assert done(owner.accepting.planning(digest, path)).version == 2


def test_what_the_dataset_was_before_is_no_next_version(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="back again")
    path = changed(open_, tmp_path)
    parents = Lineage("77" * 32, "a log with a password=hunter2", ("88" * 32,))
    done(sides(stall)[0].accepting.planning(proposed(stall, open_, path, lineage=parents)))
    run = stall.seller.provenance.runs.find("contribution").record
    assert (run.parameters["record"], run.parameters["parents"]) == ("77" * 32, "88" * 32)
    was = tmp_path / "was.csv"
    was.write_bytes(open_.path.read_bytes())
    now = Open(open_.offer, path, open_.licence, open_.opening)
    with pytest.raises(InvalidInput, match="back again 1 was, word for word"):
        sides(stall)[0].accepting.planning(proposed(stall, now, was))


def test_an_offer_that_was_withdrawn_is_not_offered_anew(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="withdrawn")
    digest = proposed(stall, open_, changed(open_, tmp_path))
    done(stall.sells.withdrawing_offer(open_.offer.offer))
    with pytest.raises(InvalidInput, match="would offer it anew"):
        sides(stall)[0].accepting.planning(digest)


def test_what_the_shares_leave_no_room_for_is_not_accepted(stall: Stall, tmp_path: Path) -> None:
    open_ = opened(stall, tmp_path, name="no room", rule="fixed", most_bps=9_999)
    done(stall.sells.setting_shares(open_.offer.offer, (Share.of("0x" + "77" * 20, 9_500),)))
    digest = proposed(stall, open_, changed(open_, tmp_path))
    with pytest.raises(InvalidInput, match="105 percent"):
        sides(stall)[0].accepting.planning(digest)
