"""The Evidence contract on a ledger that runs, for tests: deployed, a log opened, heads anchored.

Sends by itself, one transaction a block, so that tests of proofs need no outbox.
"""

from __future__ import annotations

import time

from making import BankLog
from making_anchors import path_of

from counterfoil.core.anchor import Anchor
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import Transaction
from counterfoil.ledger.anchors.evidence import Evidence, artefact, log_id_of
from counterfoil.ledger.anchors.proofs import event_proof, storage_proof
from counterfoil.ledger.rpc.answers import TransactionReceipt
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.rpc.hexadecimal import data

WAIT_S = 20.0


class LiveLog:
    """One log in one contract on a chain.

    Attributes:
        evidence: The contract.
        log_id: The log's id in it.
        transactions: Hashes of the transactions that anchored, oldest first.
    """

    def __init__(self, chain: Chain, secret: bytes, log: BankLog, evidence: Evidence | None = None) -> None:
        self.chain = chain
        self.account = LocalAccount(secret)
        self.log = log
        self.transactions: list[bytes] = []
        if evidence is None:
            contract = self.send(None, artefact().bytecode).contract
            assert contract is not None
            evidence = Evidence(chain, contract)
        self.evidence = evidence
        self.log_id = log_id_of(self.account.address, log.origin)
        me = self.account.address
        self.send(evidence.address, Evidence.open(log.origin, log.key.key.public, me, me))

    def send(self, to: bytes | None, calldata: bytes) -> TransactionReceipt:
        """Sends one transaction and returns what became of it."""
        sender, fees = self.account.address, self.chain.offered()
        gas = self.chain.estimate_gas(sender, to, calldata)
        nonce = self.chain.nonce(sender)
        transaction = Transaction(self.chain.chain_id, nonce, to, calldata, gas * 2, fees.max_wei, fees.tip_wei)
        signed = self.account.sign(transaction)
        self.chain.rpc.call("eth_sendRawTransaction", data(signed.raw))
        receipt = self._receipt(signed.hash)
        assert receipt.is_success
        return receipt

    def _receipt(self, transaction_hash: bytes) -> TransactionReceipt:
        """Waits for the receipt: anvil answers a sending before its block is made."""
        ends_s = time.monotonic() + WAIT_S
        while time.monotonic() < ends_s:
            receipt = self.chain.receipt(transaction_hash)
            if receipt is not None:
                return receipt
        raise AssertionError("the transaction is in no block")

    def anchor(self, size: int) -> bytes:
        """Anchors the log's head over `size` records and returns the transaction's hash."""
        held = self.evidence.head(self.log_id).size
        path = path_of(self.log, held, size) if held else ()
        calldata = Evidence.anchor(self.log_id, size, self.log.root(size), path)
        self.transactions.append(self.send(self.evidence.address, calldata).transaction_hash)
        return self.transactions[-1]

    def event_proof(self, place: int = -1) -> Anchor:
        """Returns the anchor of one of `transactions`, proved by its event."""
        return event_proof(self.chain, self.evidence.address, self.log_id, self.transactions[place])

    def storage_proof(self) -> Anchor:
        """Returns the anchor of the newest head, proved by the contract's storage."""
        return storage_proof(self.chain, self.evidence.address, self.log_id, "latest")
