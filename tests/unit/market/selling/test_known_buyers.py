"""Keys that are known to be an organisation's."""

from __future__ import annotations

import pytest
from making_terms import key_of, public_of

from counterfoil.core.note import COSIGNATURE, VerifierKey
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.market.selling.known_buyers import KnownBuyers
from counterfoil.market.state import MarketState


def test_a_key_is_kept_once_by_its_origin_and_forgotten(state: MarketState) -> None:
    known = KnownBuyers(state)
    for name in ("lab.example", "clinic.example", "lab.example"):
        assert known.add(key_of(name)).name == name
    assert [each.name for each in known.all()] == ["clinic.example", "lab.example"]
    assert KnownBuyers(state).by_origin() == {
        name: frozenset({public_of(name)}) for name in ("clinic.example", "lab.example")
    }
    known.remove(key_of("lab.example"))
    assert list(known.by_origin()) == ["clinic.example"]
    with pytest.raises(NotFound):
        known.remove(key_of("lab.example"))


def test_only_keys_that_sign_documents_are_kept(state: MarketState) -> None:
    known = KnownBuyers(state)
    witness = VerifierKey("lab.example", COSIGNATURE, public_of("lab.example"))
    with pytest.raises(InvalidInput, match="Ed25519"):
        known.add(str(witness))
    assert known.all() == []
