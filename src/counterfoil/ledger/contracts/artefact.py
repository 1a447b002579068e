"""A compiled contract, as the package ships it.

Reading one needs the standard library only: what takes keccak to compute (selectors,
topics, the hash of the code) was written down by `build`, and a test rebuilds it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from counterfoil.errors import NotFound

__all__ = ["FORMAT", "Artefact"]

FORMAT: Final = "counterfoil-contract/1"
"""Version of the artefact's own form."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """One contract: what a client must know to deploy it, call it and prove what it holds.

    Attributes:
        name: `Evidence`.
        compiler: `vyper 0.4.3`.
        evm_version: The oldest rules of a chain it runs under, `cancun`.
        abi: The functions and events, as Ethereum's tools read them.
        bytecode: What a transaction without a receiver deploys; arguments follow, where there are immutables.
        runtime_code_hash: keccak256 of the code at the contract's address, 32 bytes, the same on every chain; without
            the immutables, which follow the code.
        immutables: Where each value that was fixed at deployment begins in what follows the code, one word of 32
            bytes each, by its name in the source.
        selectors: First 4 bytes of a call, by `kept(bytes32,uint256)`.
        topics: First topic of an event, 32 bytes, by `Kept(bytes32,uint256,bytes32)`.
        slots: Where each variable begins in storage, by its name in the source, `erc721._words` in a module. Of a
            mapping, the entry of a key is at keccak256(slot || key), both as 32 bytes; of a mapping in a mapping, at
            keccak256(keccak256(slot || key) || second key).
        sources_sha256: Digest of each source it was compiled from, 32 bytes, by file name.
    """

    name: str
    compiler: str
    evm_version: str
    abi: Sequence[Mapping[str, Any]]
    bytecode: bytes
    runtime_code_hash: bytes
    immutables: Mapping[str, int]
    selectors: Mapping[str, bytes]
    topics: Mapping[str, bytes]
    slots: Mapping[str, int]
    sources_sha256: Mapping[str, bytes]

    @staticmethod
    @cache
    def load(name: str) -> Artefact:
        """Returns the contract `name`, read once in a process.

        Raises:
            NotFound: The package has no such contract.
        """
        file = resources.files(__package__) / f"{name}.json"
        if not name.isidentifier() or not file.is_file():
            raise NotFound(f"there is no contract {name!r}", hint="the contracts' sources are in counterfoil/ledger")
        return _parse(json.loads(file.read_bytes()))

    def selector(self, function: str) -> bytes:
        """Returns the 4 bytes that a call of `function` begins with.

        Args:
            function: Its name, `kept`.

        Raises:
            NotFound: The contract has no such function.
        """
        return self._only(self.selectors, function, "function")

    def parted(self, code: bytes) -> tuple[bytes, Mapping[str, bytes]]:
        """Parts what is at a contract's address into code and immutables, each a word of 32 bytes, by name."""
        end = max(0, len(code) - 32 * len(self.immutables))
        words = {name: code[end + offset : end + offset + 32] for name, offset in self.immutables.items()}
        return code[:end], MappingProxyType(words)

    def topic(self, event: str) -> bytes:
        """Returns the 32 bytes that an event's topics begin with.

        Args:
            event: Its name, `Kept`.

        Raises:
            NotFound: The contract has no such event.
        """
        return self._only(self.topics, event, "event")

    def _only(self, table: Mapping[str, bytes], name: str, what: str) -> bytes:
        for signature, value in table.items():
            if signature.partition("(")[0] == name:
                return value
        raise NotFound(f"the contract {self.name} has no {what} {name!r}")


def _parse(artefact: Mapping[str, Any]) -> Artefact:
    return Artefact(
        name=artefact["contract"],
        compiler=artefact["compiler"],
        evm_version=artefact["evm_version"],
        abi=artefact["abi"],
        bytecode=_bytes(artefact["bytecode"]),
        runtime_code_hash=_bytes(artefact["runtime_code_hash"]),
        immutables=MappingProxyType(artefact["immutables"]),
        selectors=_all_bytes(artefact["selectors"]),
        topics=_all_bytes(artefact["topics"]),
        slots=MappingProxyType(dict(_slots(artefact["storage_layout"]))),
        sources_sha256=_all_bytes(artefact["sources_sha256"]),
    )


def _slots(layout: Mapping[str, Any], module: str = "") -> Iterator[tuple[str, int]]:
    """Yields each variable and its slot; those of a module by its name, `erc721._words`."""
    for name, entry in layout.items():
        if "slot" in entry:
            yield module + name, entry["slot"]
        else:
            yield from _slots(entry, f"{module}{name}.")


def _all_bytes(table: Mapping[str, str]) -> Mapping[str, bytes]:
    return MappingProxyType({name: _bytes(value) for name, value in table.items()})


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
