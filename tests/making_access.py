"""A home with its access, opened without a server around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from organisations import Clock, copy_home, open_home

from counterfoil.node.access import Access
from counterfoil.node.access.passwords import Cost
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import STATE_FILE, NodeState
from counterfoil.web.roles import Principal

__all__ = ["CHEAP", "Home", "request"]

CHEAP = Cost(passes=1, memory_kib=8, lanes=1)
"""Passwords that cost nothing: tests sign in a thousand times, and one holds what a node's own cost."""


def request(method: str = "GET", *headers: tuple[bytes, bytes], path: str = "/", query: bytes = b"") -> dict[str, Any]:
    """Returns the scope of a request, as the server makes it."""
    return {
        "type": "http",
        "method": method,
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("192.0.2.1", 4711),
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"host", b"127.0.0.1:8000"), *headers],
        "state": {},
    }


class Home:
    """An opened home with its access, which can be opened again."""

    def __init__(self, folder: Path, *, public_url: str = "", **settings: Any) -> None:
        self.settings = NodeSettings(**settings)
        self.folder = copy_home(folder)
        if public_url:
            config = self.folder / "counterfoil.toml"
            config.write_text(f'{config.read_text()}public_url = "{public_url}"\n')
        self.clock = Clock()
        self.open()

    def open(self) -> None:
        self.org = open_home(self.folder, self.clock)
        self.state = NodeState(self.folder / STATE_FILE)
        self.access = Access(self.state, self.settings, self.org, self.clock, CHEAP)

    def close(self) -> None:
        self.state.close()
        self.org.close()

    def reopen(self) -> None:
        self.close()
        self.open()

    def identify(self, token: str) -> Principal | None:
        return self.access.identify(request("GET", (b"authorization", b"Bearer " + token.encode())))

    def told(self) -> list[dict[str, Any] | None]:
        """Returns the private values of every access record."""
        records = [(place, self.org.archive.record(place)) for place in range(self.org.archive.size)]
        return [self.org.views.values_of(place) for place, record in records if record.kind == "access"]
