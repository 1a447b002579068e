"""The form of an anchor: written one way, read one way."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from making import BankLog
from making_anchors import anchored

from counterfoil.core import canonical
from counterfoil.core.anchor import MAX_ANCHOR_BYTES, MAX_SIZE, Anchor, parse_hex
from counterfoil.errors import MalformedEvidence

LOG = BankLog().fill(9)
EVENT, STORAGE = anchored(LOG, 5), anchored(LOG, 5, "storage")
ROW = EVENT.to_json()
ZEROS = "0x" + "00" * 32


@pytest.mark.parametrize("anchor", [EVENT, STORAGE], ids=["event", "storage"])
def test_round_trip(anchor: Anchor) -> None:
    assert Anchor.parse(anchor.encode()) == anchor
    assert Anchor.from_json(canonical.loads(anchor.encode())).encode() == anchor.encode()


def test_the_members() -> None:
    shared = {"account", "block", "chainId", "consistency", "contract", "format", "header", "logId", "root", "size"}
    assert set(ROW) == shared | {"event"}
    assert set(STORAGE.to_json()) == shared | {"storage"}
    assert set(ROW["event"]) == {"log", "proof", "transaction"}
    assert set(STORAGE.to_json()["storage"]) == {"head", "root"}
    assert set(ROW["block"]) == {"hash", "number", "time"}


@pytest.mark.parametrize(
    "parts",
    [
        {"format": "counterfoil-anchor/2"},
        {"format": None},
        {"extra": 1},
        {"event": None},
        {"event": []},
        {"event": ROW["event"] | {"extra": 1}},
        {"event": {"log": 0, "proof": []}},
        {"event": ROW["event"] | {"log": -1}},
        {"event": ROW["event"] | {"log": True}},
        {"event": ROW["event"] | {"transaction": "1"}},
        {"event": ROW["event"] | {"transaction": 1.5}},
        {"event": ROW["event"] | {"proof": "x"}},
        {"event": ROW["event"] | {"proof": [1]}},
        {"event": ROW["event"] | {"proof": ["AA=="] * 66}},
        {"storage": STORAGE.to_json()["storage"]},  # both
        {"chainId": 0},
        {"chainId": "1"},
        {"chainId": None},
        {"size": 0},
        {"size": MAX_SIZE + 1},
        {"size": 5.5},
        {"root": "AAAA"},
        {"root": None},
        {"root": ZEROS},
        {"contract": "0x00"},
        {"contract": ROW["contract"].upper()},
        {"contract": ROW["contract"][2:]},
        {"contract": 5},
        {"logId": ROW["logId"] + "00"},
        {"logId": ROW["logId"] + "\n"},
        {"logId": "0x" + "0g" * 32},
        {"logId": "0x" + "٣" * 64},
        {"block": None},
        {"block": ROW["block"] | {"time": "soon"}},
        {"block": ROW["block"] | {"time": 5}},
        {"block": ROW["block"] | {"number": -1}},
        {"block": ROW["block"] | {"number": 2**53}},
        {"block": ROW["block"] | {"hash": "0x"}},
        {"block": ROW["block"] | {"parent": ZEROS}},
        {"header": "!"},
        {"header": None},
        {"header": "AB=="},  # spare bits
        {"header": ROW["header"] + "\n"},
        {"header": ["AA=="]},
        {"account": None},
        {"account": [None]},
        {"account": {"0": "AA=="}},
        {"account": "AA=="},
        {"account": ["AA=="] * 66},
        {"consistency": None},
        {"consistency": ["AAAA"]},
        {"consistency": [ROW["root"]] * 2_000},
        {"header": b64encode(bytes(MAX_ANCHOR_BYTES)).decode()},
    ],
    ids=range(53),
)
def test_parts_of_another_form(parts: dict[str, Any]) -> None:
    row = {name: value for name, value in (ROW | parts).items() if value is not ...}
    with pytest.raises(MalformedEvidence):
        Anchor.from_json(row)
    if parts != {"block": ROW["block"] | {"number": 2**53}}:
        with pytest.raises(MalformedEvidence):
            Anchor.parse(canonical.dumps(row))


@pytest.mark.parametrize("name", sorted(ROW))
def test_parts_missing(name: str) -> None:
    with pytest.raises(MalformedEvidence):
        Anchor.from_json({key: value for key, value in ROW.items() if key != name})


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"\xff", EVENT.encode() + b" ", b" " + EVENT.encode(), EVENT.encode()[:-1]],
    ids=range(8),
)
def test_files_that_are_no_anchors(data: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        Anchor.parse(data)


def test_hashes_have_one_text() -> None:
    assert parse_hex("0x" + "ab" * 32, 32) == b"\xab" * 32
    assert parse_hex("0x" + "00" * 20, 20) == bytes(20)
