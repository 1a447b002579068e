"""The Assets contract in Python's own types: what it is asked, told, and what it tells.

Calls return calldata; sending it is the outbox's work. Reading asks the chain at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode

from counterfoil.core.keccak import keccak256
from counterfoil.errors import Reverted
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.ledger.contracts.abi import ContractAbi, ContractEvent
from counterfoil.ledger.contracts.artefact import Artefact
from counterfoil.ledger.rpc.answers import Event
from counterfoil.ledger.rpc.chain import Chain, Which

__all__ = ["AssetsContract", "HeldAsset", "artefact", "asset_id", "read_event"]

_ABI: Final = ContractAbi("Assets")
_MISSING: Final = "no such asset"


@dataclass(frozen=True, slots=True)
class HeldAsset:
    """What the contract holds of an asset.

    Attributes:
        asset: Its id.
        owner: 20 bytes.
        state: 0 active, 1 deprecated, 2 recalled, 3 blocked.
        kind: 1 dataset, 2 model, 3 service, 4 organisation.
        version: From 1.
        manifest: SHA-256 of the newest version's manifest, 32 bytes.
        uri: Where that is found; empty where nothing was said.
        royalty_bps: In hundredths of a percent.
        royalty_receiver: 20 bytes.
    """

    asset: int
    owner: bytes
    state: int
    kind: int
    version: int
    manifest: bytes
    uri: str
    royalty_bps: int
    royalty_receiver: bytes


class AssetsContract:
    """One Assets contract on one chain.

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
        _ABI.require_genuine(self.chain, self.address, hint="`counterfoil asset deploy` puts one there")

    # What is sent

    @staticmethod
    def register(kind: int, manifest: bytes, uri: str, royalty_bps: int, parents: Sequence[int]) -> bytes:
        """Returns the calldata that registers an asset; parents are given in any order."""
        types = ("uint256", "bytes32", "string", "uint256", "uint256[]")
        return _ABI.calldata("register", types, (kind, manifest, uri, royalty_bps, sorted(parents)))

    @staticmethod
    def publish(asset: int, manifest: bytes, uri: str) -> bytes:
        """Returns the calldata that publishes the next version."""
        return _ABI.calldata("publish", ("uint256", "bytes32", "string"), (asset, manifest, uri))

    @staticmethod
    def set_uri(asset: int, uri: str) -> bytes:
        """Returns the calldata that says where the newest version is found."""
        return _ABI.calldata("set_uri", ("uint256", "string"), (asset, uri))

    @staticmethod
    def set_state(asset: int, state: int) -> bytes:
        """Returns the calldata that says how an asset stands."""
        return _ABI.calldata("set_state", ("uint256", "uint256"), (asset, state))

    @staticmethod
    def transfer(sender: bytes, receiver: bytes, asset: int) -> bytes:
        """Returns the calldata that transfers an asset; a contract that receives it must say that it takes it."""
        types = ("address", "address", "uint256")
        return _ABI.calldata("safeTransferFrom", types, (sender, receiver, asset))

    @staticmethod
    def approve(spender: bytes, asset: int) -> bytes:
        """Returns the calldata that lets an account transfer an asset, until it changes hands."""
        return _ABI.calldata("approve", ("address", "uint256"), (checksummed(spender), asset))

    # What is read

    def may_transfer(self, asset: int, owner: bytes, spender: bytes) -> bool:
        """Whether an account may transfer an asset of an owner: it alone, or all of theirs."""
        approved = _bytes(self._ask("getApproved", (asset,), ("address",), "latest")[0])
        given = (checksummed(owner), checksummed(spender))
        asked = _ABI.ask(self.chain, self.address, "isApprovedForAll", ("address", "address"), given, ("bool",))
        return approved == spender or bool(asked[0])

    def held(self, asset: int, which: Which = "latest") -> HeldAsset | None:
        """Returns what the contract holds of an asset, None when there is none."""
        try:
            types = ("address", "uint256", "uint256", "uint256", "uint256")
            owner, state, kind, version, bps = self._ask("asset", (asset,), types, which)
        except Reverted as error:
            if _MISSING in error.message:
                return None
            raise
        manifest = self._ask("manifest", (asset,), ("bytes32",), which)[0]
        uri = self._ask("tokenURI", (asset,), ("string",), which)[0]
        receiver = self._ask("royaltyInfo", (asset, 0), ("address", "uint256"), which)[0]
        return HeldAsset(asset, _bytes(owner), state, kind, version, manifest, uri, bps, _bytes(receiver))

    def may(self, asset: int, account: bytes, role: int) -> bool:
        """Whether an account has a role for an asset: 1 publisher, 2 operator, 4 pricer; the owner has every role."""
        types = ("uint256", "address", "uint256")
        return bool(_ABI.ask(self.chain, self.address, "may", types, (asset, account, role), ("bool",))[0])

    def _ask(self, name: str, values: Sequence[Any], returns: Sequence[str], which: Which) -> tuple[Any, ...]:
        return _ABI.ask(self.chain, self.address, name, ["uint256"] * len(values), values, returns, which)


def artefact() -> Artefact:
    """Returns the compiled contract that ships with this version."""
    return _ABI.artefact


def asset_id(creator: bytes, manifest: bytes) -> int:
    """Returns an asset's id: keccak256 of its creator and first manifest, so that nobody can take it first."""
    return int.from_bytes(keccak256(encode(["address", "bytes32"], [checksummed(creator), manifest])), "big")


def read_event(event: Event) -> ContractEvent:
    """Reads an event of the contract.

    Raises:
        LedgerContradicts: When it is none, or does not have its shape.
    """
    return _ABI.read_event(event)


def _bytes(address: str) -> bytes:
    return bytes.fromhex(address[2:])
