"""Keccak-256, the hash of Ethereum: SHA3-256 before NIST changed its padding.

Written out so that checking an anchor needs no package. Where much is hashed, `use`
puts a compiled function in its place; loading one costs more than a single check.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from counterfoil.errors import InvalidInput

__all__ = ["keccak256", "keccak256_plain", "use"]

RATE_BYTES: Final = 136
"""Bytes taken in between two permutations: 1600 bits less twice the 256 of the result."""

_BLOCK: Final = Struct("<17Q")
_DIGEST: Final = Struct("<4Q")
_LANES: Final = RATE_BYTES // 8


def keccak256(data: bytes) -> bytes:
    """Returns the 32-byte hash of `data`."""
    return _hash(data)


def keccak256_plain(data: bytes) -> bytes:
    """Returns the 32-byte hash of `data`, computed here (FIPS 202, padding of Keccak: one bit, zeros, one bit)."""
    padded = bytearray(data)
    padded += b"\x01" + bytes(-(len(data) + 1) % RATE_BYTES)
    padded[-1] |= 0x80
    state = [0] * 25
    for block in _BLOCK.iter_unpack(padded):
        state[:_LANES] = [lane ^ word for lane, word in zip(state, block, strict=False)]
        _permute(state)
    return _DIGEST.pack(*state[:4])


def use(function: Callable[[bytes], bytes] | None) -> None:
    """Makes `keccak256` call `function` from now on, in this process; None goes back to the one written here.

    Raises:
        InvalidInput: When it gives other bytes, as SHA3-256 does.
    """
    global _hash
    samples = (b"", bytes(RATE_BYTES - 1), bytes(range(256)))
    if function is not None and any(function(sample) != keccak256_plain(sample) for sample in samples):
        raise InvalidInput("this is another hash function than Keccak-256")
    _hash = function or keccak256_plain


_hash: Callable[[bytes], bytes] = keccak256_plain


def _constants() -> tuple[int, ...]:
    """Returns the 24 round constants (FIPS 202, algorithms 5 and 6)."""
    found, register = [], 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << (1 << power) - 1
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        found.append(constant)
    return tuple(found)


_CONSTANTS: Final = _constants()


def _permute(state: list[int]) -> None:
    """Puts the state through the 24 rounds of Keccak-f[1600] (FIPS 202, section 3.2).

    Lane aXY is column X of row Y, 64 bits. The rounds are written out because a loop
    over the lanes takes three times as long.
    """
    mask = 0xFFFFFFFFFFFFFFFF
    a00, a10, a20, a30, a40 = state[0:5]
    a01, a11, a21, a31, a41 = state[5:10]
    a02, a12, a22, a32, a42 = state[10:15]
    a03, a13, a23, a33, a43 = state[15:20]
    a04, a14, a24, a34, a44 = state[20:25]
    for constant in _CONSTANTS:
        # theta: every lane takes in the parity of two columns
        c0 = a00 ^ a01 ^ a02 ^ a03 ^ a04
        c1 = a10 ^ a11 ^ a12 ^ a13 ^ a14
        c2 = a20 ^ a21 ^ a22 ^ a23 ^ a24
        c3 = a30 ^ a31 ^ a32 ^ a33 ^ a34
        c4 = a40 ^ a41 ^ a42 ^ a43 ^ a44
        d0 = c4 ^ (c1 << 1 & mask | c1 >> 63)
        d1 = c0 ^ (c2 << 1 & mask | c2 >> 63)
        d2 = c1 ^ (c3 << 1 & mask | c3 >> 63)
        d3 = c2 ^ (c4 << 1 & mask | c4 >> 63)
        d4 = c3 ^ (c0 << 1 & mask | c0 >> 63)
        # rho and pi: every lane is turned and moves to another place
        b00 = a00 ^ d0
        b13 = (t := a01 ^ d0) << 36 & mask | t >> 28
        b21 = (t := a02 ^ d0) << 3 & mask | t >> 61
        b34 = (t := a03 ^ d0) << 41 & mask | t >> 23
        b42 = (t := a04 ^ d0) << 18 & mask | t >> 46
        b02 = (t := a10 ^ d1) << 1 & mask | t >> 63
        b10 = (t := a11 ^ d1) << 44 & mask | t >> 20
        b23 = (t := a12 ^ d1) << 10 & mask | t >> 54
        b31 = (t := a13 ^ d1) << 45 & mask | t >> 19
        b44 = (t := a14 ^ d1) << 2 & mask | t >> 62
        b04 = (t := a20 ^ d2) << 62 & mask | t >> 2
        b12 = (t := a21 ^ d2) << 6 & mask | t >> 58
        b20 = (t := a22 ^ d2) << 43 & mask | t >> 21
        b33 = (t := a23 ^ d2) << 15 & mask | t >> 49
        b41 = (t := a24 ^ d2) << 61 & mask | t >> 3
        b01 = (t := a30 ^ d3) << 28 & mask | t >> 36
        b14 = (t := a31 ^ d3) << 55 & mask | t >> 9
        b22 = (t := a32 ^ d3) << 25 & mask | t >> 39
        b30 = (t := a33 ^ d3) << 21 & mask | t >> 43
        b43 = (t := a34 ^ d3) << 56 & mask | t >> 8
        b03 = (t := a40 ^ d4) << 27 & mask | t >> 37
        b11 = (t := a41 ^ d4) << 20 & mask | t >> 44
        b24 = (t := a42 ^ d4) << 39 & mask | t >> 25
        b32 = (t := a43 ^ d4) << 8 & mask | t >> 56
        b40 = (t := a44 ^ d4) << 14 & mask | t >> 50
        # chi, and iota on the first lane
        a00 = b00 ^ (~b10 & b20) ^ constant
        a10 = b10 ^ (~b20 & b30)
        a20 = b20 ^ (~b30 & b40)
        a30 = b30 ^ (~b40 & b00)
        a40 = b40 ^ (~b00 & b10)
        a01 = b01 ^ (~b11 & b21)
        a11 = b11 ^ (~b21 & b31)
        a21 = b21 ^ (~b31 & b41)
        a31 = b31 ^ (~b41 & b01)
        a41 = b41 ^ (~b01 & b11)
        a02 = b02 ^ (~b12 & b22)
        a12 = b12 ^ (~b22 & b32)
        a22 = b22 ^ (~b32 & b42)
        a32 = b32 ^ (~b42 & b02)
        a42 = b42 ^ (~b02 & b12)
        a03 = b03 ^ (~b13 & b23)
        a13 = b13 ^ (~b23 & b33)
        a23 = b23 ^ (~b33 & b43)
        a33 = b33 ^ (~b43 & b03)
        a43 = b43 ^ (~b03 & b13)
        a04 = b04 ^ (~b14 & b24)
        a14 = b14 ^ (~b24 & b34)
        a24 = b24 ^ (~b34 & b44)
        a34 = b34 ^ (~b44 & b04)
        a44 = b44 ^ (~b04 & b14)
    state[0:5] = a00, a10, a20, a30, a40
    state[5:10] = a01, a11, a21, a31, a41
    state[10:15] = a02, a12, a22, a32, a42
    state[15:20] = a03, a13, a23, a33, a43
    state[20:25] = a04, a14, a24, a34, a44
