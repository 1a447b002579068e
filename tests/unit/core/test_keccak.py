"""Keccak-256: known answers, every length around a block, and the compiled function in its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha3_256
from pathlib import Path

import pytest
from Crypto.Hash import keccak as compiled

from counterfoil.core.keccak import RATE_BYTES, keccak256, keccak256_plain, use
from counterfoil.errors import InvalidInput

HASHES = json.loads((Path(__file__).parents[2] / "vectors" / "keccak.json").read_text("utf-8"))["hashes"]


def fast(data: bytes) -> bytes:
    return bytes(compiled.new(data=data, digest_bits=256).digest())


@pytest.fixture
def accelerated() -> Iterator[None]:
    use(fast)
    yield
    use(None)


@pytest.mark.parametrize(("data", "digest"), HASHES, ids=range(len(HASHES)))
def test_known_answers(data: str, digest: str) -> None:
    assert keccak256(bytes.fromhex(data)).hex() == keccak256_plain(bytes.fromhex(data)).hex() == digest


def test_every_length_around_the_blocks_agrees_with_the_compiled_one() -> None:
    for size in (*range(2 * RATE_BYTES + 3), 1_000, 4_097):
        data = bytes(place * 7 % 256 for place in range(size))
        assert keccak256_plain(data) == fast(data)


def test_the_compiled_one_takes_its_place(accelerated: None) -> None:
    seen: list[bytes] = []

    def watched(data: bytes) -> bytes:
        seen.append(data)
        return fast(data)

    use(watched)
    assert keccak256(b"abc") == keccak256_plain(b"abc")
    assert seen[-1] == b"abc"
    use(None)
    seen.clear()
    assert keccak256(b"abc") == keccak256_plain(b"abc")
    assert not seen


def test_another_hash_is_refused_and_nothing_changes(accelerated: None) -> None:
    for wrong in (lambda data: sha3_256(data).digest(), lambda data: fast(data)[:31], lambda data: fast(data[:200])):
        with pytest.raises(InvalidInput, match="another hash"):
            use(wrong)
        assert keccak256(b"x" * 300) == keccak256_plain(b"x" * 300)
