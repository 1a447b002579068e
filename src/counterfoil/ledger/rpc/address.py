"""Where a node answers: a URL taken apart, whose secrets never show.

Providers put their customers' keys into the path, the query or before the host. People
are shown the scheme and the host alone.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Literal, Self
from urllib.parse import unquote, urlsplit

from counterfoil.errors import InvalidInput

__all__ = ["Address"]

_PORTS: Final = {"http": 80, "https": 443}
_MAX_URL: Final = 2_048
_SHORTEST_SECRET: Final = 6
"""Parts of a path that are shorter (`v3`, `rpc`) are no keys, and hiding them would garble sentences."""

_HINT: Final = "a node's URL looks like https://host/path"


@dataclass(frozen=True, slots=True)
class Address:
    """A node's URL. Its text is the scheme and the host; everything else stays inside.

    Attributes:
        scheme: `https` or `http`.
        host: Name or number, as it is looked up.
        port: TCP port.
        target: Path and query, as they are asked for. Secret.
        authorization: What goes into the header of that name; empty when nothing does. Secret.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    target: str = field(repr=False)
    authorization: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def parse(cls, url: str, *, allow_plain_http: bool = False) -> Self:
        """Takes a URL apart.

        Args:
            url: `https://[user:password@]host[:port]/path?query`.
            allow_plain_http: Whether `http` may leave this machine.

        Raises:
            InvalidInput: It is something else, or `http` to another machine without leave. The URL is not repeated.
        """
        if len(url) > _MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise InvalidInput("the URL of the node has spaces, foreign letters, or is too long", hint=_HINT)
        try:
            parts = urlsplit(url)
            port = parts.port
            (parts.hostname or "").encode("idna")
        except ValueError:
            raise InvalidInput("the URL of the node cannot be read", hint=_HINT) from None  # the cause repeats it
        if parts.scheme not in ("http", "https"):
            raise InvalidInput("the URL of the node starts with neither https:// nor http://", hint=_HINT)
        if not parts.hostname or parts.fragment or port == 0:
            raise InvalidInput("the URL of the node names no host, or has a part after #", hint=_HINT)
        scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
        address = cls(
            scheme,
            parts.hostname,
            port or _PORTS[scheme],
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            _basic(parts.username, parts.password),
            _secrets(parts.path, parts.query, parts.username, parts.password),
        )
        if scheme == "http" and not allow_plain_http and not address.is_loopback:
            raise InvalidInput(
                f"{address} is another machine, and http is neither secret nor safe from change on the way",
                hint="use https; on a private network, allow plain http explicitly",
            )
        return address

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them; the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, by number or as `localhost`."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def scrubbed(self, text: str) -> str:
        """Returns a node's words without the secrets of its URL, which some repeat in their errors."""
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return text


def _basic(user: str | None, password: str | None) -> str:
    """Returns the header's value for a user and password (RFC 7617)."""
    if user is None and password is None:
        return ""
    return "Basic " + b64encode(f"{unquote(user or '')}:{unquote(password or '')}".encode()).decode()


def _secrets(path: str, query: str, user: str | None, password: str | None) -> tuple[str, ...]:
    """Returns what must not be repeated, longest first."""
    values = [pair.partition("=")[2] or pair for pair in query.split("&")]
    found = {part for part in (*path.split("/"), *values) if len(part) >= _SHORTEST_SECRET}
    found |= {part for part in (user, password) if part}
    if header := _basic(user, password).removeprefix("Basic "):
        found.add(header)
    found |= {unquote(part) for part in found}
    return tuple(sorted(found, key=len, reverse=True))
