"""Proposals, openings and votes: what their documents hold, and that nothing else is read."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from counterfoil.core import canonical
from counterfoil.core.note import Signer
from counterfoil.core.signed_document import sign_document
from counterfoil.errors import CounterfoilError, DoesNotMatch, InvalidInput, MalformedEvidence
from counterfoil.market.contributions.opening import Opening, read_opening, sign_opening
from counterfoil.market.contributions.proposal import (
    Lineage,
    Proposal,
    Proposed,
    read_proposal,
    root_of_contents,
    sign_proposal,
)
from counterfoil.market.contributions.table_changes import TableChanges
from counterfoil.market.contributions.vote import read_vote, read_withdrawal, sign_vote, sign_withdrawal

SECRET, NAME, NOW = bytes(range(32)), "giver.example", "2026-11-26T08:00:00Z"
KEY = str(Signer(NAME, SECRET).key)
WORD = "0x" + "11" * 32
PROPOSAL = Proposal(
    chain_id=1,
    asset=WORD,
    contributor=KEY,
    opening="22" * 32,
    base="33" * 32,
    base_root="44" * 32,
    content=Proposed("55" * 32, 10, "rows.csv", "text/csv", "66" * 32),
    words="One row was wrong.",
    table=TableChanges(10, 11, added=("b",), parts=((0, 11),)),
    lineage=Lineage("77" * 32, "giver.example", ("88" * 32,)),
    licence="99" * 32,
    account="0x" + "aa" * 20,
    bps=500,
    offer=WORD,
    created=NOW,
)
OPENING = Opening(1, WORD, (WORD,), "anybody", (KEY,), 1, ("99" * 32,), "dilute", 2_000, 2**20, "bb" * 32, True, NOW)


def signed(document: dict[str, Any]) -> bytes:
    return canonical.dumps(sign_document(document, SECRET, NAME))


def test_what_is_signed_is_what_is_read() -> None:
    bare = replace(PROPOSAL, table=None, lineage=Lineage(), offer="", bps=0)
    for told in (PROPOSAL, bare):
        read = read_proposal(sign_proposal(told, SECRET, NAME).data)
        assert (read.proposal, str(read.key)) == (told, KEY)
    assert set(bare.to_json()).isdisjoint({"table", "lineage", "offer"})
    assert read_opening(sign_opening(OPENING, SECRET, NAME).data).opening == OPENING
    vote = read_vote(sign_vote("ab" * 32, False, "", NOW, SECRET, NAME).data)
    assert (vote.proposal, vote.agrees, vote.words, str(vote.key)) == ("ab" * 32, False, "", KEY)
    assert read_withdrawal(sign_withdrawal("ab" * 32, NOW, SECRET, NAME))[0] == "ab" * 32


NAMES = ("../rows.csv", "a/b.csv", "a\\b.csv", ".hidden", "C:rows.csv", "rows\x00.csv", "zeil\u00e9.csv", "n" * 121, "")
CHANGES: tuple[dict[str, Any], ...] = (
    *({"content": PROPOSAL.to_json()["content"] | {"name": name}} for name in NAMES),
    {"content": PROPOSAL.to_json()["content"] | {"size": 0}},
    {"content": PROPOSAL.to_json()["content"] | {"more": 1}},
    {"bps": 10_000},
    {"bps": -1},
    {"bps": True},
    {"account": "0x" + "00" * 20},
    {"account": "0x" + "AA" * 20},
    {"words": ""},
    {"words": "a\x1b[2J"},
    {"words": "w" * 4_001},
    {"more": 1},
    {"offer": None},
    {"lineage": {}},
    {"lineage": {"record": "77" * 32}},
    {"lineage": {"parents": ["88"]}},
    {"lineage": {"parents": ["88" * 32] * 2}},
    {"table": {"rowsBefore": 1, "rowsAfter": 1, "parts": [[1, 1]]}},
    {"table": {"rowsBefore": 1, "rowsAfter": 1, "parts": [[0, 1]] * 65}},
    {"table": {"rowsBefore": 1}},
    {"base": {"manifest": "33" * 32}},
    {"created": "yesterday"},
)


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_a_proposal_that_says_it_otherwise_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvidence):
        read_proposal(signed(PROPOSAL.to_json() | change))


@pytest.mark.parametrize("member", sorted(set(PROPOSAL.to_json()) - {"format", "lineage", "offer", "table"}))
def test_a_proposal_without_a_part_is_none(member: str) -> None:
    with pytest.raises(MalformedEvidence):
        read_proposal(signed({name: value for name, value in PROPOSAL.to_json().items() if name != member}))


def test_no_other_key_hands_it_in() -> None:
    other = canonical.dumps(sign_document(PROPOSAL.to_json(), bytes(32), NAME))
    with pytest.raises(DoesNotMatch, match="another key"):
        read_proposal(other)
    told = canonical.loads(sign_vote("ab" * 32, True, "", NOW, SECRET, NAME).data)["document"]
    with pytest.raises(DoesNotMatch, match="another key"):
        read_vote(canonical.dumps(sign_document(told, bytes(32), NAME)))


@pytest.mark.parametrize(
    "change",
    [
        {"needed": 2},
        {"needed": 0},
        {"reviewers": ["nobody"]},
        {"offers": []},
        {"licences": []},
        {"open": 1},
        {"rule": "all mine"},
        {"mostBps": 10_000},
        {"mostBytes": 2**24 + 1},
        {"who": "friends"},
        {"more": 1},
    ],
    ids=str,
)
def test_an_opening_that_cannot_be_kept_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvidence):
        read_opening(signed(OPENING.to_json() | change))


@pytest.mark.parametrize(
    "change", [{"agrees": 1}, {"words": ""}, {"proposal": "ab"}, {"created": ""}, {"more": 1}], ids=str
)
def test_a_vote_that_says_it_otherwise_is_none(change: dict[str, Any]) -> None:
    told = canonical.loads(sign_vote("ab" * 32, True, "yes", NOW, SECRET, NAME).data)["document"] | change
    with pytest.raises(CounterfoilError):
        read_vote(signed(told))


def test_what_cannot_be_said_is_not_signed() -> None:
    with pytest.raises(InvalidInput, match="name"):
        sign_proposal(replace(PROPOSAL, content=replace(PROPOSAL.content, name="../x")), SECRET, NAME)
    with pytest.raises(InvalidInput, match="reviewers"):
        sign_opening(replace(OPENING, needed=2), SECRET, NAME)
    with pytest.raises(InvalidInput):
        sign_vote("ab" * 32, True, "a\x07", NOW, SECRET, NAME)


def test_the_root_of_contents_is_over_their_chunks() -> None:
    assert root_of_contents(b"abc") == sha256(b"\0abc").hexdigest()
    two = bytes(2**20), b"x"
    leaves = [sha256(b"\0" + each).digest() for each in two]
    assert root_of_contents(b"".join(two)) == sha256(b"\1" + b"".join(leaves)).hexdigest()
    with pytest.raises(DoesNotMatch):
        root_of_contents(b"")
