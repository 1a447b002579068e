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
from counterfoil.market.compute.sandbox import Sandbox, Walls

if TYPE_CHECKING:
    from counterfoil.market.compute.jobs.live import Live

__all__ = ["HERE", "Here", "OnFleet", "Workplace"]


class Workplace(Protocol):
    """Runs one piece of work."""

    @property
    def walls(self) -> Walls:
        """What jobs are locked in by, there as here."""

    def run(
        self, work: Work, approvals: Approvals, into: Path, publication: SignedDocument | None, live: Live
    ) -> Execution:
        """Returns what came of it; errors are those of `execute`, and those of reaching the place."""


@dataclass(frozen=True, slots=True)
class Here:
    """This machine.

    Attributes:
        walls: What jobs are locked in by.
    """

    walls: Walls = Walls.BUBBLEWRAP

    def run(
        self, work: Work, approvals: Approvals, into: Path, publication: SignedDocument | None, live: Live
    ) -> Execution:
        """See `Workplace`."""
        return execute(
            Sandbox.open(walls=self.walls),
            work,
            approvals,
            into,
            publication=publication,
            on_line=live.take,
            is_stopped=lambda: live.is_stopped,
        )


HERE: Final = Here()


@dataclass(frozen=True, slots=True)
class OnFleet:
    """The owner's machines behind a dask scheduler.

    Attributes:
        address: Of the scheduler, `tls://host:8786`.
        tls: Folder with `ca.pem`, `cert.pem` and `key.pem`; None for a scheduler on this machine.
        walls: What jobs are locked in by.
    """

    address: str
    tls: Path | None
    walls: Walls = Walls.BUBBLEWRAP

    def run(
        self, work: Work, approvals: Approvals, into: Path, publication: SignedDocument | None, live: Live
    ) -> Execution:
        """See `Workplace`."""
        from counterfoil.market.compute.spreading import Fleet, TlsFiles

        folder = self.tls
        files = TlsFiles(folder / "ca.pem", folder / "cert.pem", folder / "key.pem") if folder is not None else None
        with Fleet(self.address, files) as fleet:
            publications = [publication] if publication else ()
            (found,) = fleet.run([work], approvals, [into], publications=publications, walls=self.walls)
        if isinstance(found, CounterfoilError):
            raise found
        for line in found.outcome.log.decode("utf-8", "replace").splitlines():
            live.take(line)
        return found
