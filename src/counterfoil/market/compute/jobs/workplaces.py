"""Where jobs run: on this machine, or on the owner's other machines, in the same sandbox.

On a fleet a job finds the data at the same path as here, and its content is held against the agreed root
there. It cannot be stopped once it was sent, and its log comes with its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from counterfoil.core.signed_document import SignedDocument
from counterfoil.errors import CounterfoilError
from counterfoil.market.compute.approvals import Approvals
from counterfoil.market.compute.execution import Execution, Work, execute
from counterfoil.market.compute.sandbox import Sandbox

if TYPE_CHECKING:
    from counterfoil.market.compute.jobs.live import Live

__all__ = ["HERE", "OnFleet", "Workplace"]


class Workplace(Protocol):
    """Runs one piece of work."""

    def run(
        self, work: Work, approvals: Approvals, into: Path, publication: SignedDocument | None, live: Live
    ) -> Execution:
        """Returns what came of it; errors are those of `execute`, and those of reaching the place."""


class _Here:
    """This machine."""

    def run(
        self, work: Work, approvals: Approvals, into: Path, publication: SignedDocument | None, live: Live
    ) -> Execution:
        """See `Workplace`."""
        return execute(
            Sandbox.open(),
            work,
            approvals,
            into,
            publication=publication,
            on_line=live.take,
            is_stopped=lambda: live.is_stopped,
        )


HERE: Final = _Here()


@dataclass(frozen=True, slots=True)
class OnFleet:
    """The owner's machines behind a dask scheduler.

    Attributes:
        address: Of the scheduler, `tls://host:8786`.
        tls: Folder with `ca.pem`, `cert.pem` and `key.pem`; None for a scheduler on this machine.
    """

    address: str
    tls: Path | None

    def run(
        self, work: Work, approvals: Approvals, into: Path, publication: SignedDocument | None, live: Live
    ) -> Execution:
        """See `Workplace`."""
        from counterfoil.market.compute.spreading import Fleet, TlsFiles

        folder = self.tls
        files = TlsFiles(folder / "ca.pem", folder / "cert.pem", folder / "key.pem") if folder is not None else None
        with Fleet(self.address, files) as fleet:
            (found,) = fleet.run([work], approvals, [into], publications=[publication] if publication else ())
        if isinstance(found, CounterfoilError):
            raise found
        for line in found.outcome.log.decode("utf-8", "replace").splitlines():
            live.take(line)
        return found
