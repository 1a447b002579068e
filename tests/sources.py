"""A live source on loopback: a real HTTP server that behaves, or misbehaves, as each path says."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from counterfoil.provenance.snapshots import Limits

__all__ = ["LIMITS", "TABLE", "Source", "source"]

LIMITS = Limits(timeout_s=20, silence_s=5)
BOMB = gzip.compress(bytes(50_000_000), 6)
TABLE = b"id,rate\n1,0.5\n2,0.7\n"


@dataclass
class Source:
    """What the server gives by path, and what it was asked."""

    url: str = ""
    bodies: dict[str, bytes] = field(default_factory=lambda: {"/rates.csv": TABLE})
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    paths: dict[str, Callable[[Any], None]] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)


def redirecting(to: str, status: int = 302) -> Callable[[Any], None]:
    def answer(handler: Any) -> None:
        handler.send_response(status)
        handler.send_header("location", to)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def saying(status: int, body: bytes = b"", **headers: str) -> Callable[[Any], None]:
    def answer(handler: Any) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def cut_off(handler: Any) -> None:
    """Announces more than it sends."""
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(TABLE)
    handler.close_connection = True


def chunks_cut_off(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"5\r\nid,ra\r\n")
    handler.close_connection = True


def dripping(handler: Any) -> None:
    """Sends a byte now and then, for ever."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.source.stop.wait(0.05):
        handler.wfile.write(b"x")


def dripping_head(handler: Any) -> None:
    """Never comes to the end of its head."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
    while not handler.server.source.stop.wait(0.05):
        handler.wfile.write(b"x")


def silent(handler: Any) -> None:
    handler.server.source.stop.wait(30)


def endless(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.source.stop.is_set():
        handler.wfile.write(bytes(65_536))


def flowing(handler: Any) -> None:
    """Sends some bytes now and then, for ever."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.source.stop.wait(0.05):
        handler.wfile.write(bytes(65_536))


def bomb(handler: Any) -> None:
    """50 MB of zeros in 50 kB."""
    saying(200, BOMB, content_encoding="gzip", content_length=str(len(BOMB)))(handler)


def no_http(handler: Any) -> None:
    handler.wfile.write(b"220 mail.example ESMTP\r\n")
    handler.close_connection = True


def pages(count: int, size: int = 3, *, by_link: bool) -> Callable[[Any], None]:
    """An API of so many pages."""

    def answer(handler: Any) -> None:
        number = int(handler.path.partition("page=")[2] or 1)
        items = [{"id": number * 100 + place, "rate": 0.5} for place in range(size)] if number <= count else []
        page: dict[str, Any] = {"data": {"items": items}}
        if by_link and number < count:
            page["links"] = {"next": f"/api?page={number + 1}"}
        saying(200, json.dumps(page).encode(), content_type="application/json")(handler)

    return answer


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        source: Source = self.server.source
        source.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        path = self.path.partition("?")[0]
        self.protocol_version = "HTTP/1.1"
        self.close_connection = True
        try:
            if path in source.paths:
                source.paths[path](self)
            elif path in source.bodies:
                body = source.bodies[path]
                tag = f'"{hash(body) & 0xFFFF:x}"'
                saying(200, body, content_length=str(len(body)), etag=tag, content_type="text/csv")(self)
            else:
                saying(404)(self)
        except (BrokenPipeError, ConnectionResetError):
            pass  # who asked has gone, which several tests want

    def log_message(self, *_args: Any) -> None:
        """Says nothing."""


@contextmanager
def source(tls: Any = None, host: str = "127.0.0.1") -> Iterator[Source]:
    """Serves until the block ends; over TLS where a context is given."""
    made = Source()
    server = ThreadingHTTPServer((host, 0), _Handler)
    server.daemon_threads = True
    server.source = made  # type: ignore[attr-defined]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    made.url = f"{'https' if tls else 'http'}://{host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.stop.set()
        time.sleep(0)
        server.shutdown()
        thread.join()
        server.server_close()
