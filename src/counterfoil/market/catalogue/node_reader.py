"""Reads small files from the node of somebody else, whose address anybody may have put on the ledger.

1. Judge the address: http or https, no name or password in it; resolve the host once, judge where it leads.
2. Connect to the address that was judged, and use that connection for all files: asking again cannot lead elsewhere.
3. Follow no redirect; take an answer of 200 alone, not packed, and of a size that was said to be enough.
4. When the visit's time is over, cut the connection, whatever it is doing then.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Final

from counterfoil.errors import InvalidInput, NodeUnreachable, NotFound, TooLarge
from counterfoil.market.judged_connection import JudgedConnection
from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.provenance.snapshots.web import require_web_address

__all__ = ["NodeReader", "VisitLimits", "base_of"]

_API: Final = "/api/v1"
_PIECE_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class VisitLimits:
    """How long a node is waited for.

    Attributes:
        silence_s: For one sign of life.
        visit_s: For everything in all.
    """

    silence_s: float = 5
    visit_s: float = 60


def base_of(uri: str) -> str:
    """Returns the address below which a node answers, from where one of its assets is found; empty where none can be.

    What stands before `/api/v1` in the address, or else its scheme, host and port.
    """
    try:
        parts = require_web_address(uri)
    except (InvalidInput, ValueError):
        return ""
    path = parts.path.partition(_API)[0].rstrip("/") if _API in parts.path else ""
    return f"{parts.scheme}://{parts.netloc}{path}"


class NodeReader:
    """One visit to a node; one connection, used by one thread.

    Args:
        base: Address below which the node answers.
        reach: Which addresses may be asked.
        limits: How long it is waited for.

    Raises:
        InvalidInput: The address is none.
    """

    def __init__(self, base: str, reach: Reach, limits: VisitLimits) -> None:
        self._parts = require_web_address(base)
        self._reach = reach
        self._limits = limits
        self._connection: JudgedConnection | None = None
        self._ends_s = 0.0

    @contextmanager
    def visit(self) -> Iterator[NodeReader]:
        """Begins the clock, and ends the connection with the block."""
        self._ends_s = time.monotonic() + self._limits.visit_s
        timer = threading.Timer(self._limits.visit_s, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield self
        finally:
            timer.cancel()
            self._close()

    def get(self, path: str, most_bytes: int) -> bytes:
        """Returns a file.

        Args:
            path: Below the node's API, `market/sheets/…`.
            most_bytes: Larger ones are refused.

        Raises:
            NodeUnreachable: It does not answer, breaks off, or answers with an error.
            NotFound: It says that there is no such file.
            NotAllowed: Its name leads where nobody may go.
            TooLarge: The file is.
        """
        if self._is_over():
            raise NodeUnreachable("the node was not through in time")
        target = f"{self._parts.path.rstrip('/')}{_API}/{path}"
        try:
            response = self._asked(target)
            _require_success(response)
            data = _read(response, most_bytes)
            if self._is_over():  # an answer without a length ends with the connection that was cut
                raise NodeUnreachable("the node was not through in time")
            return data
        except (OSError, HTTPException, ValueError) as error:
            self._close()
            raise NodeUnreachable(self._words(error)) from None
        except (NodeUnreachable, NotFound, TooLarge):
            self._close()  # what is left of the answer is not read
            raise

    def _asked(self, target: str) -> HTTPResponse:
        """Asks; once more on a new connection where the node closed the old one meanwhile."""
        was_open = self._connection is not None
        try:
            return self._send(target)
        except (ConnectionError, HTTPException):
            self._close()
            if not was_open or self._is_over():
                raise
            return self._send(target)

    def _send(self, target: str) -> HTTPResponse:
        if self._connection is None:
            scheme, host, port = self._parts.scheme, self._parts.hostname or "", self._parts.port
            self._connection = JudgedConnection(scheme, host, port, self._reach, self._limits.silence_s)
        headers = {"Accept": "application/json, text/plain", "Accept-Encoding": "identity", "User-Agent": "counterfoil"}
        self._connection.request("GET", target, headers=headers)
        return self._connection.getresponse()

    def _is_over(self) -> bool:
        return time.monotonic() >= self._ends_s

    def _cut(self) -> None:
        connection = self._connection
        if connection is not None:
            connection.cut()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _words(self, error: Exception) -> str:
        """Returns why no answer came; never the library's own words, which can repeat what the node sent."""
        if self._is_over():
            return "the node was not through in time"
        if isinstance(error, ssl.SSLCertVerificationError):
            return "the certificate of the node does not hold"
        if isinstance(error, TimeoutError):
            return "the node was silent for too long"
        if isinstance(error, ConnectionRefusedError):
            return "no connection to the node"
        return "the node broke its answer off, or it is no HTTP"


def _require_success(response: HTTPResponse) -> None:
    if response.status in (404, 410):
        raise NotFound("the node says that it has no such file")
    if response.status != 200:
        raise NodeUnreachable(f"the node answered {response.status}, not 200")
    packing = (response.headers.get("Content-Encoding") or "identity").strip().lower()
    if packing not in ("", "identity"):
        raise NodeUnreachable("the node sends its answer packed, which was not asked for")


def _read(response: HTTPResponse, most_bytes: int) -> bytes:
    pieces, size = [], 0
    while piece := response.read(min(_PIECE_BYTES, most_bytes + 1 - size)):
        pieces.append(piece)
        size += len(piece)
        if size > most_bytes:
            raise TooLarge(f"the node sends more than the {most_bytes:,} bytes that such a file has")
    if response.length:
        raise NodeUnreachable("the node broke its answer off, or it is no HTTP")
    return b"".join(pieces)
