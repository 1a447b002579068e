"""An owner's machines as one: a dask scheduler and its workers, reached over TLS alone.

Whoever may speak to a dask scheduler may run anything on its workers, outside every
sandbox. So both sides show certificates of one authority that the owner made for this
fleet alone, and without them only a scheduler on this very machine is spoken to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from counterfoil.core.signed_document import SignedDocument
from counterfoil.errors import INSTALL_COMPUTE, CounterfoilError, InvalidInput, NodeUnreachable, NotAllowed, NotSetUp
from counterfoil.market.compute.approvals import Approvals
from counterfoil.market.compute.execution import Execution, Work
from counterfoil.market.compute.sandbox import Walls
from counterfoil.market.compute.spreading.parcel import Parcel, Returned, run_parcel

__all__ = ["Fleet", "TlsFiles"]

_CONNECT_S: Final = 20.0
_START_SLACK_S: Final = 120.0
"""Beyond a job's own wall time, for its data to be read and the walls to be put up."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the caller's certificates lie, all PEM.

    Attributes:
        authority: Certificate of the authority that signed all certificates of this fleet.
        certificate: This machine's.
        key: Its secret key.
    """

    authority: Path
    certificate: Path
    key: Path


class Fleet:
    """A connection to a scheduler; close it, or use it as a context manager.

    Args:
        address: Of the scheduler: `tls://host:8786`; `tcp://127.0.0.1:8786` on this machine alone.
        tls: Certificates; needed unless the scheduler is on this machine.
        connect_s: Seconds to wait for its answer.

    Raises:
        NotAllowed: It would go over a network without TLS.
        InvalidInput: The address is none, or a certificate is missing.
        NotSetUp: The package `distributed` is missing.
        NodeUnreachable: No scheduler answers there that knows these certificates.
    """

    def __init__(self, address: str, tls: TlsFiles | None = None, *, connect_s: float = _CONNECT_S) -> None:
        _require_safe(address, tls)
        self.address = address
        try:
            distributed: Any = import_module("distributed")
        except ImportError as error:
            raise NotSetUp(
                "jobs cannot be spread: the package distributed is missing",
                hint=INSTALL_COMPUTE,
            ) from error
        security = None
        if tls is not None:
            security = distributed.Security(
                tls_ca_file=str(tls.authority),
                tls_client_cert=str(tls.certificate),
                tls_client_key=str(tls.key),
                require_encryption=True,
            )
        try:
            self._client: Any = distributed.Client(address, security=security, timeout=connect_s, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise NodeUnreachable(
                f"no scheduler answers at {address}: {error}", hint="is it running, with certificates of this fleet?"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; scheduler and workers go on."""
        self._client.close()

    @property
    def workers(self) -> tuple[str, ...]:
        """Addresses of the workers that are there now, ascending."""
        return tuple(sorted(self._client.scheduler_info(n_workers=-1)["workers"]))

    def run(
        self,
        works: Sequence[Work],
        approvals: Approvals,
        into: Sequence[Path],
        *,
        publications: Sequence[SignedDocument | None] = (),
        walls: Walls = Walls.BUBBLEWRAP,
    ) -> list[Execution | CounterfoilError]:
        """Runs each work on some worker and returns what came of each, in their order.

        What could not be run (other data on a worker, no sandbox there) stands as its error in its place, so that
        one machine that is set up wrongly does not take the results of the others away.

        Args:
            works: What to do; the paths of inputs are those on the workers.
            approvals: The owner's list, asked before anything is sent.
            into: A folder for the outputs of each.
            publications: Publishers' documents, one for each work, where there are any.
            walls: What jobs are locked in by, on every worker.

        Raises:
            NotAllowed: One of the algorithms is not approved; nothing was sent.
            InvalidInput: There are not as many folders as works.
        """
        if len(into) != len(works) or (publications and len(publications) != len(works)):
            raise InvalidInput("each work has one folder for its outputs, and at most one publication")
        for number, work in enumerate(works):
            approvals.require(work.algorithm, publications[number] if publications else None)
        sent = [self._client.submit(run_parcel, Parcel.of(work, walls), pure=False, retries=0) for work in works]
        most_s = sum(work.limits.wall_s + _START_SLACK_S for work in works)
        return [
            self._result(future, work, folder, most_s) for future, work, folder in zip(sent, works, into, strict=True)
        ]

    def _result(self, future: Any, work: Work, folder: Path, most_s: float) -> Execution | CounterfoilError:
        try:
            returned: Returned = future.result(timeout=most_s)
            return returned.execution(work.algorithm.digest_hex, folder)
        except CounterfoilError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever befell the worker, it is that machine's failure
            return NodeUnreachable(f"a worker was lost: {type(error).__name__}: {error}", hint="look at its log")


def _require_safe(address: str, tls: TlsFiles | None) -> None:
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in {"tls", "tcp"} or not parts.hostname or port is None:
        raise InvalidInput(f"{address!r} is no address of a scheduler", hint="it looks like tls://10.0.0.5:8786")
    if parts.scheme == "tls":
        if tls is None:
            raise InvalidInput("a scheduler over TLS needs certificates", hint="make them for this fleet alone")
        for each in (tls.authority, tls.certificate, tls.key):
            if not each.is_file():
                raise InvalidInput(f"{each} is no file of a certificate or key")
        return
    if tls is not None or not _is_loopback(parts.hostname):
        raise NotAllowed(
            f"jobs do not go to {parts.hostname} without TLS: whoever listens there, or in between, could run anything",
            hint="start the scheduler with --protocol tls and certificates of your own authority, and write tls://",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
