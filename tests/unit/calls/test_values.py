"""Whatever an application tells becomes canonical JSON, and nothing is refused."""

from __future__ import annotations

import enum
from base64 import b64decode
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.calls.values import MOST_LEVELS, plain
from counterfoil.core import canonical
from counterfoil.core.fields import encode_value


class Colour(enum.StrEnum):
    RED = "red"


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class BrokenMapping(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ([1, ("a",)], [1, ["a"]]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 2}}),
        (float("nan"), {"$number": "NaN"}),
        (float("inf"), {"$number": "Infinity"}),
        (float("-inf"), {"$number": "-Infinity"}),
        (2**53, {"$number": "0x20000000000000"}),
        (-(2**53), {"$number": "-0x20000000000000"}),
        (b"\x00\xff", {"$bytes": "AP8="}),
        (bytearray(b"x"), {"$bytes": "eA=="}),
        ({1: "a", "b": 2}, {"$pairs": [[1, "a"], ["b", 2]]}),
        ({"$number": "NaN"}, {"$object": {"$number": "NaN"}}),
        ({"$parts": {}}, {"$object": {"$parts": {}}}),
        ({"$a": 1, "b": 2}, {"$a": 1, "b": 2}),
        (Colour.RED, "red"),
        (np.float32(0.5), 0.5),
        (np.int64(4), 4),
        (Decimal("1.5"), {"$repr": "Decimal('1.5')"}),
        (Broken(), {"$repr": "<Broken>"}),
    ],
)
def test_values_and_their_marks(value: object, expected: object) -> None:
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)
    canonical.dumps(found)


def test_half_of_a_surrogate_pair_is_kept_in_utf_16() -> None:
    found = plain("a\ud800b")
    assert isinstance(found, dict)
    assert b64decode(found["$utf16"]).decode("utf-16-be", "surrogatepass") == "a\ud800b"


def test_an_object_that_breaks_when_it_is_read_is_shown() -> None:
    assert plain([BrokenMapping(a=1)]) == [{"$repr": "{'a': 1}"}]


def test_what_is_nested_too_deep_or_holds_itself_is_cut_there() -> None:
    deep: Any = "end"
    for _ in range(1_000):
        deep = [deep]
    encode_value(plain(deep))
    loop: list[Any] = []
    loop.append(loop)
    encode_value({"a": plain(loop)})
    pairs: Any = "end"
    for _ in range(MOST_LEVELS):
        pairs = {1: pairs}
    encode_value(plain(pairs))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(anything)
def test_everything_has_a_canonical_form(value: object) -> None:
    found = plain(value)
    assert canonical.loads_canonical(canonical.dumps(found)) == found
