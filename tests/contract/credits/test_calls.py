"""What no client sends: calls that are cut short, carry ether, or hold values out of range."""

from __future__ import annotations

from random import Random
from typing import Any

import boa
import pytest
from contract.evidence.harness import Account, compiled
from eth_abi import encode

from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.contracts.build import FOLDER

CREDITS = Artefact.load("Credits")
ALICE = Account("credits caller")
VALUES: dict[str, Any] = {"address": ALICE.address, "bytes32": bytes([1]) * 32, "uint8": 27, "uint256": 1}
OUT_OF_RANGE = {"address": 11, "uint8": 30}
"""Byte of the word that must be zero."""

functions = pytest.mark.parametrize("function", CREDITS.selectors)


@pytest.fixture(scope="module")
def credits() -> Any:
    return compiled(FOLDER / "Credits.vy").deploy(sender=ALICE.address)


def types_of(function: str) -> list[str]:
    return [each for each in function.partition("(")[2].removesuffix(")").split(",") if each]


def call(function: str) -> bytes:
    types = types_of(function)
    return CREDITS.selectors[function] + encode(types, [VALUES[each] for each in types])


def is_refused_unread(credits: Any, data: bytes, value: int = 0) -> bool:
    """Whether the contract refuses before it looks at what is asked: it gives no reason."""
    done = boa.env.execute_code(to_address=credits.address, data=data, value=value, sender=ALICE.address)
    return bool(done.is_error) and done.output == b""


@functions
def test_it_takes_no_ether(credits: Any, function: str) -> None:
    boa.env.set_balance(ALICE.address, 1)
    assert not is_refused_unread(credits, call(function))
    assert is_refused_unread(credits, call(function), value=1)


@functions
def test_it_takes_no_call_that_is_cut_short_or_out_of_range(credits: Any, function: str) -> None:
    data = call(function)
    assert is_refused_unread(credits, data[:3])
    for place, kind in enumerate(types_of(function)):
        assert is_refused_unread(credits, data[:-1])
        if kind in OUT_OF_RANGE:
            changed = bytearray(data)
            changed[4 + 32 * place + OUT_OF_RANGE[kind]] = 1
            assert is_refused_unread(credits, bytes(changed))


def test_it_knows_no_other_function(credits: Any) -> None:
    random = Random(1)
    others = {random.randbytes(4) for _ in range(300)} - set(CREDITS.selectors.values())

    assert all(is_refused_unread(credits, selector + bytes(320)) for selector in others)
    assert is_refused_unread(credits, b"")
