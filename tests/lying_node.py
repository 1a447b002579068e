"""A ledger's node that cannot be trusted: it passes everything on to a real one, and misbehaves when it is told to.

with LyingNode(anvil) as node:
    node.lie("eth_getTransactionReceipt", lambda receipt, params: {**receipt, "status": "0x0"})
    node.lie("eth_blockNumber", "0x1")
    node.misbehave("hang", methods=["eth_sendRawTransaction"])
    node.behind = 3
    node.honest()

A real HTTP server on loopback, at a port that the system chose. What stands behind it is any `Rpc`: an Anvil,
an Endpoint, an embedded ledger. Answers of a batch come in reversed order, as the protocol allows.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Collection, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from spoilt_answers import WAYS, answer_to, spoilt

from counterfoil.ledger.rpc.rpc import Rpc, RpcError

How = Literal[
    "html", "garbage", "empty", "truncated", "cut", "close", "reset", "hang", "trickle", "trickle_headers", "huge",
    "endless", "deep", "not_http", "twice", "missing", "wrong_id", "text_id", "no_id", "version", "both", "neither",
    "wrapped", "nan", "doubled_key", "bad_error", "echo", "compressed",
    "200", "301", "400", "401", "404", "413", "429", "500", "503",
]  # fmt: skip
"""Ways to misbehave; a number is an HTTP status, without JSON."""

SLOW: tuple[How, ...] = ("hang", "trickle", "trickle_headers")
"""Ways that last until the client has had enough."""

TRICKLE_S = 0.02
"""Between two bytes of a trickling answer."""

TRICKLE_BYTES = 250
"""A trickling answer is whole after so many, so that a client without a deadline believes it and fails its test."""

HUGE_BYTES = 1 << 40

Change = Callable[[Any, Sequence[Any]], Any]


class LyingNode:
    """A node in front of a real one. Use it as a context manager.

    Args:
        real: Whom it asks.
        keeps_alive: Whether it leaves connections open between calls.
        certificate: Files (PEM) of the certificate and its key; with them it speaks https.

    Attributes:
        url: Where it answers.
        real: Whom it asks; set it to another chain's node and it has switched chains.
        behind: How many blocks it has not seen yet.
        asked: The methods it was asked, in order.
        bodies: The requests as they came, decoded.
        connections: How many were opened to it.
        retry_after: What a 429 says in its Retry-After.
    """

    def __init__(self, real: Rpc, *, keeps_alive: bool = True, certificate: tuple[Path, Path] | None = None) -> None:
        self.real = real
        self.behind = 0
        self.retry_after = "7"
        self.asked: list[str] = []
        self.bodies: list[Any] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._changes: dict[str, Change | Any] = {}
        self._how: How | None = None
        self._methods: Collection[str] | None = None
        self._times: int | None = None
        self._open: set[socket.socket] = set()
        handler = type("Handler", (_Handler,), {"node": self})
        handler.protocol_version = "HTTP/1.1" if keeps_alive else "HTTP/1.0"
        self._server = _Server(("127.0.0.1", 0), handler)
        self._scheme = "http"
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def honest(self) -> None:
        """Forgets every lie and misdeed."""
        with self._lock:
            self._changes.clear()
            self._how, self._methods, self._times, self.behind = None, None, None, 0

    def lie(self, method: str, change: Change | Any) -> None:
        """Lies about one method.

        Args:
            method: Which.
            change: Called with the true result (an RpcError where it is one) and the parameters, returns what is
                answered; or the answer itself, and the real node is not asked. An RpcError becomes an error.
        """
        self._changes[method] = change

    def misbehave(self, how: How, *, methods: Collection[str] | None = None, times: int | None = None) -> None:
        """Spoils whole answers: to every request or to those with one of `methods`, always or so many times."""
        with self._lock:
            self._how, self._methods, self._times = how, methods, times

    def hang_up(self) -> None:
        """Closes every open connection, as a node does that is started anew."""
        with self._lock:
            for each in self._open:
                _shut(each)

    def close(self) -> None:
        """Stops; nobody listens at its port any more."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self.hang_up()
        self._thread.join()

    # For the server's threads

    def manner(self, methods: Sequence[str]) -> How | None:
        """Returns how the next answer is to be spoilt, None when it is not."""
        with self._lock:
            wanted = self._methods is None or bool(set(methods) & set(self._methods))
            if self._how is None or not wanted or self._times == 0:
                return None
            if self._times is not None:
                self._times -= 1
            return self._how

    def result(self, method: str, params: Sequence[Any]) -> Any:
        """Returns the result of one call, or an RpcError."""
        change = self._changes.get(method, _truth)
        if not callable(change):
            return change
        try:
            with _asking(self.real):
                result = self._behind(method, params) if self.behind else self.real.call(method, *params)
        except RpcError as error:
            result = error
        return change(result, params)

    def came(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._open.add(connection)

    def went(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def wait(self, seconds: float | None = None) -> bool:
        """Waits; whether the node is closing."""
        return self._closing.wait(seconds)

    def _behind(self, method: str, params: Sequence[Any]) -> Any:
        """Answers as if the last `behind` blocks were not there yet."""
        head = int(self.real.call("eth_blockNumber"), 16) - self.behind
        if method == "eth_blockNumber":
            return hex(head)
        if method == "eth_getBlockByNumber" and params[0] in ("latest", "safe", "finalized"):
            found = self.real.call(method, *params)
            params = [hex(min(int(found["number"], 16), head)), *params[1:]]
        if method == "eth_getLogs":
            found = self.real.call(method, *params)
            return [event for event in found if int(event["blockNumber"], 16) <= head]
        result = self.real.call(method, *params)
        names = {"eth_getTransactionReceipt": "blockNumber", "eth_getBlockByHash": "number"}
        names["eth_getBlockByNumber"] = "number"
        if method in names and result is not None and int(result[names[method]], 16) > head:
            return None
        return result


def _truth(result: Any, params: Sequence[Any]) -> Any:
    return result


_REAL_LOCKS: dict[int, threading.Lock] = {}


def _asking(real: Rpc) -> threading.Lock:
    """Returns the lock of a real node: an Anvil has one connection, and several may lie in front of it."""
    return _REAL_LOCKS.setdefault(id(real), threading.Lock())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is what these tests are about; nothing is printed."""


class _Handler(BaseHTTPRequestHandler):
    node: LyingNode
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.node.came(self.connection)

    def finish(self) -> None:
        self.node.went(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(body)
        calls = asked if isinstance(asked, list) else [asked]
        methods = [call["method"] for call in calls]
        self.node.bodies.append(asked)
        self.node.asked.extend(methods)
        how = self.node.manner(methods)
        if how in _HANGING:
            getattr(self, f"_{how}")()
            return
        answers = [answer_to(call, self.node.result(call["method"], call["params"])) for call in calls]
        answer = answers[::-1] if isinstance(asked, list) else answers[0]
        if how is None:
            self._give(json.dumps(answer).encode())
        elif how.isdecimal():
            self._status(int(how))
        elif how in WAYS:
            self._give(json.dumps(spoilt(how, answer)).encode())
        else:
            getattr(self, f"_{how}")(answer)

    def _give(self, body: bytes, *, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _status(self, status: int) -> None:
        more = {"Location": "http://127.0.0.1:1/elsewhere"} if status == 301 else {}
        more |= {"Retry_After": self.node.retry_after} if status == 429 else {}
        self._give(b"<h1>no</h1>", status=status, kind="text/html", **more)

    # Answers that are not what was asked for

    def _html(self, answer: Any) -> None:
        self._give(b"<!doctype html><title>Welcome</title>", kind="text/html")

    def _garbage(self, answer: Any) -> None:
        self._give(bytes(range(256)))

    def _empty(self, answer: Any) -> None:
        self._give(b"")

    def _truncated(self, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self._give(body[: len(body) // 2])

    def _echo(self, answer: Any) -> None:
        """Says back where it was asked and by whom, as careless gateways do."""
        said = f"no such key: {self.path} {self.headers.get('Authorization')}"
        calls = answer if isinstance(answer, list) else [answer]
        errors = [{"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32000, "message": said}} for call in calls]
        self._give(json.dumps(errors if isinstance(answer, list) else errors[0]).encode())

    def _compressed(self, answer: Any) -> None:
        self._give(json.dumps(answer).encode(), Content_Encoding="gzip")

    def _deep(self, answer: Any) -> None:
        nested = b"[" * 100_000 + b"]" * 100_000
        self._give(b'{"jsonrpc":"2.0","id":1,"result":' + nested + b"}")

    def _nan(self, answer: Any) -> None:
        self._give(json.dumps({**answer, "result": float("nan")}).encode())

    def _doubled_key(self, answer: Any) -> None:
        body = json.dumps(answer)
        self._give((body[:-1] + ', "result": "0x1"}').encode())

    # Connections that break

    def _cut(self, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.close_connection = True

    def _close(self) -> None:
        self.close_connection = True

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _not_http(self) -> None:
        self.close_connection = True
        self.wfile.write(b"220 mail.example ESMTP\r\n")

    # Connections that waste time or memory

    def _hang(self) -> None:
        self.close_connection = True
        self.node.wait()

    def _trickle(self) -> None:
        body = (json.dumps({"jsonrpc": "2.0", "id": 1, "result": "0x1"}) + " " * TRICKLE_BYTES)[:TRICKLE_BYTES]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self._drip(body.encode())

    def _trickle_headers(self) -> None:
        padding = "x" * TRICKLE_BYTES
        body = b'{"jsonrpc":"2.0","id":1,"result":"0x1"}'
        self._drip(f"HTTP/1.1 200 OK\r\nX-Padding: {padding}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        self.wfile.write(body)

    def _drip(self, data: bytes) -> None:
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.node.wait(TRICKLE_S):
                break
        self.close_connection = True

    def _huge(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", str(HUGE_BYTES))
        self.end_headers()
        self._pour(b" " * 65_536)

    def _endless(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._pour(b"10000\r\n" + b" " * 65_536 + b"\r\n")

    def _pour(self, piece: bytes) -> None:
        while not self.node.wait(0):
            self.wfile.write(piece)


_HANGING = {"close", "reset", "not_http", "hang", "trickle", "trickle_headers", "huge", "endless"}


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
