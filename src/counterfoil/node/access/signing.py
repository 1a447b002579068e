"""Signing a request to another node, and reading what another node signed (RFC 9421).

Covered are method, authority, path, query and the digest of the body; with when it was
made, when it ends, a nonce, and whose key it is. What is not covered (other headers)
decides nothing about who asks.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from collections import Counter
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from counterfoil.core.note import ED25519, VerifierKey
from counterfoil.errors import InvalidInput, NotSignedIn
from counterfoil.node.access.body_digest import content_digest, read_content_digest
from counterfoil.node.access.signature_base import (
    Covered,
    read_covered,
    read_signature,
    signature_base,
    write_signature,
)
from counterfoil.node.gate import Scope

__all__ = [
    "COMPONENTS",
    "LASTS_S",
    "MOST_LASTS_S",
    "SKEW_S",
    "Claim",
    "RequestSigner",
    "authority_of",
    "read_claim",
    "sign_request",
]

COMPONENTS: Final = ("@method", "@authority", "@path", "@query", "content-digest")
LASTS_S: Final = 60
"""How long a signature is good for, as this node makes it."""
MOST_LASTS_S: Final = 300
"""The longest that is taken; nonces are remembered so long."""
SKEW_S: Final = 60
"""How far another node's clock may be ahead."""
LABEL: Final = "cf"
_NEEDED: Final = (b"host", b"content-digest", b"signature-input", b"signature")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Claim:
    """A signed request as it claims to be; nothing is believed until `is_signed_by` says so.

    Attributes:
        key: Fingerprint of the key, `bank.example+1a2b3c4d`.
        created_s: When it was signed, Unix seconds.
        expires_s: When it ends.
        nonce: What makes it one of a kind.
        authority: To whom it was sent, `node.bank.example`.
        digest: SHA-256 of its body.
        base: What was signed.
        signature: 64 bytes.
    """

    key: str
    created_s: int
    expires_s: int
    nonce: str
    authority: str
    digest: bytes
    base: bytes
    signature: bytes

    def is_signed_by(self, public: bytes) -> bool:
        """Whether the signature is that of an Ed25519 key, 32 bytes."""
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(self.signature, self.base)
        except (InvalidSignature, ValueError):
            return False
        return True

    def is_current(self, now_s: float) -> bool:
        """Whether it was made for now, and for no longer than is remembered."""
        lasts_s = self.expires_s - self.created_s
        return 0 < lasts_s <= MOST_LASTS_S and self.created_s <= now_s + SKEW_S and now_s < self.expires_s


class RequestSigner:
    """The key by which a node signs its requests, and nothing else.

    Args:
        origin: Name of its organisation's log.
        secret: 32 bytes.
    """

    __slots__ = ("_secret", "key")

    def __init__(self, origin: str, secret: bytes) -> None:
        self._secret = Ed25519PrivateKey.from_private_bytes(secret)
        self.key = VerifierKey(origin, ED25519, self._secret.public_key().public_bytes_raw())

    def sign(self, base: bytes) -> bytes:
        """Returns the 64 bytes of the signature over a signature base."""
        return self._secret.sign(base)


def sign_request(signer: RequestSigner, method: str, url: str, body: bytes, now_s: float) -> dict[str, str]:
    """Returns the headers that make a request a signed one.

    Args:
        signer: This node's; see `Access.signer`.
        method: `GET`, `POST`, …
        url: The whole address, as it is sent.
        body: The body; empty for none.
        now_s: Unix seconds.

    Raises:
        InvalidInput: No address of a node.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or not url.isascii():
        raise InvalidInput(f"{url[:80]!r} is not the address of a node", hint="https://node.bank.example/…")
    digest = content_digest(body)
    nonce = urlsafe_b64encode(os.urandom(18)).decode()
    parameters: dict[str, int | str] = {"created": int(now_s), "expires": int(now_s) + LASTS_S, "nonce": nonce}
    parameters["keyid"] = signer.key.fingerprint
    covered = Covered(LABEL, COMPONENTS, parameters)
    query = f"?{parts.query}"
    authority = authority_of(parts.scheme, parts.netloc.rpartition("@")[2])
    values = (method.upper(), authority, parts.path or "/", query, digest)
    base = signature_base(covered, dict(zip(COMPONENTS, values, strict=True)))
    return {
        "content-digest": digest,
        "signature-input": f"{LABEL}={covered.value()}",
        "signature": write_signature(signer.sign(base), LABEL),
    }


def read_claim(scope: Scope) -> Claim:
    """Reads what a request with a Signature-Input header claims.

    Raises:
        NotSignedIn: It is not signed as this node takes it.
    """
    headers = _headers(scope)
    covered = read_covered(headers["signature-input"])
    if not set(COMPONENTS) <= set(covered.components):
        raise NotSignedIn("the signature leaves out what must be covered", hint=f"cover {', '.join(COMPONENTS)}")
    created, expires = covered.parameters.get("created"), covered.parameters.get("expires")
    nonce, key = covered.parameters.get("nonce"), covered.parameters.get("keyid")
    if not isinstance(created, int) or not isinstance(expires, int):
        raise NotSignedIn("the signature does not say when it was made and when it ends", hint="created and expires")
    if not isinstance(nonce, str) or not 16 <= len(nonce) <= 128 or not isinstance(key, str):
        raise NotSignedIn("the signature has no nonce of 16 to 128 characters, or names no key", hint="nonce and keyid")
    if covered.parameters.get("alg", "ed25519") != "ed25519":
        raise NotSignedIn("the signature is of another algorithm", hint="ed25519")
    authority = authority_of(scope.get("scheme", "http"), headers["host"])
    parts = headers | {
        "@method": scope["method"],
        "@authority": authority,
        "@path": scope["raw_path"].decode("latin-1"),
        "@query": f"?{scope['query_string'].decode('latin-1')}",
    }
    return Claim(
        key,
        created,
        expires,
        nonce,
        authority,
        read_content_digest(headers["content-digest"]),
        signature_base(covered, parts),
        read_signature(headers["signature"], covered.label),
    )


def authority_of(scheme: str, netloc: str) -> str:
    """Returns host and port as RFC 9421, 2.2.3 has them: small letters, no port that goes without saying."""
    name, colon, port = netloc.lower().rpartition(":")
    return name if colon and port.isdigit() and int(port) == _PORTS.get(scheme) else netloc.lower()


def _headers(scope: Scope) -> dict[str, str]:
    """Returns the headers that are there once; those that a signature needs must be."""
    names = Counter(name for name, _ in scope["headers"])
    for needed in _NEEDED:
        if names[needed] != 1:
            raise NotSignedIn(f"this signed request has {names[needed]} headers {needed.decode()}", hint="send it once")
    return {
        name.decode("latin-1"): value.decode("latin-1").strip() for name, value in scope["headers"] if names[name] == 1
    }
