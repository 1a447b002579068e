"""The embedded ledger for web3.py, in this process: `Web3(EmbeddedProvider(ledger))`."""

from __future__ import annotations

import json
from typing import Any

from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from counterfoil.ledger.embedded.json_rpc import answer
from counterfoil.ledger.rpc.rpc import Rpc, RpcError

__all__ = ["EmbeddedProvider"]


class EmbeddedProvider(JSONBaseProvider):
    """Answers web3.py's calls from a ledger. Values take the way through JSON, as with a node elsewhere.

    Args:
        ledger: Stays open for as long as this is used; whoever opened it closes it.
    """

    def __init__(self, ledger: Rpc) -> None:
        super().__init__()
        self._ledger = ledger

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        sent = self._sent(method, params)
        try:
            return self._response(sent["id"], self._ledger.call(method, *sent["params"]))
        except RpcError as error:
            return self._response(sent["id"], error)

    def make_batch_request(self, batch_requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        sent = [self._sent(method, params) for method, params in batch_requests]
        results = self._ledger.batch([(each["method"], each["params"]) for each in sent])
        return [self._response(each["id"], result) for each, result in zip(sent, results, strict=True)]

    def _sent(self, method: RPCEndpoint, params: Any) -> Any:
        return json.loads(self.encode_rpc_request(method, params))

    def _response(self, identifier: int, result: Any) -> RPCResponse:
        return self.decode_rpc_response(json.dumps(answer(identifier, result)).encode())
