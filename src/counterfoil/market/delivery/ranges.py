"""The one form of Range that is served: a single span of bytes (RFC 9110 14.1.2)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["span_of"]

_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def span_of(header: str, size_bytes: int) -> tuple[int, int] | bool | None:
    """Returns (start, end) of what is asked for, end exclusive; None for all; False where nothing lies there.

    Several spans, other units and what is no range are not understood, and so answered with all.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.group(1) == found.group(2) == "":
        return None
    if not found[1]:
        start, end = max(0, size_bytes - int(found[2])), size_bytes
        return (start, end) if start < end else False
    start = int(found[1])
    if found[2] and int(found[2]) < start:
        return None
    end = min(size_bytes, int(found[2]) + 1) if found[2] else size_bytes
    return (start, end) if start < size_bytes else False
