"""Words and numbers for assets: the contract's own limits, and what can be no URI or id."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.ledger.assets.kinds import (
    KINDS,
    MAX_PARENTS,
    MAX_ROYALTY_BPS,
    MAX_URI_BYTES,
    ROLES,
    STATES,
    kind_word,
    read_asset,
    require_uri,
    state_word,
)
from counterfoil.ledger.assets.records import AssetRecord
from counterfoil.ledger.contracts.build import FOLDER

SOURCE = Path(FOLDER / "Assets.vy").read_text("utf-8")
ABOUT = {
    "action": "registered",
    "asset": "0x" + "11" * 32,
    "chainId": 1,
    "contract": "0x" + "12" * 20,
    "kind": "dataset",
    "manifest": "22" * 32,
    "owner": "0x" + "13" * 20,
    "state": "active",
    "transaction": "0x" + "33" * 32,
    "version": 1,
}


def test_the_limits_are_the_contracts() -> None:
    assert f"MAX_ROYALTY_BPS: constant(uint256) = {MAX_ROYALTY_BPS:_}\n" in SOURCE
    assert f"MAX_PARENTS: constant(uint256) = {MAX_PARENTS}\n" in SOURCE
    assert f"uri: String[{MAX_URI_BYTES}]" in SOURCE
    assert f"LAST_STATE: constant(uint256) = {max(STATES.values())}\n" in SOURCE
    for role, number in ROLES.items():
        assert f"{role.upper()}: constant(uint256) = {number}\n" in SOURCE
    assert "# 0 active, 1 deprecated, 2 recalled, 3 blocked.\n" in SOURCE


def test_words_and_numbers_lead_to_each_other() -> None:
    assert [kind_word(number) for number in KINDS.values()] == list(KINDS)
    assert [state_word(number) for number in STATES.values()] == list(STATES)
    assert (kind_word(9), state_word(9)) == ("kind 9", "state 9")


@pytest.mark.parametrize("uri", ["", "https://a.example/x?y#z", "ipfs://Qm", "urn:isbn:1", "x:" + "y" * 126])
def test_a_uri_is_taken(uri: str) -> None:
    require_uri(uri)


@pytest.mark.parametrize(
    "uri", ["x", "://x", "https://a\nb", "https:// a", "x:" + "y" * 127, "https://ä.example/", "HTTPS:"]
)
def test_what_is_no_uri_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput):
        require_uri(uri)


@pytest.mark.parametrize("text", ["", "11" * 32, "0x" + "11" * 31, "0x" + "gg" * 32, "0x" + "11" * 33])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not an asset's id"):
        read_asset(text)


def test_a_record_is_read_back() -> None:
    record = AssetRecord.from_about(ABOUT, "44" * 32)
    draft = record.draft()
    assert (draft.kind, draft.stream, draft.builds_on, dict(draft.about)) == ("asset", "assets", ("44" * 32,), ABOUT)


@pytest.mark.parametrize("name", ABOUT)
@pytest.mark.parametrize("wrong", [None, [], True, {}], ids=repr)
def test_a_record_with_another_type_is_refused(name: str, wrong: object) -> None:
    with pytest.raises(MalformedEvidence, match="holds another type"):
        AssetRecord.from_about(ABOUT | {name: wrong})
    with pytest.raises(MalformedEvidence, match="lacks a part"):
        AssetRecord.from_about({each: value for each, value in ABOUT.items() if each != name})
