"""What accounts sign besides transactions: typed data bound to one contract on one chain (EIP-712)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from counterfoil.core.keccak import keccak256

__all__ = ["domain_separator", "typed_digest"]

_DOMAIN_TYPE: Final = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


@lru_cache
def domain_separator(name: bytes, version: bytes, chain_id: int, contract: bytes) -> bytes:
    """Returns the 32 bytes that bind a signature to a contract: the same for everything that is signed for it.

    Args:
        name: Of the contract's domain, UTF-8.
        version: Of the domain, UTF-8.
        chain_id: The chain.
        contract: 20 bytes.
    """
    parts = [keccak256(part) for part in (_DOMAIN_TYPE, name, version)]
    return keccak256(b"".join(parts) + chain_id.to_bytes(32, "big") + contract.rjust(32, b"\0"))


def typed_digest(domain: bytes, type_text: bytes, *words: bytes) -> bytes:
    """Returns the 32 bytes that are signed: keccak256(0x1901 || domain || keccak256(type hash || words)).

    Args:
        domain: As `domain_separator` returns it.
        type_text: The struct's type, `Head(bytes32 logId,…)`.
        words: Its values, 32 bytes each.
    """
    return keccak256(b"\x19\x01" + domain + keccak256(keccak256(type_text) + b"".join(words)))
