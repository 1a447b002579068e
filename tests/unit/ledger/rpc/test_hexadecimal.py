from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.rpc.hexadecimal import data, parse_data, parse_quantity, quantity


@given(st.integers(0, 2**256 - 1))
def test_a_quantity_is_read_as_it_was_written(number: int) -> None:
    assert parse_quantity(quantity(number), "a number") == number


@given(st.binary(max_size=100))
def test_data_are_read_as_they_were_written(raw: bytes) -> None:
    assert parse_data(data(raw), "data") == parse_data(data(raw), "data", len(raw)) == raw


@pytest.mark.parametrize(
    "value",
    [None, 1, True, "", "0x", "0x01", "0x1g", "1f", "0X1f", "0x1F", " 0x1", "0x1\n", "-0x1", "0x" + "f" * 65, ["0x1"]],
)
def test_what_is_no_quantity_is_not_believed(value: Any) -> None:
    with pytest.raises(LedgerContradicts, match="for a height"):
        parse_quantity(value, "a height")


@pytest.mark.parametrize("value", [None, 1, "", "0x1", "0xgg", "12", "0x12\n", b"0x12", {}])
def test_what_is_no_data_is_not_believed(value: Any) -> None:
    with pytest.raises(LedgerContradicts, match="for a hash"):
        parse_data(value, "a hash")


@pytest.mark.parametrize("size_bytes", [0, 1, 3])
def test_data_of_another_size_are_not_believed(size_bytes: int) -> None:
    with pytest.raises(LedgerContradicts):
        parse_data("0x1234", "a hash", size_bytes)


def test_a_long_answer_is_not_quoted_whole() -> None:
    with pytest.raises(LedgerContradicts) as caught:
        parse_data("x" * 100_000, "a hash")
    assert len(caught.value.message) < 200
