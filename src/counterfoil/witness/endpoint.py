"""One witness over HTTP: sends a request, takes at most 64 KiB back, never waits longer than told."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from counterfoil.errors import InvalidInput

__all__ = ["Reply", "Unanswered", "post_checkpoint", "require_url"]

MAX_REPLY_BYTES: Final = 65_536
_MAX_URL: Final = 2_000


class Unanswered(Exception):
    """No whole answer came in time; the text says what happened."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a witness answered."""

    status: int
    content_type: str
    body: bytes


def require_url(url: str) -> str:
    """Returns a witness's address (C2SP: its submission prefix) without a slash at its end.

    Raises:
        InvalidInput: It is no http or https address, or has a user, a query or a fragment.
    """
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or len(url) > _MAX_URL or not (url.isascii() and url.isprintable()) or set(url) & set(' @?#"<>\\'):
        raise InvalidInput(
            f"{url[:80]!r} is not a witness's address", hint="like https://witness.example/prefix, as its operator says"
        )
    return url.rstrip("/")


def post_checkpoint(url: str, body: bytes, timeout_s: float) -> Reply:
    """Sends `body` to `<url>/add-checkpoint`. Follows no redirect and sends nothing but the body.

    Args:
        url: The witness's submission prefix.
        body: The request.
        timeout_s: For all of it together, however slowly the other side sends.

    Raises:
        Unanswered: Nobody is there, the connection broke, or the time is over.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection: HTTPConnection
    if parts.scheme == "https":
        connection = HTTPSConnection(host, port, timeout=timeout_s, context=ssl.create_default_context())
    else:
        connection = HTTPConnection(host, port, timeout=timeout_s)
    is_over = threading.Event()
    with closing(connection):
        try:
            connection.connect()
            watch = threading.Timer(timeout_s, _cut, (connection.sock, is_over))
            watch.daemon = True
            watch.start()
            try:
                reply = _exchange(connection, f"{parts.path}/add-checkpoint", body)
            finally:
                watch.cancel()
            if is_over.is_set():  # what was read ended where the connection was cut
                raise TimeoutError
            return reply
        except (
            OSError,
            HTTPException,
            ValueError,
            AttributeError,
        ) as error:  # a socket cut in mid-read raises the last
            if is_over.is_set() or isinstance(error, TimeoutError):
                raise Unanswered(f"no answer within {timeout_s:g} seconds") from error
            raise Unanswered(_why(error)) from error


def _exchange(connection: HTTPConnection, path: str, body: bytes) -> Reply:
    connection.request("POST", path, body, {"Content-Type": "text/plain; charset=utf-8"})
    response = connection.getresponse()
    data = response.read(MAX_REPLY_BYTES + 1)
    if len(data) > MAX_REPLY_BYTES:
        raise HTTPException(f"the answer is larger than {MAX_REPLY_BYTES:,} bytes")
    if response.length:
        raise HTTPException("the answer broke off")
    return Reply(response.status, response.headers.get_content_type(), data)


def _cut(sock: socket.socket, is_over: threading.Event) -> None:
    """Ends a connection whose time is over, so that whoever reads from it goes on."""
    is_over.set()
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
