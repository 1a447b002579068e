"""One message to a webhook, signed as Standard Webhooks has it (HMAC-SHA256, version v1).

webhook-id         names the event; the same one for every try
webhook-timestamp  Unix seconds of this try
webhook-signature  v1,<base64 of HMAC-SHA256 over "id.timestamp.body">
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from hmac import digest as hmac_digest
from typing import Final
from urllib.parse import SplitResult, urlsplit

from counterfoil.errors import InvalidInput

__all__ = ["SECRET_PREFIX", "headers_of", "require_target", "send"]

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with, by the standard

TIMEOUT_S: Final = 10.0
"""For one try in all, however slowly the other side takes and sends."""

MOST_ANSWER_BYTES: Final = 4_096


def headers_of(event_id: str, time_s: int, body: bytes, secret: bytes) -> dict[str, str]:
    """Returns the headers of one try."""
    signed = b"%s.%d.%s" % (event_id.encode(), time_s, body)
    return {
        "content-type": "application/json",
        "user-agent": "counterfoil",
        "webhook-id": event_id,
        "webhook-timestamp": str(time_s),
        "webhook-signature": "v1," + b64encode(hmac_digest(secret, signed, "sha256")).decode(),
    }


def require_target(url: str) -> None:
    """Refuses an address that messages should not go to.

    Plain http is taken for this machine only: a message tells of alarms, and its signature
    does not hide it.

    Raises:
        InvalidInput: Not such an address.
    """
    hint = "like https://hooks.bank.example/counterfoil; plain http for this machine only"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"{url[:80]!r} is not a web address", hint=hint) from error
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if not is_plain or parts.scheme not in ("http", "https") or not parts.hostname or parts.username or port == 0:
        raise InvalidInput(f"{url[:80]!r} is not a web address for messages", hint=hint)
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        raise InvalidInput(f"messages to {parts.hostname} would go unencrypted", hint=hint)


def send(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float = TIMEOUT_S) -> str:
    """Makes one try; returns why it failed, or an empty text. Follows no redirects and uses no proxy."""
    is_over = threading.Event()
    try:
        status = _status(urlsplit(url), body, headers, timeout_s, is_over)
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        # A TLS socket that is cut in mid-read raises one of the last two.
        if is_over.is_set() or isinstance(error, TimeoutError):
            return f"no answer within {timeout_s:g} seconds"
        return _words(error)
    if is_over.is_set():
        return f"no answer within {timeout_s:g} seconds"
    return "" if 200 <= status < 300 else f"it answered {status}"


def _status(
    parts: SplitResult, body: bytes, headers: Mapping[str, str], timeout_s: float, is_over: threading.Event
) -> int:
    """Returns what was answered; the connection is cut when the time is over, which sets `is_over`."""
    ends = time.monotonic() + timeout_s
    host, path = parts.hostname or "", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    if parts.scheme == "https":
        connection.default_port = 443  # which the Host header then leaves out
    sock = socket.create_connection((host, port), timeout_s)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        sock = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    watch = threading.Timer(max(0.0, ends - time.monotonic()), _cut, (sock, is_over))
    watch.daemon = True
    watch.start()
    try:
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        connection.sock = sock
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        answer.read(MOST_ANSWER_BYTES)
        return answer.status
    finally:
        watch.cancel()
        connection.close()
        sock.close()


def _cut(sock: socket.socket, is_over: threading.Event) -> None:
    """Ends a connection whose time is over, so that whoever reads from it goes on."""
    is_over.set()
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _words(error: Exception) -> str:
    """Returns why no answer came, for people."""
    if isinstance(error, socket.gaierror):
        return "its name leads to no address"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens at its address"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold: {error.verify_message}"[:200]
    if isinstance(error, ConnectionError | http.client.RemoteDisconnected):
        return "it broke the connection off"
    return f"{type(error).__name__}: {error}"[:200]


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
