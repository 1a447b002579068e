"""Earlier shares become smaller alike, or stay; all are never more than the whole."""

from __future__ import annotations

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.ledger.market.terms import Share
from counterfoil.market.contributions.dilution import with_contribution

A, B, C = (f"0x{each * 20}" for each in ("0a", "0b", "0c"))
EARLIER = (Share.of(A, 2_000), Share.of("ab" * 32, 333))


def test_dilute_makes_all_earlier_ones_smaller_alike_and_a_root_too() -> None:
    assert with_contribution(EARLIER, Share.of(C, 1_000), "dilute") == (
        Share.of(A, 1_800),
        Share.of("ab" * 32, 299),
        Share.of(C, 1_000),
    )


def test_fixed_leaves_them() -> None:
    assert with_contribution(EARLIER, Share.of(C, 1_000), "fixed") == (*EARLIER, Share.of(C, 1_000))


def test_who_contributes_again_has_its_parts_added_up() -> None:
    assert with_contribution((Share.of(A, 2_000), Share.of(B, 500)), Share.of(A, 1_000), "dilute") == (
        Share.of(A, 2_800),
        Share.of(B, 450),
    )


def test_what_leaves_no_room_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"100\.01 percent"):
        with_contribution((Share.of(A, 9_001),), Share.of(C, 1_000), "fixed")
    with pytest.raises(InvalidInput, match="become nothing"):
        with_contribution((Share.of(A, 1),), Share.of(C, 1), "dilute")
    many = tuple(Share.of(f"0x{each:040x}", 100) for each in range(1, 33))
    with pytest.raises(InvalidInput, match="33 shares"):
        with_contribution(many, Share.of(C, 100), "dilute")
    assert len(with_contribution(many, Share.of(f"0x{7:040x}", 100), "dilute")) == 32
