"""Finding events: eth_getLogs."""

from __future__ import annotations

from typing import Any, Final

from counterfoil.ledger.embedded import parameters
from counterfoil.ledger.embedded.shapes import event_shape
from counterfoil.ledger.embedded.view import BLOCK_NOT_FOUND, View
from counterfoil.ledger.rpc.rpc import RpcError

__all__ = ["LIMIT_EXCEEDED", "MAX_EVENTS", "MAX_EVENT_BLOCKS", "MAX_EVENT_BYTES", "find_events"]

MAX_EVENTS: Final = 10_000
"""Most events in one answer."""

MAX_EVENT_BYTES: Final = 8 * 2**20
"""Most bytes of data in the events of one answer."""

MAX_EVENT_BLOCKS: Final = 100_000
"""Most blocks that one call may look at."""

MAX_CHOICES: Final = 100
"""Most contracts, and most alternatives for one topic, that a call may name."""

LIMIT_EXCEEDED: Final = -32_005
"""The code for a call that asks for too much (EIP-1474)."""

_TOPICS: Final = 4


def find_events(view: View, value: Any) -> list[dict[str, Any]]:
    """Returns the events that a filter asks for, in order.

    Args:
        view: The ledger.
        value: fromBlock and toBlock, or blockHash; address, one or several; topics, each one value, one of
            several, or anything.

    Raises:
        RpcError: The filter cannot be used, or too much fits it.
    """
    wanted = parameters.mapping(value, "filter")
    first, last = _blocks(view, wanted)
    addresses = [parameters.address(each) for each in _choices(wanted.get("address"), "address")]
    topics = wanted.get("topics") or []
    if not isinstance(topics, list | tuple) or len(topics) > _TOPICS:
        raise parameters.invalid(topics, "topics", f"a list of at most {_TOPICS}")
    choices = [[parameters.digest(each, "topic") for each in _choices(topic, "topic")] for topic in topics]
    if first > last:
        return []
    found: list[dict[str, Any]] = []
    size_bytes = 0
    for event in view.file.events(first, last, addresses, choices):
        size_bytes += len(event.log[2])
        if len(found) >= MAX_EVENTS or size_bytes > MAX_EVENT_BYTES:
            raise RpcError(
                LIMIT_EXCEEDED,
                f"query returned more than {MAX_EVENTS} results or {MAX_EVENT_BYTES} bytes: ask for fewer blocks",
            )
        found.append(event_shape(event))
    return found


def _blocks(view: View, wanted: Any) -> tuple[int, int]:
    """Returns the heights of the first block and of the last that is there."""
    if wanted.get("blockHash") is not None:
        if wanted.get("fromBlock") is not None or wanted.get("toBlock") is not None:
            raise RpcError(parameters.INVALID_PARAMS, "cannot specify both BlockHash and FromBlock/ToBlock")
        number = view.file.number_of(parameters.digest(wanted["blockHash"], "block hash"))
        if number is None:
            raise RpcError(BLOCK_NOT_FOUND, "unknown block")
        return number, number
    first, last = (_height(view, wanted.get(name)) for name in ("fromBlock", "toBlock"))
    if first > last:
        raise RpcError(parameters.INVALID_PARAMS, "invalid block range params: fromBlock is after toBlock")
    last = min(last, view.head.number)
    if last - first >= MAX_EVENT_BLOCKS:
        raise RpcError(LIMIT_EXCEEDED, f"block range too large: at most {MAX_EVENT_BLOCKS} blocks")
    return first, last


def _height(view: View, which: Any) -> int:
    if isinstance(which, str) and which.startswith("0x"):
        return parameters.number(which, "block number")
    return view.require_number("latest" if which is None else which)


def _choices(value: Any, what: str) -> list[Any]:
    """Returns what may be there; nothing for anything."""
    choices = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(choices, list | tuple) or len(choices) > MAX_CHOICES:
        raise parameters.invalid(value, what, f"one value, or a list of at most {MAX_CHOICES}")
    return list(choices)
