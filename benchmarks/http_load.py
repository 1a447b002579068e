"""A load of HTTP requests on loopback, from a process of its own: `http_load.py < spec.json`.

The spec is one JSON object: port, connections, requests (each connection's), bodies (texts, taken in turn), method,
path, headers, key (whether each request names itself), rate_per_s (in all; 0 for as fast as answers come) and
status (what every answer must have). Prints {"count", "wall_s", "p50_ms", "p99_ms", "most_ms"}.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Mapping
from typing import Any


async def connection(spec: Mapping[str, Any], number: int, began_s: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", spec["port"])
    bodies = [body.encode() for body in spec["bodies"]]
    head = f"{spec['method']} {spec['path']} HTTP/1.1\r\nhost: 127.0.0.1:{spec['port']}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in spec["headers"].items())
    wanted = f" {spec['status']} ".encode()
    pause_s = spec["connections"] / spec["rate_per_s"] if spec["rate_per_s"] else 0.0
    taken_s = []
    for turn in range(spec["requests"]):
        body = bodies[(number * spec["requests"] + turn) % len(bodies)]
        key = f"idempotency-key: {uuid.uuid4().hex}\r\n" if spec["key"] else ""
        if pause_s:  # each connection has its own place in the pause, and a late answer shows in the next one's time
            due_s = began_s + (turn + number / spec["connections"]) * pause_s
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            start_s = due_s
        else:
            start_s = time.perf_counter()
        writer.write(f"{head}{key}content-length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        lines = answer.lower().split(b"\r\n")
        told = await body_of(reader, lines)
        taken_s.append(time.perf_counter() - start_s)
        if wanted not in lines[0] + b" ":
            raise SystemExit(f"{lines[0]!r}: {told[:300]!r}")
    writer.close()
    return taken_s


async def body_of(reader: asyncio.StreamReader, head: list[bytes]) -> bytes:
    """Reads a body of a length told before, or one that comes in pieces."""
    length = next((int(line.partition(b":")[2]) for line in head if line.startswith(b"content-length:")), None)
    if length is not None:
        return await reader.readexactly(length)
    pieces = []
    while size := int(await reader.readline(), 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(pieces)


async def main() -> None:
    spec = json.load(sys.stdin)
    began_s = time.perf_counter()
    found = await asyncio.gather(*(connection(spec, number, began_s) for number in range(spec["connections"])))
    wall_s = time.perf_counter() - began_s
    taken = sorted(each for times in found for each in times)
    p50, p99 = (taken[min(len(taken) - 1, int(len(taken) * part))] * 1e3 for part in (0.5, 0.99))
    told = {"count": len(taken), "wall_s": wall_s, "p50_ms": p50, "p99_ms": p99, "most_ms": taken[-1] * 1e3}
    print(json.dumps(told))


asyncio.run(main())
