"""A home with its access, opened without a server around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from organisations import Clock, copy_home, open_home

from counterfoil.node.access import Access
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import STATE_FILE, NodeState
from counterfoil.web.roles import Principal

__all__ = ["Home"]


class Home:
    """An opened home with its access, which can be opened again."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = NodeSettings(**settings)
        self.folder = copy_home(folder)
        self.clock = Clock()
        self.open()

    def open(self) -> None:
        self.org = open_home(self.folder, self.clock)
        self.state = NodeState(self.folder / STATE_FILE)
        self.access = Access(self.state, self.settings, self.org, self.clock)

    def close(self) -> None:
        self.state.close()
        self.org.close()

    def reopen(self) -> None:
        self.close()
        self.open()

    def identify(self, token: str) -> Principal | None:
        return self.access.identify({"headers": [(b"authorization", b"Bearer " + token.encode())]})

    def told(self) -> list[dict[str, Any] | None]:
        """Returns the private values of every access record."""
        records = [(place, self.org.archive.record(place)) for place in range(self.org.archive.size)]
        return [self.org.views.values_of(place) for place, record in records if record.kind == "access"]
