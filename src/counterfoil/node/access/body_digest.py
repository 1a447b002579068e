"""The digest of a body (RFC 9530), and a way to let nobody read a body that has another one."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from counterfoil.errors import NotSignedIn, TooLarge
from counterfoil.node.gate import Message, Receive

__all__ = ["content_digest", "guarded_body", "read_content_digest"]

_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


def content_digest(body: bytes) -> str:
    """Returns the value of the Content-Digest header for a body (RFC 9530, 2)."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def read_content_digest(header: str) -> bytes:
    """Returns the 32 bytes of the digest.

    Raises:
        NotSignedIn: The header holds anything else than one SHA-256.
    """
    found = _DIGEST.fullmatch(header.strip())
    try:
        return b64decode(found[1], validate=True) if found else _unreadable()
    except Base64Error:
        return _unreadable()


def guarded_body(receive: Receive, expected: bytes, most_bytes: int) -> Receive:
    """Returns a `receive` that hands out the whole body at once, after its digest was checked.

    Args:
        receive: Where the body comes from.
        expected: SHA-256 that was signed.
        most_bytes: Largest body; it is held in memory.
    """
    is_checked = False

    async def receive_checked() -> Message:
        nonlocal is_checked
        if is_checked:
            return await receive()
        parts: list[bytes] = []
        taken = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message  # the caller has gone; nobody acts on half a body
            parts.append(message.get("body", b""))
            taken += len(parts[-1])
            if taken > most_bytes:
                raise TooLarge(f"a signed body has at most {most_bytes:,} bytes", hint="send it in parts")
            if not message.get("more_body"):
                break
        body = b"".join(parts)
        if not compare_digest(sha256(body).digest(), expected):
            raise NotSignedIn("the body is not the one that was signed", hint="sign the request anew, then send it")
        is_checked = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_checked


def _unreadable() -> bytes:
    raise NotSignedIn("Content-Digest does not hold one SHA-256", hint="sha-256=:<base64>:, as in RFC 9530")
