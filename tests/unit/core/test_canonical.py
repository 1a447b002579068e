"""What canonical JSON refuses, and where the accelerator would write something else."""

from __future__ import annotations

import enum
import sys
import uuid
from collections import OrderedDict, UserDict, UserList, namedtuple
from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import orjson
import pytest

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput

Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    YES = "yes"


class Text(str):
    __slots__ = ()


NO_JSON: list[Any] = [
    float("nan"),
    float("inf"),
    -float("inf"),
    2**53,
    -(2**53),
    10**400,
    "\ud800",
    "a\udfffb",
    b"bytes",
    bytearray(b"x"),
    {1, 2},
    1j,
    Colour.RED,
    uuid.UUID(int=1),
    datetime(2026, 1, 1, tzinfo=UTC),
    orjson.Fragment(b'{"b" :1}'),
    {1: "a"},
    {None: 1},
    {True: 1},
    {"\ud800": 1},
    {b"a": 1},
]


@pytest.fixture(params=["orjson", "plain"], autouse=True)
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setattr(canonical, "orjson", None)


@pytest.mark.parametrize("value", NO_JSON, ids=[f"{i}-{type(v).__name__}" for i, v in enumerate(NO_JSON)])
def test_refuses_what_is_no_json_value(value: Any) -> None:
    for place in (value, [value], {"a": [{"b": value}]}):
        with pytest.raises(InvalidInput):
            canonical.dumps(place)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, b"null"),
        (True, b"true"),
        (-0.0, b"0"),
        (1e21, b"1e+21"),
        ("\x7f\u2028\u00e9", '"\x7f\u2028\u00e9"'.encode()),
        ("\x00\x08\x1f", rb'"\u0000\b\u001f"'),
        ({}, b"{}"),
        ([], b"[]"),
        ((1, (2,)), b"[1,[2]]"),
        (Point(1, 2), b"[1,2]"),
        (Word.YES, b'"yes"'),
        ({Text("b"): Text("x"), "a": 1.0}, b'{"a":1,"b":"x"}'),
        (OrderedDict(b=1, a=2), b'{"a":2,"b":1}'),
        (UserDict(b=1, a=2), b'{"a":2,"b":1}'),
        (MappingProxyType({"b": 1}), b'{"b":1}'),
        (UserList([1, UserList()]), b"[1,[]]"),
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'.encode()),
    ],
)
def test_writes(value: Any, data: bytes) -> None:
    assert canonical.dumps(value) == data
    assert canonical.dumps([value, {"a": value}]) == b"[" + data + b',{"a":' + data + b"}]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "[1,]",
        "[1 2]",
        "{'a':1}",
        "NaN",
        "[Infinity]",
        "-Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "1e999",
        "-1e999",
        "9007199254740993",
        "-9007199254740993",
        "1000000000000000000000",
        "9" * 5000,
        '{"a":1,"a":1}',
        '{"a":{"b":1,"\\u0062":2}}',
        '"\\ud800"',
        '["\\udc00\\ud800"]',
        '{"\\ud800":1}',
        '"\ud800"',
        '"\n"',
        "\ufeff1",
        "1\0",
        "true false",
    ],
)
def test_reading_refuses(text: str) -> None:
    with pytest.raises(InvalidInput):
        canonical.loads(text)
    with pytest.raises(InvalidInput):
        canonical.loads(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("data", [b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', '"a"'.encode("utf-16")])
def test_reading_refuses_what_is_not_utf_8(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        canonical.loads(data)


def test_a_float_from_2_to_the_53_can_be_read_back() -> None:
    for value in (2.0**53, 1e20, -1e20, 123456789012345680000.0):
        assert canonical.loads(canonical.dumps([value])) == [value]
        assert isinstance(canonical.loads(canonical.dumps(value)), float)


def nested(levels: int, inner: Any = None) -> Any:
    for level in range(levels):
        inner = ([inner] if inner is not None else []) if level % 2 else {"a": inner}
    return inner


def test_depth_is_the_same_for_every_path() -> None:
    deepest = nested(canonical.MAX_DEPTH, 1)
    assert canonical.loads(canonical.dumps(deepest)) == deepest
    text = b'{"a":' * 33 + b"1" + b"}" * 33
    assert canonical.loads(text) == canonical.loads(canonical.dumps(canonical.loads(text)))
    for value in ([deepest], {"a": deepest}, [1, {"x": 2}, deepest], nested(100, 1), nested(250, 1)):
        with pytest.raises(InvalidInput, match="deeper"):
            canonical.dumps(value)
        with pytest.raises(InvalidInput, match="deeper"):
            canonical.loads(orjson.dumps(value))


@pytest.mark.parametrize(
    "text", ["[" * 10**6, '{"a":' * 10**6, "[" * 10**5 + "]" * 10**5], ids=["lists", "objects", "closed"]
)
def test_very_deep_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        canonical.loads(text)


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidInput):
        canonical.dumps(loop)


def test_a_late_duplicate_among_many_keys_is_found_at_once() -> None:
    text = "{" + ",".join(f'"k{i}":0' for i in range(200_000)) + ',"k199999":1}'
    with pytest.raises(InvalidInput, match="'k199999' appears twice"):
        canonical.loads(text)


def test_errors_stay_short() -> None:
    key = "k" * 1_000_000
    with pytest.raises(InvalidInput) as caught:
        canonical.loads(f'{{"{key}":1,"{key}":2}}')
    assert len(str(caught.value)) < 200


def test_ten_megabytes_pass_both_ways() -> None:
    for text in ("x" * 10_000_000, ",1.1" * 2_500_000, '"\\' * 1_000_000):
        assert canonical.loads(canonical.dumps([text])) == [text]


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000])
@pytest.mark.parametrize("reads", [canonical.loads, canonical.loads_canonical])
def test_deep_nesting_is_refused_whatever_other_packages_let_python_recurse(
    data: bytes, reads: Callable[[bytes], Any]
) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        with pytest.raises(InvalidInput, match="nested deeper than 64 levels"):
            reads(data)
    finally:
        sys.setrecursionlimit(limit)


def test_brackets_in_strings_are_no_nesting() -> None:
    data = canonical.dumps(["[{" * 400, '"[[' * 400, "\\" * 401])
    assert canonical.loads(data) == canonical.loads_canonical(data)


def test_a_string_that_nothing_closes_is_read_once() -> None:
    with pytest.raises(InvalidInput):
        canonical.loads(b"[" * 501 + b'"' + b'\\"' * 200_000)
