"""Taking proposals in: from whom, for what, how many; votes; withdrawing; what strangers send is held against it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from contributing import Open, changed, opened, proposal, sides
from making_market import Stall

from counterfoil.core.note import Signer
from counterfoil.core.signed_document import sign_document
from counterfoil.errors import (
    CounterfoilError,
    DoesNotMatch,
    InvalidInput,
    MalformedEvidence,
    NotAllowed,
    NotFound,
    Stale,
    TooLarge,
    TooManyRequests,
)
from counterfoil.market.contributions import registry
from counterfoil.market.contributions.proposal import SignedProposal, sign_proposal
from counterfoil.market.contributions.taking import OpeningDraft
from counterfoil.market.contributions.vote import sign_vote, sign_withdrawal
from counterfoil.market.delivery.tickets import sealed_for

NOW = "2026-11-23T19:00:00Z"
KEYS = tuple(bytes([each]) * 32 for each in range(1, 5))
REVIEWERS = tuple(str(Signer(f"reviewer {each[0]}".replace(" ", "-"), each).key) for each in KEYS[:3])


@pytest.fixture
def made(stall: Stall, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Open, SignedProposal, bytes]:
    """An open asset, and a proposal that is not handed in yet, with its contents."""
    more = request.param if hasattr(request, "param") else {}
    open_ = opened(stall, tmp_path, name=request.node.name, **more)
    _, signed, data = sides(stall)[1].proposing.prepare(proposal(open_, changed(open_, tmp_path)))
    return open_, signed, data


def signed_anew(signed: SignedProposal, secret: bytes = KEYS[3], **more: Any) -> SignedProposal:
    told = {"contributor": str(Signer("somebody", secret).key)} | more
    return sign_proposal(replace(signed.proposal, **told), secret, "somebody")


def sealed(open_: Open, data: bytes) -> bytes:
    return sealed_for(bytes.fromhex(open_.opening.opening.recipient), data)


def vote(digest: str, number: int, agrees: bool, words: str = "") -> bytes:
    return sign_vote(digest, agrees, words, NOW, KEYS[number], f"reviewer-{number + 1}").data


REFUSED: tuple[tuple[dict[str, Any], type[CounterfoilError], str], ...] = (
    ({"asset": "0x" + "ab" * 32}, NotFound, "no proposals are taken"),
    ({"opening": "ab" * 32}, Stale, "another opening"),
    ({"base": "ab" * 32}, Stale, "another version than the newest"),
    ({"base_root": "ab" * 32}, DoesNotMatch, "another fingerprint"),
    ({"chain_id": 1}, Stale, "another version than the newest"),
    ({"licence": "ab" * 32}, NotAllowed, "licence that is not taken"),
    ({"bps": 9_999}, NotAllowed, "99.99 percent; 20 is the most"),
)


def test_what_does_not_answer_the_opening_is_refused_and_leaves_nothing(
    stall: Stall, made: tuple[Open, SignedProposal, bytes]
) -> None:
    open_, signed, _ = made
    owner, _ = sides(stall)
    before = stall.seller.archive.size
    for wrong, error, words in REFUSED:
        with pytest.raises(error, match=words):
            owner.taking.take(signed_anew(signed, **wrong).data)
    large = replace(signed.proposal.content, size_bytes=2**24 + 1)
    with pytest.raises(TooLarge, match="too large to be sent along"):
        owner.taking.take(signed_anew(signed, content=large).data)
    same = replace(signed.proposal.content, fingerprint=signed.proposal.base_root)
    with pytest.raises(InvalidInput, match="there is already"):
        owner.taking.take(signed_anew(signed, content=same).data)
    forged = json.loads(signed.data)
    forged["document"]["account"] = "0x" + "66" * 20
    with pytest.raises(DoesNotMatch, match="signature"):
        owner.taking.take(forged)
    stolen = sign_document(signed.proposal.to_json(), KEYS[3], "somebody")  # handed in by another before its author
    with pytest.raises(DoesNotMatch, match="another key than it names"):
        owner.taking.take(stolen)
    assert owner.registry.all(asset=open_.offer.asset) == []
    assert stall.seller.archive.size == before


@pytest.mark.parametrize("made", [{"who": "known"}], indirect=True, ids=["known"])
def test_from_known_contributors_alone(stall: Stall, made: tuple[Open, SignedProposal, bytes]) -> None:
    _, signed, _ = made
    owner, _ = sides(stall)
    with pytest.raises(NotAllowed, match="known contributors"):
        owner.taking.take(signed.data)
    key = stall.seller.market.selling.known.add(str(stall.buyer.market.key))
    try:
        assert owner.taking.take(signed.data).state == "announced"
    finally:
        stall.seller.market.selling.known.remove(str(key))


def test_contents_are_those_that_were_proposed_or_nothing(
    stall: Stall, made: tuple[Open, SignedProposal, bytes]
) -> None:
    open_, signed, data = made
    owner, _ = sides(stall)
    taken = owner.taking.take(signed.data)
    assert taken == owner.taking.take(signed.data)  # the same again changes nothing
    digest = signed.digest_hex
    for wrong, error in (
        (data, DoesNotMatch),
        (sealed(open_, data[:-1] + b"!"), DoesNotMatch),
        (sealed(open_, data + b"!"), DoesNotMatch),
        (sealed_for(bytes.fromhex(made[1].proposal.base), data), DoesNotMatch),
        (b"\0" * len(sealed(open_, data)), MalformedEvidence),
    ):
        with pytest.raises(error):
            owner.taking.take_contents(digest, wrong)
        assert owner.registry.held(digest).state == "announced"
    good = sealed(open_, data)
    assert owner.taking.take_contents(digest, good).state == "open"
    assert owner.taking.take_contents(digest, good).state == "open"
    assert owner.taking.contents(digest) == data
    kept = [path for path in (stall.seller.home.paths.market / "contributions").rglob("*") if path.is_file()]
    assert all(data not in path.read_bytes() for path in kept)  # it lies there sealed
    with pytest.raises(NotFound, match="no proposal"):
        owner.taking.take_contents("ab" * 32, good)


def test_killed_before_a_proposal_is_on_record_it_is_put_there_when_it_is_decided(
    stall: Stall, made: tuple[Open, SignedProposal, bytes]
) -> None:
    open_, signed, data = made
    owner, _ = sides(stall)
    owner.registry.take(signed, "announced", 0)  # and the power went
    owner.taking.take_contents(signed.digest_hex, sealed(open_, data))
    assert owner.taking.decline(signed.digest_hex).state == "declined"
    records = [stall.seller.archive.record(place) for place in owner.told.places(signed.digest_hex)]
    assert [each.kind for each in records] == ["proposal", "verdict"]
    with pytest.raises(NotFound, match="not here"):
        owner.taking.contents(signed.digest_hex)


def test_what_a_crash_left_of_looking_at_contents_goes_with_them(
    stall: Stall, made: tuple[Open, SignedProposal, bytes]
) -> None:
    open_, signed, data = made
    owner, _ = sides(stall)
    digest = owner.taking.take(signed.data).signed.digest_hex
    owner.taking.take_contents(digest, sealed(open_, data))
    folder = stall.seller.home.paths.market / "contributions" / digest
    (folder / "looked at").mkdir()
    (folder / "looked at" / "corrected.csv").write_bytes(data)
    owner.taking.decline(digest)
    assert list(folder.iterdir()) == []


def test_nothing_is_read_of_what_is_sent_where_no_contents_are_awaited(
    stall: Stall, made: tuple[Open, SignedProposal, bytes]
) -> None:
    open_, signed, data = made
    owner, _ = sides(stall)
    huge = replace(signed.proposal.content, size_bytes=2**40)  # such contents are had under an offer
    digest = owner.taking.take(signed_anew(signed, content=huge, offer="0x" + "ab" * 32).data).signed.digest_hex
    with pytest.raises(NotAllowed, match="waits for no contents"):
        owner.taking.awaited_bytes(digest)
    digest = owner.taking.take(signed.data).signed.digest_hex
    good = sealed(open_, data)
    for _ in range(2):  # sent again, it is taken again
        assert owner.taking.awaited_bytes(digest) == len(good)
        owner.taking.take_contents(digest, good)
    owner.taking.decline(digest)
    with pytest.raises(NotAllowed, match="declined"):
        owner.taking.awaited_bytes(digest)


@pytest.mark.parametrize("made", [{"reviewers": REVIEWERS, "needed": 2}], indirect=True, ids=["two of three"])
def test_reviewers_decide_each_with_one_vote(stall: Stall, made: tuple[Open, SignedProposal, bytes]) -> None:
    open_, signed, data = made
    owner, _ = sides(stall)
    digest = owner.taking.take(signed.data).signed.digest_hex
    with pytest.raises(NotAllowed, match="announced"):
        owner.taking.vote(digest, vote(digest, 0, True))
    owner.taking.take_contents(digest, sealed(open_, data))
    with pytest.raises(NotAllowed, match="0 of 2 reviewers"):
        owner.accepting.planning(digest)
    assert owner.taking.vote(digest, vote(digest, 0, True)).state == "open"
    assert owner.taking.vote(digest, vote(digest, 0, True)).agree == 1  # the same again
    for again in (vote(digest, 0, False), vote(digest, 0, True, "twice")):
        with pytest.raises(NotAllowed, match="has voted"):
            owner.taking.vote(digest, again)
    with pytest.raises(NotAllowed, match="not one of those"):
        owner.taking.vote(digest, vote(digest, 3, True))
    with pytest.raises(InvalidInput, match="another proposal"):
        owner.taking.vote(digest, vote("ab" * 32, 1, True))
    forged = json.loads(vote(digest, 1, False))
    forged["document"]["agrees"] = True
    with pytest.raises(DoesNotMatch, match="signature"):
        owner.taking.vote(digest, forged)
    assert owner.registry.held(digest).state == "open"
    assert owner.taking.vote(digest, vote(digest, 1, False)).against == 1
    held = owner.taking.vote(digest, vote(digest, 2, True))
    assert (held.state, held.agree, held.against) == ("reviewed", 2, 1)
    verdict = stall.seller.archive.record(owner.told.places(digest)[-1])
    assert verdict.about["result"] == "reviewed"
    assert sorted(verdict.about["votes"]) == sorted(held.votes)
    assert owner.accepting.planning(digest)[0].transactions == 3


@pytest.mark.parametrize("made", [{"reviewers": REVIEWERS, "needed": 2}], indirect=True, ids=["against"])
def test_when_not_enough_can_agree_it_is_declined(stall: Stall, made: tuple[Open, SignedProposal, bytes]) -> None:
    open_, signed, data = made
    owner, _ = sides(stall)
    digest = owner.taking.take(signed.data).signed.digest_hex
    owner.taking.take_contents(digest, sealed(open_, data))
    owner.taking.vote(digest, vote(digest, 0, False))
    assert owner.taking.vote(digest, vote(digest, 1, False)).state == "declined"
    with pytest.raises(NotFound, match="not here"):
        owner.taking.contents(digest)
    assert owner.taking.take(signed.data).state == "declined"  # handed in again it stays so


def test_only_who_made_it_withdraws_it(stall: Stall, made: tuple[Open, SignedProposal, bytes]) -> None:
    open_, signed, data = made
    owner, giver = sides(stall)
    digest = owner.taking.take(signed.data).signed.digest_hex
    owner.taking.take_contents(digest, sealed(open_, data))
    with pytest.raises(DoesNotMatch, match="only who made"):
        owner.taking.withdraw(digest, sign_withdrawal(digest, NOW, KEYS[3], "somebody"))
    other = sign_withdrawal("ab" * 32, NOW, giver.proposing._secret(), "somebody")
    with pytest.raises(DoesNotMatch, match="only who made"):
        owner.taking.withdraw(digest, other)
    word = sign_withdrawal(digest, NOW, giver.proposing._secret(), "whatever-name")
    assert owner.taking.withdraw(digest, word).state == "withdrawn"
    assert owner.taking.withdraw(digest, word).state == "withdrawn"
    with pytest.raises(NotAllowed, match="withdrawn"):
        owner.accepting.planning(digest)
    with pytest.raises(NotAllowed, match="withdrawn"):
        owner.taking.decline(digest)


def test_there_is_room_for_so_many(
    stall: Stall, made: tuple[Open, SignedProposal, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, signed, _ = made
    owner, _ = sides(stall)
    monkeypatch.setattr(registry, "MOST_ACTIVE", 3)
    monkeypatch.setattr(registry, "MOST_OF_KEY", 2)
    for number in range(2):
        owner.taking.take(signed_anew(signed, words=f"number {number}").data)
    with pytest.raises(TooManyRequests, match="2 proposals of this key"):
        owner.taking.take(signed_anew(signed, words="one more").data)
    owner.taking.take(signed_anew(signed, KEYS[0]).data)
    with pytest.raises(TooManyRequests, match="3 proposals of this asset"):
        owner.taking.take(signed_anew(signed, KEYS[1]).data)
    for held in owner.registry.all(asset=signed.proposal.asset):
        owner.taking.decline(held.signed.digest_hex)
    monkeypatch.setattr(registry, "MOST_A_DAY", 3)
    with pytest.raises(TooManyRequests, match="3 proposals of a day"):
        owner.taking.take(signed_anew(signed, KEYS[1]).data)


def test_an_opening_names_what_is_there_and_can_be_closed(
    stall: Stall, made: tuple[Open, SignedProposal, bytes]
) -> None:
    open_, signed, _ = made
    owner, giver = sides(stall)
    told = OpeningDraft(open_.offer.asset, (open_.offer.offer,), (open_.licence,), who="anybody")
    with pytest.raises(NotFound, match="no offer"):
        owner.taking.open(replace(told, offers=("0x" + "ab" * 32,)))
    with pytest.raises(NotFound, match="licence text"):
        owner.taking.open(replace(told, licences=("ab" * 32,)))
    with pytest.raises(NotAllowed, match="belongs to"):
        giver.taking.open(told)
    with pytest.raises(InvalidInput, match="reviews twice"):
        owner.taking.open(replace(told, reviewers=(REVIEWERS[0], str(Signer("again", KEYS[0]).key)), needed=1))
    owner.taking.open(replace(told, is_open=False))
    with pytest.raises(NotAllowed, match="any more"):
        owner.taking.take(signed.data)
    with pytest.raises(NotAllowed, match="any more"):
        giver.proposing.call(open_.offer.asset)
