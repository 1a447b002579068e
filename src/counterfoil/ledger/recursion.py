"""Keeps the interpreter's recursion limit where it was while packages are loaded that raise it.

py_ecc raises it to 100,000 for its own arithmetic, which is never used here. C code that
recurses under such a limit, such as Python's JSON reader before 3.12, runs out of stack
and takes the process with it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["keeping_recursion_limit"]


@contextmanager
def keeping_recursion_limit(at_least: int = 0) -> Iterator[None]:
    """Puts the limit back after the block, or to `at_least` where that is more."""
    before = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(max(before, at_least))
