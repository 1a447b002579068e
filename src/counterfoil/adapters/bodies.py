"""The bytes of a request or an answer as they pass by: kept up to a limit, counted and hashed whole."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Any

__all__ = ["Body"]


class Body:
    """Bytes that arrive in chunks.

    Args:
        most_bytes: How many are kept; of a longer body the beginning is, with the digest of it all.
    """

    def __init__(self, most_bytes: int) -> None:
        self.size_bytes = 0
        self.is_complete = False
        self._most = most_bytes
        self._chunks: list[bytes] = []
        self._digest = None if most_bytes else sha256()

    def add(self, chunk: bytes, *, is_last: bool) -> None:
        """Takes the next bytes."""
        before = self.size_bytes
        self.size_bytes += len(chunk)
        self.is_complete = self.is_complete or is_last
        if self._digest is None and self.size_bytes > self._most:
            self._digest = sha256(b"".join(self._chunks))
        if self._digest is not None:
            self._digest.update(chunk)
        if chunk and before < self._most:
            self._chunks.append(chunk[: self._most - before])

    @property
    def kept(self) -> bytes:
        """The bytes up to the limit."""
        if len(self._chunks) > 1:
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0] if self._chunks else b""

    def sha256(self) -> str:
        """Returns the digest (hex) of everything that arrived."""
        return self._digest.hexdigest() if self._digest is not None else sha256(self.kept).hexdigest()

    def to_json(self, media_type: str) -> dict[str, Any]:
        """Returns the body as it is recorded: text where it is UTF-8, else base64; what is missing is said."""
        told: dict[str, Any] = {"bytes": self.size_bytes, "sha256": self.sha256(), "type": media_type}
        if self.size_bytes > self._most:
            told["kept"] = len(self.kept)
        if not self.is_complete:
            told["complete"] = False
        try:
            return told | {"text": self.kept.decode()}
        except UnicodeDecodeError:
            return told | {"base64": b64encode(self.kept).decode()}
