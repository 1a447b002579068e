"""That a log's head is on a shared ledger: the proof, as files carry it.

The Evidence contract holds the newest head of each log and tells of each in an event.
An anchor leads from one of the two to the hash of a block: through the tree of the
block's receipts (an event), or through the contract's storage. Nothing in it is
trusted; `check_anchor` holds it against a block that the checker knows.

    header        the block's header, RLP
    account       tree nodes to the contract's account, whose code is a known one
    event         place of the event, and tree nodes to the receipt that holds it
    storage       tree nodes to the two slots that hold the head
    consistency   hashes from the anchored head to the file's (RFC 9162)
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.proofs import decode_hashes, encode_hashes
from counterfoil.core.statement import is_time
from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = ["FORMAT", "MAX_ANCHOR_BYTES", "Anchor", "EventProof", "StorageProof", "parse_hex"]

FORMAT: Final = "counterfoil-anchor/1"
MAX_ANCHOR_BYTES: Final = 262_144
"""Of an anchor in canonical form; proofs on the busiest ledgers need a tenth."""
MAX_SIZE: Final = 2**48 - 1
"""Most records of a log that the contract counts."""

_MAX_NODES: Final = 65
_MEMBERS: Final = {
    "account",
    "block",
    "chainId",
    "consistency",
    "contract",
    "format",
    "header",
    "logId",
    "root",
    "size",
}


@dataclass(frozen=True, slots=True)
class EventProof:
    """The event of the anchoring.

    Attributes:
        transaction: Place of the transaction in the block, from 0.
        log: Place of the event among those of the transaction, from 0.
        nodes: RLP of the nodes to the transaction's receipt, from the receipts root down.
    """

    transaction: int
    log: int
    nodes: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns the member `event`."""
        return {"log": self.log, "proof": _encoded(self.nodes), "transaction": self.transaction}


@dataclass(frozen=True, slots=True)
class StorageProof:
    """The head in the contract's storage.

    Attributes:
        head: RLP of the nodes to the slot with the size, from the account's storage root down.
        root: The same for the slot with the root.
    """

    head: tuple[bytes, ...]
    root: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns the member `storage`."""
        return {"head": _encoded(self.head), "root": _encoded(self.root)}


@dataclass(frozen=True, slots=True)
class Anchor:
    """The proof that a log's head was on a ledger in a block.

    Attributes:
        chain_id: What the file calls the ledger; the block's hash does not vouch for it.
        contract: 20-byte address of the Evidence contract.
        log_id: 32 bytes.
        size: Number of records the anchored head is over.
        root: 32-byte root over them.
        block_hash: 32 bytes.
        block_number: The block's height.
        block_time: Its time, UTC in whole seconds.
        header: RLP of its header.
        account: RLP of the nodes to the contract's account, from the state root down.
        proof: The event or the storage that holds the head.
        consistency: Hashes of 32 bytes from the anchored head to the file's.
    """

    chain_id: int
    contract: bytes
    log_id: bytes
    size: int
    root: bytes
    block_hash: bytes
    block_number: int
    block_time: str
    header: bytes
    account: tuple[bytes, ...]
    proof: EventProof | StorageProof
    consistency: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns the anchor as files hold it."""
        kind = "event" if isinstance(self.proof, EventProof) else "storage"
        return {
            "account": _encoded(self.account),
            "block": {"hash": _hex(self.block_hash), "number": self.block_number, "time": self.block_time},
            "chainId": self.chain_id,
            "consistency": encode_hashes(self.consistency),
            "contract": _hex(self.contract),
            "format": FORMAT,
            "header": b64encode(self.header).decode(),
            "logId": _hex(self.log_id),
            "root": b64encode(self.root).decode(),
            "size": self.size,
            kind: self.proof.to_json(),
        }

    def encode(self) -> bytes:
        """Returns a bundle's member `anchor.json`."""
        return canonical.dumps(self.to_json())

    @classmethod
    def parse(cls, data: bytes) -> Anchor:
        """Reads a bundle's member `anchor.json`.

        Raises:
            MalformedEvidence: When it is not an anchor in canonical form.
        """
        try:
            return cls.from_json(canonical.loads_canonical(data))
        except InvalidInput as error:
            raise MalformedEvidence(error.message, hint=error.hint) from error

    @classmethod
    def from_json(cls, value: Any) -> Anchor:
        """Reads an anchor as a file holds it. Nothing in it is trusted yet.

        Raises:
            MalformedEvidence: When it has another shape, or more than 262,144 bytes.
        """
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise MalformedEvidence("not an anchor this version can read", hint=f"expected {FORMAT}")
        if _size_bytes(value) > MAX_ANCHOR_BYTES:
            raise MalformedEvidence(f"an anchor has more than {MAX_ANCHOR_BYTES} bytes")
        if set(value) not in (_MEMBERS | {"event"}, _MEMBERS | {"storage"}):
            raise MalformedEvidence("an anchor has a missing or unknown part, or not exactly one of event and storage")
        block = _members(value["block"], {"hash", "number", "time"})
        if not isinstance(block["time"], str) or not is_time(block["time"]):
            raise MalformedEvidence("the time of an anchor's block is not a time")
        return cls(
            chain_id=_number(value["chainId"], 1),
            contract=parse_hex(value["contract"], 20),
            log_id=parse_hex(value["logId"], 32),
            size=_number(value["size"], 1, MAX_SIZE),
            root=decode_hashes([value["root"]], "an anchor")[0],
            block_hash=parse_hex(block["hash"], 32),
            block_number=_number(block["number"]),
            block_time=block["time"],
            header=_bytes(value["header"]),
            account=_nodes(value["account"]),
            proof=_event(value["event"]) if "event" in value else _storage(value["storage"]),
            consistency=decode_hashes(value["consistency"], "an anchor"),
        )


def parse_hex(value: Any, size_bytes: int) -> bytes:
    """Reads an address or hash as anchors write it: `0x` and lower-case digits.

    Raises:
        MalformedEvidence: When it is something else, or of another length.
    """
    if not isinstance(value, str) or not re.fullmatch(f"0x[0-9a-f]{{{2 * size_bytes}}}", value):
        raise MalformedEvidence(f"{str(value)[:80]!r} is not 0x and {2 * size_bytes} digits 0-9, a-f")
    return bytes.fromhex(value[2:])


def _size_bytes(value: dict[str, Any]) -> int:
    try:
        return len(canonical.dumps(value))
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error


def _event(value: Any) -> EventProof:
    members = _members(value, {"log", "proof", "transaction"})
    return EventProof(_number(members["transaction"]), _number(members["log"]), _nodes(members["proof"]))


def _storage(value: Any) -> StorageProof:
    members = _members(value, {"head", "root"})
    return StorageProof(_nodes(members["head"]), _nodes(members["root"]))


def _members(value: Any, expected: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != expected:
        raise MalformedEvidence(f"a part of an anchor has exactly the members {', '.join(sorted(expected))}")
    return value


def _number(value: Any, least: int = 0, most: int = canonical.MAX_SAFE_INTEGER) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise MalformedEvidence(f"{str(value)[:40]!r} in an anchor is not a whole number from {least} to {most}")
    return value


def _nodes(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > _MAX_NODES:
        raise MalformedEvidence(f"a proof in an anchor is not a list of at most {_MAX_NODES} nodes")
    return tuple(_bytes(item) for item in value)


def _bytes(value: Any) -> bytes:
    try:
        raw = b64decode(value, validate=True)
    except (Base64Error, ValueError, TypeError) as error:
        raise MalformedEvidence("a part of an anchor is not base64") from error
    if not isinstance(value, str) or b64encode(raw).decode() != value:
        raise MalformedEvidence("a part of an anchor is base64 in another form than the usual one")
    return raw


def _encoded(nodes: Sequence[bytes]) -> list[str]:
    return [b64encode(node).decode() for node in nodes]


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
