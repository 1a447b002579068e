"""Makes anchors: gathers from a ledger what proves, offline, that it held a log's head.

Every anchor is checked as its receiver will check it before it is handed out; what a
node answers is not believed, only carried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from trie.hexary import HexaryTrie

from counterfoil.core.anchor import Anchor, EventProof, StorageProof
from counterfoil.core.block_header import BlockHeader
from counterfoil.core.check_anchor import ANCHORED, KNOWN_CODE, head_slots, require_fitting
from counterfoil.core.checkpoint import Checkpoint
from counterfoil.core.rlp import Encodable, encode
from counterfoil.errors import LedgerContradicts, MalformedEvidence, NotFound
from counterfoil.ledger.rpc.answers import Block, TransactionReceipt, parse_event
from counterfoil.ledger.rpc.chain import Chain, Which
from counterfoil.ledger.rpc.hexadecimal import parse_data, parse_quantity

__all__ = ["event_proof", "header_bytes", "receipt_bytes", "storage_proof"]

_SMALLEST_NODE: Final = 32
"""A node of fewer bytes stands inside the one above it; some ledgers list it by itself as well."""

_SIZE_AT: Final = 160
_SIZE_MASK: Final = 2**48 - 1


def event_proof(chain: Chain, contract: bytes, log_id: bytes, transaction_hash: bytes) -> Anchor:
    """Returns the anchor that a transaction made, proved by its event. The consistency path is left empty.

    Nodes drop the state of old blocks, most after 128; the contract's account is proved in the
    block of the event, so make the proof when that block has become final.

    Args:
        chain: The ledger.
        contract: 20-byte address of Evidence.
        log_id: 32 bytes.
        transaction_hash: 32 bytes of the transaction that anchored.

    Raises:
        NotFound: No such transaction is in a block, or it anchored nothing of this log.
        LedgerContradicts: What the node answers does not fit together, or it has dropped that state.
    """
    receipt = chain.receipt(transaction_hash)
    if receipt is None:
        raise NotFound(f"transaction 0x{transaction_hash.hex()} is in no block of the ledger")
    place = _anchored_at(receipt, contract, log_id)
    event = receipt.events[place]
    block = chain.require_block(receipt.block_hash)
    proof = EventProof(receipt.index, place, _receipt_nodes(chain, block, receipt.index))
    account, _ = _proved(chain, contract, (), block.hash)
    return _checked(chain, contract, log_id, int.from_bytes(event.topics[2], "big"), event.data, block, account, proof)


def storage_proof(chain: Chain, contract: bytes, log_id: bytes, which: Which) -> Anchor:
    """Returns the anchor of the head that the contract holds in a block, proved by its storage.

    The consistency path is left empty.

    Args:
        chain: The ledger.
        contract: 20-byte address of Evidence.
        log_id: 32 bytes.
        which: The block; its node must still have its state.

    Raises:
        NotFound: The contract held no head of this log.
        LedgerContradicts: What the node answers does not fit together, or it has dropped that state.
    """
    block = chain.require_block(which)
    slots = head_slots(log_id, next(iter(KNOWN_CODE.values())))
    account, rows = _proved(chain, contract, slots, block.hash)
    (packed, head), (root, root_nodes) = rows
    size = packed >> _SIZE_AT & _SIZE_MASK
    if not size:
        raise NotFound(
            f"the contract at 0x{contract.hex()} holds no head of log 0x{log_id.hex()} in block {block.number}"
        )
    proof = StorageProof(head, root_nodes)
    return _checked(chain, contract, log_id, size, root.to_bytes(32, "big"), block, account, proof)


def header_bytes(block: Mapping[str, Any]) -> bytes:
    """Returns the RLP of a block's header, from a node's answer to eth_getBlockBy….

    Raises:
        LedgerContradicts: A field is missing or has another form.
    """
    rows = [row for place, row in enumerate(_HEADER_FIELDS) if place < _ALWAYS or block.get(row[0]) is not None]
    return encode([(parse_quantity if is_number else parse_data)(block.get(name), name) for name, is_number in rows])


def receipt_bytes(row: Mapping[str, Any]) -> bytes:
    """Returns what the receipts tree holds of a transaction (EIP-2718), from a node's answer.

    Raises:
        LedgerContradicts: A field is missing or has another form.
    """
    logs: list[Encodable] = [
        [event.address, event.topics, event.data] for event in map(parse_event, row.get("logs", ()))
    ]
    status, gas = parse_quantity(row.get("status"), "status"), parse_quantity(row.get("cumulativeGasUsed"), "gas used")
    kind = parse_quantity(row.get("type", "0x0"), "type")
    more: list[Encodable] = []
    if kind == _OP_DEPOSIT and row.get("depositReceiptVersion") is not None:
        more = [parse_quantity(row.get(name), name) for name in ("depositNonce", "depositReceiptVersion")]
    body = encode([status, gas, parse_data(row.get("logsBloom"), "logsBloom", 256), logs, *more])
    return bytes([kind]) + body if kind else body


_HEADER_FIELDS: Final = (
    ("parentHash", False),
    ("sha3Uncles", False),
    ("miner", False),
    ("stateRoot", False),
    ("transactionsRoot", False),
    ("receiptsRoot", False),
    ("logsBloom", False),
    ("difficulty", True),
    ("number", True),
    ("gasLimit", True),
    ("gasUsed", True),
    ("timestamp", True),
    ("extraData", False),
    ("mixHash", False),
    ("nonce", False),
    ("baseFeePerGas", True),
    ("withdrawalsRoot", False),
    ("blobGasUsed", True),
    ("excessBlobGas", True),
    ("parentBeaconBlockRoot", False),
    ("requestsHash", False),
    ("blockAccessListHash", False),
)
"""Names of the header's fields in their order, and which are numbers."""
_ALWAYS: Final = 15
"""How many fields every header has; chains that follow older rules lack some of the others."""

_OP_DEPOSIT: Final = 0x7E
"""Type of the transactions by which OP-stack chains take in deposits; their receipts have two more fields."""


def _anchored_at(receipt: TransactionReceipt, contract: bytes, log_id: bytes) -> int:
    """Returns the place of the last anchoring of a log among a transaction's events."""
    for place in reversed(range(len(receipt.events))):
        event = receipt.events[place]
        if event.address == contract and event.topics[:2] == (ANCHORED, log_id) and len(event.topics) == 3:
            return place
    raise NotFound(f"transaction 0x{receipt.transaction_hash.hex()} anchored nothing of log 0x{log_id.hex()}")


def _receipt_nodes(chain: Chain, block: Block, index: int) -> tuple[bytes, ...]:
    """Returns the nodes from the block's receipts root to the receipt of transaction `index`."""
    tree = HexaryTrie({})
    for place, receipt in enumerate(chain.receipts(block.transactions)):
        if receipt is None or receipt.block_hash != block.hash or receipt.index != place:
            raise LedgerContradicts(f"the ledger's node does not have all receipts of block {block.number}")
        tree[encode(place)] = receipt_bytes(receipt.raw)
    nodes = tree.get_proof(encode(index))  # type: ignore[no-untyped-call]
    return _without_small(map(encode, nodes))


def _proved(
    chain: Chain, contract: bytes, slots: Sequence[bytes], block_hash: bytes
) -> tuple[tuple[bytes, ...], list[tuple[int, tuple[bytes, ...]]]]:
    """Returns the nodes to the account, and for each slot its value and the nodes to it (EIP-1186)."""
    answer = chain.proof(contract, slots, block_hash)
    rows = answer.get("storageProof")
    if not isinstance(rows, list) or len(rows) != len(slots) or not all(isinstance(row, Mapping) for row in rows):
        raise LedgerContradicts("the ledger's node did not prove the slots that were asked for")
    found = [(parse_quantity(row.get("value"), "a slot's value"), _nodes(row.get("proof"))) for row in rows]
    return _nodes(answer.get("accountProof")), found


def _nodes(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list):
        raise LedgerContradicts("the ledger's node gave no list of nodes for a proof")
    return _without_small(parse_data(node, "a node of a proof") for node in value)


def _without_small(nodes: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(node for place, node in enumerate(nodes) if place == 0 or len(node) >= _SMALLEST_NODE)


def _checked(
    chain: Chain,
    contract: bytes,
    log_id: bytes,
    size: int,
    root: bytes,
    block: Block,
    account: tuple[bytes, ...],
    proof: EventProof | StorageProof,
) -> Anchor:
    """Returns the anchor, after the check that its receivers will make."""
    header = header_bytes(block.raw)
    try:
        parsed = BlockHeader.parse(header)
        anchor = Anchor(
            chain.chain_id,
            contract,
            log_id,
            size,
            root,
            block.hash,
            block.number,
            parsed.time,
            header,
            account,
            proof,
            (),
        )
        require_fitting(Anchor.parse(anchor.encode()), Checkpoint("anchor", size, root))
    except MalformedEvidence as error:
        raise LedgerContradicts(
            f"what the ledger's node gave for block {block.number} proves no anchor: {error.message}",
            hint="nothing it said was believed; try another node",
        ) from error
    return anchor
