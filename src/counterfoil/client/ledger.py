"""The shared ledger of a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from counterfoil.client.reading import status_in
from counterfoil.client.wire import Wire
from counterfoil.errors import NotSetUp
from counterfoil.ledger.standing import AnchorState, LedgerStatus

__all__ = ["RemoteLedger"]


class RemoteLedger:
    """Keeps a node's log where nobody can rewrite it; see `ledger.Ledger`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def is_connected(self) -> bool:
        """Whether the node's home is connected to a ledger."""
        return bool(self._wire.get("/ledger")["connected"])

    def status(self) -> LedgerStatus:
        """Returns where log and ledger stand.

        Raises:
            NotSetUp: The home is not connected to a ledger.
        """
        told = self._wire.get("/ledger")
        if not told["connected"]:
            raise NotSetUp(
                "this home is not connected to a ledger",
                hint="`counterfoil ledger connect` connects it, to one in this home by default",
            )
        return status_in(told["status"])

    def anchor(self, *, timeout_s: float = 600, progress: Callable[[int, int], None] | None = None) -> AnchorState:
        """Anchors everything recorded so far, and returns when it is final.

        Args:
            timeout_s: How long to wait; the anchor goes on without anybody waiting.
            progress: Told (records under a final head, records in all).
        """
        self._wire.finished(self._wire.post("/ledger/anchor"), progress, timeout_s)
        return self.status().state

    def keep(self, *, timeout_s: float = 600) -> int:
        """Anchors, and has the ledger store the head for good; returns that head's size when it is final."""
        job = self._wire.finished(self._wire.post("/ledger/anchor", {"keep": True}), None, timeout_s)
        return int(job["told"]["kept"])

    def connect(self, **wanted: Any) -> dict[str, Any]:
        """Connects the home to a ledger, by default to one of its own; takes what POST /ledger/connect does."""
        made: dict[str, Any] = self._wire.post("/ledger/connect", {"dry_run": False} | wanted)
        return made

    def disconnect(self, *, force: bool = False) -> str:
        """Lets go of the ledger; returns the name of the file in which the home keeps its settings."""
        return str(self._wire.post("/ledger/disconnect", {"force": force})["settings"])
