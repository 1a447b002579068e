"""What the versions of a DDO differ in, and the identifier of an asset."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

__all__ = ["VERSIONS", "DdoVersion", "did_of", "is_address", "is_spelt_right"]

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class DdoVersion:
    """One version of the format.

    Attributes:
        name: As the member `version` has it.
        context: The vocabulary it names.
        method: How its identifiers begin.
        is_credential: Whether it has the shape of a verifiable credential (5.0).
        has_limits: Whether its schema bounds the lengths of texts (all but 4.1).
        least_name: Fewest characters of a name.
        least_description: Fewest characters of a description.
    """

    name: str
    context: str = "https://w3id.org/did/v1"
    method: str = "did:op:"
    is_credential: bool = False
    has_limits: bool = True
    least_name: int = 0
    least_description: int = 0


VERSIONS: Final = {
    each.name: each
    for each in (
        DdoVersion("4.1.0", has_limits=False),
        DdoVersion("4.3.0"),
        DdoVersion("4.5.0", least_name=4, least_description=10),
        DdoVersion("4.7.0", least_name=4, least_description=10),
        DdoVersion("5.0.0", "https://www.w3.org/ns/credentials/v2", "did:ope:", is_credential=True, has_limits=False),
    )
}
"""By name."""


def is_address(value: Any) -> bool:
    """Whether a value is a contract's or account's address, in any case of letters."""
    return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def is_spelt_right(address: str) -> bool:
    """Whether the case of an address's letters is its checksum, or carries none (ERC-55)."""
    digits = address[2:]
    return digits in (digits.lower(), digits.upper()) or address == _checksummed(address)


def did_of(version: DdoVersion, nft_address: str, chain_id: int) -> str:
    """Returns an asset's identifier: SHA-256 of the address, its checksum in its letters, and the chain in decimal."""
    return version.method + sha256(f"{_checksummed(nft_address)}{chain_id}".encode()).hexdigest()


def _checksummed(address: str) -> str:
    from counterfoil.ledger.accounts.account import checksummed  # the packages of the ledger take long to load

    return checksummed(bytes.fromhex(address[2:]))
