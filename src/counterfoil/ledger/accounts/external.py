"""An account whose secret is with a signer elsewhere: web3signer, a node of one's own, a vault with a gateway.

The signer is asked by JSON-RPC (`eth_signTransaction`) and its answer is not trusted:
what it signed must be what was asked, field by field, and signed by the right account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from counterfoil.errors import InvalidInput, LedgerContradicts, LedgerUnreachable, MalformedEvidence
from counterfoil.ledger.accounts.account import checksummed, recover
from counterfoil.ledger.accounts.transaction import SignedTransaction, Transaction
from counterfoil.ledger.rpc.endpoint import TIMEOUT_S, Endpoint
from counterfoil.ledger.rpc.hexadecimal import data, parse_data, quantity
from counterfoil.ledger.rpc.rpc import RpcError

__all__ = ["MAX_SIGNED_BYTES", "ExternalAccount"]

MAX_SIGNED_BYTES = 2**20
"""Largest answer of a signer that is read; a transaction has at most 128 KiB."""

_HALF_ORDER = 0x7FFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_5D576E73_57A4501D_DFE92F46_681B20A0
"""Half the order of secp256k1's group; nodes take no signature with a larger s (EIP-2)."""


class ExternalAccount:
    """Signs transactions of one address through a signer behind a URL. Implements `Account`; close it after use.

    Attributes:
        address: 20 bytes.
        host: Scheme and host of the signer: all that is ever shown of its URL.
    """

    def __init__(
        self,
        url: str,
        address: bytes,
        *,
        timeout_s: float = TIMEOUT_S,
        allow_plain_http: bool = False,
        ca_file: Path | None = None,
    ) -> None:
        """Asks nobody yet.

        Args:
            url: Where the signer answers; as `Endpoint` takes it.
            address: 20 bytes of the account that signs.
            timeout_s: How long one signature may take in all, a person's approval included.
            allow_plain_http: Lets `http` leave this machine, for private networks.
            ca_file: Certificates (PEM) that vouch for the signer, in place of the system's.

        Raises:
            InvalidInput: The URL or the address cannot be used.
        """
        if len(address) != 20:
            raise InvalidInput("an account's address is 20 bytes")
        self.address = address
        self._signer = Endpoint(
            url,
            timeout_s=timeout_s,
            max_answer_bytes=MAX_SIGNED_BYTES,
            allow_plain_http=allow_plain_http,
            ca_file=ca_file,
        )
        self.host = self._signer.host

    def __repr__(self) -> str:
        return f"ExternalAccount({checksummed(self.address)}, {self.host})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections to the signer."""
        self._signer.close()

    def sign(self, transaction: Transaction) -> SignedTransaction:
        """Has a transaction signed.

        Raises:
            LedgerUnreachable: The signer does not answer in time, or will not sign.
            LedgerContradicts: It signed something else, or with another account's key.
        """
        try:
            answer = self._signer.call("eth_signTransaction", self._request(transaction))
        except RpcError as error:
            raise LedgerUnreachable(
                f"the signer {self.host} did not sign: {error.message[:200]}",
                hint=f"it must hold the key of {checksummed(self.address)}, unlocked",
            ) from error
        # geth wraps the bytes with its own reading of them, others give the bytes alone.
        raw = parse_data(answer.get("raw") if isinstance(answer, Mapping) else answer, "a signed transaction")
        return self._checked(raw, transaction)

    def _request(self, transaction: Transaction) -> dict[str, Any]:
        request = {
            "from": data(self.address),
            "type": "0x2",
            "chainId": quantity(transaction.chain_id),
            "nonce": quantity(transaction.nonce),
            "gas": quantity(transaction.gas),
            "maxFeePerGas": quantity(transaction.max_fee_wei),
            "maxPriorityFeePerGas": quantity(transaction.tip_wei),
            "value": quantity(transaction.value_wei),
            "data": data(transaction.data),
        }
        return request | ({"to": data(transaction.to)} if transaction.to is not None else {})

    def _checked(self, raw: bytes, asked: Transaction) -> SignedTransaction:
        try:
            signed, (r, s, y_parity) = SignedTransaction.decode(raw)
        except MalformedEvidence as error:
            raise self._contradicts("something that is not such a transaction") from error
        for field in fields(asked):
            if getattr(signed.transaction, field.name) != getattr(asked, field.name):
                raise self._contradicts(f"another {field.name} than was asked for")
        if s > _HALF_ORDER:
            raise self._contradicts("with a signature that nodes do not take")
        if recover(asked.signing_hash(), r, s, y_parity) != self.address:
            raise self._contradicts("with the key of another account")
        if asked.signed(r, s, y_parity).raw != raw:
            raise self._contradicts("bytes that say the same in another way")
        return signed

    def _contradicts(self, what: str) -> LedgerContradicts:
        return LedgerContradicts(
            f"the signer {self.host} signed {what}", hint="nothing was sent; check which key and chain it is set up for"
        )
