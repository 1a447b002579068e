"""Bech32: the letters in which age writes its keys (BIP 173, without its limit of 90 characters)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from counterfoil.errors import InvalidInput

__all__ = ["decode_bech32", "encode_bech32"]

MOST_CHARS: Final = 1_000
"""Longest text that is read."""

_LETTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES: Final = {letter: value for value, letter in enumerate(_LETTERS)}
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM: Final = 6


def encode_bech32(prefix: str, data: bytes) -> str:
    """Returns `data` after a prefix in lower case, with its checksum."""
    values = _regrouped(data, 8, 5, pads=True)
    state = _polymod([*_expanded(prefix), *values, *[0] * _CHECKSUM]) ^ 1
    checksum = [(state >> 5 * (_CHECKSUM - 1 - at)) & 31 for at in range(_CHECKSUM)]
    return f"{prefix}1{''.join(_LETTERS[each] for each in [*values, *checksum])}"


def decode_bech32(text: str) -> tuple[str, bytes]:
    """Returns the prefix, as it stands, and the data.

    Raises:
        InvalidInput: When it is no bech32: mixed cases, other letters, a wrong checksum. The text is not quoted,
            for it may be a secret key.
    """
    if not text.isascii() or not text.isprintable() or len(text) > MOST_CHARS:
        raise InvalidInput("a key in bech32 is a short line of plain letters and digits")
    if text not in (text.lower(), text.upper()):
        raise InvalidInput("a key in bech32 is either in capitals or in small letters", hint="copy it anew")
    prefix, mark, rest = text.rpartition("1")
    try:
        values = [_VALUES[letter] for letter in rest.lower()]
    except KeyError:
        raise InvalidInput("a key in bech32 holds a letter that none has", hint="copy it anew") from None
    if not mark or not prefix or len(values) < _CHECKSUM:
        raise InvalidInput("a key in bech32 is a prefix, a 1 and the key")
    if _polymod([*_expanded(prefix.lower()), *values]) != 1:
        raise InvalidInput("a key's checksum is wrong: a letter was altered", hint="copy it anew")
    return prefix, bytes(_regrouped(values[:-_CHECKSUM], 5, 8, pads=False))


def _expanded(prefix: str) -> list[int]:
    return [ord(each) >> 5 for each in prefix] + [0] + [ord(each) & 31 for each in prefix]


def _polymod(values: Iterable[int]) -> int:
    """The checksum of BIP 173, a BCH code over GF(32)."""
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for at, generator in enumerate(_GENERATORS):
            state ^= generator if top >> at & 1 else 0
    return state


def _regrouped(values: Iterable[int], of_bits: int, to_bits: int, *, pads: bool) -> list[int]:
    """Returns the same bits in groups of another size."""
    held, count = 0, 0
    groups: list[int] = []
    for value in values:
        held, count = held << of_bits | value, count + of_bits
        while count >= to_bits:
            count -= to_bits
            groups.append(held >> count)
            held &= (1 << count) - 1
    if pads and count:
        groups.append(held << to_bits - count)
    elif not pads and (count >= of_bits or held):
        raise InvalidInput("a key in bech32 ends in bits that none has")
    return groups
