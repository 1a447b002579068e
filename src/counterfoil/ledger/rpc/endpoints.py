"""Several nodes of one chain, used as one: the dead are passed over, and what counts is asked twice.

1. Calls go to one node until it fails, then to the next; a failed one rests, longer
   each time, and is tried again (`nodes`).
2. Signed transactions go to every node.
3. What is fixed for good (`agreement.Kind`) is asked of `agree` nodes, which must say
   the same. A difference that cannot be a matter of time is a contradiction: both
   nodes are named and neither is believed. One that can is waited out: what only some
   of them know yet is not there yet, and of the newest blocks the lowest counts.

State at the newest block, and what fees are asked, one node may answer alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from counterfoil.errors import InvalidInput, LedgerContradicts, LedgerError, LedgerUnreachable, WrongChain
from counterfoil.ledger.rpc.agreement import FINAL_TAGS, Difference, difference, height_of, is_refusal, kind_of, subject
from counterfoil.ledger.rpc.chain import Finality
from counterfoil.ledger.rpc.endpoint import Endpoint
from counterfoil.ledger.rpc.hexadecimal import parse_quantity, quantity
from counterfoil.ledger.rpc.nodes import Nodes, NotYet
from counterfoil.ledger.rpc.rpc import Call, RpcError
from counterfoil.ledger.rpc.standing import EndpointHealth, Standing

__all__ = ["DEFAULT_AGREE", "Endpoints"]

DEFAULT_AGREE: Final = 2
"""How many nodes must say the same, where there are that many."""

_OURS: Final = (-32700, -32600, -32602)
"""Errors that the request itself deserves (JSON-RPC 2.0, 5.1): every node would answer them."""

_LOOK_UPS: Final = ("eth_getTransactionReceipt", "eth_getBlockByNumber", "eth_getBlockByHash")
"""Calls to which "there is none" is an answer."""

_PROVES_ITSELF: Final = "eth_getProof"
"""Checked against the block's header by whoever reads it; that no second node can give one is no reason to stop."""

_TRIED_AGAIN: Final = "it is tried again by itself"

Said: TypeAlias = tuple[Standing, Any]
"""A node, and its answer."""


class Endpoints:
    """Several nodes as one `Rpc`. Safe to use from several threads; close it after use.

    Attributes:
        agree: How many nodes must say the same before it counts.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        chain_id: int | None,
        agree: int | None = None,
        finality: Finality | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Asks nobody yet. Whoever asks for eth_chainId first, as `Chain.connect` does, has `require_chain` done.

        Args:
            endpoints: The nodes, in the order in which they are preferred. They are closed with this.
            chain_id: The chain that every node must serve; None takes what the first to answer says.
            agree: How many must say the same before it counts; by default two where there are two. With one,
                nothing is cross-checked, and the one that answers is believed.
            finality: When a block counts as final.
            clock: Seconds that never run backwards; decides who rests.

        Raises:
            InvalidInput: No node, fewer than must agree, or one named twice.
        """
        self._nodes = Nodes(endpoints, chain_id, clock)
        self.agree = min(DEFAULT_AGREE, max(len(endpoints), 1)) if agree is None else agree
        if not 1 <= self.agree <= len(endpoints):
            raise InvalidInput(
                f"{self.agree} of {len(endpoints)} nodes cannot agree", hint="name more nodes, or lower agree"
            )
        if self.agree > 1 and len(set(self._nodes.hosts)) < len(endpoints):
            raise InvalidInput("one node is named twice", hint="two answers of one node prove nothing; name another")
        self._finality = finality or Finality()
        self._is_connected = False
        self._lock = Lock()  # covers _final
        self._final: dict[str, Said] = {}

    def __repr__(self) -> str:
        return f"Endpoints({', '.join(self._nodes.hosts)})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def chain_id(self) -> int | None:
        """The chain that every node must serve; None until one has said which."""
        return self._nodes.chain_id

    def close(self) -> None:
        """Closes the connections to all nodes."""
        self._nodes.close()

    def require_chain(self) -> None:
        """Asks every node which chain it serves.

        Raises:
            WrongChain: One of them serves another.
            LedgerUnreachable: Fewer answer than must agree.
        """
        answered = 0
        for standing in self._nodes.ready():
            try:
                self._nodes.ask(standing, [("eth_chainId", [])])
                answered += 1
            except WrongChain:
                raise
            except LedgerError:
                continue
        if answered < self.agree:
            raise self._nodes.too_few(answered, self.agree)
        self._is_connected = True

    def health(self) -> list[EndpointHealth]:
        """Returns how each node is doing, in the order given. Asks none of them."""
        return self._nodes.health()

    def call(self, method: str, *params: Any) -> Any:
        """Returns the result of one call.

        Raises:
            RpcError: A node answered with an error.
            LedgerUnreachable: No node answers, or too few to agree.
            LedgerContradicts: Nodes contradict each other, or the only one contradicts itself.
            WrongChain: The only nodes that answer serve another chain.
        """
        (result,) = self.batch([(method, params)])
        if isinstance(result, RpcError):
            raise result
        return result

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Returns the results in the order of `calls`, an RpcError in place of a result where one failed.

        Raises:
            LedgerUnreachable: As `call`.
            LedgerContradicts: As `call`.
            WrongChain: As `call`.
        """
        if not self._is_connected and any(method == "eth_chainId" for method, _ in calls):
            self.require_chain()
        named = [self._at_final_height(call) for call in calls]
        results: dict[int, Any] = {}
        for ask, is_send in ((self._send, True), (self._read, False)):
            places = [place for place, call in enumerate(named) if (kind_of(call) == "send") is is_send]
            if places:
                results |= zip(places, ask([named[place] for place in places]), strict=True)
        return [results[place] for place in range(len(named))]

    # Sending

    def _send(self, calls: Sequence[Call]) -> list[Any]:
        """Hands transactions to every node; one that takes a transaction is enough."""
        answers: list[list[Any]] = []
        for standing in self._nodes.ready():
            try:
                answers.append(self._nodes.ask(standing, calls))
            except LedgerError:
                continue
        if not answers:
            raise self._nodes.too_few(0, self.agree)
        by_call = zip(*answers, strict=True)
        return [next((each for each in said if not isinstance(each, RpcError)), said[0]) for said in by_call]

    # Reading

    def _read(self, calls: Sequence[Call]) -> list[Any]:
        votes = [[said] for said in self._first(calls)]
        if self.agree > 1:
            self._ask_others(calls, votes)
        return [self._settled(call, said) for call, said in zip(calls, votes, strict=True)]

    def _first(self, calls: Sequence[Call]) -> list[Said]:
        """Asks the node in use, or the next that answers; what it would not answer, one more."""
        said: list[Said] = []
        for standing in self._nodes.ready():
            places = [place for place, (_, answer) in enumerate(said) if _may_do_better(answer)]
            if said and not places:
                break
            try:
                answers = self._nodes.ask(standing, [calls[place] for place in places] if said else calls)
            except LedgerError:
                continue
            if said:
                for place, answer in zip(places, answers, strict=True):
                    if not _may_do_better(answer):
                        said[place] = (standing, answer)
                break
            said = [(standing, answer) for answer in answers]
            self._nodes.use(standing)
        if not said:
            raise self._nodes.too_few(0, self.agree)
        return said

    def _ask_others(self, calls: Sequence[Call], votes: list[list[Said]]) -> None:
        """Adds the answers of further nodes, until `agree` have answered every call that is worth it."""
        for standing in self._nodes.ready():
            places = [
                place
                for place, (call, said) in enumerate(zip(calls, votes, strict=True))
                if kind_of(call) != "plain"
                and _counts(said[0][1])
                and len(said) < self.agree
                and all(other is not standing for other, _ in said)
            ]
            if not places:
                continue
            try:
                answers = self._nodes.ask(standing, [calls[place] for place in places])
            except LedgerError:
                continue
            for place, answer in zip(places, answers, strict=True):
                if _counts(answer):
                    votes[place].append((standing, answer))

    def _settled(self, call: Call, said: list[Said]) -> Any:
        """Returns what the nodes agree on."""
        kind, answer = kind_of(call), said[0][1]
        if isinstance(answer, NotYet):
            raise LedgerUnreachable(answer.message, hint=_TRIED_AGAIN)
        if kind == "plain" or not _counts(answer):
            return answer
        if len(said) < self.agree and not (call[0] == _PROVES_ITSELF and len(said) == 1):
            raise self._nodes.too_few(len(said), self.agree)
        if kind == "height":
            return self._newest(said, lambda height: parse_quantity(height, "a block's height"))
        if kind == "tip":
            return self._newest(said, height_of)
        return self._newest_final(call, said) if kind == "final" else self._same(call, said)

    def _same(self, call: Call, said: list[Said]) -> Any:
        """Returns what all of them say, None for what only some know yet."""
        first, answer = said[0]
        for other in said[1:]:
            found = self._compared(call, said[0], other)
            if found is None:
                continue
            if found.height is None or found.height <= self._height_both_call_final(first, other[0]):
                raise self._contradiction(first, other[0], call, found.words)
            if call[0] not in _LOOK_UPS:
                raise _unsettled(first, other[0], call, found.words)
            return None
        return answer

    def _newest(self, said: list[Said], height: Callable[[Any], int]) -> Any:
        """Returns the lowest: what all of them have reached."""
        lowest = min((answer for _, answer in said), key=height)
        if not self._finality.tag:
            self._nodes.became_final(height(lowest) - self._finality.confirmations + 1)
        return lowest

    def _newest_final(self, call: Call, said: list[Said]) -> Any:
        """Returns the lowest of their final blocks, once all have that block."""
        if any(answer is None for _, answer in said):
            return None
        lowest = min(said, key=lambda each: height_of(each[1]))
        same: Call = ("eth_getBlockByNumber", [quantity(height_of(lowest[1])), *call[1][1:]])
        is_binding = call[1][0] in ("finalized", self._finality.tag)
        for second, answer in said:
            if height_of(answer) != height_of(lowest[1]):
                (answer,) = self._nodes.ask(second, [same])
            if answer is None or isinstance(answer, RpcError):
                raise _unsettled(lowest[0], second, same, "only the first shows it yet")
            if found := self._compared(same, lowest, (second, answer)):
                differ = self._contradiction if is_binding else _unsettled
                raise differ(lowest[0], second, same, found.words)
        return self._kept(call, lowest) if is_binding else lowest[1]

    def _kept(self, call: Call, lowest: Said) -> Any:
        """Returns the highest final block so far: what was final once stays so, though a node may fall behind."""
        asked = str(call[1])
        with self._lock:
            standing, kept = self._final.get(asked, lowest)
            if height_of(kept) > height_of(lowest[1]):
                return kept
            if height_of(kept) == height_of(lowest[1]) and (found := difference(call, kept, lowest[1])):
                raise self._contradiction(standing, lowest[0], call, f"it was replaced, {found.words}")
            self._final[asked] = lowest
        self._nodes.became_final(height_of(lowest[1]))
        return lowest[1]

    def _compared(self, call: Call, first: Said, second: Said) -> Difference | None:
        try:
            return difference(call, first[1], second[1])
        except LedgerContradicts as error:  # one of them has not even the shape of an answer
            raise self._contradiction(first[0], second[0], call, error.message) from error

    def _contradiction(self, first: Standing, second: Standing, call: Call, words: str) -> LedgerError:
        """Returns the error, and has the status page show it at both nodes; which of them is wrong is not known."""
        error = LedgerContradicts(
            f"{first.host} and {second.host} contradict each other about {subject(call)}: {words}",
            hint="neither was believed; ask a third whom you trust, and take the wrong one out of the settings",
        )
        self._nodes.accuse((first, second), error)
        return error

    def _height_both_call_final(self, first: Standing, second: Standing) -> int:
        return min(self._final_height_of(first), self._final_height_of(second))

    def _final_height_of(self, standing: Standing) -> int:
        if not self._finality.tag:
            (answer,) = self._nodes.ask(standing, [("eth_blockNumber", [])])
            return parse_quantity(answer, "a block's height") - self._finality.confirmations + 1
        (block,) = self._nodes.ask(standing, [("eth_getBlockByNumber", [self._finality.tag, False])])
        return height_of(block) if block is not None and _counts(block) else -1

    def _at_final_height(self, call: Call) -> Call:
        """Names the block where a call about state says `finalized`, so that several nodes can be asked."""
        method, params = call
        tags = [param for param in params if isinstance(param, str) and param in FINAL_TAGS]
        if self.agree == 1 or method == "eth_getBlockByNumber" or not tags:
            return method, list(params)
        (block,) = self._read([("eth_getBlockByNumber", [tags[0], False])])
        if block is None or not _counts(block):
            return method, list(params)
        return method, [block["number"] if param == tags[0] else param for param in params]


def _counts(answer: Any) -> bool:
    """Whether it is an answer, and not a node's own trouble."""
    return not isinstance(answer, RpcError) or is_refusal(answer)


def _may_do_better(answer: Any) -> bool:
    """Whether another node may answer where this one had trouble."""
    return not _counts(answer) and answer.code not in _OURS


def _unsettled(first: Standing, second: Standing, call: Call, words: str) -> LedgerError:
    return LedgerUnreachable(
        f"{first.host} and {second.host} have not settled {subject(call)} yet: {words}", hint=_TRIED_AGAIN
    )
