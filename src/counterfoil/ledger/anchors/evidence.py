"""The Evidence contract in Python's own types: what it is asked, told, and what it tells.

Calls return calldata; sending it is the outbox's work. Reading asks the chain at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from eth_abi.abi import encode

from counterfoil.core.keccak import keccak256
from counterfoil.ledger.anchors.head_signer import LogAddress
from counterfoil.ledger.contracts.abi import ContractAbi, ContractEvent
from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.rpc.answers import Event
from counterfoil.ledger.rpc.chain import Chain, Which

__all__ = ["Evidence", "LedgerHead", "Role", "artefact", "log_id_of", "read_event"]

_ABI: Final = ContractAbi("Evidence")

Role = Literal["owner", "writer"]
"""The owner assigns roles and names signers; the writer anchors."""


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """The newest head the contract holds of a log; size 0 before the first.

    Attributes:
        size: Number of records.
        root: 32 bytes.
        time_s: When it was anchored, in Unix seconds of the chain's clock.
    """

    size: int
    root: bytes
    time_s: int


class Evidence:
    """One Evidence contract on one chain.

    Attributes:
        chain: The chain.
        address: 20 bytes of the contract.
    """

    def __init__(self, chain: Chain, address: bytes) -> None:
        self.chain = chain
        self.address = address

    def require_genuine(self) -> None:
        """Makes sure that the contract's code is the one this version knows.

        Raises:
            NotFound: There is no contract at this address.
            LedgerContradicts: Another code.
        """
        _ABI.require_genuine(self.chain, self.address, hint="`counterfoil ledger deploy` puts one there")

    # What is sent

    @staticmethod
    def open(origin: str, log_key: bytes, writer: bytes, signer: bytes) -> bytes:
        """Returns the calldata that opens a log: its name, Ed25519 key, and who may anchor and sign heads."""
        return _ABI.calldata("open", ("string", "bytes32", "address", "address"), (origin, log_key, writer, signer))

    @staticmethod
    def name_signer(log_id: bytes, account: bytes) -> bytes:
        """Returns the calldata that names one more account whose signed heads count."""
        return _ABI.calldata("name_signer", ("bytes32", "address"), (log_id, account))

    @staticmethod
    def offer(role: Role, log_id: bytes, account: bytes) -> bytes:
        """Returns the calldata by which the owner offers a role to an account; all zeros withdraw the offer."""
        return _ABI.calldata(f"offer_{role}", ("bytes32", "address"), (log_id, account))

    @staticmethod
    def accept(role: Role, log_id: bytes) -> bytes:
        """Returns the calldata by which an account takes a role that it was offered."""
        return _ABI.calldata(f"accept_{role}", ("bytes32",), (log_id,))

    @staticmethod
    def revoke_writer(log_id: bytes) -> bytes:
        """Returns the calldata by which the owner stops the writer at once."""
        return _ABI.calldata("revoke_writer", ("bytes32",), (log_id,))

    @staticmethod
    def anchor(log_id: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bytes:
        """Returns the calldata that anchors a head, with the proof that it extends the last one."""
        return _ABI.calldata("anchor", _HEAD_TYPES, (log_id, size, root, list(proof)))

    @staticmethod
    def keep(log_id: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bytes:
        """Returns the calldata that stores an earlier head for good, with the proof that the newest extends it."""
        return _ABI.calldata("keep", _HEAD_TYPES, (log_id, size, root, list(proof)))

    @staticmethod
    def note(log_id: bytes, index: int, digest: bytes) -> bytes:
        """Returns the calldata that publishes a digest about one record."""
        return _ABI.calldata("note", ("bytes32", "uint256", "bytes32"), (log_id, index, digest))

    @staticmethod
    def judge(log_id: bytes, size: int, signer: bytes, heads: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Returns the calldata that convicts a log; `heads` are two (root, signature) of one size."""
        (root_a, signature_a), (root_b, signature_b) = heads
        types = ("bytes32", "uint256", "address", "bytes32", "bytes", "bytes32", "bytes")
        return _ABI.calldata("judge", types, (log_id, size, signer, root_a, signature_a, root_b, signature_b))

    # What is read

    def head(self, log_id: bytes, which: Which = "latest") -> LedgerHead:
        """Returns the newest head the contract holds of a log."""
        size, root, time_s = self._ask("head", ("bytes32",), (log_id,), ("uint256", "bytes32", "uint256"), which)
        return LedgerHead(size, root, time_s)

    def owner(self, log_id: bytes) -> bytes:
        """Returns the 20-byte owner of a log, all zeros when it was not opened."""
        return self._address("owner", log_id)

    def writer(self, log_id: bytes) -> bytes:
        """Returns the 20-byte account that may anchor."""
        return self._address("writer", log_id)

    def pending(self, role: Role, log_id: bytes) -> bytes:
        """Returns the 20-byte account that a role is offered to, all zeros when to nobody."""
        return self._address(f"pending_{role}", log_id)

    def is_signer(self, log_id: bytes, account: bytes) -> bool:
        """Whether heads signed by `account` count for or against a log."""
        return bool(self._ask("is_signer", ("bytes32", "address"), (log_id, account), ("bool",))[0])

    def kept(self, log_id: bytes, size: int) -> bytes | None:
        """Returns the root that was stored for good at a size, None when none was."""
        root = bytes(self._ask("kept", ("bytes32", "uint256"), (log_id, size), ("bytes32",))[0])
        return root if any(root) else None

    def is_equivocated(self, log_id: bytes) -> bool:
        """Whether the contract has seen two signed heads of this log that contradict each other."""
        return bool(self._ask("equivocated", ("bytes32",), (log_id,), ("bool",))[0])

    def events(self, first: int, last: int, log_id: bytes) -> list[ContractEvent]:
        """Returns everything that happened to a log in blocks first..last."""
        return [read_event(each) for each in self.chain.events(first, last, [self.address], [None, log_id])]

    def logs_of_key(self, log_key: bytes, first: int, last: int) -> list[ContractEvent]:
        """Returns the openings of every log with this Ed25519 key in blocks first..last."""
        topics = [artefact().topic("Opened"), None, None, log_key]
        return [read_event(each) for each in self.chain.events(first, last, [self.address], topics)]

    def opening(self, log_id: bytes) -> ContractEvent | None:
        """Returns the event that opened a log, None when the node does not know it."""
        last = self.chain.require_block("latest").number
        found = self.chain.events(0, last, [self.address], [artefact().topic("Opened"), log_id])
        return read_event(found[0]) if found else None

    def where(self, log_id: bytes) -> LogAddress:
        """Returns the full address of a log."""
        return LogAddress(self.chain.chain_id, self.address, log_id)

    def _address(self, name: str, log_id: bytes) -> bytes:
        return bytes.fromhex(self._ask(name, ("bytes32",), (log_id,), ("address",))[0][2:])

    def _ask(
        self, name: str, types: Sequence[str], values: Sequence[Any], returns: Sequence[str], which: Which = "latest"
    ) -> tuple[Any, ...]:
        return _ABI.ask(self.chain, self.address, name, types, values, returns, which)


_HEAD_TYPES: Final = ("bytes32", "uint256", "bytes32", "bytes32[]")


def artefact() -> Artefact:
    """Returns the compiled contract that ships with this version."""
    return _ABI.artefact


def log_id_of(opener: bytes, origin: str) -> bytes:
    """Returns a log's id: keccak256 of its opener and origin, so that nobody can take it first."""
    return keccak256(encode(["address", "string"], [opener, origin]))


def read_event(event: Event) -> ContractEvent:
    """Reads an event of the contract.

    Raises:
        LedgerContradicts: When it is none, or does not have its shape.
    """
    return _ABI.read_event(event)
