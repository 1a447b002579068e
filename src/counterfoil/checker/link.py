"""The link in a receipt's QR code: it opens the checker page and says which record it is about."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from urllib.parse import quote

__all__ = ["check_link"]


def check_link(public_url: str, origin: str, leaf: bytes, key_id: str, index: int | None = None) -> str:
    """Returns `<public_url>/check#o=<origin>&i=<place>&l=<leaf hash>&k=<key id>`.

    The part behind "#" stays in the reader's browser. The page holds it against the file.

    Args:
        public_url: Where the node is reached, without a slash at the end.
        origin: The log's name.
        leaf: 32-byte leaf hash of the record.
        key_id: 8 hexadecimal digits of the key that the record names.
        index: The record's place in the log; None where it has none yet.
    """
    place = f"&i={index}" if index is not None else ""
    hashed = urlsafe_b64encode(leaf).decode().rstrip("=")
    return f"{public_url}/check#o={quote(origin, safe='/:')}{place}&l={hashed}&k={key_id}"
