"""What no client sends: calls that are cut short, carry ether, or hold values out of range."""

from __future__ import annotations

from random import Random
from typing import Any

import boa
import pytest
from contract.market.harness import BUYER, SELLER, Bench, account_share, digest
from eth_abi import encode

from counterfoil.ledger.contracts.artefact import Artefact

MARKET = Artefact.load("Market")
FUNCTIONS = [entry for entry in MARKET.abi if entry["type"] == "function"]
SHARES = [account_share(SELLER, 1)]
VALUES: dict[str, Any] = {
    "address": BUYER.address,
    "address[]": [BUYER.address],
    "bool": True,
    "bytes": b"x",
    "bytes32": digest("one"),
    "bytes32[]": [digest("one")],
    "uint8": 27,
    "uint256": 1,
}
TOO_LONG: dict[str, Any] = {
    "address[]": [BUYER.address] * 65,
    "bytes": b"x" * 513,
    "bytes32[]": [digest("one")] * 65,
    "(bytes32,uint256)[]": SHARES * 33,
    "(bytes32,uint256)[][]": [SHARES] * 9,
}
OUT_OF_RANGE = {"address": 11, "bool": 30, "uint8": 30}
"""Byte of the word that must be zero."""


def type_of(entry: Any) -> str:
    """Returns a type as it is encoded, with a struct's members."""
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    members = ",".join(type_of(each) for each in entry["components"])
    return f"({members}){entry['type'].removeprefix('tuple')}"


def value_of(entry: Any) -> Any:
    """Returns some value of a type."""
    if not entry["type"].startswith("tuple"):
        return VALUES[entry["type"]]
    value: Any = tuple(value_of(each) for each in entry["components"])
    for _ in range(entry["type"].count("[]")):
        value = [value]
    return value


def call(function: Any, values: list[Any]) -> bytes:
    return MARKET.selector(function["name"]) + encode([type_of(each) for each in function["inputs"]], values)


def outcome(bench: Bench, data: bytes, value: int = 0) -> Any:
    return boa.env.execute_code(to_address=bench.market.address, data=data, value=value, sender=BUYER.address)


def is_refused_unread(bench: Bench, data: bytes, value: int = 0) -> bool:
    """Whether the contract refuses before it looks at what is asked: it gives no reason."""
    done = outcome(bench, data, value)
    return bool(done.is_error) and done.output == b""


functions = pytest.mark.parametrize("function", FUNCTIONS, ids=[each["name"] for each in FUNCTIONS])


@functions
def test_it_takes_no_ether(bench: Bench, function: Any) -> None:
    data = call(function, [value_of(each) for each in function["inputs"]])
    boa.env.set_balance(BUYER.address, 1)

    assert not is_refused_unread(bench, data) or function["name"] == "deposit"  # whose token is none here
    assert is_refused_unread(bench, data, value=1)
    assert boa.env.get_balance(bench.market.address) == 0


@functions
def test_it_takes_no_call_that_is_cut_short(bench: Bench, function: Any) -> None:
    data = call(function, [value_of(each) for each in function["inputs"]])
    words = sum(type_of(each).count(",") + 1 if type_of(each)[-1] == ")" else 1 for each in function["inputs"])

    assert is_refused_unread(bench, data[:3])
    if function["inputs"]:
        assert is_refused_unread(bench, data[: min(4 + 32 * words, len(data)) - 1])
        assert is_refused_unread(bench, data[:4])


@functions
def test_it_takes_no_value_out_of_range(bench: Bench, function: Any) -> None:
    values = [value_of(each) for each in function["inputs"]]
    at = 4
    for place, entry in enumerate(function["inputs"]):
        kind = type_of(entry)
        if kind in TOO_LONG:
            assert is_refused_unread(bench, call(function, [*values[:place], TOO_LONG[kind], *values[place + 1 :]]))
        for member in _members(entry):
            if member in OUT_OF_RANGE:
                data = bytearray(call(function, values))
                data[at + OUT_OF_RANGE[member]] = 1
                assert is_refused_unread(bench, bytes(data)), (entry["name"], member)
            at += 32


@functions
def test_it_takes_no_address_out_of_range_wherever_it_is(bench: Bench, function: Any) -> None:
    """In lists and structs, too."""
    data = call(function, [value_of(each) for each in function["inputs"]])
    word = bytes(12) + bytes.fromhex(BUYER.address[2:])
    places = [at for at in range(4, len(data), 32) if data[at : at + 32] == word]
    assert len(places) == str([type_of(each) for each in function["inputs"]]).count("address")
    for at in places:
        assert is_refused_unread(bench, data[:at] + b"\1" + data[at + 1 :])


def _members(entry: Any) -> list[str]:
    """The types of the words that an argument takes among the others."""
    if entry["type"] != "tuple":
        return [entry["type"]]
    return [member for each in entry["components"] for member in _members(each)]


def test_it_knows_no_other_function(bench: Bench) -> None:
    random = Random(1)
    others = {random.randbytes(4) for _ in range(300)} - set(MARKET.selectors.values())

    assert all(is_refused_unread(bench, selector + bytes(320)) for selector in others)
    assert is_refused_unread(bench, b"")
