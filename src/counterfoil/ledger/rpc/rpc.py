"""What every way to a ledger offers: JSON-RPC calls, one by one or many at once.

The embedded ledger in this process and a node behind a URL are used alike. Calls that
only read, and sending a signed transaction again, may be repeated without harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

__all__ = ["Call", "Rpc", "RpcError"]

Call = tuple[str, Sequence[Any]]
"""A method's name and its parameters, JSON values."""


class RpcError(Exception):
    """A node understood the call and answered with an error (JSON-RPC 2.0, 5.1).

    Attributes:
        code: The node's number; 3 for a contract that refused, -32000 to -32099 for the node's own.
        message: The node's words; shown to people only after `one_line`.
        data: What a contract returned when it refused, else empty.
    """

    def __init__(self, code: int, message: str, data: bytes = b"") -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.data = data


class Rpc(Protocol):
    """A way to a ledger. Safe to call from several threads."""

    def call(self, method: str, *params: Any) -> Any:
        """Returns the result of one call, a JSON value that was not checked yet.

        Raises:
            RpcError: The node answered with an error.
            LedgerUnreachable: Nobody answered in time.
            LedgerContradicts: The answer was not JSON-RPC, or answers contradict each other.
        """

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Returns the results in the order of `calls`, an RpcError in place of a result where one failed.

        Raises:
            LedgerUnreachable: Nobody answered in time.
            LedgerContradicts: The answer as a whole was not JSON-RPC.
        """
