"""Fetches the sheets and review texts that a catalogue wants, from the shelf of this home and the nodes of others.

A file is taken for what its digest says, whoever sent it. What is not there, or does not match, is asked for again
later, ever less often, and the offer stays in the catalogue with the reason; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
        with ThreadPoolExecutor(min(_VISITS, len(visits)), "counterfoil-catalogue") as pool:
            for answers in pool.map(lambda visit: self._visit(*visit), visits):
                yield from answers

    def _visit(self, base: str, files: Sequence[Wanted]) -> list[Answered]:
        """Returns what one node answers."""
        answers: list[Answered] = []
        failures, why = 0, ""
        try:
            with NodeReader(base, self._reach, self._limits).visit() as reader:
                for each in files:
                    if failures == _MOST_FAILURES:
                        answers.append(Answered(each, None, why))
                        continue
                    answer = _ask(reader, each)
                    answers.append(answer[0])
                    failures, why = (failures + 1, answer[0].why) if answer[1] else (0, "")
        except InvalidInput:
            answers = [Answered(each, None, _NO_NODE) for each in files]
        return answers


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
