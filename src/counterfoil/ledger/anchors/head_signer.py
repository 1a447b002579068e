"""The second signature of a log's head: one that a contract can check.

A head is signed with Ed25519 for people's checkers. Once the log is on a ledger it is
also signed with secp256k1 over EIP-712 typed data, so that the contract can judge two
heads that contradict each other. In the signed note it is one more line:

    — <origin> base64(key id || r || s || v)

The key id is the first 4 bytes of SHA-256(origin || LF || 0xff || "counterfoil.dev/head/v1"
|| address), after C2SP signed-note's rule for types without a number of their own.
Checkers that do not know the line ignore it.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from counterfoil.core.checkpoint import Checkpoint, SignedCheckpoint
from counterfoil.ledger.accounts.account import LocalAccount, recover
from counterfoil.ledger.accounts.typed_data import domain_separator, typed_digest

__all__ = ["DOMAIN_NAME", "DOMAIN_VERSION", "HeadSigner", "LogAddress", "claimed_signers", "head_digest"]

DOMAIN_NAME: Final = b"Counterfoil Evidence"
DOMAIN_VERSION: Final = b"1"

_HEAD_TYPE: Final = b"Head(bytes32 logId,uint256 size,bytes32 root)"
_LINE_TYPE: Final = b"\xffcounterfoil.dev/head/v1"
_SIGNATURE_BYTES: Final = 65


@dataclass(frozen=True, slots=True)
class LogAddress:
    """Where a log's heads are kept.

    Attributes:
        chain_id: The chain.
        contract: 20 bytes of the Evidence contract.
        log_id: 32 bytes.
    """

    chain_id: int
    contract: bytes
    log_id: bytes


def head_digest(where: LogAddress, size: int, root: bytes) -> bytes:
    """Returns the 32 bytes that are signed for a head (EIP-712: keccak256(0x1901 || domain || struct))."""
    domain = domain_separator(DOMAIN_NAME, DOMAIN_VERSION, where.chain_id, where.contract)
    return typed_digest(domain, _HEAD_TYPE, where.log_id, size.to_bytes(32, "big"), root)


class HeadSigner:
    """Signs the heads of one log so that its contract can judge them."""

    def __init__(self, secret: bytes, where: LogAddress, origin: str) -> None:
        self._account = LocalAccount(secret)
        self._where = where
        self._origin = origin
        self._key_id = _key_id(origin, self._account.address)

    @property
    def address(self) -> bytes:
        """20 bytes by which the contract knows this signer."""
        return self._account.address

    def line(self, head: Checkpoint) -> str:
        """Returns the signature line for a head, newline included."""
        signature = self._account.sign_digest(head_digest(self._where, head.size, head.root))
        return f"\u2014 {self._origin} {b64encode(self._key_id + signature).decode()}\n"


def claimed_signers(signed: SignedCheckpoint, where: LogAddress) -> dict[bytes, bytes]:
    """Returns every valid signature of this kind that a signed head carries, 65 bytes by the signer's 20."""
    digest = head_digest(where, signed.head.size, signed.head.root)
    found = {}
    for line in signed.note.signatures:
        signature = line.value
        if line.name == signed.head.origin and len(signature) == _SIGNATURE_BYTES:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
            signer = recover(digest, r, s, signature[64] - 27)
            if signer is not None and line.key_id == _key_id(signed.head.origin, signer):
                found[signer] = signature
    return found


def _key_id(origin: str, address: bytes) -> bytes:
    return sha256(origin.encode() + b"\n" + _LINE_TYPE + address).digest()[:4]
