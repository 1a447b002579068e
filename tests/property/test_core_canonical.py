"""Canonical JSON against the `rfc8785` package, with and without the accelerator."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput

SAFE = canonical.MAX_SAFE_INTEGER
INTEGERS = st.integers(-SAFE, SAFE) | st.integers(-1000, 1000)
BITS = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack(">d", bits.to_bytes(8, "big"))[0])
FLOATS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | BITS.filter(lambda x: x - x == 0)
    | st.integers(-(2**60), 2**60).map(float)
    | st.builds(lambda digits, places: digits / 10**places, st.integers(-(10**17), 10**17), st.integers(0, 22))
    | st.sampled_from([-0.0, 1e-7, 1e-6, 1e-5, 9.99e-5, 1e-4, 1e15, 1e16, 1e20, 1e21, 1e22, 5e-324, 2.0**53])
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    '\0\x1f\x7f\x80"\\/\b\f\n\u2028\ud7ff\ue000\uffff😀:,[1e5.0'
)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=25,
)


def both(value: Any) -> set[bytes]:
    """Returns what the two paths write."""
    with pytest.MonkeyPatch.context() as patch:
        fast = canonical.dumps(value)
        patch.setattr(canonical, "orjson", None)
        return {fast, canonical.dumps(value)}


@given(VALUES)
@example([1.0, -0.0, 1e16, 1e-5, None, {"\ue000": 1, "😀": 2}])
@example({"a": {"\ud7ff": 1e15, "\uffff": 123456789012345680.0}, "": [[], {}, ()]})
def test_same_bytes_as_the_reference(value: Any) -> None:
    assert both(value) == {rfc8785.dumps(value)}


@given(st.lists(FLOATS, min_size=20, max_size=60))
def test_floats_are_written_as_ecmascript_does(numbers: list[float]) -> None:
    assert both(numbers) == {rfc8785.dumps(numbers)}


@given(VALUES)
def test_reading_gives_the_value_back(value: Any) -> None:
    data = canonical.dumps(value)
    assert canonical.loads(data) == json.loads(data, parse_int=float)
    assert canonical.loads(data) == value
    assert canonical.dumps(canonical.loads(data)) == data


@given(st.binary(max_size=60) | st.text('{}[]":,\\u019eE.-+ntfal', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = canonical.loads(data)
    except InvalidInput:
        return
    assert canonical.loads(canonical.dumps(value)) == value


@given(VALUES, st.sampled_from([float("nan"), float("inf"), 2**53, -(2**53), "\ud800", b"x", 1j, object(), {1: 2}]))
def test_what_is_no_json_is_refused_wherever_it_stands(value: Any, wrong: Any) -> None:
    for place in ([value, wrong], {"a": value, "b": wrong}, [[{"": [wrong]}], value]):
        with pytest.MonkeyPatch.context() as patch:
            with pytest.raises(InvalidInput):
                canonical.dumps(place)
            patch.setattr(canonical, "orjson", None)
            with pytest.raises(InvalidInput):
                canonical.dumps(place)


@given(st.integers(2**53, 10**23))
def test_long_integers_are_read_only_as_the_digits_of_a_float(number: int) -> None:
    try:
        value = canonical.loads(str(number))
    except InvalidInput:
        assert rfc8785.dumps(float(number)) != str(number).encode()
    else:
        assert canonical.dumps(value) == str(number).encode()


@given(st.lists(VALUES, max_size=4))
def test_reading_canonical_text_gives_the_value_back(values: list[Any]) -> None:
    texts = [canonical.dumps(value).decode() for value in values]
    for patched in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if patched:
                patch.setattr(canonical, "orjson", None)
            assert canonical.loads_all(texts) == [canonical.loads(text) for text in texts] == values
            assert [canonical.loads_canonical(text.encode()) for text in texts] == values


LOOSE = st.text('{}[]":,\\u019eE.-+ntfal d8', max_size=30)


@given(st.lists(LOOSE | VALUES.map(lambda value: json.dumps(value)), max_size=3))
@example(['[1,"a"', '"b"]'])
@example(["1,2", ""])
@example(['{"a":1,"a":1}'])
@example(["-0"])
@example(["1.0"])
@example(["9007199254740993"])
@example(["18446744073709551616"])
@example(['"\\ud800"'])
@example(['"\ud800"'])
@example(["[" * 70 + "]" * 70])
def test_both_readers_agree_on_what_is_canonical(texts: list[str]) -> None:
    found = []
    for patched in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if patched:
                patch.setattr(canonical, "orjson", None)
            try:
                found.append(repr(canonical.loads_all(texts)))
            except InvalidInput:
                found.append("refused")
    assert found[0] == found[1]
    if found[0] != "refused":
        assert all(canonical.dumps(canonical.loads(text)) == text.encode() for text in texts)
