"""One organisation, held through its node: the object that `counterfoil.connect` returns."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from counterfoil.client.decisions import RemoteDecisions
from counterfoil.client.evidence import RemoteBundles, RemoteErasures
from counterfoil.client.ledger import RemoteLedger
from counterfoil.client.provenance import RemoteProvenance
from counterfoil.client.wire import PATIENCE_S, TIMEOUT_S, Wire
from counterfoil.core.note import VerifierKey

__all__ = ["Remote"]


class Remote:
    """A node's organisation, with the calls of an opened home. Use as a context manager, or call `close`.

    Attributes:
        url: Address of the node.
        decisions: Decisions that anyone can check.
        provenance: Datasets and models.
        bundles: Writes the auditor's files.
        ledger: Keeps the log's head where nobody can rewrite it, once connected.
        erasures: Erases what is private.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        ca_file: Path | str | None = None,
        allow_plain_http: bool = False,
    ) -> None:
        """See `counterfoil.connect`; asks the node for nothing yet."""
        self._wire = Wire(
            url, key, timeout_s=timeout_s, patience_s=patience_s, ca_file=ca_file, allow_plain_http=allow_plain_http
        )
        self.url = self._wire.url
        self.provenance = RemoteProvenance(self._wire)
        self.decisions = RemoteDecisions(self._wire, self.provenance)
        self.bundles = RemoteBundles(self._wire)
        self.erasures = RemoteErasures(self._wire)
        self.ledger = RemoteLedger(self._wire)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"

    @property
    def issuer(self) -> VerifierKey:
        """The log's public key, as the node says it: whoever checks takes it from elsewhere."""
        return VerifierKey.parse(self._wire.get("/organisation")["issuer"])

    @property
    def about(self) -> dict[str, Any]:
        """Name, origin, issuer and ledger, as the node tells everybody."""
        told: dict[str, Any] = self._wire.get("/organisation")
        return told

    def checkpoint(self) -> str:
        """Returns the signed head over everything recorded so far."""
        return str(self._wire.get("/log/head")["head"])

    def rotate_log_key(self) -> VerifierKey:
        """Replaces the log's signing key; the old key signs a hand-over to the new one."""
        return VerifierKey.parse(self._wire.post("/keys/log/rotate")["issuer"])

    def rotate_vault_key(self) -> None:
        """Replaces the key that protects all private values."""
        self._wire.post("/keys/vault/rotate")

    def close(self) -> None:
        """Lets go of the connections; the node goes on."""
        self._wire.close()
