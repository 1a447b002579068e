"""The trees of accounts and storage as py-evm sees them: bytes by their hash, the new ones on top of the stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from eth.db.backends.base import BaseAtomicDB

__all__ = ["Nodes"]


class Nodes(BaseAtomicDB):
    """Tree nodes and contracts' code. What is written stays in `new` until somebody stores it.

    Args:
        stored: Returns stored bytes by their hash, None where there are none.
    """

    def __init__(self, stored: Callable[[bytes], bytes | None]) -> None:
        self.new: dict[bytes, bytes] = {}
        self._stored = stored

    def __getitem__(self, key: bytes) -> bytes:
        found = self.new.get(key)
        if found is None:
            found = self._stored(key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.new[key] = value

    def __delitem__(self, key: bytes) -> None:
        del self.new[key]

    def _exists(self, key: bytes) -> bool:
        return key in self.new or self._stored(key) is not None

    @contextmanager
    def atomic_batch(self) -> Iterator[Any]:
        """Nothing to do: all is stored in one go, with the block."""
        yield self
