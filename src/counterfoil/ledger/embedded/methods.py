"""The JSON-RPC methods of the embedded ledger that read. There are no others, but for sending."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from eth_hash.auto import keccak

from counterfoil.core.rlp import decode
from counterfoil.core.trie_proof import EMPTY_TRIE
from counterfoil.ledger.embedded import calls, fees, parameters
from counterfoil.ledger.embedded.block import Block, next_base_fee_wei
from counterfoil.ledger.embedded.events import find_events
from counterfoil.ledger.embedded.execution import State
from counterfoil.ledger.embedded.mined import FullBlock
from counterfoil.ledger.embedded.shapes import block_shape, receipt_shape, transaction_shape
from counterfoil.ledger.embedded.trees import prove
from counterfoil.ledger.embedded.view import View
from counterfoil.ledger.rpc.hexadecimal import data, quantity
from counterfoil.ledger.rpc.rpc import RpcError

__all__ = ["CLIENT_VERSION", "MAX_PROVEN_SLOTS", "Methods"]

MAX_PROVEN_SLOTS: Final = 256
"""Most slots that one eth_getProof may name."""

CLIENT_VERSION: Final = "counterfoil/embedded"

METHOD_NOT_FOUND: Final = -32_601

_NO_CODE_HASH: Final = keccak(b"")
SUGGESTED_TIP_WEI: Final = 0
"""Nobody competes for a place in a block here."""


class Methods:
    """Answers calls from a view of the ledger. Safe to use from several threads.

    Args:
        view: The ledger.
        now: Returns Unix seconds.
    """

    def __init__(self, view: View, now: Callable[[], float]) -> None:
        self._view = view
        self._now = now
        self._methods: Mapping[str, tuple[int, Callable[[Sequence[Any]], Any]]] = {
            "web3_clientVersion": (0, lambda _: CLIENT_VERSION),
            "net_version": (0, lambda _: str(view.chain_id)),
            "net_listening": (0, lambda _: True),
            "eth_chainId": (0, lambda _: quantity(view.chain_id)),
            "eth_syncing": (0, lambda _: False),
            "eth_accounts": (0, lambda _: []),
            "eth_blockNumber": (0, lambda _: quantity(view.head.number)),
            "eth_gasPrice": (0, lambda _: quantity(next_base_fee_wei(view.head.header) + SUGGESTED_TIP_WEI)),
            "eth_maxPriorityFeePerGas": (0, lambda _: quantity(SUGGESTED_TIP_WEI)),
            "eth_feeHistory": (3, self._fee_history),
            "eth_getBalance": (2, self._balance),
            "eth_getTransactionCount": (2, self._nonce),
            "eth_getCode": (2, self._code),
            "eth_getStorageAt": (3, self._slot),
            "eth_getProof": (3, self._proof),
            "eth_call": (2, self._call),
            "eth_estimateGas": (2, self._estimate),
            "eth_getBlockByNumber": (2, self._block),
            "eth_getBlockByHash": (2, self._block),
            "eth_getBlockTransactionCountByNumber": (1, self._transaction_count),
            "eth_getBlockTransactionCountByHash": (1, self._transaction_count),
            "eth_getBlockReceipts": (1, self._block_receipts),
            "eth_getTransactionByHash": (1, self._transaction),
            "eth_getTransactionByBlockHashAndIndex": (2, self._transaction_at),
            "eth_getTransactionByBlockNumberAndIndex": (2, self._transaction_at),
            "eth_getTransactionReceipt": (1, self._receipt),
            "eth_getLogs": (1, lambda params: find_events(view, parameters.argument(params, 0, "filter"))),
        }
        """By name: how many arguments there may be, and what answers."""

    def call(self, method: str, params: Sequence[Any]) -> Any:
        """Returns the result of a call.

        Raises:
            RpcError: The answer is an error.
        """
        if method not in self._methods:
            raise RpcError(METHOD_NOT_FOUND, f"the method {method[:80]} does not exist/is not available")
        most, answer = self._methods[method]
        if len(params) > most:  # such as state that a call should pretend: an answer without it would be wrong
            raise RpcError(parameters.INVALID_PARAMS, f"too many arguments, want at most {most}")
        return answer(params)

    # State

    def _balance(self, params: Sequence[Any]) -> str:
        account, state = parameters.address(parameters.argument(params, 0, "address")), self._state(params, 1)
        return quantity(state.balance_wei(account))

    def _nonce(self, params: Sequence[Any]) -> str:
        account, state = parameters.address(parameters.argument(params, 0, "address")), self._state(params, 1)
        return quantity(state.nonce(account))

    def _code(self, params: Sequence[Any]) -> str:
        account, state = parameters.address(parameters.argument(params, 0, "address")), self._state(params, 1)
        return data(state.code(account))

    def _slot(self, params: Sequence[Any]) -> str:
        account = parameters.address(parameters.argument(params, 0, "address"))
        slot = parameters.slot(parameters.argument(params, 1, "storage slot"))
        return data(self._state(params, 2).slot(account, slot).to_bytes(32, "big"))

    def _proof(self, params: Sequence[Any]) -> dict[str, Any]:
        """Returns the nodes that prove an account and its slots under the block's state root (EIP-1186)."""
        account = parameters.address(parameters.argument(params, 0, "address"))
        slots = parameters.argument(params, 1, "storage slots")
        if not isinstance(slots, list | tuple) or len(slots) > MAX_PROVEN_SLOTS:
            raise parameters.invalid(slots, "storage slots", f"a list of at most {MAX_PROVEN_SLOTS}")
        stored, root = self._view.file.node, self._state_block(params, 2).header.state_root
        leaf, proof = prove(stored, root, keccak(account))
        nonce, balance, storage_root, code_hash = _account(leaf)
        proofs = []
        for slot in slots:
            key = keccak(parameters.slot(slot).to_bytes(32, "big"))
            value, nodes = prove(stored, storage_root, key)
            number = decode(value) if value else b""
            assert isinstance(number, bytes)
            shown = quantity(int.from_bytes(number, "big"))
            proofs.append({"key": slot, "value": shown, "proof": [data(node) for node in nodes]})
        return {
            "address": data(account),
            "accountProof": [data(node) for node in proof],
            "balance": quantity(int.from_bytes(balance, "big")),
            "codeHash": data(code_hash),
            "nonce": quantity(int.from_bytes(nonce, "big")),
            "storageHash": data(storage_root),
            "storageProof": proofs,
        }

    def _call(self, params: Sequence[Any]) -> str:
        call = calls.read_call(parameters.argument(params, 0, "call"))
        outcome = calls.run(self._view, call, self._state_block(params, 1))
        return data(calls.require_success(outcome).output)

    def _estimate(self, params: Sequence[Any]) -> str:
        call = calls.read_call(parameters.argument(params, 0, "call"))
        block = self._state_block(params, 1)
        is_newest = block.number == self._view.head.number
        time_s = max(block.header.time_s, int(self._now())) if is_newest else block.header.time_s
        return quantity(calls.estimate(self._view, call, block, time_s))

    def _fee_history(self, params: Sequence[Any]) -> dict[str, Any]:
        given = parameters.argument(params, 0, "block count")
        count = given if type(given) is int and given >= 0 else parameters.number(given, "block count")
        block = self._state_block(params, 1)
        return fees.fee_history(self._view, count, block.number, params[2] if len(params) > 2 else None)

    # Blocks and transactions

    def _block(self, params: Sequence[Any]) -> dict[str, Any] | None:
        full = self._full_block(params)
        whole = parameters.boolean(params[1], "hydrated") if len(params) > 1 else False
        return block_shape(full, whole=whole) if full else None

    def _transaction_count(self, params: Sequence[Any]) -> str | None:
        full = self._full_block(params)
        return quantity(len(full.mined)) if full else None

    def _block_receipts(self, params: Sequence[Any]) -> list[dict[str, Any]] | None:
        full = self._full_block(params)
        if full is None:
            return None
        return [receipt_shape(full, place) for place in range(len(full.mined))]

    def _transaction(self, params: Sequence[Any]) -> dict[str, Any] | None:
        found = self._find(params)
        return transaction_shape(*found) if found else None

    def _transaction_at(self, params: Sequence[Any]) -> dict[str, Any] | None:
        full = self._full_block(params)
        place = parameters.number(parameters.argument(params, 1, "transaction index"), "transaction index")
        if full is None or place >= len(full.mined):
            return None
        return transaction_shape(full, place)

    def _receipt(self, params: Sequence[Any]) -> dict[str, Any] | None:
        found = self._find(params)
        return receipt_shape(*found) if found else None

    def _find(self, params: Sequence[Any]) -> tuple[FullBlock, int] | None:
        found = self._view.file.find(parameters.digest(parameters.argument(params, 0, "transaction hash")))
        if found is None:
            return None
        number, place = found
        return self._view.full_block(number), place

    def _full_block(self, params: Sequence[Any]) -> FullBlock | None:
        number = self._view.number_of(parameters.argument(params, 0, "block"))
        return None if number is None else self._view.full_block(number)

    def _state_block(self, params: Sequence[Any], place: int) -> Block:
        """Returns the block after which the state is asked for; the newest when none is named."""
        which = params[place] if place < len(params) else None
        return self._view.block(self._view.require_number("latest" if which is None else which))

    def _state(self, params: Sequence[Any], place: int) -> State:
        return self._view.state_at(self._state_block(params, place))


def _account(leaf: bytes | None) -> tuple[bytes, bytes, bytes, bytes]:
    """Returns an account's nonce and balance as bytes, the root of its storage, and the hash of its code."""
    if leaf is None:
        return b"", b"", EMPTY_TRIE, _NO_CODE_HASH
    fields = decode(leaf)
    assert isinstance(fields, list)
    nonce, balance, storage_root, code_hash = (field for field in fields if isinstance(field, bytes))
    return nonce, balance, storage_root, code_hash
