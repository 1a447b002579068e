"""Points of the curve P-256 (SP 800-186 3.2.1.3), as far as checking needs them.

Plain integers, and not in constant time: for public values only. What multiplies a secret goes through
`multiply_secret`, which leaves that to `cryptography`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec

__all__ = [
    "GENERATOR",
    "ORDER",
    "POINT_BYTES",
    "Point",
    "add",
    "combine",
    "decode",
    "encode",
    "multiply_secret",
    "negate",
]

POINT_BYTES: Final = 33
"""A point in compressed form (SEC 1 2.3.3)."""

ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Number of points; a prime, so that every point but the infinite one generates them all."""

_P: Final = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_WINDOW_BITS: Final = 4

Point: TypeAlias = tuple[int, int]
"""A point that is not the infinite one: (x, y)."""

_Jacobian: TypeAlias = tuple[int, int, int]
"""(X, Y, Z) for x = X/Z^2, y = Y/Z^3; Z is 0 for the infinite point."""

GENERATOR: Final[Point] = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_INFINITE: Final[_Jacobian] = (1, 1, 0)


def decode(data: bytes) -> Point | None:
    """Returns the point that 33 bytes name, None where they name none (SEC 1 2.3.4)."""
    if len(data) != POINT_BYTES or data[0] not in (2, 3):
        return None
    x = int.from_bytes(data[1:])
    if x >= _P:
        return None
    square = (x * x * x - 3 * x + _B) % _P
    y = pow(square, (_P + 1) // 4, _P)
    if y * y % _P != square:
        return None
    return x, y if y & 1 == data[0] & 1 else _P - y


def encode(point: Point) -> bytes:
    """Returns a point in compressed form, 33 bytes."""
    x, y = point
    return bytes((2 + (y & 1),)) + x.to_bytes(32)


def negate(point: Point) -> Point:
    """Returns the point on the other side of the x axis."""
    return point[0], _P - point[1]


def add(one: Point, other: Point) -> Point | None:
    """Returns the sum of two points, None for the infinite one."""
    return _affine(_add((*one, 1), (*other, 1)))


def combine(terms: Sequence[tuple[int, Point]]) -> Point | None:
    """Returns the sum of scalar times point over all terms, None for the infinite point.

    All terms share the doublings (Straus), four bits at a time.
    """
    tables = [_multiples(point) for _, point in terms]
    scalars = [scalar % ORDER for scalar, _ in terms]
    most_bits = max((scalar.bit_length() for scalar in scalars), default=0)
    total = _INFINITE
    for place in range((most_bits + _WINDOW_BITS - 1) // _WINDOW_BITS - 1, -1, -1):
        if total[2]:
            for _ in range(_WINDOW_BITS):
                total = _double(total)
        for scalar, table in zip(scalars, tables, strict=True):
            digit = scalar >> (_WINDOW_BITS * place) & ((1 << _WINDOW_BITS) - 1)
            if digit:
                total = _add(total, table[digit])
    return _affine(total)


def multiply_secret(secret: ec.EllipticCurvePrivateKey, point: Point) -> Point:
    """Returns secret times point; the multiplications are those of ECDH, in constant time.

    ECDH tells x alone, which leaves two points. The one that is right also fits the product with point + generator,
    which is the wanted one plus the public key.

    Raises:
        ValueError: For the generator, or its negative.
    """
    shifted = add(point, GENERATOR)
    if shifted is None or point == GENERATOR:
        raise ValueError("the generator's product is the public key")
    numbers = secret.public_key().public_numbers()
    found = decode(b"\x02" + _exchanged(secret, point))
    assert found is not None  # it is on the curve
    product = add(found, (numbers.x, numbers.y))
    fits = product is not None and product[0].to_bytes(32) == _exchanged(secret, shifted)
    return found if fits else negate(found)


def _exchanged(secret: ec.EllipticCurvePrivateKey, point: Point) -> bytes:
    return secret.exchange(ec.ECDH(), ec.EllipticCurvePublicNumbers(*point, ec.SECP256R1()).public_key())


def _multiples(point: Point) -> list[_Jacobian]:
    """Returns 0 to 15 times a point."""
    found: list[_Jacobian] = [_INFINITE, (*point, 1)]
    while len(found) < 1 << _WINDOW_BITS:
        found.append(_double(found[len(found) // 2]) if len(found) % 2 == 0 else _add(found[-1], found[1]))
    return found


def _double(point: _Jacobian) -> _Jacobian:
    """EFD dbl-2001-b, for curves with a = -3."""
    x, y, z = point
    delta, gamma = z * z % _P, y * y % _P
    beta = x * gamma % _P
    alpha = 3 * (x - delta) * (x + delta) % _P
    doubled = (alpha * alpha - 8 * beta) % _P
    return doubled, (alpha * (4 * beta - doubled) - 8 * gamma * gamma) % _P, 2 * y * z % _P


def _add(one: _Jacobian, other: _Jacobian) -> _Jacobian:
    """EFD add-1998-cmo-2."""
    (x1, y1, z1), (x2, y2, z2) = one, other
    if not z1:
        return other
    if not z2:
        return one
    square1, square2 = z1 * z1 % _P, z2 * z2 % _P
    u1, u2 = x1 * square2 % _P, x2 * square1 % _P
    s1, s2 = y1 * square2 * z2 % _P, y2 * square1 * z1 % _P
    if u1 == u2:
        return _double(one) if s1 == s2 else _INFINITE
    h, r = u2 - u1, s2 - s1
    square = h * h % _P
    cube = square * h % _P
    v = u1 * square % _P
    x3 = (r * r - cube - 2 * v) % _P
    return x3, (r * (v - x3) - s1 * cube) % _P, h * z1 * z2 % _P


def _affine(point: _Jacobian) -> Point | None:
    x, y, z = point
    if not z:
        return None
    inverse = pow(z, -1, _P)
    square = inverse * inverse % _P
    return x * square % _P, y * square * inverse % _P
