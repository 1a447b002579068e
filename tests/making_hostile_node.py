"""A seller's node that misbehaves, and one that only counts who comes: real servers on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from counterfoil.errors import ERROR_TABLE, NotAllowed

__all__ = ["HostileNode", "hostile_node"]

TRICKLE_S = 0.05


class HostileNode:
    """What a test tells it, it answers.

    Attributes:
        url: Where it answers.
        how: `give` what `body` holds, or `redirect`, `huge`, `endless`, `trickle`, `silent`.
        body: What it gives.
        elsewhere: Where it redirects to.
        paths: What it was asked.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.how = "give"
        self.body = b"{}"
        self.elsewhere = ""
        self.paths: list[str] = []
        self.closing = Event()


class _Handler(BaseHTTPRequestHandler):
    node: HostileNode

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.node.paths.append(self.path)
        self.rfile.read(int(self.headers.get("content-length", "0")))
        getattr(self, f"_{self.node.how}")()

    def _head(self, status: int, length: int | None, **more: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("content-length", str(length))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _give(self) -> None:
        self._head(200, len(self.node.body))
        self.wfile.write(self.node.body)

    def _refuse(self) -> None:
        body = json.dumps({"code": ERROR_TABLE[NotAllowed].code, "detail": "\x1b[2J" + "no" * 5_000}).encode()
        self._head(403, len(body))
        self.wfile.write(body)

    def _redirect(self) -> None:
        self._head(307, 0, location=self.node.elsewhere)

    def _huge(self) -> None:
        self._head(200, 1 << 40)

    def _endless(self) -> None:
        self._head(200, None, transfer_encoding="chunked")
        while not self.node.closing.is_set():
            self.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")

    def _trickle(self) -> None:
        self._head(200, 1000)
        while not self.node.closing.wait(TRICKLE_S):
            self.wfile.write(b"x")

    def _silent(self) -> None:
        self.node.closing.wait(30)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up on such a node is right."""


@contextmanager
def hostile_node() -> Iterator[HostileNode]:
    """Serves one."""
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    node = handler.node = HostileNode(server.server_address[1])  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield node
    finally:
        node.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
