"""Checks an anchor, offline, part by part.

1. header       hashes to the block's hash, and says the number and time claimed
2. account      under the header's state root: the contract's code is that of Evidence
3. event        under the receipts root: Evidence told of the anchored head; or
   storage      under the account's storage root: Evidence holds it
4. consistency  the file's head begins with every record of the anchored one
5. trust        the block is one that the checker named, and so are log and contract
                where the checker named any

The code is what refuses a head that rewrites history. It cannot show what a contract
held before it began to run: whoever deploys one may put anything there. That takes
nothing from "this head was on the ledger in this block", and is why a checker who wants
to see the same log as others compares contract and log id, not the log id alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.anchor import Anchor, EventProof, StorageProof
from counterfoil.core.block_header import BlockHeader
from counterfoil.core.checkpoint import Checkpoint
from counterfoil.core.keccak import keccak256
from counterfoil.core.merkle import is_consistent
from counterfoil.core.rlp import Item, decode, encode, parse_number
from counterfoil.core.steps import TITLES, Step, failed, not_checked, passed
from counterfoil.core.trie_proof import proven_value
from counterfoil.errors import MalformedEvidence

__all__ = [
    "ANCHORED",
    "KNOWN_CODE",
    "STEP",
    "LedgerView",
    "anchor_facts",
    "check_anchor",
    "head_slots",
    "no_anchor",
    "require_fitting",
]

STEP: Final = "anchor"

ANCHORED: Final = bytes.fromhex("e2da6f87348f28aaa485d3df6ffe8bb7fd6212504c21b3ec54dc01191acf2c92")
"""First topic of the event Anchored(bytes32 indexed log_id, uint256 indexed size, bytes32 root)."""

KNOWN_CODE: Final[Mapping[bytes, int]] = {
    bytes.fromhex("9b6953ab065712ea88763d20998fe985b66962fc300f47d326e1e905b5648682"): 0,
}
"""keccak256 of the run-time code of each released Evidence contract, and the slot of its heads.

Each keeps the heads in a mapping from log id to two slots: the writer in bits 0 to 159,
the size in bits 160 to 207 and the time in bits 208 to 255 of one, the root in the next.
"""

_TITLE: Final = TITLES[STEP]
_NO_ANCHOR_LIMIT: Final = "that everybody is shown the same log"
_LIMIT: Final = (
    "that the issuer keeps no second log under another log id or in another contract; "
    "nor that the ledger bears this number, which no block says"
)
_SIZE_AT: Final = 160
_SIZE_MASK: Final = 2**48 - 1


@dataclass(frozen=True, slots=True)
class LedgerView:
    """What the checker knows of the ledger, from elsewhere than the file.

    Attributes:
        block: 32-byte hash of a block that stands; None leaves the step unchecked.
        log_id: The 32-byte log id expected; None accepts any.
        contract: The 20-byte contract expected; None accepts any with known code.
    """

    block: bytes | None = None
    log_id: bytes | None = None
    contract: bytes | None = None


def no_anchor(detail: str = "the file carries no anchor") -> Step:
    """Returns the step for a file without an anchor."""
    return not_checked(STEP, _TITLE, detail, _NO_ANCHOR_LIMIT)


def anchor_facts(anchor: Anchor | None) -> dict[str, Any] | None:
    """Returns what an anchor says, without its proofs."""
    if anchor is None:
        return None
    said = anchor.to_json()
    return {name: said[name] for name in ("block", "chainId", "contract", "logId", "size")}


def check_anchor(anchor: Anchor | None, head: Checkpoint, ledger: LedgerView | None, last: int) -> Step:
    """Returns the step `anchor`.

    Args:
        anchor: What the file carries.
        head: The file's head.
        ledger: What the checker knows of the ledger.
        last: Place of the file's last record that is more than a count of streams; -1 without any.
    """
    if anchor is None:
        return no_anchor()
    ledger = ledger or LedgerView()
    try:
        require_fitting(anchor, head)
        _require_expected(anchor, ledger)
    except MalformedEvidence as error:
        return failed(STEP, _TITLE, error.message)
    said = _said(anchor, head)
    if ledger.block is None:
        return not_checked(
            STEP,
            _TITLE,
            f"its parts fit together and say: {said}; but you named no block of the ledger to hold them against "
            f"(--block HASH or --rpc URL); theirs is 0x{anchor.block_hash.hex()}",
            _NO_ANCHOR_LIMIT,
        )
    if last >= anchor.size:
        return not_checked(
            STEP,
            _TITLE,
            f"the file holds records up to place {last}, and those from place {anchor.size} on came after the anchor: "
            f"{said}",
        )
    return passed(STEP, _TITLE, said, _LIMIT)


def require_fitting(anchor: Anchor, head: Checkpoint) -> None:
    """Makes sure that an anchor's parts prove what it says, about the log with this head.

    Raises:
        MalformedEvidence: When one does not.
    """
    header = _header(anchor)  # step 1
    code_hash, storage_root = _account(anchor, header)  # step 2
    if isinstance(anchor.proof, EventProof):  # step 3
        _require_event(anchor, anchor.proof, header)
    else:
        _require_stored(anchor, anchor.proof, storage_root, KNOWN_CODE[code_hash])
    if not is_consistent(anchor.size, anchor.root, head.size, head.root, anchor.consistency):  # step 4
        raise MalformedEvidence(
            f"the file's head over {head.size:,} records does not begin with the {anchor.size:,} anchored ones"
        )


def head_slots(log_id: bytes, heads_slot: int) -> tuple[bytes, bytes]:
    """Returns the 32-byte slots in which Evidence holds a log's size and root.

    A mapping's value stands at keccak256(slot || key) (Vyper), its second word one further.
    """
    first = keccak256(heads_slot.to_bytes(32, "big") + log_id)
    return first, ((int.from_bytes(first, "big") + 1) % 2**256).to_bytes(32, "big")


def _header(anchor: Anchor) -> BlockHeader:
    header = BlockHeader.parse(anchor.header)
    if header.hash != anchor.block_hash:
        raise MalformedEvidence("the block's header in the anchor is not the one its hash names")
    if (header.number, header.time) != (anchor.block_number, anchor.block_time):
        raise MalformedEvidence(
            f"the anchor says block {anchor.block_number} at {anchor.block_time}, and the block's header says "
            f"{header.number} at {header.time}"
        )
    return header


def _account(anchor: Anchor, header: BlockHeader) -> tuple[bytes, bytes]:
    """Returns the contract's code hash, a known one, and its storage root."""
    value = _proven("the contract's account", header.state_root, keccak256(anchor.contract), anchor.account)
    if value is None:
        raise MalformedEvidence(f"there is no contract at 0x{anchor.contract.hex()} in that block")
    account = decode(value)
    if not isinstance(account, list) or len(account) != 4:
        raise MalformedEvidence("the contract's account on the ledger has another form")
    storage_root, code_hash = account[2], account[3]
    if not isinstance(code_hash, bytes) or code_hash not in KNOWN_CODE:
        raise MalformedEvidence(f"the contract at 0x{anchor.contract.hex()} is none that this version knows")
    if not isinstance(storage_root, bytes):
        raise MalformedEvidence("the contract's account on the ledger has another form")
    return code_hash, storage_root


def _require_event(anchor: Anchor, proof: EventProof, header: BlockHeader) -> None:
    value = _proven("the transaction", header.receipts_root, encode(proof.transaction), proof.nodes)
    if value is None:
        raise MalformedEvidence(f"the block has no transaction {proof.transaction}")
    typed = value[:1] < b"\x80"  # EIP-2718: the type's number stands before the receipt
    receipt = decode(value[1:] if typed else value)
    if not isinstance(receipt, list) or len(receipt) != 4 or not isinstance(receipt[3], list):
        raise MalformedEvidence("what the transaction did is written in another form")
    if receipt[0] != b"\x01":
        raise MalformedEvidence("the transaction that should have anchored the head was refused")
    events = receipt[3]
    expected: list[Item] = [
        anchor.contract,
        [ANCHORED, anchor.log_id, anchor.size.to_bytes(32, "big")],
        anchor.root,
    ]
    if proof.log >= len(events) or events[proof.log] != expected:
        raise MalformedEvidence(
            f"event {proof.log} of the transaction is not the anchoring of {anchor.size:,} records with this root"
        )


def _require_stored(anchor: Anchor, proof: StorageProof, storage_root: bytes, heads_slot: int) -> None:
    head_slot, root_slot = head_slots(anchor.log_id, heads_slot)
    packed = _stored(storage_root, head_slot, proof.head)
    size = packed >> _SIZE_AT & _SIZE_MASK
    if size != anchor.size:
        raise MalformedEvidence(f"in that block the contract holds a head over {size:,} records, not {anchor.size:,}")
    if _stored(storage_root, root_slot, proof.root) != int.from_bytes(anchor.root, "big"):
        raise MalformedEvidence("in that block the contract holds another root")


def _stored(storage_root: bytes, slot: bytes, nodes: tuple[bytes, ...]) -> int:
    value = _proven("what the contract holds", storage_root, keccak256(slot), nodes)
    return 0 if value is None else parse_number(decode(value))


def _proven(what: str, root: bytes, key: bytes, nodes: tuple[bytes, ...]) -> bytes | None:
    try:
        return proven_value(root, key, nodes)
    except MalformedEvidence as error:
        raise MalformedEvidence(f"the proof of {what} does not hold: {error.message}") from error


def _require_expected(anchor: Anchor, ledger: LedgerView) -> None:
    """Step 5: holds the anchor against what the checker named."""
    if ledger.block is not None and ledger.block != anchor.block_hash:
        raise MalformedEvidence(
            f"its block is number {anchor.block_number:,} with the hash 0x{anchor.block_hash.hex()}, and you named "
            f"0x{ledger.block.hex()}: ask your node for the hash of block {anchor.block_number:,}"
        )
    for what, expected, found in (
        ("contract", ledger.contract, anchor.contract),
        ("log id", ledger.log_id, anchor.log_id),
    ):
        if expected is not None and expected != found:
            raise MalformedEvidence(f"its {what} is 0x{found.hex()}, and you named 0x{expected.hex()}")


def _said(anchor: Anchor, head: Checkpoint) -> str:
    return (
        f"the first {anchor.size:,} of {head.size:,} records were on ledger {anchor.chain_id} in block "
        f"{anchor.block_number} at {anchor.block_time}; contract 0x{anchor.contract.hex()}, "
        f"log id 0x{anchor.log_id.hex()}"
    )
