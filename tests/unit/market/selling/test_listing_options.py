"""What is typed of an offer."""

from __future__ import annotations

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.ledger.market.terms import Share
from counterfoil.market.selling.listing_options import read_parts

PAYEE = "0x" + "ab" * 20


def test_parts_are_read_in_hundredths_of_a_percent() -> None:
    typed = (f"{PAYEE}=12.5", f"{PAYEE}=0.01", f"{PAYEE}=100")
    assert read_parts(typed) == tuple(Share.of(PAYEE, bps) for bps in (1_250, 1, 10_000))


@pytest.mark.parametrize(
    "percent", ["", "half", "0", "-1", "0.001", "100.01", "nan", "sNaN", "Infinity", "1e5000", "1e999999"]
)
def test_what_is_no_part_is_refused(percent: str) -> None:
    with pytest.raises(InvalidInput, match="is no share"):
        read_parts((f"{PAYEE}={percent}",))
