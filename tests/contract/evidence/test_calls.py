"""What no client sends: calls that are cut short, carry ether, or hold values out of range."""

from __future__ import annotations

from random import Random
from typing import Any

import boa
import pytest
from contract.evidence.harness import OWNER
from eth_abi import encode

from counterfoil.ledger.contracts.artefact import Artefact

EVIDENCE = Artefact.load("Evidence")
VALUES: dict[str, Any] = {
    "address": OWNER.address,
    "bytes": b"x",
    "bytes32": b"\x11" * 32,
    "bytes32[]": [b"\x22" * 32],
    "string": "x",
    "uint256": 1,
}
TOO_LONG: dict[str, Any] = {"bytes": b"x" * 1025, "bytes32[]": [b"\x22" * 32] * 65, "string": "x" * 201}
functions = pytest.mark.parametrize("function", EVIDENCE.selectors)


def types_of(function: str) -> list[str]:
    return [each for each in function.partition("(")[2].removesuffix(")").split(",") if each]


def call(function: str, *values: Any) -> bytes:
    return EVIDENCE.selectors[function] + encode(types_of(function), values)


def is_refused_unread(evidence: Any, data: bytes, value: int = 0) -> bool:
    """Whether the contract refuses before it looks at what is asked: it gives no reason."""
    done = boa.env.execute_code(to_address=evidence.address, data=data, value=value, sender=OWNER.address)
    return bool(done.is_error) and done.output == b""


@functions
def test_it_takes_no_ether(evidence: Any, function: str) -> None:
    data = call(function, *(VALUES[each] for each in types_of(function)))
    boa.env.set_balance(OWNER.address, 1)

    assert not is_refused_unread(evidence, data)
    assert is_refused_unread(evidence, data, value=1)


@functions
def test_it_takes_no_call_that_is_cut_short(evidence: Any, function: str) -> None:
    types = types_of(function)
    data = call(function, *(VALUES[each] for each in types))

    assert is_refused_unread(evidence, data[:3])
    if types:
        assert is_refused_unread(evidence, data[: 4 + 32 * len(types) - 1])


@functions
def test_it_takes_no_value_out_of_range(evidence: Any, function: str) -> None:
    types = types_of(function)
    values = [VALUES[each] for each in types]
    for place, kind in enumerate(types):
        if kind in TOO_LONG:
            assert is_refused_unread(evidence, call(function, *values[:place], TOO_LONG[kind], *values[place + 1 :]))
        if kind == "address":
            data = bytearray(call(function, *values))
            data[4 + 32 * place + 11] = 1
            assert is_refused_unread(evidence, bytes(data))


def test_it_knows_no_other_function(evidence: Any) -> None:
    random = Random(1)
    others = {random.randbytes(4) for _ in range(500)} - set(EVIDENCE.selectors.values())

    assert all(is_refused_unread(evidence, selector + bytes(320)) for selector in others)
    assert is_refused_unread(evidence, b"")
