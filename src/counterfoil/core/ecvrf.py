"""A function whose output only one key can find, and anybody can check: ECVRF-P256-SHA256-TAI of RFC 9381.

For one public key and one input there is one output, whoever made the key (RFC 9381 3.1, "full uniqueness"), so that
the owner of the key cannot prove two. Without the key or a proof, outputs look random.

A proof has 81 bytes: gamma (a point, 33), c (16), s (32). Inputs are searched for a point by try and increment, whose
time depends on the input: whoever makes proofs should not let others measure them for inputs that are not theirs.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.core.p256 import (
    GENERATOR,
    ORDER,
    POINT_BYTES,
    Point,
    combine,
    decode,
    encode,
    multiply_secret,
    negate,
)

__all__ = ["PROOF_BYTES", "SUITE", "gamma_of", "hash_input", "output_of", "prove", "verify"]

SUITE: Final = "ECVRF-P256-SHA256-TAI"
PROOF_BYTES: Final = 81

_SUITE_STRING: Final = b"\x01"
_C_BYTES: Final = 16


def hash_input(public_key: bytes, alpha: bytes, counter: int) -> bytes:
    """Returns the bytes that one try of try and increment takes for the x of a point (RFC 9381 5.4.1.1 step 3.2)."""
    return sha256(_SUITE_STRING + b"\x01" + public_key + alpha + bytes((counter,)) + b"\x00").digest()


def prove(secret: ec.EllipticCurvePrivateKey, alpha: bytes) -> bytes:
    """Returns the proof for an input, 81 bytes (RFC 9381 5.1)."""
    numbers = secret.private_numbers()
    public = encode((numbers.public_numbers.x, numbers.public_numbers.y))
    point = _encode_to_curve(public, alpha)  # step 2
    h_string = encode(point)  # step 3
    gamma = multiply_secret(secret, point)  # step 4
    nonce = _nonce(numbers.private_value, h_string)  # step 5
    once = ec.derive_private_key(nonce, ec.SECP256R1())
    u = once.public_key().public_numbers()
    c = _challenge(public, h_string, encode(gamma), encode((u.x, u.y)), encode(multiply_secret(once, point)))  # step 6
    s = (nonce + int.from_bytes(c) * numbers.private_value) % ORDER  # step 7
    return encode(gamma) + c + s.to_bytes(32)  # step 8


def verify(public_key: bytes, alpha: bytes, proof: bytes) -> bool:
    """Whether a proof is right for a key and an input (RFC 9381 5.3, the key validated).

    Args:
        public_key: 33 bytes, from a source that the checker trusts.
        alpha: The input.
        proof: 81 bytes, of unknown origin.
    """
    if len(proof) != PROOF_BYTES:
        return False
    key, gamma = decode(public_key), decode(proof[:POINT_BYTES])  # steps 1 to 5; the cofactor is 1
    c, s = int.from_bytes(proof[POINT_BYTES:-32]), int.from_bytes(proof[-32:])
    if key is None or gamma is None or s >= ORDER:
        return False
    point = _encode_to_curve(public_key, alpha)  # step 6
    u = combine(((s, GENERATOR), (c, negate(key))))  # step 7
    v = combine(((s, point), (c, negate(gamma))))  # step 8
    if u is None or v is None:
        return False
    found = _challenge(public_key, encode(point), proof[:POINT_BYTES], encode(u), encode(v))  # step 9
    return found == proof[POINT_BYTES:-32]  # step 10


def output_of(proof: bytes) -> bytes:
    """Returns the output that a proof stands for, 32 bytes; it counts only where `verify` says so (RFC 9381 5.2)."""
    return sha256(_SUITE_STRING + b"\x03" + proof[:POINT_BYTES] + b"\x00").digest()


def gamma_of(proof: bytes) -> bytes:
    """Returns the x of a proof's point, 32 bytes: as unique as the output, and what ECDH alone can find."""
    return proof[1:POINT_BYTES]


def _encode_to_curve(public_key: bytes, alpha: bytes) -> Point:
    """RFC 9381 5.4.1.1; every try succeeds for half of all inputs."""
    for counter in range(256):
        point = decode(b"\x02" + hash_input(public_key, alpha, counter))
        if point is not None:
            return point
    raise AssertionError("256 tries found no point, which nobody will ever see")


def _challenge(*points: bytes) -> bytes:
    """RFC 9381 5.4.3."""
    return sha256(_SUITE_STRING + b"\x02" + b"".join(points) + b"\x00").digest()[:_C_BYTES]


def _nonce(secret: int, message: bytes) -> int:
    """RFC 6979 3.2 with SHA-256, as RFC 9381 5.4.2.1 asks."""
    seed = secret.to_bytes(32) + (int.from_bytes(sha256(message).digest()) % ORDER).to_bytes(32)
    key, value = bytes(32), b"\x01" * 32
    for separator in (b"\x00", b"\x01"):
        key = hmac.digest(key, value + separator + seed, "sha256")
        value = hmac.digest(key, value, "sha256")
    while True:
        value = hmac.digest(key, value, "sha256")
        found = int.from_bytes(value)
        if 0 < found < ORDER:
            return found
        key = hmac.digest(key, value + b"\x00", "sha256")
        value = hmac.digest(key, value, "sha256")
