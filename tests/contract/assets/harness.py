"""The Assets contract on an EVM in this process, and what is registered in it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from contract.evidence.harness import NOBODY, OWNER, STRANGER, Account, compiled, events, refused

from counterfoil.core.keccak import keccak256
from counterfoil.ledger.contracts.build import FOLDER

__all__ = [
    "ACTIVE", "ALICE", "BLOCKED", "BOB", "DATASET", "DEPRECATED", "MODEL", "NOBODY", "OPERATOR", "OWNER", "PRICER",
    "PUBLISHER", "RECALLED", "STRANGER", "TAKEN", "TAKES_TERMS", "URI", "Account", "deploy", "digest", "events",
    "id_of", "load", "refused", "register",
]  # fmt: skip

ALICE, BOB = Account("alice"), Account("bob")
DEPLOYER = Account("deployer of assets")
"""Not the one of the Evidence contract: titanoboa remembers what was stored by address, for longer."""

DATASET, MODEL = 1, 2
ACTIVE, DEPRECATED, RECALLED, BLOCKED = range(4)
PUBLISHER, OPERATOR, PRICER = 1, 2, 4
URI = "https://bank.example/log/record-1"
TAKEN = bytes.fromhex("150b7a02")
"""What ERC-721 has a contract answer that takes a token."""

TAKES_TERMS = keccak256(b"on_registered(uint256,address,bytes)")[:4]


def deploy() -> Any:
    """Returns a fresh Assets contract."""
    return compiled(FOLDER / "Assets.vy").deploy(sender=DEPLOYER.address)


def load(name: str, *arguments: Any) -> Any:
    """Returns a fresh contract that only tests use."""
    return compiled(Path(__file__).parent / "contracts" / f"{name}.vy").deploy(*arguments, sender=DEPLOYER.address)


def digest(text: str) -> bytes:
    """Returns a manifest."""
    return sha256(text.encode()).digest()


def id_of(creator: Account, manifest: bytes) -> int:
    """Works out an id as the documents say it: Keccak-256 of two words."""
    return int.from_bytes(keccak256(bytes(12) + bytes.fromhex(creator.address[2:]) + manifest), "big")


def register(
    assets: Any,
    text: str = "one",
    *,
    by: Account = OWNER,
    kind: int = DATASET,
    uri: str = URI,
    royalty_bps: int = 250,
    parents: Sequence[int] = (),
) -> int:
    """Registers an asset; returns its id."""
    asset: int = assets.register(kind, digest(text), uri, royalty_bps, list(parents), sender=by.address)
    return asset
