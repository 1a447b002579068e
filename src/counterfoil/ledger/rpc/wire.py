"""HTTP to one node, in which nothing waits longer than the caller allows.

The usual clients bound each wait, not their sum: a node that sends a byte now and then
holds them for ever. Here every wait on the socket ends at the deadline of the call it
serves, and every byte that comes in is counted. There are no proxies, redirects,
cookies, compression or netrc.
"""

from __future__ import annotations

import io
import os
import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, Final, cast

from counterfoil.errors import InvalidInput, LedgerContradicts, LedgerUnreachable
from counterfoil.ledger.rpc.address import Address

__all__ = ["MAX_IDLE", "Reply", "Wire"]

MAX_IDLE: Final = 8
"""Connections kept open for the next call; more threads than that open their own."""

_FRAMING_BYTES: Final = 65_536
"""What headers may add to an answer; the marks of a chunked one may add an eighth of it."""

_SEND_BYTES: Final = 65_536

_CLOSED: Final = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What using a connection shows that the node has closed meanwhile; RemoteDisconnected is a ConnectionError."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        status: HTTP status.
        retry_after: The header of that name, as it came; empty without one.
        is_plain: False when the body is compressed, which nobody asked for.
        body: At most the bytes that were allowed.
    """

    status: int
    retry_after: str
    is_plain: bool
    body: bytes


class Wire:
    """Keeps connections to one node open between calls. Safe to use from several threads.

    Attributes:
        address: Where the node answers.
        connections: How many were opened so far. Behind a new one may be another node.
    """

    def __init__(self, address: Address, *, timeout_s: float, max_answer_bytes: int, ca_file: Path | None) -> None:
        self.address = address
        self.connections = 0
        self._timeout_s = timeout_s
        self._max_answer_bytes = max_answer_bytes
        self._tls = _tls(ca_file) if address.scheme == "https" else None
        self._lock = Lock()  # covers connections, _idle and _is_closed
        self._idle: list[_Connection] = []
        self._is_closed = False

    def post(self, body: bytes) -> Reply:
        """Sends one request and returns what came back, whatever its status.

        A connection that was closed while it lay idle is replaced and the request sent again.

        Raises:
            LedgerUnreachable: No whole answer in time.
            LedgerContradicts: The answer is too large, or is not HTTP.
        """
        ends_at_s = monotonic() + self._timeout_s
        try:
            idle = self._take()
            if idle is not None:
                try:
                    return self._exchange(idle, body, ends_at_s)
                except _CLOSED:
                    pass
            return self._exchange(self._connect(ends_at_s), body, ends_at_s)
        except TimeoutError as error:
            raise LedgerUnreachable(f"{self.address} did not answer within {self._timeout_s:g} seconds") from error
        except ssl.SSLCertVerificationError as error:
            raise LedgerUnreachable(
                f"{self.address} could not prove its name: {error.verify_message}",
                hint="check the URL; for a certificate of your own, name its ca_file",
            ) from error
        except (OSError, IncompleteRead) as error:
            raise LedgerUnreachable(f"{self.address} cannot be reached: {_reason(error)}") from error
        except (HTTPException, ValueError) as error:
            raise LedgerContradicts(
                f"{self.address} does not answer as a web server does", hint="check the URL of the node"
            ) from error

    def close(self) -> None:
        """Closes every connection; one in use is closed when its call ends."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> _Connection | None:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if connection.owner == os.getpid():
                    return connection
                connection.close()  # a forked process shares its parent's socket, and would read its answers
        return None

    def _give_back(self, connection: _Connection) -> None:
        with self._lock:
            if not self._is_closed and len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self, ends_at_s: float) -> _Connection:
        """Tries each of the host's addresses, with an equal share of the time that is left."""
        found = socket.getaddrinfo(self.address.host, self.address.port, type=socket.SOCK_STREAM)
        failure: OSError = ConnectionError("its name leads to no address")
        for place, (family, kind, protocol, _, where) in enumerate(found):
            made = socket.socket(family, kind, protocol)
            try:
                made.settimeout(_left_s(ends_at_s) / (len(found) - place))
                made.connect(where)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls is not None:
                    made.settimeout(_left_s(ends_at_s))
                    made = self._tls.wrap_socket(made, server_hostname=self.address.host)
            except OSError as error:
                made.close()
                failure = error
                continue
            with self._lock:
                self.connections += 1
            return _Connection(made)
        raise failure

    def _exchange(self, connection: _Connection, body: bytes, ends_at_s: float) -> Reply:
        connection.ends_at_s = ends_at_s
        connection.left_bytes = self._max_answer_bytes + self._max_answer_bytes // 8 + _FRAMING_BYTES
        is_whole = False
        try:
            connection.send(self._head(len(body)) + body)
            with HTTPResponse(cast(socket.socket, connection), method="POST") as response:
                response.begin()
                reply = Reply(
                    response.status,
                    response.headers.get("Retry-After", ""),
                    response.headers.get("Content-Encoding", "identity") == "identity",
                    self._body(response),
                )
                is_whole = response.isclosed() and not response.will_close
            return reply
        finally:
            if is_whole:
                self._give_back(connection)
            else:
                connection.close()

    def _body(self, response: HTTPResponse) -> bytes:
        most = self._max_answer_bytes
        if response.length is not None and response.length > most:
            raise self._too_large()
        body = response.read(most + 1)
        if len(body) > most:
            raise self._too_large()
        if response.length:
            raise IncompleteRead(body, response.length)
        return body

    def _too_large(self) -> LedgerContradicts:
        return LedgerContradicts(
            f"the answer of {self.address} is larger than {self._max_answer_bytes:,} bytes",
            hint="ask for less at once, or raise max_answer_bytes",
        )

    def _head(self, size_bytes: int) -> bytes:
        lines = [
            f"POST {self.address.target} HTTP/1.1",
            f"Host: {self.address.authority}",
            "User-Agent: counterfoil",
            "Accept: application/json",
            "Accept-Encoding: identity",
            "Content-Type: application/json",
            f"Content-Length: {size_bytes}",
        ]
        if self.address.authorization:
            lines.append(f"Authorization: {self.address.authorization}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")


class _Connection:
    """A connected socket. One call at a time; the call sets how long it may wait and how much may come in."""

    def __init__(self, connected: socket.socket) -> None:
        self.owner = os.getpid()
        self.ends_at_s = 0.0
        self.left_bytes = 0
        self._socket = connected

    def send(self, data: bytes) -> None:
        """Sends all of it."""
        view = memoryview(data)
        while view:
            self._socket.settimeout(_left_s(self.ends_at_s))
            view = view[self._socket.send(view[:_SEND_BYTES]) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        """Returns what `HTTPResponse` reads from; it asks for nothing else."""
        return io.BufferedReader(_Incoming(self))

    def read_into(self, buffer: Any) -> int:
        """Reads what is there, at least a byte unless the node hung up."""
        self._socket.settimeout(_left_s(self.ends_at_s))
        size_bytes = self._socket.recv_into(buffer)
        self.left_bytes -= size_bytes
        if self.left_bytes < 0:
            raise ValueError("more bytes than any answer may have")
        return size_bytes

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()


class _Incoming(io.RawIOBase):
    """A connection's bytes as a file."""

    def __init__(self, connection: _Connection) -> None:
        super().__init__()
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.read_into(buffer)


def _left_s(ends_at_s: float) -> float:
    left_s = ends_at_s - monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise InvalidInput(f"the certificates in {ca_file} cannot be read") from error


def _reason(error: OSError | HTTPException) -> str:
    if isinstance(error, IncompleteRead):
        return "it hung up in the middle of an answer"
    if isinstance(error, RemoteDisconnected):
        return "it hung up without an answer"
    return (error.strerror if isinstance(error, OSError) else "") or "the connection broke"
