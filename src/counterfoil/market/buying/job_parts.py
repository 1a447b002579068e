"""A job as it is handed in: files in one body (multipart/form-data, RFC 7578)."""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex

__all__ = ["encode_parts"]


def encode_parts(parts: Mapping[str, bytes]) -> tuple[bytes, str]:
    """Returns a body of several files, and its content type."""
    boundary = f"counterfoil-{token_hex(16)}"
    pieces = []
    for name, data in parts.items():
        head = f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
        pieces += [head.encode(), data, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces), f"multipart/form-data; boundary={boundary}"
