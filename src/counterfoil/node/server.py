"""The HTTP server around a node's app: uvicorn, with a clock on those who send or take slowly."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from counterfoil.errors import InvalidInput, NotSetUp
from counterfoil.node.settings import NodeSettings

__all__ = ["Server", "bind"]

BACKLOG: Final = 512

MOST_HEAD_BYTES: Final = 65_536
"""Of a request's head, beyond what came with one read; a head that is longer is refused before it ends."""


class _Impatient(HttpToolsProtocol):
    """Closes a connection that sends a head, or takes an answer, too slowly; uvicorn itself waits for ever.

    A head that does not end is refused, for the parser would keep all of it. One address holds so many
    connections at most, so that it cannot keep all others out.
    """

    head_timeout_s: float
    take_timeout_s: float
    most_from_one: int
    held: Counter[str]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._stall: asyncio.TimerHandle | None = None
        self._is_in_head = False
        self._head_bytes = 0
        self._from = (self.client or ("",))[0]
        self.held[self._from] += 1
        self._watch = self.loop.call_later(self.head_timeout_s, self._give_up)
        if self.most_from_one and self.held[self._from] > self.most_from_one:
            transport.close()

    def data_received(self, data: bytes) -> None:
        was_in_head = self._is_in_head
        super().data_received(data)
        if was_in_head and self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The request's head is too large.")

    def pause_writing(self) -> None:
        """Called when the other side takes no more for now."""
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(self.take_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Called when it does again."""
        super().resume_writing()
        self._calm()

    def _calm(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def on_message_begin(self) -> None:
        self._watch.cancel()
        self._watch = self.loop.call_later(self.head_timeout_s, self._give_up)
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._watch.cancel()
        self._is_in_head = False
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        self._calm()
        self.held[self._from] -= 1
        if not self.held[self._from]:
            del self.held[self._from]
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """Serves one app until it is told to stop; what is under way is finished first.

    Args:
        app: The ASGI app.
        settings: Limits, and the files for TLS.

    Raises:
        NotSetUp: A file for TLS cannot be used.
    """

    def __init__(self, app: Any, settings: NodeSettings) -> None:
        limits = {
            "head_timeout_s": float(settings.head_timeout_s),
            "held": Counter(),
            "most_from_one": 0 if settings.proxies else settings.most_connections_from_one,
            "take_timeout_s": float(settings.take_timeout_s),
        }
        protocol = type("Impatient", (_Impatient,), limits)
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                loop="uvloop",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.proxies),
                forwarded_allow_ips=list(settings.proxies),
                limit_concurrency=settings.most_connections,
                backlog=BACKLOG,
                timeout_keep_alive=settings.idle_timeout_s,
                timeout_graceful_shutdown=settings.stop_timeout_s,
            )
        )
        if settings.tls_cert:
            self.config.ssl_certfile, self.config.ssl_keyfile = settings.tls_cert, settings.tls_key
            _require_tls(settings)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Takes Ctrl-C and SIGTERM for a wish to stop, and no further: the home is closed after the server.

        uvicorn's own raises the signal anew when it has stopped, which would end the process before that.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def stop(self) -> None:
        """Ends serving soon; may be called from any thread."""
        self.should_exit = True


def bind(settings: NodeSettings) -> socket.socket:
    """Returns the socket to serve on.

    Raises:
        InvalidInput: The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((settings.host, settings.port))
        found.listen(BACKLOG)  # who comes before the server has started waits, and is not turned away
    except OSError as error:
        found.close()
        hint = "choose another with --listen; port 0 takes a free one"
        raise InvalidInput(f"{settings.listen} cannot be listened on: {error.strerror}", hint=hint) from error
    return found


def _require_tls(settings: NodeSettings) -> None:
    for path in (settings.tls_cert, settings.tls_key):
        if not Path(path).is_file():
            raise NotSetUp(f"the TLS file {path} is not there", hint="see tls_cert and tls_key in node.toml")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
    except (ssl.SSLError, OSError) as error:
        raise NotSetUp(f"the TLS files cannot be used: {error}", hint="certificate and key, PEM, that fit") from error
