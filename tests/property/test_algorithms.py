"""An algorithm that travels: what was packed comes out, and nothing else gets past as something other than an error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from making_algorithms import DESCRIPTION, total

from counterfoil.errors import InvalidInput, TooLarge
from counterfoil.market.compute.algorithms import Algorithm

PACKED = total().to_tar()
NAMES = st.text("abcdefghij_é", min_size=1, max_size=12).map(lambda name: f"part/{name}.py")


@given(st.dictionaries(NAMES, st.binary(max_size=2000), max_size=5))
def test_what_was_packed_comes_out(files):
    packed = Algorithm.of(files | {"algorithm.toml": DESCRIPTION, "total.py": b""})
    assert Algorithm.from_tar(packed.to_tar()) == packed


@given(st.lists(st.tuples(st.integers(0, len(PACKED) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_spoilt_archive_is_an_error_or_another_algorithm(changes):
    spoilt = bytearray(PACKED)
    for place, value in changes:
        spoilt[place] = value
    try:
        found = Algorithm.from_tar(bytes(spoilt))
    except (InvalidInput, TooLarge):
        return
    assert (found.digest_hex == total().digest_hex) == (found.files == total().files)


@given(st.binary(max_size=3000))
def test_any_bytes_are_an_error(packed):
    try:
        Algorithm.from_tar(packed)
    except (InvalidInput, TooLarge):
        return
    raise AssertionError("bytes at random are no algorithm")
