"""Witnesses for tests: a real one behind a real HTTP server on loopback, and signed heads to show it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from counterfoil.core.checkpoint import Checkpoint
from counterfoil.core.merkle import consistency_path, leaf_hash, root_of
from counterfoil.core.note import COSIGNATURE, Signer
from counterfoil.core.witness import AddCheckpoint
from counterfoil.witness.cosigner import Answer

Serve = Callable[[bytes], Answer]

ORIGIN = "shop.example/prices"


def witness_signer(number: int) -> Signer:
    """Returns a witness's key that is the same in every run."""
    return Signer(f"witness{number}.example", sha256(b"witness %d" % number).digest(), COSIGNATURE)


@dataclass
class GrowingLog:
    """A log in memory that can be forked: leaves, and the key that signs its heads.

    Attributes:
        leaves: Leaf hashes.
        signer: Signs heads.
    """

    leaves: list[bytes] = field(default_factory=list)
    signer: Signer = field(default_factory=lambda: Signer(ORIGIN, sha256(b"the log").digest()))

    def grow(self, count: int, mark: str = "") -> GrowingLog:
        """Appends records; another mark makes another history."""
        first = len(self.leaves)
        self.leaves += [leaf_hash(f"{mark}{first + number}".encode()) for number in range(count)]
        return self

    def fork(self, size: int) -> GrowingLog:
        """Returns another log of the same key with the same first `size` records."""
        return GrowingLog(self.leaves[:size], self.signer)

    def root(self, size: int | None = None) -> bytes:
        """Returns the root at a size."""
        return root_of(self.leaves[: len(self.leaves) if size is None else size])

    def head(self, size: int | None = None) -> str:
        """Returns the signed head at a size."""
        size = len(self.leaves) if size is None else size
        return Checkpoint(self.signer.key.name, size, self.root(size)).signed(self.signer)

    def proof(self, old: int, size: int | None = None) -> tuple[bytes, ...]:
        """Returns the consistency path between two sizes; empty from 0."""
        size = len(self.leaves) if size is None else size
        return tuple(consistency_path(old, size, lambda a, b: root_of(self.leaves[a:b]))) if old else ()

    def request(self, old: int, size: int | None = None) -> bytes:
        """Returns the body by which a witness that signed `old` is asked to sign `size`."""
        return AddCheckpoint.make(old, self.proof(old, size), self.head(size)).encode()


@contextmanager
def serving(serve: Serve, path: str = "/add-checkpoint") -> Iterator[str]:
    """Serves `add-checkpoint` on loopback; yields the submission prefix."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer = serve(body) if self.path == path else Answer(404, "text/plain", b"no such page\n")
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{path.removesuffix('/add-checkpoint')}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
