"""The way to a seller's node: one order's requests, by the standard library, without redirects.

The other side is not trusted: lengths are known beforehand, answers have an end, whoever sends
too slowly is let go, and nothing is followed elsewhere, for the ticket would go along.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from counterfoil.errors import (
    ERROR_TABLE,
    CounterfoilError,
    HomeBusy,
    InvalidInput,
    NodeUnreachable,
    NotAllowed,
    NotSignedIn,
    Stale,
    TooManyRequests,
)

__all__ = ["Incoming", "SellerWire"]

TIMEOUT_S: Final = 30.0
"""Longest that the node may say nothing."""

ANSWER_S: Final = 60.0
"""Longest that the head of an answer, or a short answer, may take."""

MIB_S: Final = 300.0
"""Longest that a MiB may take: slower than 3.5 KB/s is no delivery."""

_TAKEN_BYTES: Final = 65_536
_MOST_PROBLEM_BYTES: Final = 65_536
_MOST_TOLD: Final = 200
_TOLD: Final = {ERROR_TABLE[kind].code: kind for kind in (HomeBusy, NotAllowed, NotSignedIn, Stale, TooManyRequests)}


class Incoming:
    """The body of an answer, as long as it said it would be.

    Args:
        answer: What is read from.
        size_bytes: Its length.
    """

    def __init__(self, answer: http.client.HTTPResponse, size_bytes: int) -> None:
        self._answer = answer
        self.left_bytes = size_bytes

    def read_into(self, buffer: memoryview) -> None:
        """Fills `buffer`.

        Raises:
            NodeUnreachable: The connection broke, or it takes too long.
        """
        done, ends = 0, time.monotonic() + MIB_S
        while done < len(buffer):
            data = self._answer.read1(min(_TAKEN_BYTES, len(buffer) - done))
            if not data:
                raise NodeUnreachable("the node closed the connection too early", hint="it goes on where it was")
            buffer[done : done + len(data)] = data
            done += len(data)
            if time.monotonic() > ends:
                raise NodeUnreachable("the node sends too slowly", hint="try again later: it goes on where it was")
        self.left_bytes -= done

    def read(self, size_bytes: int) -> bytes:
        """Returns so many bytes; errors are those of `read_into`."""
        buffer = bytearray(size_bytes)
        self.read_into(memoryview(buffer))
        return bytes(buffer)


class SellerWire:
    """Asks a seller's node about one order.

    Args:
        url: Address of the node, `https://node.clinic.example`.
        order: `0x` and 64 digits.
        ticket: For this order.
        ca_file: Certificates that the node's own is checked against; the machine's own without it.
        allow_plain_http: Whether to reach another machine without encryption.

    Raises:
        InvalidInput: The address or the ticket cannot be.
    """

    def __init__(
        self,
        url: str,
        order: str,
        ticket: str,
        *,
        ca_file: Path | None = None,
        allow_plain_http: bool = False,
    ) -> None:
        parts = _address(url, allow_plain_http)
        if not ticket.isascii() or not ticket.isprintable() or " " in ticket:
            raise InvalidInput("the ticket holds characters that none has", hint="decrypt it as it was handed out")
        self._host, self._port = parts.hostname or "", parts.port
        self._path = f"{parts.path.rstrip('/')}/api/v1/market/orders/{order}"
        self._ticket = ticket
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None

    def get(self, name: str, *, most_bytes: int) -> bytes:
        """Returns a short answer.

        Raises:
            NodeUnreachable: The node does not answer as it should.
            CounterfoilError: What it said was wrong.
        """
        with self.open(name) as incoming:
            if incoming.left_bytes > most_bytes:
                raise NodeUnreachable(f"the node answers {incoming.left_bytes:,} bytes, where {most_bytes:,} are most")
            return incoming.read(incoming.left_bytes)

    @contextmanager
    def open(self, name: str, *, start: int = 0, end: int = 0, size_bytes: int = 0) -> Iterator[Incoming]:
        """Asks for a path below the order's, or a part of what lies there.

        Args:
            name: Such as `content`.
            start: First byte wanted.
            end: The one after the last; 0 for all that follows.
            size_bytes: Length that what lies there must have; 0 where any will do.

        Raises:
            As `get`.
        """
        connection = self._connection()
        headers = {"authorization": f"Bearer {self._ticket}", "accept-encoding": "identity"}
        if start or end:
            headers["range"] = f"bytes={start}-{end - 1 if end else ''}"
        try:
            with _clock(connection):
                connection.request("GET", f"{self._path}/{name}", headers=headers)
                answer = connection.getresponse()
            yield Incoming(answer, _checked(answer, start, end, size_bytes))
        except (OSError, http.client.HTTPException) as error:
            raise NodeUnreachable(
                f"the node at {self._host} does not answer: {type(error).__name__}",
                hint="is it running, and is the address right?",
            ) from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)


@contextmanager
def _clock(connection: http.client.HTTPConnection) -> Iterator[None]:
    """Ends the connection when the head of an answer is not there in time, however slowly its bytes drip."""

    def end() -> None:
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(ANSWER_S, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _checked(answer: http.client.HTTPResponse, start: int, end: int, size_bytes: int) -> int:
    """Returns the length of an answer that is what was asked for."""
    if 300 <= answer.status < 400:
        raise NodeUnreachable(
            "the node sends on to another address, which is not followed", hint="ask the seller for its address"
        )
    if answer.status not in (200, 206):
        raise _problem(answer)
    length = answer.length
    if length is None or answer.getheader("content-encoding", "identity") != "identity":
        raise NodeUnreachable("the node's answer has no length of its own, or is encoded")
    wanted = (end or size_bytes) - start if size_bytes or end else length
    if (start or end) and answer.status != 206:
        raise NodeUnreachable("the node does not send the part that was asked for")
    if length != wanted:
        raise NodeUnreachable(f"the node answers {length:,} bytes, where {wanted:,} were asked for")
    return length


def _problem(answer: http.client.HTTPResponse) -> CounterfoilError:
    """Returns the error that an answer tells of; what it says is the other side's word, cut and made printable."""
    told: Any = None
    with suppress(ValueError, OSError, http.client.HTTPException, RecursionError):
        told = json.loads(answer.read1(_MOST_PROBLEM_BYTES))
    detail = told.get("detail") if isinstance(told, dict) else None
    text = "".join(each for each in str(detail or "")[:_MOST_TOLD] if each.isprintable())
    kind = _TOLD.get(str(told.get("code")), NodeUnreachable) if isinstance(told, dict) else NodeUnreachable
    if kind is NodeUnreachable and answer.status == 503:
        kind = HomeBusy
    return kind(f"the seller's node answers {answer.status}: {text or 'nothing that can be read'}")


def _address(url: str, allow_plain_http: bool) -> Any:
    hint = "like https://node.clinic.example"
    try:
        parts = urlsplit(url)
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        raise InvalidInput("the node's address cannot be used", hint=hint) from None
    plain = url.isascii() and url.isprintable() and " " not in url
    if (
        not plain
        or not is_port
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        raise InvalidInput("the node's address cannot be used", hint=hint)
    if parts.scheme == "http" and not allow_plain_http and not _is_here(parts.hostname):
        raise InvalidInput("the ticket would travel without encryption", hint="use https://")
    return parts


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
