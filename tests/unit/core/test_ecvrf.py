"""The verifiable random function, against the examples of RFC 9381."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.core import ecvrf, p256

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "ecvrf.json").read_text())["examples"]
NAMES = [f"example {each['number']}" for each in VECTORS]


def secret_of(example) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int(example["SK"], 16), ec.SECP256R1())


@pytest.mark.parametrize("example", VECTORS, ids=NAMES)
def test_the_examples_of_the_rfc(example):
    public, alpha, proof = (bytes.fromhex(example[name]) for name in ("PK", "alpha", "pi"))
    assert ecvrf.prove(secret_of(example), alpha) == proof
    assert ecvrf.verify(public, alpha, proof)
    assert ecvrf.output_of(proof).hex() == example["beta"]
    tries = (p256.decode(b"\x02" + ecvrf.hash_input(public, alpha, counter)) for counter in range(256))
    assert p256.encode(next(point for point in tries if point)).hex() == example["H"]


@pytest.mark.parametrize("place", range(ecvrf.PROOF_BYTES))
def test_no_byte_of_a_proof_may_change(place):
    public, alpha, proof = (bytes.fromhex(VECTORS[0][name]) for name in ("PK", "alpha", "pi"))
    other = proof[:place] + bytes((proof[place] ^ 1,)) + proof[place + 1 :]
    assert not ecvrf.verify(public, alpha, other)


def test_a_proof_is_of_one_key_and_one_input():
    one, other = VECTORS[0], VECTORS[1]
    proof = bytes.fromhex(one["pi"])
    assert not ecvrf.verify(bytes.fromhex(one["PK"]), bytes.fromhex(other["alpha"]), proof)
    assert not ecvrf.verify(bytes.fromhex(VECTORS[2]["PK"]), bytes.fromhex(one["alpha"]), proof)


@pytest.mark.parametrize("length", [0, 33, 80, 82])
def test_other_lengths_are_no_proofs(length):
    public, alpha = (bytes.fromhex(VECTORS[0][name]) for name in ("PK", "alpha"))
    assert not ecvrf.verify(
        public, alpha, (bytes.fromhex(VECTORS[0]["pi"]) + b"\x00")[:length] + b"\x00" * (length - 82)
    )


@pytest.mark.parametrize("data", [b"", b"\x04" + bytes(32), b"\x02" + b"\xff" * 32, b"\x02" + bytes(31), b"\x00" * 33])
def test_what_is_no_point(data):
    assert p256.decode(data) is None


@pytest.mark.parametrize("scalar", [1, 2, 3, 15, 16, 17, 2**255, p256.ORDER - 1, p256.ORDER + 5])
def test_multiples_are_those_of_another_implementation(scalar):
    wanted = ec.derive_private_key(scalar % p256.ORDER, ec.SECP256R1()).public_key().public_numbers()
    assert p256.combine(((scalar, p256.GENERATOR),)) == (wanted.x, wanted.y)


def test_sums_that_vanish():
    twice = p256.add(p256.GENERATOR, p256.GENERATOR)
    assert twice is not None
    assert p256.add(twice, p256.negate(twice)) is None
    assert p256.combine(((p256.ORDER, twice),)) is None
    assert p256.combine(((2, p256.GENERATOR), (p256.ORDER - 1, twice))) is None
    assert p256.combine(()) is None


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_secret_multiplies_like_a_public_number(seed):
    number = pow(7, 97 * seed, p256.ORDER)
    point = p256.combine(((pow(5, 91 * seed, p256.ORDER), p256.GENERATOR),))
    secret = ec.derive_private_key(number, ec.SECP256R1())
    assert p256.multiply_secret(secret, point) == p256.combine(((number, point),))


def test_the_generator_is_not_multiplied_in_secret():
    with pytest.raises(ValueError, match="generator"):
        p256.multiply_secret(ec.generate_private_key(ec.SECP256R1()), p256.GENERATOR)
