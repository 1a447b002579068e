"""The nodes of one chain: who may be asked now, and what none of them may say.

A node must serve the right chain: it says so before its first answer is believed, after
each new connection and every CHAIN_CHECK_S. No block below a final one is the newest
again. A node that fails, or breaks these, rests; the longer, the more often.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any, Final

from counterfoil.core.keccak import keccak256
from counterfoil.errors import LedgerContradicts, LedgerError, LedgerUnreachable, WrongChain
from counterfoil.ledger.rpc.agreement import height_of, kind_of, last_block_of
from counterfoil.ledger.rpc.endpoint import Endpoint
from counterfoil.ledger.rpc.hexadecimal import parse_data, parse_quantity
from counterfoil.ledger.rpc.rpc import Call, RpcError
from counterfoil.ledger.rpc.standing import EndpointHealth, Standing

__all__ = ["CHAIN_CHECK_S", "Nodes", "NotYet"]

CHAIN_CHECK_S: Final = 60.0
"""How long a node's word about its chain holds on one connection."""

_TRIED_AGAIN: Final = "it is tried again by itself"


class Nodes:
    """Asks one node at a time, and remembers how each is doing. Safe to use from several threads.

    Attributes:
        chain_id: The chain that every node must serve; None until one has said which.
    """

    def __init__(
        self, endpoints: Iterable[Endpoint], chain_id: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.chain_id = chain_id
        self._standings = [Standing(endpoint) for endpoint in endpoints]
        self._clock = clock
        self._lock = Lock()  # covers every Standing, chain_id, _current and _final_height
        self._current = 0
        self._final_height = -1

    def __len__(self) -> int:
        return len(self._standings)

    @property
    def hosts(self) -> list[str]:
        """Scheme and host of each, in the order given."""
        return [standing.host for standing in self._standings]

    def close(self) -> None:
        """Closes the connections to all of them."""
        for standing in self._standings:
            standing.endpoint.close()

    def health(self) -> list[EndpointHealth]:
        """Returns how each is doing, in the order given. Asks none of them."""
        with self._lock:
            return [standing.health(self._clock()) for standing in self._standings]

    def ready(self) -> list[Standing]:
        """Returns those that may be asked now, the one in use first."""
        with self._lock:
            now_s, start = self._clock(), self._current
            ring = self._standings[start:] + self._standings[:start]
            return [standing for standing in ring if not standing.is_resting(now_s)]

    def use(self, standing: Standing) -> None:
        """Makes it the one in use."""
        with self._lock:
            self._current = self._standings.index(standing)

    def accuse(self, standings: Iterable[Standing], error: LedgerError) -> None:
        """Notes what nodes are said to have done, for the status page; they are still asked."""
        with self._lock:
            for standing in standings:
                standing.error = error

    def became_final(self, height: int) -> None:
        """Notes that a block is final: no node may go back below it."""
        with self._lock:
            self._final_height = max(self._final_height, height)

    def ask(self, standing: Standing, calls: Sequence[Call]) -> list[Any]:
        """Asks one node, which must serve the right chain and not have gone backwards.

        Raises:
            LedgerError: It failed, and rests now.
        """
        endpoint, started_s = standing.endpoint, self._clock()
        try:
            is_proof_old = started_s - standing.proved_at_s >= CHAIN_CHECK_S
            if standing.proved_on != endpoint.connections or is_proof_old:
                self._prove_chain(standing)
            answers = _asked(endpoint, calls)
            if standing.proved_on != endpoint.connections:  # behind a new connection may be another node
                self._prove_chain(standing)
            for call, answer in zip(calls, answers, strict=True):
                self._check(standing, call, answer)
        except LedgerError as error:
            if standing.host not in error.message:
                error = type(error)(f"{standing.host}: {error.message}", hint=error.hint)
            with self._lock:
                standing.failed(error, self._clock())
            raise error from error.__cause__
        with self._lock:
            standing.worked(self._clock() - started_s)
        return answers

    def _prove_chain(self, standing: Standing) -> None:
        try:
            found = standing.endpoint.call("eth_chainId")
        except RpcError as error:
            raise LedgerContradicts(
                f"{standing.host} would not say which chain it serves: {error.message[:200]}"
            ) from error
        self._check_chain(standing, parse_quantity(found, "the chain's id"))
        with self._lock:
            standing.proved_on, standing.proved_at_s = standing.endpoint.connections, self._clock()

    def _check_chain(self, standing: Standing, found: int) -> None:
        with self._lock:
            if self.chain_id is None:
                self.chain_id = found
        if found != self.chain_id:
            raise WrongChain(
                f"{standing.host} serves chain {found}, and {self.chain_id} was expected",
                hint="name a node of the right chain; nothing this one said was believed",
            )

    def _check(self, standing: Standing, call: Call, answer: Any) -> None:
        """Refuses an answer that cannot be right whatever others say."""
        if answer is None or isinstance(answer, RpcError):
            return
        kind = kind_of(call)
        if kind == "send":
            sent = keccak256(parse_data(call[1][0], "a transaction"))
            if parse_data(answer, "a transaction's hash", 32) != sent:
                raise LedgerContradicts(f"{standing.host} gave another hash than the sent transaction has")
        elif call[0] == "eth_chainId":
            self._check_chain(standing, parse_quantity(answer, "the chain's id"))
        elif kind == "height":
            self._check_height(standing, parse_quantity(answer, "a block's height"))
        elif kind == "tip":
            self._check_height(standing, height_of(answer))
        elif kind == "final":
            with self._lock:
                standing.saw(max(height_of(answer), standing.height or 0))

    def _check_height(self, standing: Standing, height: int) -> None:
        with self._lock:
            was_there = standing.highest >= self._final_height
            standing.saw(height)
            final_height = self._final_height
        if height >= final_height:
            return
        if was_there:
            raise LedgerContradicts(
                f"{standing.host} went backwards: its newest block is {height}, and block {final_height} was final"
            )
        raise LedgerUnreachable(
            f"{standing.host} is behind: its newest block is {height}, and block {final_height} is final",
            hint=_TRIED_AGAIN,
        )

    def too_few(self, answered: int, wanted: int) -> LedgerError:
        """Returns the error for when fewer nodes answer than must: of a single node, its own."""
        with self._lock:
            now_s = self._clock()
            reasons = [each.error for each in self._standings if each.error is not None and each.is_resting(now_s)]
        kinds = {type(error) for error in reasons}
        if answered:
            start = f"{answered} of the {wanted} nodes that must agree can"
            if not reasons:
                return LedgerUnreachable(f"{start} say it; the others have not seen it yet", hint=_TRIED_AGAIN)
            return LedgerUnreachable(
                f"{start} be asked: {'; '.join(error.message for error in reasons)}",
                hint="add a node; or set agree to 1, and the one that answers is believed",
            )
        if not reasons:  # a rest ended in this very moment
            return LedgerUnreachable("no node of the ledger could be asked", hint=_TRIED_AGAIN)
        kind = kinds.pop() if len(kinds) == 1 else LedgerUnreachable
        if len(self._standings) == 1:
            return kind(reasons[0].message, hint=reasons[0].hint or _TRIED_AGAIN)
        why = "; ".join(error.message for error in reasons)
        return kind(f"none of the {len(self._standings)} nodes can be used: {why}", hint=_TRIED_AGAIN)


class NotYet(RpcError):
    """In place of events up to a block that the node has not seen."""

    def __init__(self, host: str, height: int) -> None:
        super().__init__(-32001, f"{host} has not seen block {height} yet")


def _asked(endpoint: Endpoint, calls: Sequence[Call]) -> list[Any]:
    """Returns one node's answers; a single call goes without a list around it, which some nodes do not take."""
    if any(last_block_of(call) is not None for call in calls):
        height, *answers = endpoint.batch([("eth_blockNumber", []), *calls])
        newest = parse_quantity(height, "a block's height")
        lasts = [last_block_of(call) for call in calls]
        return [
            NotYet(endpoint.host, last) if last is not None and last > newest else answer
            for last, answer in zip(lasts, answers, strict=True)
        ]
    if len(calls) != 1:
        return endpoint.batch(calls)
    ((method, params),) = calls
    try:
        return [endpoint.call(method, *params)]
    except RpcError as error:
        return [error]
