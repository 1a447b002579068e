"""What a log says of an asset on a ledger, so that log and ledger point at each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.statement import Draft
from counterfoil.errors import MalformedEvidence

__all__ = ["STREAM", "AssetRecord"]

STREAM: Final = "assets"


@dataclass(frozen=True, slots=True)
class AssetRecord:
    """An asset after something was done with it from this home; nothing in it that the ledger does not show.

    Attributes:
        action: `registered`, `published`, `moved`, `state` or `transferred`.
        chain_id: The ledger's number.
        contract: Address of the Assets contract, `0x…` in mixed case.
        asset: The asset's id, `0x` and 64 digits.
        transaction: Hash of the transaction that did it, `0x` and 64 digits.
        kind: `dataset`, `model`, `service` or `organisation`.
        manifest: SHA-256 of the newest version's manifest, 64 hexadecimal digits.
        version: From 1.
        state: `active`, `deprecated`, `recalled` or `blocked`.
        owner: Address of the owner, `0x…` in mixed case.
        of: Leaf hash of the record that the manifest stands for (or, where no new version was published, of the
            record before this one); empty where that is not in this log.
    """

    action: str
    chain_id: int
    contract: str
    asset: str
    transaction: str
    kind: str
    manifest: str
    version: int
    state: str
    owner: str
    of: str = ""

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about = {
            "action": self.action,
            "asset": self.asset,
            "chainId": self.chain_id,
            "contract": self.contract,
            "kind": self.kind,
            "manifest": self.manifest,
            "owner": self.owner,
            "state": self.state,
            "transaction": self.transaction,
            "version": self.version,
        }
        return Draft("asset", STREAM, self.asset, (self.of,) if self.of else (), about)

    @classmethod
    def from_about(cls, about: Mapping[str, Any], of: str = "") -> AssetRecord:
        """Reads it back from the public part of its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        texts = ("action", "contract", "asset", "transaction", "kind", "manifest", "state", "owner")
        try:
            told = {name: about[name] for name in texts}
            numbers = about["chainId"], about["version"]
        except (KeyError, TypeError) as error:
            raise MalformedEvidence("an asset record lacks a part") from error
        if not all(isinstance(each, str) for each in told.values()) or not all(type(n) is int for n in numbers):
            raise MalformedEvidence("an asset record holds another type")
        return cls(chain_id=numbers[0], version=numbers[1], of=of, **told)
