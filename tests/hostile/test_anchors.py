"""Anchors in hostile hands: every byte altered, parts mixed, and files made to keep a checker busy."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import pytest
from Crypto.Hash import keccak as compiled
from making import BankLog, Members
from making_anchors import CODE, CONTRACT, LOG_ID, anchored, block_of, path_of, proof_of

from counterfoil.core import canonical, keccak
from counterfoil.core.anchor import MAX_ANCHOR_BYTES, Anchor, EventProof, StorageProof
from counterfoil.core.check_anchor import LedgerView
from counterfoil.core.check_bundle import check_bundle
from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.keccak import keccak256
from counterfoil.core.rlp import decode, encode
from counterfoil.core.steps import EXIT_MISMATCH, Report, Status

LOG = BankLog().fill(20)
KEY = LOG.key.key
EVENT, STORAGE = anchored(LOG, 13), anchored(LOG, 13, "storage")
OTHER = BankLog().fill(13)
OTHER.decide(key=99)
OTHER.fill(20)
ANCHORS = pytest.mark.parametrize("good", [EVENT, STORAGE], ids=["event", "storage"])
BUNDLE = LOG.scattered_bundle([2], show=False)


@pytest.fixture(autouse=True, scope="module")
def _quick_hash() -> Iterator[None]:
    """Thousands of checks: the compiled hash gives the same bytes (tests/unit/core/test_keccak.py)."""
    keccak.use(lambda data: bytes(compiled.new(data=data, digest_bits=256).digest()))
    yield
    keccak.use(None)


def of_bundle(data: bytes, ledger: LedgerView) -> Report:
    return check_bundle(Members(BUNDLE | {"anchor.json": data}), issuer=KEY, ledger=ledger)


def of_receipt(data: bytes, ledger: LedgerView) -> Report:
    """Checks a receipt with `data` in place of its anchor."""
    whole = replace(LOG.receipt(2), anchor=EVENT).encode()
    return check_receipt(whole.replace(EVENT.encode(), data), issuer=KEY, ledger=ledger)


def require_refused(data: bytes | Anchor, good: Anchor) -> None:
    """Holds that an altered anchor fails in both files, with and without a block to hold it against."""
    data = data.encode() if isinstance(data, Anchor) else data
    for ledger in (LedgerView(good.block_hash), LedgerView()):
        for report in (of_bundle(data, ledger), of_receipt(data, ledger)):
            assert not report.is_intact, data
            assert report.exit_code() == report.exit_code(["anchor"]) == EXIT_MISMATCH
            assert all(len(step.detail) < 600 and step.detail.isprintable() for step in report.steps)
            json.dumps(report.to_json())


@ANCHORS
def test_the_good_ones_pass(good: Anchor) -> None:
    for report in (of_bundle(good.encode(), LedgerView(good.block_hash)),):
        assert report.exit_code(["anchor"]) == 0
    whole = replace(LOG.receipt(2), anchor=good).encode()
    assert check_receipt(whole, issuer=KEY, ledger=LedgerView(good.block_hash)).exit_code(["anchor"]) == 0


@ANCHORS
@pytest.mark.parametrize("bits", [0x01, 0x20, 0xFF])
def test_every_byte_flipped(good: Anchor, bits: int) -> None:
    data = good.encode()
    number = data.index(b'"chainId":') + len(b'"chainId":')
    untold = range(number, data.index(b",", number))  # no block says the ledger's number: see docs/reference/anchor.md
    for place in range(len(data)):
        altered = data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]
        report = of_bundle(altered, LedgerView(good.block_hash))
        if place in untold and chr(altered[place]).isdigit():
            assert report.is_intact
        else:
            assert report.exit_code() == EXIT_MISMATCH, (place, altered[max(0, place - 20) : place + 20])


@ANCHORS
def test_every_byte_of_every_part_flipped(good: Anchor) -> None:
    """The bytes behind the base64: no node, header or hash has one that nothing looks at."""
    for altered in flipped(good):
        report = of_bundle(altered.encode(), LedgerView(good.block_hash))
        step = report.step("anchor")
        assert step is not None
        assert step.status is Status.FAILED


def flipped(good: Anchor) -> Iterator[Anchor]:
    yield from (replace(good, header=data) for data in bytes_flipped(good.header))
    yield from (replace(good, account=nodes) for nodes in nodes_flipped(good.account))
    yield from (replace(good, consistency=hashes) for hashes in nodes_flipped(good.consistency))
    yield from (replace(good, contract=data) for data in bytes_flipped(good.contract))
    yield from (replace(good, log_id=data) for data in bytes_flipped(good.log_id))
    yield from (replace(good, root=data) for data in bytes_flipped(good.root))
    yield from (replace(good, block_hash=data) for data in bytes_flipped(good.block_hash))
    proof = good.proof
    if isinstance(proof, EventProof):
        yield from (replace(good, proof=replace(proof, nodes=nodes)) for nodes in nodes_flipped(proof.nodes))
    else:
        yield from (replace(good, proof=replace(proof, head=nodes)) for nodes in nodes_flipped(proof.head))
        yield from (replace(good, proof=replace(proof, root=nodes)) for nodes in nodes_flipped(proof.root))


def bytes_flipped(data: bytes) -> Iterator[bytes]:
    for place in range(len(data)):
        yield data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]


def nodes_flipped(nodes: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
    for number, node in enumerate(nodes):
        for altered in bytes_flipped(node):
            yield (*nodes[:number], altered, *nodes[number + 1 :])


@ANCHORS
def test_cut_and_lengthened(good: Anchor) -> None:
    data = good.encode()
    for length in range(0, len(data), 7):
        assert not of_bundle(data[:length], LedgerView(good.block_hash)).is_intact
    for more in (b" ", b"}", b"\n", data, b"x" * MAX_ANCHOR_BYTES):
        assert not of_bundle(data + more, LedgerView(good.block_hash)).is_intact
    require_refused(replace(good, header=good.header + b"\0"), good)
    require_refused(replace(good, header=good.header[:-1]), good)
    require_refused(replace(good, header=b""), good)


Nodes = tuple[bytes, ...]
CHANGES: list[Callable[[Nodes, Nodes], Nodes]] = [
    lambda nodes, _: (),
    lambda nodes, _: nodes[:-1],
    lambda nodes, _: nodes[1:],
    lambda nodes, _: nodes[::-1],
    lambda nodes, _: (*nodes, nodes[-1]),
    lambda nodes, _: (nodes[0], *nodes),
    lambda nodes, _: (*nodes, b""),
    lambda nodes, _: (b"", *nodes),
    lambda nodes, _: (*nodes, b"\x80"),
    lambda nodes, others: others,
    lambda nodes, others: (*nodes, *others),
    lambda nodes, others: (*others, *nodes),
    lambda nodes, others: (*nodes[:-1], others[-1]),
    lambda nodes, _: tuple(node + b"\0" for node in nodes),
    lambda nodes, _: tuple(b"\0" + node for node in nodes),
]
"""What can be done to a proof's nodes; the second argument is a proof of something else."""


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_nodes_missing_added_and_mixed(change: Callable[[Nodes, Nodes], Nodes]) -> None:
    assert isinstance(EVENT.proof, EventProof)
    assert isinstance(STORAGE.proof, StorageProof)
    receipts, account = EVENT.proof.nodes, EVENT.account
    for good in (EVENT, STORAGE):
        refuse_unless_equal(replace(good, account=change(account, receipts)), good)
    refuse_unless_equal(replace(EVENT, proof=replace(EVENT.proof, nodes=change(receipts, account))), EVENT)
    head, root = STORAGE.proof.head, STORAGE.proof.root
    refuse_unless_equal(replace(STORAGE, proof=StorageProof(change(head, root), root)), STORAGE)
    refuse_unless_equal(replace(STORAGE, proof=StorageProof(head, change(root, head))), STORAGE)


def refuse_unless_equal(altered: Anchor, good: Anchor) -> None:
    if altered != good:  # a list of one node is its own reverse
        require_refused(altered, good)


def test_parts_of_another_anchor() -> None:
    """Each part is genuine, of another block, log, contract or history."""
    for other in (
        anchored(OTHER, 13),
        anchored(LOG, 12),
        anchored(LOG, 13, log_id=b"\5" * 32),
        anchored(LOG, 13, contract=b"\5" * 20),
        anchored(LOG, 13, number=9, time_s=5),
        anchored(LOG, 13, transactions=7, place=5),
    ):
        for name in Anchor.__slots__:
            value = getattr(other, name)
            if value != getattr(EVENT, name):
                require_refused(replace(EVENT, **{name: value}), EVENT)


def test_both_kinds_and_neither() -> None:
    event, storage = EVENT.to_json(), STORAGE.to_json()
    require_refused(canonical.dumps(event | {"storage": storage["storage"]}), EVENT)
    require_refused(canonical.dumps({name: value for name, value in event.items() if name != "event"}), EVENT)


def test_another_contract_that_says_the_same() -> None:
    """Anybody can write a contract that emits the event, or holds the same in its storage."""
    kinds: list[Literal["event", "storage"]] = ["event", "storage"]
    for kind in kinds:
        other = anchored(LOG, 13, kind, code=keccak256(b"a look-alike"))
        require_refused(other, other)
        require_refused(anchored(LOG, 13, kind, code=CODE[:31]), EVENT)
    look_alike = replace(block_of(LOG, 13), contract=b"\6" * 20)
    mixed = replace(look_alike.anchor("event", path_of(LOG, 13)), contract=CONTRACT)
    require_refused(mixed, mixed)


def test_an_event_of_another_contract_in_the_same_transaction() -> None:
    """The account that is proved and the one that told are held to be the same."""
    block = block_of(LOG, 13)
    spoofed = replace(block, contract=b"\6" * 20).receipts
    for place in range(4):
        header = list_of(block.header)
        header[5] = spoofed.root_hash
        raw = encode(header)
        anchor = replace(
            EVENT,
            header=raw,
            block_hash=keccak256(raw),
            proof=EventProof(1, place, proof_of(spoofed, encode(1))),
        )
        require_refused(anchor, anchor)


def list_of(data: bytes) -> list[Any]:
    value = decode(data)
    assert isinstance(value, list)
    return value


@pytest.mark.parametrize("status", [b"", b"\2", b"\1\0", bytes(32), b"\1" * 32], ids=range(5))
def test_a_transaction_that_was_refused_anchors_nothing(status: bytes) -> None:
    anchor = anchored(LOG, 13, status=status)
    require_refused(anchor, anchor)


def with_receipt(value: bytes) -> Anchor:
    """An anchor whose block has these bytes where the receipt belongs."""
    tree = block_of(LOG, 13).receipts
    tree[encode(1)] = value
    header = list_of(EVENT.header)
    header[5] = tree.root_hash
    raw = encode(header)
    return replace(EVENT, header=raw, block_hash=keccak256(raw), proof=EventProof(1, 1, proof_of(tree, encode(1))))


TOPICS: list[Any] = [EVENT_TOPIC := block_of(LOG, 13).topic, LOG_ID, (13).to_bytes(32, "big")]


@pytest.mark.parametrize(
    "value",
    [
        b"\1",
        b"\2",
        b"\2\x80",
        b"\x80",
        b"\x85hello",
        encode([]),
        encode([b"\1", 1, bytes(256)]),
        encode([b"\1", 1, bytes(256), b"events"]),
        encode([b"\1", 1, bytes(256), []]),
        encode([b"\1", 1, bytes(256), [b"", b""]]),
        encode([b"\1", 1, bytes(256), [[], []]]),
        encode([b"\1", 1, bytes(256), [[], [CONTRACT, TOPICS, LOG.root(13)]], b""]),
        encode([[b"\1"], 1, bytes(256), [[], [CONTRACT, TOPICS, LOG.root(13)]]]),
        encode([b"\1", 1, bytes(256), [[], [CONTRACT, TOPICS[:2], LOG.root(13)]]]),
        encode([b"\1", 1, bytes(256), [[], [CONTRACT, [*TOPICS, b""], LOG.root(13)]]]),
        encode([b"\1", 1, bytes(256), [[], [CONTRACT, TOPICS, LOG.root(13) + b"\0"]]]),
        encode([b"\1", 1, bytes(256), [[], [CONTRACT, TOPICS, LOG.root(13), b""]]]),
        encode([b"\1", 1, bytes(256), [[], [CONTRACT, TOPICS[::-1], LOG.root(13)]]]),
        encode([b"\1", 1, bytes(256), [[], [CONTRACT[1:], TOPICS, LOG.root(13)]]]),
        encode([b"\1", 1, bytes(256), [[], [CONTRACT, b"".join(TOPICS), LOG.root(13)]]]),
        encode([b"\1", 1, bytes(256), [[], [CONTRACT, TOPICS, LOG.root(13)]]]) + b"\0",
        b"\1\2" + encode([b"\1", 1, bytes(256), [[], [CONTRACT, TOPICS, LOG.root(13)]]]),
    ],
    ids=range(22),
)
def test_receipts_of_another_form(value: bytes) -> None:
    anchor = with_receipt(value)
    require_refused(anchor, anchor)


def test_the_receipt_that_these_differ_from_passes() -> None:
    anchor = with_receipt(encode([b"\1", 1, bytes(256), [[], [CONTRACT, TOPICS, LOG.root(13)]]]))
    assert of_bundle(anchor.encode(), LedgerView(anchor.block_hash)).exit_code(["anchor"]) == 0


@pytest.mark.parametrize(
    "account",
    [
        b"\x80",
        b"",
        encode([]),
        encode([1, 0, bytes(32)]),
        encode([1, 0, bytes(32), CODE, b""]),
        encode([1, 0, [bytes(32)], CODE]),
        encode([1, 0, bytes(32), [CODE]]),
        encode([1, 0, bytes(32), b""]),
        encode([1, 0, CODE, bytes(32)]),
        encode([1, 0, b"", CODE]),
        encode(CODE),
    ],
    ids=range(11),
)
def test_accounts_of_another_form(account: bytes) -> None:
    tree = block_of(LOG, 13).state
    key = keccak256(CONTRACT)
    if account:
        tree[key] = account
    else:
        del tree[key]
    header = list_of(STORAGE.header)
    header[3] = tree.root_hash
    raw = encode(header)
    anchor = replace(STORAGE, header=raw, block_hash=keccak256(raw), account=proof_of(tree, key))
    require_refused(anchor, anchor)


@pytest.mark.parametrize(
    "value", [b"\x80", b"\xc0", b"\0", b"\x81\1", b"\xa1" + b"\1" * 33, b"\x82\0\1", b"x"], ids=range(7)
)
def test_slots_of_another_form(value: bytes) -> None:
    from making_anchors import head_slots

    for slot in head_slots(LOG_ID, 0):
        anchor = anchored(LOG, 13, "storage", stored={slot: value})
        require_refused(anchor, anchor)


def test_a_head_of_nothing_and_of_too_much() -> None:
    for size in (0, 2**48, 2**53 - 1, -1):
        require_refused(canonical.dumps(EVENT.to_json() | {"size": size}), EVENT)


def test_paths_that_lead_elsewhere() -> None:
    path = EVENT.consistency
    assert len(path) > 2
    for wrong in ((), path[:-1], path[1:], path[::-1], (*path, path[-1]), path * 2, (b"x" * 32,) * 63):
        require_refused(replace(EVENT, consistency=wrong), EVENT)
    require_refused(replace(EVENT, consistency=path_of(OTHER, 13)), EVENT)


# --- files made to keep a checker busy ---


def row_with(**parts: Any) -> bytes:
    return canonical.dumps(EVENT.to_json() | parts)


def test_a_flood_is_refused_before_it_is_hashed() -> None:
    text = b64encode(bytes(MAX_ANCHOR_BYTES)).decode()
    for data in (
        row_with(header=text),
        row_with(account=[text] * 40),
        row_with(account=["AA=="] * 500_000),
        row_with(consistency=[EVENT.to_json()["root"]] * 100_000),
        row_with(extra={str(number): number for number in range(100_000)}),
        b"[" * 500_000,
        b'{"account":' * 100_000,
        b'{"format":"counterfoil-anchor/1","account":' + b"[" * 100_000,
    ):
        require_refused(data, EVENT)


def test_the_largest_that_is_read_ends() -> None:
    """65 nodes and as many bytes as an anchor may have: the first node already is not the one named."""
    node = b64encode(bytes(2_500)).decode()
    require_refused(row_with(account=[node] * 65), EVENT)
    for raw in (
        b"\xc1" * 12_000 + b"\xc0",
        encode([b""] * 12_000),
        encode([[b""] * 1_000] * 11),
        b"\xf9\x2e\xe0" * 4_000,
    ):
        anchor = replace(EVENT, header=raw, block_hash=keccak256(raw))
        require_refused(anchor, anchor)


def test_a_tree_that_leads_to_itself_cannot_be_made_and_a_long_one_ends() -> None:
    raws: list[bytes] = [encode([b"\x20" + b"\0" * 40, b"v"])]
    for _ in range(64):
        raws.insert(0, encode([keccak256(raws[0])] * 16 + [b""]))
    header = list_of(EVENT.header)
    header[3] = keccak256(raws[0])
    raw = encode(header)
    anchor = replace(EVENT, header=raw, block_hash=keccak256(raw), account=tuple(raws))
    require_refused(anchor, anchor)


def test_what_a_file_says_cannot_move_the_terminal() -> None:
    for parts in ({"format": "\x1b[2J"}, {"contract": "\x1b[2J\n"}, {"chainId": "\x1b[31m"}, {"block": "\x1b"}):
        require_refused(row_with(**parts), EVENT)
