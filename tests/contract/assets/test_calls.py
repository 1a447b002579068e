"""What no client sends: calls that are cut short, carry ether, or hold values out of range."""

from __future__ import annotations

from random import Random
from typing import Any

import boa
import pytest
from contract.assets.harness import OWNER, digest
from eth_abi import encode

from counterfoil.ledger.contracts.artefact import Artefact

ASSETS = Artefact.load("Assets")
VALUES: dict[str, Any] = {
    "address": OWNER.address,
    "bool": True,
    "bytes": b"x",
    "bytes32": digest("one"),
    "bytes4": b"\x01\x02\x03\x04",
    "string": "x",
    "uint256": 1,
    "uint256[]": [1],
}
TOO_LONG: dict[str, Any] = {"bytes": b"x" * 1_025, "string": "x" * 129, "uint256[]": [1] * 17}
OUT_OF_RANGE = {"address": 11, "bool": 30, "bytes4": 4}
"""Byte of the word that must be zero."""

functions = pytest.mark.parametrize("function", ASSETS.selectors)


def types_of(function: str) -> list[str]:
    return [each for each in function.partition("(")[2].removesuffix(")").split(",") if each]


def call(function: str, *values: Any) -> bytes:
    return ASSETS.selectors[function] + encode(types_of(function), values)


def is_refused_unread(assets: Any, data: bytes, value: int = 0) -> bool:
    """Whether the contract refuses before it looks at what is asked: it gives no reason."""
    done = boa.env.execute_code(to_address=assets.address, data=data, value=value, sender=OWNER.address)
    return bool(done.is_error) and done.output == b""


@functions
def test_it_takes_no_ether(assets: Any, asset: int, function: str) -> None:
    values = [VALUES[each] for each in types_of(function)]
    data = call(function, *(asset if type(value) is int else value for value in values))
    boa.env.set_balance(OWNER.address, 1)

    if not function.startswith("register_and_offer"):  # it calls the market, and an account is none
        assert not is_refused_unread(assets, data)
    assert is_refused_unread(assets, data, value=1)


@functions
def test_it_takes_no_call_that_is_cut_short(assets: Any, function: str) -> None:
    types = types_of(function)
    data = call(function, *(VALUES[each] for each in types))

    assert is_refused_unread(assets, data[:3])
    if types:
        assert is_refused_unread(assets, data[: 4 + 32 * len(types) - 1])


@functions
def test_it_takes_no_value_out_of_range(assets: Any, function: str) -> None:
    types = types_of(function)
    values = [VALUES[each] for each in types]
    for place, kind in enumerate(types):
        if kind in TOO_LONG:
            assert is_refused_unread(assets, call(function, *values[:place], TOO_LONG[kind], *values[place + 1 :]))
        if kind in OUT_OF_RANGE:
            data = bytearray(call(function, *values))
            data[4 + 32 * place + OUT_OF_RANGE[kind]] = 1
            assert is_refused_unread(assets, bytes(data))


def test_it_knows_no_other_function(assets: Any) -> None:
    random = Random(1)
    others = {random.randbytes(4) for _ in range(500)} - set(ASSETS.selectors.values())

    assert all(is_refused_unread(assets, selector + bytes(320)) for selector in others)
    assert is_refused_unread(assets, b"")
