"""Accounts: who signs transactions. The secret is here, or with a signer elsewhere."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Final, Protocol, Self

from coincurve import PrivateKey, PublicKey

from counterfoil.core.keccak import keccak256
from counterfoil.errors import InvalidInput
from counterfoil.ledger.accounts.transaction import SignedTransaction, Transaction

__all__ = ["SECRET_BYTES", "Account", "LocalAccount", "address_of", "checksummed", "parse_address", "recover"]

SECRET_BYTES: Final = 32


class Account(Protocol):
    """Signs transactions of one address."""

    @property
    def address(self) -> bytes:
        """20 bytes."""

    def sign(self, transaction: Transaction) -> SignedTransaction:
        """Signs a transaction.

        Raises:
            LedgerUnreachable: A signer elsewhere does not answer.
            LedgerContradicts: It signed something else.
        """


class LocalAccount:
    """An account whose secret is in this process. Signing is deterministic (RFC 6979)."""

    __slots__ = ("_secret", "address")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise InvalidInput("an account's secret key is 32 bytes")
        try:
            self._secret = PrivateKey(secret)
        except ValueError as error:
            raise InvalidInput("these 32 bytes are not a secret key of secp256k1") from error
        self.address = address_of(self._secret.public_key)

    def __repr__(self) -> str:
        return f"LocalAccount({checksummed(self.address)})"

    @classmethod
    def create(cls) -> Self:
        """Makes an account with a new secret."""
        while True:
            try:
                return cls(os.urandom(SECRET_BYTES))
            except InvalidInput:  # one in 2^128: zero, or not below the curve's order
                continue

    @property
    def secret(self) -> bytes:
        """32 secret bytes, for whoever seals them."""
        return self._secret.secret

    def sign(self, transaction: Transaction) -> SignedTransaction:
        """Signs a transaction."""
        signature = self._secret.sign_recoverable(transaction.signing_hash(), hasher=None)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        return transaction.signed(r, s, signature[64])

    def sign_digest(self, digest: bytes) -> bytes:
        """Returns r || s || v over a 32-byte digest, 65 bytes, v 27 or 28, s in the lower half (EIP-2)."""
        signature = self._secret.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])


def recover(digest: bytes, r: int, s: int, y_parity: int) -> bytes | None:
    """Returns the address that signed a 32-byte digest, None when nobody can have."""
    if y_parity not in (0, 1) or max(r, s) >= 2**256:
        return None
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([y_parity])
    try:
        return address_of(PublicKey.from_signature_and_message(signature, digest, hasher=None))
    except ValueError:
        return None


def address_of(key: PublicKey) -> bytes:
    """Returns the 20-byte address of a public key: the end of keccak256 of its 64 bytes."""
    return keccak256(key.format(compressed=False)[1:])[12:]


@lru_cache(4_096)
def checksummed(address: bytes) -> str:
    """Returns an address as people read it, with its checksum in the case of the letters (ERC-55)."""
    text = address.hex()
    digest = keccak256(text.encode()).hex()
    return "0x" + "".join(ch.upper() if int(digest[i], 16) > 7 else ch for i, ch in enumerate(text))


def parse_address(text: str) -> bytes:
    """Reads an address.

    Raises:
        InvalidInput: When it is something else, or its checksum says that it was misspelt.
    """
    try:
        address = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        address = b""
    if len(address) != 20 or not text.startswith("0x"):
        raise InvalidInput(f"{text[:60]!r} is not an address", hint="an address is 0x and 40 hexadecimal digits")
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper()) and checksummed(address) != text:
        raise InvalidInput(f"{text} is misspelt: its checksum does not fit", hint="copy it again, letter by letter")
    return address
