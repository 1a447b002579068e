"""Langfuse's client on its own: `langfuse_client.py COUNT` logs decisions to a sink on loopback that answers at once.

Prints {"cpu_s"}: the client's own, without the sink's.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

import bank
from measure import spending


def sink(told: Any) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.send(server.server_port)
    server.serve_forever()


def main() -> None:
    count = int(sys.argv[1])
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=sink, args=(theirs,), daemon=True)
    process.start()
    from langfuse import Langfuse

    client = Langfuse(public_key="pk", secret_key="sk", host=f"http://127.0.0.1:{ours.recv()}")
    rows = bank.applicants(Random(1), 1_000)
    output = {"label": "approve", "reasons": bank.REASONS, "score": bank.SCORE}
    with spending() as spent:
        for number in range(count):
            with client.start_as_current_observation(name="decision", input=rows[number % 1_000]) as span:
                span.update(output=output)
        client.flush()
    print(json.dumps({"cpu_s": spent.cpu_s}))
    sys.stdout.flush()
    process.kill()
    os._exit(0)


if __name__ == "__main__":
    main()
