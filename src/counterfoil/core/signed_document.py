"""Signed documents: offers, delivery statements, execution receipts, reviews, each under one Ed25519 key.

    {"document": {"format": "counterfoil NAME 1", ...}, "signature": {"ed25519": "<base64>", "key": "<vkey>"}}

The whole is canonical JSON (RFC 8785), so one signed document is one sequence of
bytes. The signature is over `counterfoil document 1`, a newline, and the canonical
bytes of `document` alone; the SHA-256 of those bytes is the document's digest, which
ledgers and other documents name. A valid signature says which key signed, never that
the key is the right one: that is the reader's to hold against what it expects.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from counterfoil.core import canonical
from counterfoil.core.note import ED25519, VerifierKey
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence

__all__ = ["MAX_DOCUMENT_BYTES", "SignedDocument", "document_digest", "read_document", "sign_document"]

MAX_DOCUMENT_BYTES: Final = 2**18
"""Largest signed document, signature included."""

_DOMAIN: Final = b"counterfoil document 1\n"
_MEMBERS: Final = {"document", "signature"}
_SIGNATURE_MEMBERS: Final = {"ed25519", "key"}
_SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A document whose signature is valid.

    Attributes:
        document: What was signed, as JSON.
        key: The key that signed. Whether it is the right one is for the caller to say: see `require_key`.
        signature: 64 bytes of Ed25519.
    """

    document: Mapping[str, Any]
    key: VerifierKey
    signature: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical bytes of the document alone, 32 bytes."""
        return document_digest(self.document)

    @property
    def digest_hex(self) -> str:
        """The digest in hex, as other documents name it."""
        return self.digest.hex()

    def envelope(self) -> dict[str, Any]:
        """Returns the whole as JSON, to be put into another document or answer."""
        signature = {"ed25519": b64encode(self.signature).decode(), "key": str(self.key)}
        return {"document": dict(self.document), "signature": signature}

    def encode(self) -> bytes:
        """Returns the whole as the bytes that `read_document` reads."""
        return canonical.dumps(self.envelope())

    def require_key(self, key: VerifierKey) -> SignedDocument:
        """Returns this document when `key` signed it; its public key counts, not its name.

        Raises:
            DoesNotMatch: When another key did.
        """
        if self.key.public != key.public:
            raise DoesNotMatch(f"it is signed by {self.key.fingerprint}, and {key.fingerprint} was expected")
        return self

    def require_members(self, required: Collection[str], optional: Collection[str] = ()) -> SignedDocument:
        """Returns this document when it has all of `required`, and nothing but them and `optional`.

        `format` is one of the required by itself.

        Raises:
            MalformedEvidence: When a member is missing, or is one that no version of the format has.
        """
        has, needs = set(self.document), {"format", *required}
        wrong = sorted((needs - has) | (has - needs - set(optional)))
        if wrong:
            what = "lacks" if wrong[0] in needs else "has the unknown member"
            raise MalformedEvidence(f"a document of the format {self.document['format']} {what} {wrong[0][:60]!r}")
        return self


def document_digest(document: Mapping[str, Any]) -> bytes:
    """Returns the digest by which a document is named, signed or not yet: 32 bytes.

    Raises:
        InvalidInput: When it is no JSON.
    """
    return sha256(canonical.dumps(document)).digest()


def sign_document(document: Mapping[str, Any], secret: bytes, key_name: str) -> dict[str, Any]:
    """Returns `document` signed, as JSON. Signing is deterministic.

    Args:
        document: A JSON object with its `format`.
        secret: 32 bytes of an Ed25519 secret key.
        key_name: The name the key signs under, in the key's note form.

    Raises:
        InvalidInput: When the document names no format, is no JSON or too large, or the key cannot be one.
    """
    name = document.get("format")
    if not isinstance(name, str) or not name:
        raise InvalidInput("a document to be signed names no format", hint='give it "format": "counterfoil … 1"')
    if len(secret) != 32:
        raise InvalidInput("an Ed25519 secret key is 32 bytes")
    private = Ed25519PrivateKey.from_private_bytes(secret)
    key = VerifierKey(key_name, ED25519, private.public_key().public_bytes_raw())
    signature = private.sign(_DOMAIN + canonical.dumps(document))
    signed = SignedDocument(document, key, signature)
    size_bytes = len(signed.encode())
    if size_bytes > MAX_DOCUMENT_BYTES:
        raise InvalidInput(f"a document of {size_bytes:,} bytes is too large; {MAX_DOCUMENT_BYTES:,} is the limit")
    return signed.envelope()


def read_document(
    given: bytes | str | Mapping[str, Any], document_format: str, *, max_bytes: int = MAX_DOCUMENT_BYTES
) -> SignedDocument:
    """Reads a signed document of one format and checks its signature.

    Args:
        given: The file or answer (canonical JSON, a newline at its end allowed), or the same already read as JSON.
        document_format: The exact `format` expected, e.g. `counterfoil offer 1`.
        max_bytes: Most bytes of the whole.

    Raises:
        MalformedEvidence: When it is no such document: another form, format or size, unknown members.
        DoesNotMatch: When it can be read, and the signature is not the key's.
    """
    value = _object(given, max_bytes)
    if set(value) != _MEMBERS:
        raise MalformedEvidence("not a signed document", hint='it has the members "document" and "signature" alone')
    document, signature = value["document"], value["signature"]
    if not isinstance(document, Mapping) or document.get("format") != document_format:
        found = str(document.get("format"))[:60] if isinstance(document, Mapping) else "no object"
        raise MalformedEvidence(f"not a document of the format {document_format}", hint=f"found {found!r}")
    key, raw = _signature(signature)
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(raw, _DOMAIN + canonical.dumps(document))
    except (InvalidSignature, ValueError) as error:
        raise DoesNotMatch(f"the signature is not one of {key.fingerprint} over this document") from error
    return SignedDocument(document, key, raw)


def _object(given: bytes | str | Mapping[str, Any], max_bytes: int) -> Mapping[str, Any]:
    """Returns what was given as an object no larger than `max_bytes`."""
    try:
        if isinstance(given, Mapping):
            data = canonical.dumps(given)
        else:
            data = given.encode() if isinstance(given, str) else bytes(given)
            data = data.removesuffix(b"\n")
        if len(data) > max_bytes:
            raise MalformedEvidence(
                f"a signed document of {len(data):,} bytes is too large; {max_bytes:,} is the limit"
            )
        value = canonical.loads_canonical(data)
    except (InvalidInput, UnicodeEncodeError) as error:
        raise MalformedEvidence(f"a signed document cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise MalformedEvidence("a signed document is a JSON object")
    return value


def _signature(value: Any) -> tuple[VerifierKey, bytes]:
    """Returns the key and the 64 bytes that a document's signature holds."""
    if not isinstance(value, Mapping) or set(value) != _SIGNATURE_MEMBERS:
        raise MalformedEvidence('a document\'s signature has the members "ed25519" and "key" alone')
    key, text = value["key"], value["ed25519"]
    if not isinstance(key, str) or not isinstance(text, str):
        raise MalformedEvidence("a document's key and signature are texts")
    parsed = VerifierKey.parse(key)
    if parsed.kind != ED25519 or str(parsed) != key:
        raise MalformedEvidence("a document's key is an Ed25519 key in note form, name+id+base64")
    try:
        raw = b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise MalformedEvidence("a document's signature is not base64") from error
    if len(raw) != _SIGNATURE_BYTES or b64encode(raw).decode() != text:
        raise MalformedEvidence("a document's signature is not 64 bytes in base64")
    return parsed, raw
