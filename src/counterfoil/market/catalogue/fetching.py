"""Fetches the sheets and review texts that a catalogue wants, from the shelf of this home and the nodes of others.

A file is taken for what its digest says, whoever sent it. What is not there, or does not match, is asked for again
later, ever less often, and the offer stays in the catalogue with the reason; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Semaphore
from typing import Final, Literal

from counterfoil.errors import CounterfoilError, InvalidInput, NodeUnreachable, NotAllowed
from counterfoil.market.catalogue.node_reader import NodeReader, VisitLimits
from counterfoil.market.catalogue.review import MOST_REVIEW_BYTES
from counterfoil.market.sheets.sheet import MOST_SHEET_BYTES
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.provenance.snapshots.addresses import Reach

__all__ = ["NOT_PUBLIC", "Answered", "Fetcher", "Wanted", "wait_s"]

What = Literal["sheets", "reviews"]

_MOST_BYTES: Final = {"sheets": MOST_SHEET_BYTES, "reviews": MOST_REVIEW_BYTES}
_VISITS: Final = 8
"""Nodes that are visited at once."""

_AT_A_NODE: Final = 3
"""Connections to one node at once."""

_MANY: Final = 32
"""Files worth a connection of their own."""

NOT_PUBLIC: Final = "the node's address is not public"
"""Why a node was not asked that lies neither on the public internet nor in a network that the settings name."""

_AHEAD: Final = 32
"""Answers that may wait to be taken before the visits wait too."""

_NO_NODE: Final = "the asset names no node on the web"
_FIRST_WAIT_S: Final = 30
_LONGEST_WAIT_S: Final = 86_400
_MOST_FAILURES: Final = 2
"""After so many in a row that are the node's, the visit ends."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is wanted.

    Attributes:
        row: The catalogue's number of the offer.
        what: What it is.
        digest: SHA-256 of its document, 64 hex digits.
        bases: Addresses of nodes that may have it, the likeliest first; none without any.
    """

    row: int
    what: What
    digest: str
    bases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of it: the file's bytes, or why there are none."""

    wanted: Wanted
    data: bytes | None
    why: str = ""


def wait_s(tries: int) -> int:
    """Returns how long to wait after so many tries that failed: half a minute, doubled each time, at most a day."""
    return int(min(_FIRST_WAIT_S * 2 ** min(tries - 1, 20), _LONGEST_WAIT_S))


class Fetcher:
    """Fetches files. Safe to use from several threads.

    Args:
        reach: Which addresses may be asked.
        shelf: Of this home, asked first; None without.
        limits: How long a node is waited for.
    """

    def __init__(self, reach: Reach, shelf: Shelf | None = None, limits: VisitLimits | None = None) -> None:
        self._reach = reach
        self._shelf = shelf
        self._limits = limits or VisitLimits()

    def fetch(self, wanted: Sequence[Wanted]) -> Iterator[Answered]:
        """Yields what came of each, in any order."""
        left = []
        for each in wanted:
            data = self._on_shelf(each)
            if data is None and each.bases:
                left.append(each)
            else:
                yield Answered(each, data, "" if data is not None else _NO_NODE)
        for place in range(max((len(each.bases) for each in left), default=0)):
            again = []
            for answer in self._from_nodes(left, place):
                if answer.data is None and place + 1 < len(answer.wanted.bases):
                    again.append(answer.wanted)
                else:
                    yield answer
            left = again

    def _on_shelf(self, wanted: Wanted) -> bytes | None:
        if self._shelf is None:
            return None
        try:
            return self._shelf.raw(wanted.what, wanted.digest)
        except CounterfoilError:
            return None

    def _from_nodes(self, wanted: Iterable[Wanted], place: int) -> Iterator[Answered]:
        """Yields what the nodes answer that come at this place for each; each has as many."""
        by_node: dict[str, list[Wanted]] = {}
        for each in wanted:
            by_node.setdefault(each.bases[place], []).append(each)
        visits = [(base, some) for base, files in by_node.items() for some in _shared_out(files)]
        if not visits:
            return
        came: SimpleQueue[Answered | Future[None]] = SimpleQueue()  # a visit itself, when it is through
        room, is_over = Semaphore(_AHEAD), Event()

        def visit(base: str, files: Sequence[Wanted]) -> None:
            with closing(self._visit(base, files)) as answers:
                for answer in answers:
                    came.put(answer)
                    room.acquire()
                    if is_over.is_set():
                        return

        with ThreadPoolExecutor(min(_VISITS, len(visits)), "counterfoil-catalogue") as pool:
            try:
                for base, files in visits:
                    pool.submit(visit, base, files).add_done_callback(came.put)
                going = len(visits)
                while going:
                    answer = came.get()
                    if isinstance(answer, Future):
                        answer.result()
                        going -= 1
                    else:
                        room.release()
                        yield answer
            finally:  # nobody may take the rest
                is_over.set()
                pool.shutdown(wait=False, cancel_futures=True)
                room.release(_VISITS)

    def _visit(self, base: str, files: Sequence[Wanted]) -> Generator[Answered, None, None]:
        """Yields what one node answers, each as it comes."""
        try:
            node = NodeReader(base, self._reach, self._limits)
        except InvalidInput:
            yield from (Answered(each, None, _NO_NODE) for each in files)
            return
        failures, why = 0, ""
        with node.visit() as reader:
            for each in files:
                if failures == _MOST_FAILURES:
                    yield Answered(each, None, why)
                    continue
                answer, is_node = _ask(reader, each)
                yield answer
                failures, why = (failures + 1, answer.why) if is_node else (0, "")


def _ask(reader: NodeReader, wanted: Wanted) -> tuple[Answered, bool]:
    """Returns what a node answers, and whether it is the node that fails, not this file alone."""
    try:
        return Answered(wanted, reader.get(f"market/{wanted.what}/{wanted.digest}", _MOST_BYTES[wanted.what])), False
    except NotAllowed:
        return Answered(wanted, None, NOT_PUBLIC), True
    except NodeUnreachable as error:
        return Answered(wanted, None, error.message), True
    except CounterfoilError as error:
        return Answered(wanted, None, error.message), False


def _shared_out(files: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    """Yields the files of each connection to one node."""
    connections = max(1, min(_AT_A_NODE, len(files) // _MANY))
    yield from (files[first::connections] for first in range(connections))
