"""The way to a seller's node: one order's requests, by the standard library, without redirects.

The other side is not trusted: lengths are known beforehand, answers have an end, whoever sends
too slowly is let go, and nothing is followed elsewhere, for the ticket would go along.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

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
from counterfoil.market.judged_connection import JudgedConnection
from counterfoil.provenance.snapshots.addresses import Reach

__all__ = ["PATIENCE", "Incoming", "NodeWire", "Patience", "SellerWire"]

_MIB: Final = 1 << 20
_TAKEN_BYTES: Final = 65_536
_MOST_PROBLEM_BYTES: Final = 65_536
_MOST_TOLD: Final = 200
_TOLD: Final = {ERROR_TABLE[kind].code: kind for kind in (HomeBusy, NotAllowed, NotSignedIn, Stale, TooManyRequests)}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long another node is waited for, in seconds.

    Attributes:
        silence_s: Longest that it may say nothing.
        answer_s: Longest that the head of an answer may take.
        mib_s: Longest that a MiB may take: slower than 3.5 KB/s is no delivery.
    """

    silence_s: float = 30.0
    answer_s: float = 60.0
    mib_s: float = 300.0


PATIENCE: Final = Patience()


class Incoming:
    """The body of an answer, as long as it said it would be.

    Args:
        answer: What is read from.
        size_bytes: Its length.
        mib_s: Longest that what is read at once, about a MiB at most, may take.
    """

    def __init__(self, answer: http.client.HTTPResponse, size_bytes: int, mib_s: float) -> None:
        self._answer = answer
        self._mib_s = mib_s
        self.left_bytes = size_bytes

    def read_into(self, buffer: memoryview) -> None:
        """Fills `buffer`, of about a MiB at most.

        Raises:
            NodeUnreachable: The connection broke, or it takes too long.
        """
        done, ends = 0, time.monotonic() + self._mib_s
        while done < len(buffer):
            try:
                data = self._answer.read1(min(_TAKEN_BYTES, len(buffer) - done))
            except (OSError, http.client.HTTPException) as error:
                told = f"the node stopped sending: {type(error).__name__}"
                raise NodeUnreachable(told, hint="it goes on where it was") from error
            if not data:
                raise NodeUnreachable("the node closed the connection too early", hint="it goes on where it was")
            buffer[done : done + len(data)] = data
            done += len(data)
            if time.monotonic() > ends:
                raise NodeUnreachable("the node sends too slowly", hint="try again later: it goes on where it was")
        self.left_bytes -= done

    def read(self, size_bytes: int) -> bytes:
        """Returns so many bytes, each MiB of which may take its time; errors are those of `read_into`."""
        buffer = bytearray(size_bytes)
        view = memoryview(buffer)
        for start in range(0, size_bytes, _MIB):
            self.read_into(view[start : start + _MIB])
        return bytes(buffer)


class NodeWire:
    """Asks a node of another organisation.

    Args:
        url: Address of the node, `https://node.clinic.example`.
        reach: Which addresses may be asked; every one by default.
        patience: How long the node is waited for.

    Raises:
        InvalidInput: The address cannot be.
    """

    def __init__(self, url: str, reach: Reach | None = None, patience: Patience = PATIENCE) -> None:
        parts = _address(url)
        self._reach = reach or Reach()
        self._patience = patience
        self._parts = parts
        self._host = parts.hostname or ""
        self._api = f"{parts.path.rstrip('/')}/api/v1"

    def post(self, path: str, body: bytes, *, most_bytes: int) -> bytes:
        """Sends JSON to a path below the API's, and returns a short answer.

        Raises:
            NodeUnreachable: The node does not answer as it should.
            CounterfoilError: What it said was wrong.
        """
        with self.open("POST", path, {"content-type": "application/json"}, body) as incoming:
            return _short(incoming, most_bytes)

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        start: int = 0,
        end: int = 0,
        size_bytes: int = 0,
    ) -> Iterator[Incoming]:
        """Asks for a path below the API's, or a part of what lies there.

        Args:
            method: `GET` or `POST`.
            path: Begins with a slash.
            headers: Beside those that every request has.
            body: What is sent along.
            start: First byte wanted.
            end: The one after the last; 0 for all that follows.
            size_bytes: Length that what lies there must have; 0 where any will do.

        Raises:
            As `post`.
        """
        connection = JudgedConnection(
            self._parts.scheme, self._host, self._parts.port, self._reach, self._patience.silence_s
        )
        asked = {"accept-encoding": "identity", **headers}
        if start or end:
            asked["range"] = f"bytes={start}-{end - 1 if end else ''}"
        try:
            with self._naming_faults(), _clock(connection, self._patience.answer_s):
                connection.request(method, f"{self._api}{path}", body, asked)
                answer = connection.getresponse()
            with closing(answer):  # it outlives its connection, where the node closes that
                with self._naming_faults():
                    length = _checked(answer, start, end, size_bytes, self._patience.answer_s)
                # What goes wrong while this is used, such as a full disk, is no fault of the node.
                yield Incoming(answer, length, self._patience.mib_s)
        finally:
            connection.close()

    @contextmanager
    def _naming_faults(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            raise NodeUnreachable(
                f"the node at {self._host} does not answer: {type(error).__name__}",
                hint="is it running, and is the address right?",
            ) from error


class SellerWire:
    """Asks a seller's node about one order.

    Args:
        url: Address of the node, `https://node.clinic.example`.
        order: `0x` and 64 digits.
        ticket: For this order.
        reach: Which addresses may be asked; every one by default.
        patience: How long the node is waited for.

    Raises:
        InvalidInput: The address or the ticket cannot be.
    """

    def __init__(
        self,
        url: str,
        order: str,
        ticket: str,
        reach: Reach | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        self._wire = NodeWire(url, reach, patience)
        if not ticket.isascii() or not ticket.isprintable() or " " in ticket:
            raise InvalidInput("the ticket holds characters that none has", hint="decrypt it as it was handed out")
        self._path = f"/market/orders/{order}"
        self._headers = {"authorization": f"Bearer {ticket}"}

    def get(self, name: str, *, most_bytes: int) -> bytes:
        """Returns a short answer.

        Raises:
            NodeUnreachable: The node does not answer as it should.
            CounterfoilError: What it said was wrong.
        """
        with self.open(name) as incoming:
            return _short(incoming, most_bytes)

    def post(self, name: str, body: bytes, *, most_bytes: int, content_type: str = "application/json") -> bytes:
        """Sends a body, and returns a short answer; errors are those of `get`."""
        headers = self._headers | {"content-type": content_type}
        with self._wire.open("POST", f"{self._path}/{name}", headers, body) as incoming:
            return _short(incoming, most_bytes)

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
        path = f"{self._path}/{name}"
        with self._wire.open("GET", path, self._headers, start=start, end=end, size_bytes=size_bytes) as incoming:
            yield incoming


def _short(incoming: Incoming, most_bytes: int) -> bytes:
    if incoming.left_bytes > most_bytes:
        raise NodeUnreachable(f"the node answers {incoming.left_bytes:,} bytes, where {most_bytes:,} are most")
    return incoming.read(incoming.left_bytes)


@contextmanager
def _clock(connection: JudgedConnection, most_s: float) -> Iterator[None]:
    """Ends the connection when the head of an answer is not there in time, however slowly its bytes drip."""
    timer = threading.Timer(most_s, connection.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _checked(answer: http.client.HTTPResponse, start: int, end: int, size_bytes: int, most_s: float) -> int:
    """Returns the length of an answer that is what was asked for."""
    if 300 <= answer.status < 400:
        raise NodeUnreachable(
            "the node sends on to another address, which is not followed", hint="ask the seller for its address"
        )
    if answer.status not in (200, 206):
        raise _problem(answer, most_s)
    length = answer.length
    if length is None or answer.getheader("content-encoding", "identity") != "identity":
        raise NodeUnreachable("the node's answer has no length of its own, or is encoded")
    wanted = (end or size_bytes) - start if size_bytes or end else length
    if (start or end) and answer.status != 206:
        raise NodeUnreachable("the node does not send the part that was asked for")
    if length != wanted:
        raise NodeUnreachable(f"the node answers {length:,} bytes, where {wanted:,} were asked for")
    return length


def _problem(answer: http.client.HTTPResponse, most_s: float) -> CounterfoilError:
    """Returns the error that an answer tells of; what it says is the other side's word, cut and made printable."""
    told: Any = None
    with suppress(ValueError, OSError, http.client.HTTPException, RecursionError):
        told = json.loads(_start_of(answer, most_s))
    detail = told.get("detail") if isinstance(told, dict) else None
    text = "".join(each for each in str(detail or "")[:_MOST_TOLD] if each.isprintable())
    kind = _TOLD.get(str(told.get("code")), NodeUnreachable) if isinstance(told, dict) else NodeUnreachable
    if kind is NodeUnreachable and answer.status == 503:
        kind = HomeBusy
    return kind(f"the seller's node answers {answer.status}: {text or 'nothing that can be read'}")


def _start_of(answer: http.client.HTTPResponse, most_s: float) -> bytes:
    """Returns the first bytes of an answer's body, as far as they come in time."""
    data, ends = b"", time.monotonic() + most_s
    while len(data) < _MOST_PROBLEM_BYTES and time.monotonic() < ends:
        more = answer.read1(_MOST_PROBLEM_BYTES - len(data))
        if not more:
            break
        data += more
    return data


def _address(url: str) -> SplitResult:
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
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise InvalidInput("the ticket would travel without encryption", hint="use https://")
    return parts


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
