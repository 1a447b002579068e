"""RLP: the examples of its specification, and everything that has a shorter form refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from counterfoil.core.rlp import MAX_DEPTH, decode, encode, encode_number, parse_number
from counterfoil.errors import MalformedEvidence

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "rlp.json").read_text("utf-8"))


def item(value: Any) -> Any:
    return bytes.fromhex(value) if isinstance(value, str) else [item(each) for each in value]


@pytest.mark.parametrize(("value", "data"), VECTORS["good"], ids=range(len(VECTORS["good"])))
def test_known_answers(value: Any, data: str) -> None:
    assert decode(bytes.fromhex(data)) == item(value)
    assert encode(item(value)).hex() == data


@pytest.mark.parametrize(("data", "why"), VECTORS["bad"], ids=range(len(VECTORS["bad"])))
def test_what_no_reader_may_take(data: str, why: str) -> None:
    with pytest.raises(MalformedEvidence):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize("size", [0, 1, 55, 56, 255, 256, 65_535, 65_536])
def test_sizes_around_the_long_form(size: int) -> None:
    data = b"\xaa" * size
    assert decode(encode(data)) == data
    assert decode(encode([data, [data]])) == [data, [data]]
    for cut in {0, 1, size // 2, size}:
        with pytest.raises(MalformedEvidence):
            decode(encode([data, data])[:cut])


def test_depth_has_a_limit() -> None:
    deep: Any = b""
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert decode(encode(deep)) == deep
    for data in (encode([deep]), b"\xc1" * 100_000 + b"\xc0", b"\xf9\xff\xff" * 20_000):
        with pytest.raises(MalformedEvidence):
            decode(data)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 2**64 - 1, 2**256 - 1])
def test_numbers(number: int) -> None:
    assert parse_number(encode_number(number)) == number
    assert encode(number) == encode(encode_number(number))


def test_numbers_of_another_form_are_refused() -> None:
    for bad in (b"\0", b"\0\1", b"\1" * 33, [b"\1"], []):
        with pytest.raises(MalformedEvidence):
            parse_number(bad)
    with pytest.raises(MalformedEvidence):
        parse_number(b"\1" * 9, 8)
