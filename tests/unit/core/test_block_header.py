"""Headers: the first of all, those of every rule since, and what is no header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from making_anchors import FORKS, TIME_S, Block

from counterfoil.core.block_header import MAX_HEADER_BYTES, BlockHeader
from counterfoil.core.keccak import keccak256
from counterfoil.core.rlp import decode, encode
from counterfoil.errors import MalformedEvidence

GENESIS = json.loads((Path(__file__).parents[2] / "vectors" / "block_header.json").read_text("utf-8"))["genesis"]


def test_the_first_block_of_ethereum() -> None:
    header = BlockHeader.parse(bytes.fromhex(GENESIS["rlp"]))
    assert header.hash.hex() == GENESIS["hash"]
    assert (header.number, header.time) == (GENESIS["number"], GENESIS["time"])
    assert header.state_root.hex() == GENESIS["stateRoot"]
    assert header.receipts_root.hex() == GENESIS["receiptsRoot"]


@pytest.mark.parametrize("fork", FORKS)
def test_headers_of_later_rules(fork: str) -> None:
    block = Block(1, b"\1" * 32, fork=fork)
    header = BlockHeader.parse(block.header)
    assert header.hash == keccak256(block.header)
    assert (header.number, header.time_s) == (1_234, TIME_S)
    assert (header.state_root, header.receipts_root) == (block.state.root_hash, block.receipts.root_hash)


def test_a_field_of_a_kind_nobody_has_seen_yet() -> None:
    fields = decode(Block(1, b"\1" * 32).header)
    assert isinstance(fields, list)
    assert BlockHeader.parse(encode([*fields, [b"x", [b"y"]]])).number == 1_234


def changed(place: int, value: Any) -> bytes:
    fields = decode(Block(1, b"\1" * 32).header)
    assert isinstance(fields, list)
    fields[place] = value
    return encode(fields)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        encode(b"x" * 500),
        encode([]),
        encode([b""] * 14),
        encode([b""] * 65),
        encode([bytes(32)] * 15),
        changed(3, b"\1" * 31),
        changed(5, [b"\1" * 32]),
        changed(8, b"\0\1"),
        changed(8, b"\1" * 9),
        changed(11, b"\xff" * 8),
        changed(11, 253_402_300_800),
        changed(12, b"x" * MAX_HEADER_BYTES),
        Block(1, b"\1" * 32).header + b"\0",
        Block(1, b"\1" * 32).header[:-1],
    ],
    ids=range(16),
)
def test_what_is_no_header(data: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        BlockHeader.parse(data)


def test_the_last_second_a_calendar_has() -> None:
    assert BlockHeader.parse(changed(11, 253_402_300_799)).time == "9999-12-31T23:59:59Z"
    assert BlockHeader.parse(changed(11, 0)).time == "1970-01-01T00:00:00Z"
