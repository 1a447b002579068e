"""A chain in memory, for what transactions cost: signed ones, applied by py-evm under the rules of Prague."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.vm.forks import PragueVM
from eth_abi import encode
from eth_keys import keys

from counterfoil.ledger.contracts.artefact import Artefact

__all__ = ["Ledger"]


class Ledger:
    """A chain in memory with one contract on it; every call is a signed transaction of its own.

    Attributes:
        gas: What the last transaction used.
        returned: What its contract returned.
    """

    def __init__(self, contract: str = "Evidence", *others: keys.PrivateKey) -> None:
        self.account = keys.PrivateKey(sha256(b"account").digest())
        self.address = self.account.public_key.to_canonical_address()
        chain = MiningChain.configure(vm_configuration=((0, PragueVM),), chain_id=1337)
        genesis = {"difficulty": 0, "gas_limit": 2**40, "timestamp": 1_700_000_000, "base_fee_per_gas": 0}
        funds = {"balance": 10**30, "nonce": 0, "code": b"", "storage": {}}
        addresses = [self.address, *(each.public_key.to_canonical_address() for each in others)]
        self._vm = chain.from_genesis(AtomicDB(), genesis, dict.fromkeys(addresses, funds)).get_vm()
        self._header = self._vm.get_block().header
        self.artefact = Artefact.load(contract)
        self.gas, self.returned, self.contract = self.send(self.artefact.bytecode)

    def call(self, function: str, *arguments: Any) -> bytes:
        """Sends a transaction that calls a function; returns what it returned."""
        selector = self.artefact.selector(function)
        types = next(name for name, value in self.artefact.selectors.items() if value == selector)
        types = types.removeprefix(f"{function}(").removesuffix(")")
        self.gas, self.returned, _ = self.send(selector + encode(types.split(","), arguments), self.contract)
        return self.returned

    def open(self, origin: str) -> bytes:
        """Opens a log of which this account is everything; returns its id."""
        return self.call("open", origin, b"\x11" * 32, self.address, self.address)

    def sign(self, digest: bytes) -> bytes:
        """Returns r || s || v."""
        signature = self.account.sign_msg_hash(digest)
        return signature.to_bytes()[:64] + bytes([27 + signature.v])

    def send(self, data: bytes, to: bytes = b"", by: keys.PrivateKey | None = None) -> tuple[int, bytes, bytes]:
        """Sends a transaction, to nobody for a deployment; returns its gas, what was returned and by which contract."""
        account = by or self.account
        transaction = self._vm.get_transaction_builder().new_unsigned_dynamic_fee_transaction(
            chain_id=1337,
            nonce=self._vm.state.get_nonce(account.public_key.to_canonical_address()),
            max_priority_fee_per_gas=0,
            max_fee_per_gas=0,
            gas=10_000_000,
            to=to,
            value=0,
            data=data,
            access_list=[],
        )
        receipt, computation = self._vm.apply_transaction(self._header, transaction.as_signed_transaction(account))
        if computation.is_error:
            raise SystemExit(f"the contract refused: {computation.error}")
        return receipt.gas_used - self._header.gas_used, computation.output, computation.msg.storage_address
