"""One node of a ledger behind a URL: JSON-RPC over HTTP, and nothing it says is taken on trust of its shape.

The secrets of the URL (a key in its path, a password) show nowhere: people see the
scheme and the host.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from counterfoil.errors import InvalidInput, LedgerContradicts, LedgerUnreachable
from counterfoil.ledger.rpc import envelope
from counterfoil.ledger.rpc.address import Address
from counterfoil.ledger.rpc.rpc import Call, RpcError
from counterfoil.ledger.rpc.wire import Reply, Wire

__all__ = ["MAX_ANSWER_BYTES", "MAX_BATCH", "MAX_REST_S", "TIMEOUT_S", "Endpoint"]

TIMEOUT_S: Final = 10.0
"""How long one request may take in all, from the first look-up of the name to the last byte."""

MAX_ANSWER_BYTES: Final = 16 * 2**20
"""Largest answer that is read."""

MAX_BATCH: Final = 100
"""Most calls in one request; larger batches are sent in several."""

MAX_REST_S: Final = 3_600.0
"""Longest rest that a node is granted, whatever it asks for."""

_WRONG_KEY: Final = "check the key or password in the URL of the node"
_STATUS_HINTS: Final = {
    401: _WRONG_KEY,
    403: _WRONG_KEY,
    404: "check the path in the URL of the node",
    413: "the request was too large for it",
}


class Endpoint:
    """One node over HTTP. Implements `Rpc`; safe to use from several threads; close it after use.

    Attributes:
        host: Scheme and host, `https://node.example`: all that is ever shown of the URL.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        allow_plain_http: bool = False,
        ca_file: Path | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            url: `https://host/path`; `http` on this machine. A user and password may stand before the host.
            timeout_s: How long one request may take in all.
            max_answer_bytes: Largest answer that is read.
            allow_plain_http: Lets `http` leave this machine, for private networks.
            ca_file: Certificates (PEM) that vouch for the node, in place of the system's.

        Raises:
            InvalidInput: The URL or a number cannot be used.
        """
        if not timeout_s > 0 or max_answer_bytes < 1:
            raise InvalidInput("timeout_s and max_answer_bytes must be above 0")
        self._address = Address.parse(url, allow_plain_http=allow_plain_http)
        self._wire = Wire(self._address, timeout_s=timeout_s, max_answer_bytes=max_answer_bytes, ca_file=ca_file)
        self._numbers = count(1)
        self._rest_s = 0.0
        self.host = str(self._address)

    def __repr__(self) -> str:
        return f"Endpoint({self.host})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """How many connections were opened so far. Behind a new one may be another node."""
        return self._wire.connections

    @property
    def rest_s(self) -> float:
        """How long the node's last answer asked to be left alone; 0 when it did not."""
        return self._rest_s

    def call(self, method: str, *params: Any) -> Any:
        """Returns the result of one call, a JSON value that was not checked yet.

        Raises:
            RpcError: The node answered with an error.
            LedgerUnreachable: It does not answer in time, wants no visitors, or is overloaded.
            LedgerContradicts: What came back is not the answer to this call.
        """
        number = next(self._numbers)
        reply = self._post(envelope.request([(number, (method, params))], is_batch=False), [number])
        result = reply[0] if isinstance(reply, list) else envelope.read_answer(reply.body, number, self.host)
        if isinstance(result, RpcError):
            raise self._read_error(method, result)
        return result

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Returns the results in the order of `calls`, an RpcError in place of a result where one failed.

        Raises:
            LedgerUnreachable: As `call`.
            LedgerContradicts: As `call`.
        """
        results: list[Any] = []
        for start in range(0, len(calls), MAX_BATCH):
            numbered = [(next(self._numbers), call) for call in calls[start : start + MAX_BATCH]]
            numbers = [number for number, _ in numbered]
            reply = self._post(envelope.request(numbered, is_batch=True), numbers)
            results += reply if isinstance(reply, list) else envelope.read_answers(reply.body, numbers, self.host)
        return [
            self._read_error(method, each) if isinstance(each, RpcError) else each
            for (method, _), each in zip(calls, results, strict=True)
        ]

    def close(self) -> None:
        """Closes the connections."""
        self._wire.close()

    def _post(self, body: bytes, numbers: list[int]) -> Reply | list[Any]:
        """Returns the reply, or the errors of the node that came with a status of their own."""
        reply = self._wire.post(body)
        self._rest_s = _rest_s(reply) if reply.status in (429, 503) else 0.0
        if not reply.is_plain:
            raise LedgerContradicts(f"{self.host} sends compressed answers, which nobody asked for")
        if reply.status == 200:
            return reply
        refusals = None
        if reply.status not in (401, 403, 429):
            refusals = envelope.read_refusal(reply.body, numbers, self.host)
        return refusals if refusals is not None else self._refuse(reply.status)

    def _refuse(self, status: int) -> NoReturn:
        if status == 429:
            wait = f", and wants to be left alone for {self._rest_s:g} seconds" if self._rest_s else ""
            raise LedgerUnreachable(
                f"{self.host} is asked too often{wait}",
                hint="it is tried again by itself; a second node or a larger plan helps",
            )
        if 300 <= status < 400:
            raise LedgerUnreachable(
                f"{self.host} answers with a redirect (HTTP {status}), which is not followed",
                hint="give the URL that it leads to",
            )
        if status >= 500:
            raise LedgerUnreachable(f"{self.host} is out of order (HTTP {status})", hint="it is tried again by itself")
        hint = _STATUS_HINTS.get(status, "check the URL of the node")
        raise LedgerUnreachable(f"{self.host} refuses the request (HTTP {status})", hint=hint)

    def _read_error(self, method: str, error: RpcError) -> RpcError:
        """Returns a node's error without the secrets of its URL.

        Raises:
            LedgerUnreachable: It says that it is asked too often.
        """
        # To eth_getLogs, -32005 (EIP-1474) also says that too many events were asked for at once.
        if error.code == 429 or (error.code == -32005 and method != "eth_getLogs"):
            self._refuse(429)
        return RpcError(error.code, self._address.scrubbed(error.message), error.data)


def _rest_s(reply: Reply) -> float:
    """Reads Retry-After: seconds, or a date (RFC 9110 10.2.3)."""
    text = reply.retry_after.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), MAX_REST_S)
    try:
        left_s = parsedate_to_datetime(text).timestamp() - time.time()
    except ValueError:
        return 0.0
    return min(max(left_s, 0.0), MAX_REST_S)
