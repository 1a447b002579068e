"""Amounts of a token are exact both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.errors import InvalidInput
from counterfoil.ledger.token_amounts import MAX_DECIMALS, token_text, token_units


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (12_500_000, 6, "12.50"),
        (0, 6, "0.00"),
        (1, 6, "0.000001"),
        (12_345_678, 6, "12.345678"),
        (7, 0, "7"),
        (7, 1, "0.7"),
        (1, 18, "0.000000000000000001"),
        (2**256 - 1, 0, str(2**256 - 1)),
    ],
)
def test_an_amount_is_shown_as_people_write_it(units: int, decimals: int, text: str) -> None:
    assert token_text(units, decimals) == text
    assert token_units(text, decimals) == units


@given(st.integers(0, 2**256 - 1), st.integers(0, MAX_DECIMALS))
def test_what_is_shown_is_read_back_exactly(units: int, decimals: int) -> None:
    assert token_units(token_text(units, decimals), decimals) == units


@pytest.mark.parametrize(
    "text", ["", ".5", "5.", "-1", "1e6", "1,000", " 1", "1 ", "0x10", "1.2.3", "١", "NaN", "9" * 79]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no amount"):
        token_units(text, 6)


def test_what_is_too_fine_or_too_much_is_refused() -> None:
    assert token_units("1.2000000", 1) == 12  # zeros behind say nothing
    with pytest.raises(InvalidInput, match="finer than"):
        token_units("0.0000001", 6)
    with pytest.raises(InvalidInput, match="more than any account"):
        token_units(str(2**256), 0)
