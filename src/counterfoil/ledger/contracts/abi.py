"""What a contract of ours is asked and tells, as bytes and as Python's own values (Solidity ABI specification)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from counterfoil.core.keccak import keccak256
from counterfoil.errors import LedgerContradicts, NotFound
from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.rpc.answers import Event
from counterfoil.ledger.rpc.chain import Chain, Which

__all__ = ["ContractAbi", "ContractEvent", "decoded"]


@dataclass(frozen=True, slots=True)
class ContractEvent:
    """An event of a contract, with its values by name."""

    name: str
    values: dict[str, Any]
    event: Event


def decoded(types: Sequence[str], data: bytes, what: str) -> tuple[Any, ...]:
    """Reads ABI-encoded values. A text that is not UTF-8 is shown as far as it is: no contract looks at that.

    Raises:
        LedgerContradicts: They are none.
    """
    raw = ["bytes" if kind == "string" else kind for kind in types]
    try:
        found = decode(raw, data)
    except (DecodingError, OverflowError) as error:
        raise LedgerContradicts(f"the ledger's node gave an answer to {what} that cannot be read") from error
    pairs = zip(types, found, strict=True)
    return tuple(value.decode("utf-8", "replace") if kind == "string" else value for kind, value in pairs)


class ContractAbi:
    """The functions and events of one compiled contract.

    Args:
        name: Of the contract, `Evidence`.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def artefact(self) -> Artefact:
        """The compiled contract that ships with this version."""
        return Artefact.load(self._name)

    def calldata(self, function: str, types: Sequence[str], values: Sequence[Any]) -> bytes:
        """Returns what calls a function; of several of its name, the one that takes these types."""
        selector = self.artefact.selectors.get(f"{function}({','.join(types)})")
        return (selector or self.artefact.selector(function)) + encode(types, values)

    def ask(
        self,
        chain: Chain,
        address: bytes,
        function: str,
        types: Sequence[str],
        values: Sequence[Any],
        returns: Sequence[str],
        which: Which = "latest",
    ) -> tuple[Any, ...]:
        """Calls a function that changes nothing, and returns its answer.

        Args:
            chain: The chain.
            address: 20 bytes of the contract.
            function: Its name.
            types: ABI types of what it is given.
            values: What it is given.
            returns: ABI types of what it answers.
            which: At which block.

        Raises:
            Reverted: The contract refuses.
            LedgerContradicts: The answer has another shape.
            LedgerUnreachable: The chain does not answer.
        """
        return decoded(returns, chain.call(address, self.calldata(function, types, values), which=which), function)

    def read_event(self, event: Event) -> ContractEvent:
        """Reads an event of the contract.

        Raises:
            LedgerContradicts: When it is none, or does not have its shape.
        """
        name, fields = self._shapes.get(event.topics[0] if event.topics else b"", ("", []))
        topics = [field for field in fields if field[2]]
        if not name or len(topics) != len(event.topics) - 1:
            raise LedgerContradicts(f"the ledger's node gave an event that the {self._name} contract does not have")
        values = self._named(topics, b"".join(event.topics[1:]), name)
        return ContractEvent(name, values | self._named([f for f in fields if not f[2]], event.data, name), event)

    def require_genuine(
        self,
        chain: Chain,
        address: bytes,
        which: Which = "latest",
        *,
        hint: str,
        immutables: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        """Makes sure that the code at an address is the one this version knows, deployed with the values expected.

        Args:
            chain: The chain.
            address: 20 bytes.
            which: Of which block.
            hint: What to do where there is no contract.
            immutables: Each value that is fixed at deployment, by its name in the source: 20 bytes of an address, or a
                word of 32 bytes.

        Raises:
            NotFound: There is no contract at this address.
            LedgerContradicts: Another code, or another value.
            ValueError: The contract fixes other values than those named here.
        """
        code = chain.code(address, which)
        if not code:
            raise NotFound(f"there is no contract at 0x{address.hex()} on chain {chain.chain_id}", hint=hint)
        if immutables.keys() != self.artefact.immutables.keys():
            raise ValueError(f"{self._name} fixes {sorted(self.artefact.immutables)}, not {sorted(immutables)}")
        code, words = self.artefact.parted(code)
        if keccak256(code) != self.artefact.runtime_code_hash:
            raise LedgerContradicts(
                f"the contract at 0x{address.hex()} is not the {self._name} contract of this version",
                hint="ask whoever named it; its rules may be others than the ones checkers know",
            )
        for name, expected in immutables.items():
            if words[name] != expected.rjust(32, b"\0"):
                raise LedgerContradicts(
                    f"the {self._name} contract at 0x{address.hex()} was deployed with 0x{words[name].hex()} "
                    f"for {name}, and 0x{expected.hex()} was expected",
                    hint="name the contract that was deployed for this one, or the other way round",
                )

    @cached_property
    def _shapes(self) -> dict[bytes, tuple[str, list[tuple[str, str, bool]]]]:
        """Every event of the contract by topic: its name, and (type, name, is a topic) of each value."""
        return {
            self.artefact.topic(row["name"]): (
                row["name"],
                [(value["type"], value["name"], value["indexed"]) for value in row["inputs"]],
            )
            for row in self.artefact.abi
            if row["type"] == "event"
        }

    def _named(self, fields: Sequence[tuple[str, str, bool]], data: bytes, name: str) -> dict[str, Any]:
        return dict(zip([f[1] for f in fields], decoded([f[0] for f in fields], data, name), strict=True))
