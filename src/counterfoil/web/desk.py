"""What the HTTP rooms of the capabilities ask of the node that serves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from fastapi import Request

from counterfoil.errors import CounterfoilError
from counterfoil.store.prepared import Prepared
from counterfoil.store.recorder import OnFailure, Recorded

__all__ = ["KEY_HEADER", "REPLAYED_HEADER", "Answer", "Desk", "Make", "Place"]

KEY_HEADER = "idempotency-key"
"""By this a caller names a request, so that sending it twice does it once."""

REPLAYED_HEADER = "idempotency-replayed"
"""Says `true` where a request was answered before and nothing was done anew."""

Answer = tuple[int, Mapping[str, Any]]
"""Status and body of an answer."""

Make = Callable[[], Answer | Callable[[], Answer]]
"""Makes an answer, and may be called again after an error; or returns the work that makes it, which may not."""

Place = TypeVar("Place", bound=int | None)
"""Place of a record in the log; None, where that may be, while it waits in the queue."""


class Desk(Protocol):
    """The node, as far as the rooms know it."""

    most_file_bytes: int
    """Largest file that may be sent; a route that takes files sets `request.state.most_body_bytes` to it."""

    incoming: Path
    """Folder for files that come in or go out; emptied when the node starts."""

    public_entries: bool
    """Whether anybody may read the log's entries."""

    snapshot_networks: Sequence[str]
    """Networks beside the public internet that snapshots may be fetched from when asked over HTTP."""

    def tag(self, request: Request, body: bytes, key: str | None = None) -> bytes | None:
        """Returns the tag of a request that names itself, None for one that does not.

        Args:
            request: Says who asks, for which path, and in a header its name.
            body: What it asks for.
            key: Its name, where that does not come in the header: a form's.

        Raises:
            InvalidInput: The name is empty, longer than 200 characters, or has others than visible ASCII.
        """

    def tags(self, request: Request, parts: Sequence[bytes]) -> Sequence[bytes | None]:
        """Returns as many tags: one for each part of a request that asks for many things; see `tag`."""

    async def write(self, prepared: Prepared, tag: bytes | None, on_failure: OnFailure = "deny") -> Recorded | int:
        """Returns when a record is durable: the record, or the place of the one the same request left before."""

    async def write_many(
        self, wanted: Sequence[tuple[Prepared, bytes | None]], on_failure: OnFailure = "deny"
    ) -> list[Recorded | int | CounterfoilError]:
        """As `write` for many; one result each, in order."""

    def once(self, tag: bytes | None, make: Callable[[], Place]) -> tuple[int | Place, bool]:
        """Runs `make`, which records something and returns its place, unless the same request did before.

        Args:
            tag: Of the request; without one, `make` always runs.
            make: Returns the place of the record, None while that waits in the queue.

        Returns:
            The place, and whether it was there before.

        Raises:
            InvalidInput: The key was used for another request.
            LogUnavailable: The same request was answered before, and its record waits in the queue.
        """

    def answered(self, tag: bytes | None, make: Make) -> tuple[int, Mapping[str, Any], bool]:
        """Runs `make` unless the same request was answered before; for work that leaves no record of its own request.

        Args:
            tag: Of the request; without one, `make` always runs.
            make: Returns status and body; the body is kept, so it holds no private value. What must not be begun
                twice it returns as a function, which is called then: after an error in there, a repeat is refused.

        Returns:
            Status, body, and whether they are those of an earlier answer.

        Raises:
            InvalidInput: The key was used for another request.
            HomeBusy: The same request is under way.
            Stale: It broke off before, and nobody knows how far it came.
        """

    def looked(self, request: Request, what: str, places: Sequence[int] = ()) -> None:
        """Records who looks at what is private, before it is shown.

        Args:
            request: Says who.
            what: What is looked at, in a few words.
            places: Places of the records whose private values are shown.
        """

    def asked(self, request: Request, what: str, places: Sequence[int] = ()) -> None:
        """Records who has something done that leaves no record with their name, before it is done.

        Args:
            request: Says who.
            what: What is to be done, in a few words, such as `an erasure`.
            places: Places of the records that it is about.
        """

    def start_job(self, request: Request, kind: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Starts long work in the background, and returns it as the API shows it.

        Raises:
            NotAllowed: Whoever asks may not start this kind; see `web.roles.JOBS`.
        """

    def job(self, job_id: str) -> Mapping[str, Any]:
        """Returns long work as the API shows it.

        Raises:
            NotFound: There is none with that id.
        """
