"""How secrets are closed: AES-256-GCM around keys and private values.

A wrapped key is `nonce (12) || ciphertext (32) || tag (16)`, 60 bytes. Nonces of
wrapping keys are random: NIST SP 800-38D 8.3 allows 2^32 of them under one key.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.errors import HomeDamaged, InvalidInput

__all__ = ["KEY_BYTES", "NONCE_BYTES", "WRAPPED_BYTES", "cipher", "encoded", "open_body", "seal_body", "unwrap", "wrap"]

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
WRAPPED_BYTES: Final = NONCE_BYTES + KEY_BYTES + 16

_BODY_NONCE: Final = bytes(NONCE_BYTES)


def seal_body(rk: bytes, root: bytes, body: bytes) -> bytes:
    """Returns `body` sealed under its record key: 16 bytes longer, no I/O, any thread.

    Args:
        rk: 32 random bytes, new for every body. Sealing two bodies under one key gives both away.
        root: 32 bytes, the root of the record's field tree; only that record opens the body.
        body: The private values.

    Raises:
        InvalidInput: When key or root have another size.
    """
    if len(rk) != KEY_BYTES or len(root) != 32:
        raise InvalidInput("a body is sealed with a record key of 32 bytes and a root of 32 bytes")
    # One fixed nonce is safe here, and saves 12 bytes a record, because the key seals exactly one body.
    return _body_cipher(rk).encrypt(_BODY_NONCE, body, root)


def open_body(rk: bytes, root: bytes, sealed: bytes) -> bytes:
    """Returns the body that `seal_body` closed.

    Raises:
        HomeDamaged: When bytes, key and root do not belong together.
    """
    try:
        return _body_cipher(rk).decrypt(_BODY_NONCE, sealed, root)
    except InvalidTag as error:
        raise HomeDamaged(
            "private values do not open with the root their record names; vault or log were altered",
            hint="restore vault and log from the same backup",
        ) from error


def cipher(key: bytes) -> AESGCM:
    """Returns the AES-256-GCM cipher of a 32-byte key."""
    if len(key) != KEY_BYTES:
        raise InvalidInput(f"a key is {KEY_BYTES} bytes long, this one has {len(key)}")
    return AESGCM(key)


def wrap(under: AESGCM, secret: bytes, purpose: bytes) -> bytes:
    """Returns `secret` closed under a wrapping key; it opens for the same purpose only."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + under.encrypt(nonce, secret, purpose)


def unwrap(under: AESGCM, wrapped: bytes, purpose: bytes) -> bytes | None:
    """Returns the secret, or None when key, bytes or purpose are not the ones it was wrapped with."""
    try:
        return under.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], purpose)
    except (InvalidTag, ValueError):
        return None


def encoded(text: str) -> bytes | None:
    """Returns UTF-8, or None for what is not text; Python's own error would quote the secret."""
    try:
        return text.encode()
    except (AttributeError, UnicodeEncodeError):
        return None


def _body_cipher(rk: bytes) -> AESGCM:
    # 0x03 keeps this use of rk apart from the salts, which hash 0x02 || rk || pointer.
    return AESGCM(sha256(b"\x03" + rk).digest())
