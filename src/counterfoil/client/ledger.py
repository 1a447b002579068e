"""The shared ledger of a node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterfoil.client.assets import RemoteAssets
from counterfoil.client.reading import status_in
from counterfoil.client.wire import Wire
from counterfoil.errors import NotFound, NotSetUp
from counterfoil.ledger.standing import AnchorState, LedgerStatus

__all__ = ["RemoteLedger", "RemoteLogRoles"]


class RemoteLedger:
    """Keeps a node's log where nobody can rewrite it; see `ledger.Ledger`.

    Attributes:
        assets: Datasets and models on it.
        roles: Who owns the log there, and who may anchor it.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.assets = RemoteAssets(wire)
        self.roles = RemoteLogRoles(wire)

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

    def deploy(self, **wanted: Any) -> dict[str, Any]:
        """Puts the contract on a ledger; takes and returns what POST /ledger/deploy does."""
        made: dict[str, Any] = self._wire.post("/ledger/deploy", {"dry_run": False} | wanted)
        return made

    def create_account(self) -> str:
        """Makes an account that the home's own keys open; returns its address."""
        return str(self._wire.post("/ledger/accounts")["address"])

    def judge(
        self,
        first: Path | str,
        second: Path | str,
        *,
        contract: str | None = None,
        log_id: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Has a log marked on the ledger, for ever, whose holder signed two histories.

        Args:
            first: A receipt, bundle or head.
            second: Another one of the same log, which contradicts it.
            contract: Address of the contract that holds the log; what the files say without it.
            log_id: The log's id in it; likewise.
            dry_run: Say what the files show, and send nothing.

        Raises:
            DoesNotMatch: They do not contradict each other.
        """
        parts = {name: (name, _bytes_of(Path(path))) for name, path in (("first", first), ("second", second))}
        params = {"contract": contract, "log_id": log_id, "dry_run": dry_run}
        told: dict[str, Any] = self._wire.post("/ledger/judge", params=params, files=parts)
        return told

    def disconnect(self, *, force: bool = False) -> str:
        """Lets go of the ledger; returns the name of the file in which the home keeps its settings."""
        return str(self._wire.post("/ledger/disconnect", {"force": force})["settings"])


class RemoteLogRoles:
    """The roles of a node's log on its ledger; see `ledger.log_roles.LogRoles`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def held(self) -> dict[str, str | None]:
        """Returns the accounts by `owner`, `writer`, `pending_owner` and `pending_writer`; None for nobody."""
        told: dict[str, str | None] = self._wire.get("/ledger/roles")
        return told

    def offer(self, role: str, account: str) -> str:
        """Offers a role to an account, which then accepts it; returns the address as it is written."""
        return str(self._wire.post("/ledger/roles/offer", {"role": role, "account": account})["account"])

    def accept(self, role: str, log_id: str | None = None) -> str:
        """Takes a role that the node's account was offered; returns the log's id."""
        return str(self._wire.post("/ledger/roles/accept", {"role": role, "log_id": log_id})["log_id"])

    def revoke_writer(self) -> None:
        """Stops the writer at once; nobody anchors until a new one has accepted."""
        self._wire.post("/ledger/roles/revoke-writer")


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    return path.read_bytes()
