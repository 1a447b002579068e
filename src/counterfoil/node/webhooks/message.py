"""One message to a webhook, signed as Standard Webhooks has it (HMAC-SHA256, version v1).

webhook-id         names the event; the same one for every try
webhook-timestamp  Unix seconds of this try
webhook-signature  v1,<base64 of HMAC-SHA256 over "id.timestamp.body">
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
from base64 import b64encode
from collections.abc import Mapping
from hmac import digest as hmac_digest
from typing import Final
from urllib.parse import urlsplit

from counterfoil.errors import InvalidInput

__all__ = ["SECRET_PREFIX", "headers_of", "require_target", "send"]

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with, by the standard

TIMEOUT_S: Final = 10.0
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


def send(url: str, body: bytes, headers: Mapping[str, str]) -> str:
    """Makes one try; returns why it failed, or an empty text. Follows no redirects and uses no proxy."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            host, parts.port, timeout=TIMEOUT_S, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        answer.read(MOST_ANSWER_BYTES)
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:g} seconds"
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"[:200]
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        return f"it answered {answer.status}"
    return ""


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
