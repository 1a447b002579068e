"""One request over HTTP: bounded, to an address that was judged, with its redirects followed by hand.

1. judge the address: http or https, no name or password in it;
2. resolve the host, judge what it leads to, connect there;
3. on a redirect begin again with 1; never from https to http, at most so many times;
4. read the answer as it comes, up to the limits; a part that is missing is an error.

The secret goes to the host it is for, and to no other that a redirect names.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from counterfoil.errors import INSTALL_CLIENT, InvalidInput, NodeUnreachable, NotAllowed, NotFound, NotSetUp
from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.provenance.snapshots.credentials import authorization
from counterfoil.provenance.snapshots.source import Limits

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Web", "require_web_address", "shown_url"]

_PORTS: Final = {"http": 80, "https": 443}
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_GZIP: Final = 16 + zlib.MAX_WBITS
_PIECE_BYTES: Final = 1 << 20
_PACKED_BYTES: Final = 1 << 14
"""Unpacked at once: what is behind one of many packed parts is copied for each of them."""

_HEADERS: Final = {"etag": "etag", "last-modified": "lastModified", "content-type": "contentType"}
_MOST_HEADER: Final = 300
_SAFE: Final = "/%:@!$&'()*+,;=~-._"
"""What stands in paths and queries as it is (RFC 3986, appendix A); others are escaped, an escape stays."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body has not been read.

    Attributes:
        url: Where it came from in the end.
        told: What a record says of it.
        size_bytes: Of its body, as announced; 0 where that was not said.
    """

    url: str
    told: dict[str, Any]
    size_bytes: int
    _response: httpx.Response = field(repr=False)

    def pieces(self) -> Iterator[bytes]:
        """Yields the body, in pieces of at most 1 MiB; of a packed one (gzip), what is in it.

        Raises:
            NodeUnreachable: It broke off.
            InvalidInput: It is packed in another way, or badly.
        """
        packing = self._response.headers.get("content-encoding", "identity").strip().lower()
        if packing in ("", "identity"):
            yield from self._response.iter_raw(_PIECE_BYTES)
        elif packing in ("gzip", "x-gzip"):
            yield from _unpacked(self._response.iter_raw(_PACKED_BYTES))
        else:
            raise InvalidInput(f"the source sends its answer packed as {packing[:40]!r}, which was not asked for")


class Web:
    """Asks for addresses on the web.

    Args:
        reach: Which addresses may be asked.
        secret: For the host that is asked first; see `authorization`.
        is_guarded: Whether somebody afar asks: then .netrc of this machine is not theirs to use.
    """

    def __init__(self, reach: Reach, secret: str = "", *, is_guarded: bool = False) -> None:
        self._reach = reach
        self._secret = secret
        self._is_guarded = is_guarded

    @contextmanager
    def get(self, url: str, limits: Limits, ends_s: float, accept: str = "*/*") -> Iterator[Answer]:
        """Asks for an address, and gives its answer while the block runs.

        Args:
            url: http or https.
            limits: Of redirects and silence.
            ends_s: When the time is over, on the monotonic clock.
            accept: What is wanted.

        Raises:
            NodeUnreachable: It does not answer, breaks off, or answers with an error.
            NotFound: It says that there is nothing.
            NotAllowed: It, or a redirect, leads where nobody may go.
        """
        first, here = require_web_address(url), url
        said = self._authorization(first)
        for _hop in range(limits.redirects + 1):
            parts = require_web_address(here)
            headers = {"accept": accept, "accept-encoding": "identity", "user-agent": "counterfoil"}
            if said and _origin(parts) == _origin(first):
                headers["authorization"] = said
            with self._asked(parts, headers, limits, ends_s) as response:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    here = _next(here, response.headers["location"])
                    continue
                _require_success(response.status_code)
                length = response.headers.get("content-length", "")
                size = int(length) if length.isdecimal() and len(length) < 19 else 0
                yield Answer(here, _told(here, response), size, response)
                return
        raise NodeUnreachable(f"the source redirects more than {limits.redirects} times", hint="check the address")

    def _authorization(self, parts: SplitResult) -> str:
        host = parts.hostname or ""
        said = authorization(self._secret, host) if self._secret or not self._is_guarded else ""
        if said and parts.scheme == "http" and not _is_loopback(host):
            raise NotAllowed(f"the secret for {host} would go unencrypted", hint="ask by https")
        return said

    @contextmanager
    def _asked(
        self, parts: SplitResult, headers: dict[str, str], limits: Limits, ends_s: float
    ) -> Iterator[httpx.Response]:
        """Connects to an address that was judged, and cuts the connection when the time is over."""
        httpx = _httpx()
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        address = self._reach.resolve(host, port)
        target = f"[{address}]" if ":" in address else address
        headers["host"] = parts.netloc
        watch = _Watch(ends_s)
        url = httpx.URL(parts._replace(netloc=f"{target}:{port}", fragment="").geturl())
        extensions = {"sni_hostname": host, "trace": watch.see}
        timeout = httpx.Timeout(max(0.1, min(limits.silence_s, ends_s - time.monotonic())))
        try:
            with (
                watch,
                httpx.Client(verify=ssl.create_default_context(), trust_env=False, timeout=timeout) as client,
                client.stream("GET", url, headers=headers, extensions=extensions) as response,
            ):
                yield response
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise NodeUnreachable(_words(error, host, is_over=watch.is_over), hint="try again later") from None


class _Watch:
    """Cuts a connection when its time is over, whatever it is doing then."""

    def __init__(self, ends_s: float) -> None:
        self.is_over = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(max(0.0, ends_s - time.monotonic()), self._cut)
        self._timer.daemon = True

    def see(self, event: str, info: Mapping[str, Any]) -> None:
        """Learns the socket; called by httpx as it connects."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.is_over = True
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # of TLS, the connection below


def require_web_address(url: str) -> SplitResult:
    """Returns the parts of an address that may be asked for.

    Raises:
        InvalidInput: It is none, or holds a name or a password. It is not repeated: it may hold a secret.
    """
    hint = "like https://data.example/rates.csv; a secret comes from a file or the environment"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidInput("that is not a web address", hint=hint) from None
    if not url.isprintable() or " " in url or "\\" in url:
        raise InvalidInput("that is not a web address: it holds characters that none has", hint=hint)
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise InvalidInput(f"a snapshot is fetched by http or https, not by {parts.scheme[:20]!r}", hint=hint)
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("the address holds a name or a password, and addresses are recorded", hint=hint)
    try:
        ascii_host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
    except UnicodeError:
        raise InvalidInput("the address names a host that cannot be", hint=hint) from None
    netloc = f"[{ascii_host}]" if ":" in ascii_host else ascii_host
    netloc = netloc if port in (None, _PORTS[parts.scheme]) else f"{netloc}:{port}"
    path = quote(parts.path, safe=_SAFE) or "/"
    return parts._replace(netloc=netloc, path=path, query=quote(parts.query, safe=_SAFE + "?"))


def shown_url(url: str) -> str:
    """Returns an address as records have it, without what may be secret or personal.

    Of its query the names stay that have a value, of its path what stands before a parameter (`/rates;…`).
    """
    parts = require_web_address(url)
    path = "/".join(f"{step.partition(';')[0]};…" if ";" in step else step for step in parts.path.split("/"))
    told = (each.partition("=") for each in parts.query.split("&") if each)
    names = "&".join(f"{name}=…" if equals else "…" for name, equals, _ in told)
    return parts._replace(path=path, query=names, fragment="").geturl()


def _next(here: str, location: str) -> str:
    """Returns where a redirect leads."""
    try:
        target = urljoin(here, location)
        scheme = urlsplit(target).scheme
    except ValueError:
        raise NotAllowed("the source redirects to what is no address") from None
    if scheme not in _PORTS:
        raise NotAllowed(f"the source redirects to {scheme[:20]!r}, which is not the web", hint="check the address")
    if urlsplit(here).scheme == "https" and scheme == "http":
        raise NotAllowed("the source redirects from https to http, where anybody could change what comes")
    return target


def _require_success(status: int) -> None:
    if status in (404, 410):
        raise NotFound(f"the source says that there is nothing at this address ({status})", hint="check the address")
    if status in (401, 403):
        raise NotAllowed(
            f"the source refuses ({status})", hint="give its secret with --secret-file, in the environment or .netrc"
        )
    if status != 200:
        raise NodeUnreachable(f"the source answered {status}, not 200", hint="try again later")


def _told(url: str, response: httpx.Response) -> dict[str, Any]:
    """Returns what a record says of an answer."""
    told: dict[str, Any] = {"url": shown_url(url)}
    for header, name in _HEADERS.items():
        value = response.headers.get(header, "")
        if value and value.isprintable():
            told[name] = value[:_MOST_HEADER]
    told["hasLength"] = "content-length" in response.headers or "transfer-encoding" in response.headers
    tls = response.extensions["network_stream"].get_extra_info("socket")
    if isinstance(tls, ssl.SSLSocket):
        certificate = tls.getpeercert(binary_form=True) or b""
        told["tls"] = {"certificateSha256": sha256(certificate).hexdigest(), "version": tls.version() or ""}
    return told


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yields what is in a gzip stream, never more than a piece at once, however well it was packed.

    It has one member or several, one behind the other (RFC 1952, section 2.2): all of them are what was sent.
    """
    unpack = zlib.decompressobj(_GZIP)
    try:
        for piece in pieces:
            left = piece
            while left:
                unpack = zlib.decompressobj(_GZIP) if unpack.eof else unpack
                yield unpack.decompress(left, _PIECE_BYTES)
                left = unpack.unconsumed_tail or unpack.unused_data
        while data := unpack.decompress(unpack.unconsumed_tail, _PIECE_BYTES) if not unpack.eof else b"":
            yield data
    except zlib.error:
        raise InvalidInput("the source sends an answer that is badly packed (gzip)") from None
    if not unpack.eof:
        raise NodeUnreachable("the source broke off within its answer (gzip)", hint="try again later")


def _words(error: Exception, host: str, *, is_over: bool) -> str:
    """Returns why no whole answer came; never the library's own words, which can repeat the address."""
    httpx = _httpx()
    if is_over:
        return f"{host} was not through in time"
    if isinstance(error, httpx.TimeoutException):
        return f"{host} was silent for too long"
    if isinstance(error, httpx.ConnectError):
        text = str(error)
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return f"the certificate of {host} does not hold"
        return f"no connection to {host}"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return f"{host} broke its answer off, or it is no HTTP"
    return f"{host} could not be asked: {type(error).__name__}"


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def _is_loopback(host: str) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")


def _httpx() -> Any:
    try:
        import httpx
    except ImportError as error:
        raise NotSetUp("fetching needs the package httpx, which is missing", hint=INSTALL_CLIENT) from error
    return httpx
