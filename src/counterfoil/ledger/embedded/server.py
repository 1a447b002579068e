"""The embedded ledger for other processes of this machine: JSON-RPC over HTTP, on loopback only.

Web pages are kept out. A page can make a browser send requests to loopback, and by
changing where its own name points to (DNS rebinding) even read the answers; so a
request must name loopback and this port as its host, must be a POST of JSON, and must
not carry an Origin, which browsers always add. No answer allows pages anything.

Whoever can connect can read the ledger and send signed transactions, and nothing else.
"""

from __future__ import annotations

import http
import http.server
import ipaddress
import json
import math
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from counterfoil.errors import InvalidInput
from counterfoil.ledger.embedded.json_rpc import INVALID_REQUEST, respond
from counterfoil.ledger.embedded.ledger import EmbeddedLedger

__all__ = ["LedgerServer", "Limits", "serve"]

_TOO_MANY: Final = b"HTTP/1.1 503 Too many connections\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

_LOOK_EVERY_S: Final = 0.1
"""How often connections that took too long are looked for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may ask of the server.

    Attributes:
        body_bytes: Longest request.
        calls: Most calls in one request.
        answer_bytes: Longest answer.
        connections: Most connections at once, of all clients together.
        idle_s: How long a connection may wait for its next request.
        request_s: How long a request may take to arrive, from its first line on.
        answer_s: How long an answer may take to be fetched.
        stop_s: How long `stop` waits for requests under way.
    """

    body_bytes: int = 4 * 2**20
    calls: int = 1_000
    answer_bytes: int = 32 * 2**20
    connections: int = 64
    idle_s: float = 60.0
    request_s: float = 10.0
    answer_s: float = 30.0
    stop_s: float = 10.0


@dataclass(frozen=True, slots=True)
class _Patience:
    """Until when a connection may take for its next step, and whether a request is under way."""

    until_s: float
    is_busy: bool


def serve(ledger: EmbeddedLedger, host: str = "127.0.0.1", port: int = 0, limits: Limits | None = None) -> LedgerServer:
    """Serves a ledger until the returned server is stopped, and writes down its URL for `served_at`.

    Args:
        ledger: Stays open for as long as it is served.
        host: A loopback address.
        port: 0 lets the system choose.
        limits: What clients may ask.

    Raises:
        InvalidInput: The host is not loopback, or the port cannot be had.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise InvalidInput(
            f"{host!r} is not a loopback address", hint="the ledger has no passwords; serve it at 127.0.0.1 or ::1"
        )
    try:
        return LedgerServer(ledger, address, port, limits or Limits())
    except (OSError, OverflowError) as error:
        raise InvalidInput(f"port {port} of {host} cannot be had: {error}", hint="choose another --port") from error


class LedgerServer:
    """A server that runs in threads of its own. A context manager that stops it.

    Attributes:
        url: Where it answers.
    """

    def __init__(self, ledger: EmbeddedLedger, address: str, port: int, limits: Limits) -> None:
        """For `serve`."""
        self._ledger = ledger
        self._http = _HttpServer(ledger, address, port, limits)
        self.url = f"http://{_shown(address)}:{self._http.server_port}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(_LOOK_EVERY_S,), name="ledger-server", daemon=True
        )
        self._thread.start()
        ledger.announce(self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Takes no more requests, and waits for those under way. The ledger stays open."""
        if self._thread.is_alive():
            self._ledger.announce(None)
            self._http.shutdown()
            self._thread.join()
            self._http.finish()
            self._http.server_close()

    def wait(self) -> None:
        """Returns when the server was stopped, from another thread or by an interrupt."""
        self._thread.join()


class _HttpServer(http.server.ThreadingHTTPServer):
    """Accepts connections, and ends those that take too long."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, ledger: EmbeddedLedger, address: str, port: int, limits: Limits) -> None:
        self.ledger = ledger
        self.limits = limits
        self.is_stopping = False
        self._open: dict[Any, _Patience] = {}  # by socket; guarded by _changed
        self._changed = threading.Condition()
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), _Handler)
        names = ("127.0.0.1", "localhost", "[::1]", _shown(address))
        self.hosts = {f"{name}:{self.server_port}" for name in names}

    def server_bind(self) -> None:
        """Binds without looking up the machine's name, as HTTPServer would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def be_patient(self, connection: Any, seconds: float, *, is_busy: bool) -> None:
        """Gives a connection so long for its next step. Who is busy is waited for when the server stops."""
        with self._changed:
            if connection in self._open:
                self._open[connection] = _Patience(time.monotonic() + seconds, is_busy)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            is_full = len(self._open) >= self.limits.connections
            if not is_full:
                self._open[request] = _Patience(time.monotonic() + self.limits.idle_s, is_busy=False)
        if not is_full:
            super().process_request(request, client_address)
            return
        try:
            request.sendall(_TOO_MANY)  # it fits into the new connection's buffer
        except OSError:
            pass
        self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.pop(request, None)
            self._changed.notify_all()

    def service_actions(self) -> None:
        """Ends connections that took too long. Called ten times a second."""
        now = time.monotonic()
        with self._changed:
            late = [connection for connection, patience in self._open.items() if patience.until_s < now]
        _end(late)

    def finish(self) -> None:
        """Ends idle connections, waits for requests under way, then ends those too."""
        self.is_stopping = True
        with self._changed:
            _end([connection for connection, patience in self._open.items() if not patience.is_busy])
            self._changed.wait_for(lambda: not self._open, self.limits.stop_s)
            _end(list(self._open))
            self._changed.wait_for(lambda: not self._open, 1.0)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or was sent away, is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together: apart, the second would wait for the first's receipt
    disable_nagle_algorithm = True
    server: _HttpServer

    def parse_request(self) -> bool:
        self.server.be_patient(self.connection, self.server.limits.request_s, is_busy=True)
        return super().parse_request()

    def do_POST(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self._refuse(*refusal)
            return
        size, limits = int(self.headers["Content-Length"]), self.server.limits
        body = self.rfile.read(size)
        if len(body) != size:
            self.close_connection = True
            return
        self.server.be_patient(self.connection, math.inf, is_busy=True)
        self._answer(
            200, respond(self.server.ledger, body, max_calls=limits.calls, max_answer_bytes=limits.answer_bytes)
        )

    def _refusal(self) -> tuple[int, str] | None:
        """Returns the status and the words that refuse a request; None for one that is good."""
        headers, limits = self.headers, self.server.limits
        hosts, sizes = headers.get_all("Host", []), headers.get_all("Content-Length", [])
        if len(hosts) != 1 or hosts[0].strip().lower() not in self.server.hosts:
            return 403, "the Host of a request must be this machine's loopback name and this port"
        if headers.get_all("Origin"):
            return 403, "web pages may not use this ledger"
        if self.path != "/":
            return 404, "the ledger answers at /"
        if headers.get_content_type() != "application/json":
            return 415, "a request is application/json"
        if headers.get_all("Transfer-Encoding") or headers.get_all("Content-Encoding"):
            return 400, "a request is sent plain, with its Content-Length"
        if len(sizes) != 1 or not sizes[0].strip().isascii() or not sizes[0].strip().isdigit() or len(sizes[0]) > 20:
            return 411, "a request has one Content-Length"
        if int(sizes[0]) > limits.body_bytes:
            return 413, f"a request has {sizes[0].strip()} bytes; {limits.body_bytes} is the limit"
        return None

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True  # its body was not read
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": INVALID_REQUEST, "message": message}}
        self._answer(status, json.dumps(error).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.server.be_patient(self.connection, self.server.limits.answer_s, is_busy=True)
        self.close_connection = self.close_connection or self.server.is_stopping
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 405:
            self.send_header("Allow", "POST")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
        self.server.be_patient(self.connection, self.server.limits.idle_s, is_busy=False)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuses what is not HTTP, or is not a POST, in JSON as well."""
        if code == http.HTTPStatus.NOT_IMPLEMENTED:
            self._refuse(405, "only POST is answered here")
        else:
            self._refuse(code, self.responses[http.HTTPStatus(code)][0])

    def version_string(self) -> str:
        return "counterfoil"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: what is sent here is nobody's business."""


def _shown(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _end(connections: Sequence[Any]) -> None:
    """Wakes the threads of connections: they read the end."""
    for connection in connections:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:  # it ended by itself
            pass
