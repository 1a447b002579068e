"""How one of several nodes is doing: whether it is asked, rests after a failure, and how high it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from counterfoil.errors import LedgerContradicts, LedgerError, WrongChain
from counterfoil.ledger.rpc.endpoint import Endpoint

__all__ = ["FIRST_REST_S", "MAX_REST_S", "EndpointHealth", "Standing", "State"]

FIRST_REST_S: Final = 1.0
"""How long a node is left alone after its first failure; twice as long after each further one."""

MAX_REST_S: Final = 300.0
"""Longest rest after failures; a node that asks for more gets what it asks for."""

State = Literal["not asked yet", "answers", "does not answer", "contradicts itself", "on another chain"]


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """What a status page shows of a node.

    Attributes:
        host: Scheme and host.
        state: How it is doing.
        last_error: What was last wrong with it; empty when nothing ever was.
        latency_ms: How long its last answer took; None before the first.
        height: Newest block that it was heard to have; None before the first.
        rests_s: How long it will still be left alone; 0 when it is asked.
    """

    host: str
    state: State
    last_error: str
    latency_ms: float | None
    height: int | None
    rests_s: float


class Standing:
    """What is known of one node. Whoever holds it guards it with a lock.

    Attributes:
        endpoint: The node.
        error: Why it rests, or what was last wrong.
        proved_on: `endpoint.connections` when it last showed which chain it serves; None before.
        proved_at_s: When that was.
        height: Newest block it last said it has.
        highest: Highest that it ever said.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.error: LedgerError | None = None
        self.proved_on: int | None = None
        self.proved_at_s = 0.0
        self.height: int | None = None
        self.highest = -1
        self._state: State = "not asked yet"
        self._failures = 0
        self._rests_until_s = 0.0
        self._latency_ms: float | None = None

    @property
    def host(self) -> str:
        """Scheme and host."""
        return self.endpoint.host

    def is_resting(self, now_s: float) -> bool:
        """Whether it is left alone for now."""
        return self._failures > 0 and now_s < self._rests_until_s

    def saw(self, height: int) -> None:
        """Notes the newest block it says it has."""
        self.height = height
        self.highest = max(self.highest, height)

    def worked(self, took_s: float) -> None:
        """Notes an answer: the failures before it are forgiven."""
        self._state = "answers"
        self._failures = 0
        self._latency_ms = took_s * 1_000

    def failed(self, error: LedgerError, now_s: float) -> None:
        """Notes a failure, after which it rests; the longer, the more came one after another."""
        self.error = error
        self._state = _state(error)
        self._failures += 1
        rest_s = min(FIRST_REST_S * 2.0 ** min(self._failures - 1, 32), MAX_REST_S)
        self._rests_until_s = now_s + max(rest_s, self.endpoint.rest_s)
        if isinstance(error, WrongChain):
            self.proved_on = None

    def health(self, now_s: float) -> EndpointHealth:
        """Returns what a status page shows."""
        return EndpointHealth(
            host=self.host,
            state=self._state,
            last_error=self.error.message if self.error is not None else "",
            latency_ms=self._latency_ms,
            height=self.height,
            rests_s=max(self._rests_until_s - now_s, 0.0) if self._failures else 0.0,
        )


def _state(error: LedgerError) -> State:
    if isinstance(error, WrongChain):
        return "on another chain"
    return "contradicts itself" if isinstance(error, LedgerContradicts) else "does not answer"
