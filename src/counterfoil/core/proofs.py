"""Proof files for single records (C2SP tlog-proof)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.merkle import HASH_SIZE_BYTES
from counterfoil.errors import MalformedEvidence

__all__ = ["MAX_PROOF_HASHES", "LogProof", "decode_hashes", "encode_hashes"]

MAX_PROOF_HASHES: Final = 63
_HEADER: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class LogProof:
    """That a record stands at `index` under a signed head.

    Attributes:
        index: Position in the log, from 0.
        path: Hashes of 32 bytes, leaf to root.
        checkpoint: The signed head, as text.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    def text(self) -> str:
        """Returns the proof file."""
        hashes = "".join(f"{digest}\n" for digest in encode_hashes(self.path))
        return f"{_HEADER}\nindex {self.index}\n{hashes}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> LogProof:
        """Reads a proof file.

        Raises:
            MalformedEvidence: When it has another shape.
        """
        head, _, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if lines[0] != _HEADER:
            raise MalformedEvidence("not a proof file: the first line is another one")
        rest = lines[1:]
        if rest and rest[0].startswith("extra "):
            rest = rest[1:]
        word, _, digits = rest[0].partition(" ") if rest else ("", "", "")
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= 16
        if word != "index" or not is_number or str(int(digits)) != digits:
            raise MalformedEvidence("a proof file names no index")
        return cls(int(digits), decode_hashes(rest[1:], "a proof file"), checkpoint)


def encode_hashes(hashes: Sequence[bytes]) -> list[str]:
    """Returns 32-byte hashes as base64 text."""
    return [b64encode(digest).decode() for digest in hashes]


def decode_hashes(value: Any, what: str) -> tuple[bytes, ...]:
    """Reads a list of base64 hashes.

    Raises:
        MalformedEvidence: When it is not a list of at most 1,088 hashes of 32 bytes.
    """
    if not isinstance(value, list) or len(value) > 1024 + MAX_PROOF_HASHES:
        raise MalformedEvidence(f"{what} carries no usable list of hashes")
    try:
        hashes = tuple(b64decode(item, validate=True) for item in value)
    except (Base64Error, ValueError, TypeError) as error:
        raise MalformedEvidence(f"a hash in {what} is not base64") from error
    # Base64 has spare bits at the end; written in two ways, one hash would have two texts.
    if any(len(digest) != HASH_SIZE_BYTES for digest in hashes) or encode_hashes(hashes) != value:
        raise MalformedEvidence(f"a hash in {what} is not 32 bytes")
    return hashes
