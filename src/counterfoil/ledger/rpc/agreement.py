"""What two nodes of one chain must say alike, and when a difference proves that one of them is wrong.

Nodes see new blocks at different times, and a young block may still be taken back, so
most differences prove nothing. These do:

1. The same block hash with different contents: the hash fixes them, old or young.
2. Anything different in or before a block that both nodes call final.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.rpc.hexadecimal import parse_quantity
from counterfoil.ledger.rpc.rpc import Call, RpcError

__all__ = [
    "FINAL_TAGS",
    "Difference",
    "Kind",
    "difference",
    "height_of",
    "is_refusal",
    "kind_of",
    "last_block_of",
    "subject",
]

Kind = Literal["send", "height", "tip", "final", "fixed", "plain"]
"""How a call is asked.

send    a signed transaction: of every node
height  eth_blockNumber: of several, the lowest counts
tip     the newest block: of several, the lowest counts
final   the newest final block: of several, the lowest counts, and all must have it
fixed   a receipt, a block, events, or state at a named block: of several, which must say the same
plain   everything else, such as fees and state at the newest block: of one
"""

FINAL_TAGS: Final = ("finalized", "safe")

_BLOCK_PLACES: Final = {
    "eth_call": 1,
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_getProof": 2,
    "eth_getStorageAt": 2,
    "eth_getTransactionCount": 1,
}
"""Which parameter of a call about state names the block."""

_RECEIPT: Final = (
    "transactionHash", "transactionIndex", "blockHash", "blockNumber", "from", "to", "contractAddress", "status",
    "type", "gasUsed", "cumulativeGasUsed", "effectiveGasPrice", "logsBloom",
)  # fmt: skip
_MAY_BE_NOTHING: Final = ("to", "contractAddress")
"""What a node leaves out where another says null."""

_EVENT: Final = (
    "address", "topics", "data", "blockHash", "blockNumber", "transactionHash", "transactionIndex", "logIndex",
)  # fmt: skip
_BLOCK: Final = (
    "hash", "number", "parentHash", "timestamp", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "miner",
    "sha3Uncles", "extraData", "mixHash", "nonce", "difficulty", "gasLimit", "gasUsed", "baseFeePerGas",
    "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash",
)  # fmt: skip
_TRANSACTION: Final = ("hash", "transactionIndex", "from", "to", "nonce", "value", "input")
_PROOF: Final = ("address", "balance", "nonce", "codeHash", "storageHash", "accountProof")

_BLOCK_CALLS: Final = ("eth_getBlockByNumber", "eth_getBlockByHash")

_SHOWN: Final = 70


@dataclass(frozen=True, slots=True)
class Difference:
    """What two nodes say differently.

    Attributes:
        words: `status is 0x1 and 0x0`.
        height: The block that it hangs on: a contradiction once that is final. None: a contradiction at once.
    """

    words: str
    height: int | None


def kind_of(call: Call) -> Kind:
    """Returns how a call is asked."""
    method, params = call
    if method == "eth_sendRawTransaction":
        return "send"
    if method == "eth_blockNumber":
        return "height"
    if method == "eth_getBlockByNumber" and params and params[0] in ("latest", *FINAL_TAGS):
        return "tip" if params[0] == "latest" else "final"
    if method in ("eth_getTransactionReceipt", "eth_getBlockByHash") or _named_block(call) is not None:
        return "fixed"
    return "plain"


def subject(call: Call) -> str:
    """Returns what a call asks about, in words: `the receipt of 0x…`."""
    method, params = call
    if method == "eth_getTransactionReceipt":
        return f"the receipt of {params[0]}"
    if method == "eth_getBlockByHash":
        return f"block {params[0]}"
    named = _named_block(call)
    block = f"block {named}" if named is not None else f"the {params[0] if params else 'newest'} block"
    if method == "eth_getBlockByNumber":
        return block
    return f"the events up to {block}" if method == "eth_getLogs" else f"{method} at {block}"


def last_block_of(call: Call) -> int | None:
    """Returns the height up to which a call asks for events; None for other calls.

    Asked for more blocks than it has, a node leaves the rest out and says nothing of it.
    """
    return _named_height(call) if call[0] == "eth_getLogs" else None


def height_of(block: Any) -> int:
    """Returns the height of a block as a node gives it.

    Raises:
        LedgerContradicts: It is no block.
    """
    if not isinstance(block, Mapping):
        raise LedgerContradicts(f"the ledger's node gave {str(block)[:_SHOWN]!r} for a block")
    return parse_quantity(block.get("number"), "a block's height")


def is_refusal(answer: Any) -> bool:
    """Whether it is a contract that refused, which is an answer; other errors are the node's own troubles."""
    return isinstance(answer, RpcError) and (answer.code == 3 or bool(answer.data) or "revert" in answer.message)


def difference(call: Call, first: Any, second: Any) -> Difference | None:
    """Returns what two answers to one `fixed` call say differently, None when they agree.

    Only what both of them mention is compared, so that what one node adds is no difference;
    an answer that leaves out what is read from it is refused by whoever reads it.

    Raises:
        LedgerContradicts: An answer has not the shape that it must have.
    """
    method = call[0]
    if first is None or second is None:
        return _missing(call, first, second)
    if isinstance(first, RpcError) or isinstance(second, RpcError):  # by a contract: `is_refusal`
        words = _refusals(first, second)
        return Difference(words, _named_height(call)) if words else None
    if method == "eth_getTransactionReceipt":
        return _in_block(first, second, "blockHash", "blockNumber", _receipt(first, second))
    if method in _BLOCK_CALLS:
        return _in_block(first, second, "hash", "number", _fields(first, second, _BLOCK) or _listed(first, second))
    words = {"eth_getLogs": _events, "eth_getProof": _proof}.get(method, _plainly)(first, second)
    return Difference(words, _named_height(call)) if words else None


def _named_block(call: Call) -> int | str | None:
    """Returns the block that a call names by height or by hash; None when it goes by the state of things."""
    method, params = call
    named: Any
    if not params:
        return None
    if method == "eth_getBlockByNumber":
        named = params[0]
    elif method == "eth_getLogs":
        query = params[0]
        named = {"blockHash": query["blockHash"]} if "blockHash" in query else query.get("toBlock", "latest")
        if "blockHash" not in query and not str(query.get("fromBlock", "latest")).startswith("0x"):
            return None
    elif (place := _BLOCK_PLACES.get(method)) is not None and len(params) > place:
        named = params[place]
    else:
        return None
    if isinstance(named, Mapping):  # EIP-1898
        named = named.get("blockHash", named.get("blockNumber"))
    if named == "earliest":
        return 0
    if not isinstance(named, str) or not named.startswith("0x"):
        return None
    return named if len(named) == 66 else parse_quantity(named, "a block's height")


def _named_height(call: Call) -> int | None:
    named = _named_block(call)
    return named if isinstance(named, int) else None


def _missing(call: Call, first: Any, second: Any) -> Difference | None:
    """One has it, the other does not: it lags behind, or it hides something."""
    if first is None and second is None:
        return None
    found = first if first is not None else second
    if isinstance(found, RpcError) or call[0] not in ("eth_getTransactionReceipt", *_BLOCK_CALLS):
        return Difference("one has an answer, the other has none", _named_height(call))
    name = "blockNumber" if call[0] == "eth_getTransactionReceipt" else "number"
    height = parse_quantity(_row(found).get(name), "a block's height")
    has, lacks = ("the first has it", "the second") if first is not None else ("the second has it", "the first")
    return Difference(f"{has} in block {height}, {lacks} does not know it", height)


def _in_block(first: Any, second: Any, hash_name: str, number_name: str, words: str) -> Difference | None:
    """Returns a difference that is a contradiction at once where both name one block hash."""
    if not words:
        return None
    one, other = _row(first), _row(second)
    if _same(one.get(hash_name), other.get(hash_name)):
        return Difference(words, None)
    heights = [parse_quantity(row.get(number_name), "a block's height") for row in (one, other)]
    return Difference(words, min(heights))  # once the lower is final, the higher one cannot be right beside it


def _receipt(first: Any, second: Any) -> str:
    return _fields(first, second, _RECEIPT) or _events(_row(first).get("logs"), _row(second).get("logs"))


def _events(first: Any, second: Any) -> str:
    if len(_list(first)) != len(_list(second)):
        return f"there are {len(first)} and {len(second)} events"
    for place, (one, other) in enumerate(zip(_in_order(first), _in_order(second), strict=True)):
        if words := _fields(one, other, _EVENT):
            return f"of event {place}, {words}"
    return ""


def _in_order(events: Sequence[Any]) -> list[Mapping[str, Any]]:
    """Sorts events by their place: the protocol does not say in which order they come."""
    places = ("blockNumber", "logIndex")
    return sorted(map(_row, events), key=lambda row: [parse_quantity(row.get(name), name) for name in places])


def _proof(first: Any, second: Any) -> str:
    one, other = (_row(answer).get("storageProof") for answer in (first, second))
    return _fields(first, second, _PROOF) or ("" if _same(one, other) else "the proofs of its slots are two")


def _listed(first: Any, second: Any) -> str:
    """Compares a block's transactions, of which one node may give hashes and the other the whole."""
    one, other = (_list(_row(block).get("transactions")) for block in (first, second))
    if [_hash(item) for item in one] != [_hash(item) for item in other]:
        return f"there are {len(one)} and {len(other)} transactions, or others"
    for here, there in zip(one, other, strict=True):
        if isinstance(here, Mapping) and isinstance(there, Mapping) and (words := _fields(here, there, _TRANSACTION)):
            return f"of transaction {_hash(here)}, {words}"
    return ""


def _hash(item: Any) -> str:
    return str(item.get("hash") if isinstance(item, Mapping) else item).lower()


def _refusals(first: Any, second: Any) -> str:
    """Compares what a contract refused: the data that it gave, not the node's words about it."""
    if isinstance(first, RpcError) and isinstance(second, RpcError):
        return "" if first.data == second.data else "the contract gave two reasons"
    return "to one the contract refused, to the other it did not"


def _plainly(first: Any, second: Any) -> str:
    return "" if _same(first, second) else f"it is {_short(first)} and {_short(second)}"


def _fields(first: Any, second: Any, names: Sequence[str]) -> str:
    one, other = _row(first), _row(second)
    for name in names:
        is_said = (name in one and name in other) or name in _MAY_BE_NOTHING
        if is_said and not _same(one.get(name), other.get(name)):
            return f"{name} is {_short(one.get(name))} and {_short(other.get(name))}"
    return ""


def _same(first: Any, second: Any) -> bool:
    """Whether two answers are one: the case of hexadecimal letters does not count."""
    if isinstance(first, str) and isinstance(second, str):
        return first.lower() == second.lower()
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_same, first, second))
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return all(_same(first[name], second[name]) for name in first.keys() & second.keys())
    return bool(first == second)


def _row(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise LedgerContradicts(f"the ledger's node gave {str(value)[:_SHOWN]!r} where an object belongs")
    return value


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise LedgerContradicts(f"the ledger's node gave {str(value)[:_SHOWN]!r} where a list belongs")
    return value


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
