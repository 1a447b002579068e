"""Receipts and promises in hostile hands: altered, cut, mixed, and used to accuse."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from making import ORIGIN, SCHEMA, VALUES, BankLog, record_key, signer, time_at

from counterfoil.core import canonical
from counterfoil.core.check_receipt import LogView, check_receipt
from counterfoil.core.checkpoint import Checkpoint, SignedCheckpoint
from counterfoil.core.fields import FieldTree
from counterfoil.core.note import VerifierKey
from counterfoil.core.receipt import MAX_RECEIPT_BYTES, Promise, Receipt, parse_receipt
from counterfoil.core.schema import Schema
from counterfoil.core.steps import EXIT_MISMATCH, Report, Status
from counterfoil.core.trust import sign_handover
from counterfoil.errors import MalformedEvidence

BANK = BankLog().fill(9)
KEY = BANK.key.key
RECEIPT = BANK.receipt(4)
GOOD = RECEIPT.encode()
PROMISE = BANK.promise(4, time_at(100))
CHECKED = ("format", "record", "fields", "log", "issuer")


def passes(report: Report, steps: tuple[str, ...] = CHECKED) -> bool:
    """Whether the report vouches for the file."""
    found = [report.step(step) for step in steps]
    return report.is_intact and all(step is not None and step.status is Status.PASSED for step in found)


def require_refused(data: bytes, issuer: VerifierKey | None = KEY) -> Report:
    """Holds that the check fails and says so in words and in its exit code."""
    report = check_receipt(data, issuer=issuer)
    assert not passes(report)
    assert not report.is_intact
    assert report.exit_code() == report.exit_code(CHECKED) == EXIT_MISMATCH
    assert report.verdict.startswith("does not match: ")
    json.dumps(report.to_json())
    return report


def changed(**parts: Any) -> bytes:
    return canonical.dumps(canonical.loads(GOOD) | parts)


def test_the_good_ones_pass() -> None:
    assert passes(check_receipt(GOOD, issuer=KEY))
    report = check_receipt(PROMISE.encode(), issuer=KEY)
    assert passes(report, ("format", "record", "fields", "issuer"))
    assert report.exit_code(["log"]) == EXIT_MISMATCH


def test_without_an_issuer_nothing_in_the_file_is_trusted() -> None:
    report = check_receipt(GOOD)
    step = report.step("issuer")
    assert step is not None
    assert step.status is Status.NOT_CHECKED
    assert report.verdict == "intact, issuer unknown"


@pytest.mark.parametrize("bits", [0x01, 0x20, 0x80, 0xFF])
def test_every_byte_flipped(bits: int) -> None:
    for data in (GOOD, PROMISE.encode()):
        for place in range(len(data)):
            require_refused(data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :])


def test_every_tail_cut() -> None:
    for data in (GOOD, PROMISE.encode()):
        for length in range(len(data)):
            require_refused(data[:length])
        require_refused(data + b"}")
        require_refused(data + data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"format":"counterfoil-receipt/2"}',
        b'{"format":"counterfoil-receipt/1"}',
        b'{"format":["counterfoil-receipt/1"]}',
        b"[" * 200_000,
        b'{"format":' * 100_000,
        b'{"format":"counterfoil-receipt/1","format":"counterfoil-promise/1"}',
        b"{" + b",".join(b'"%d":0' % i for i in range(100_000)) + b"}",
        b" " * (MAX_RECEIPT_BYTES + 1),
        b"[" + b"1," * 1_000_000 + b"1]",
        GOOD.replace(b'"index":4', b'"index":4,"index":4'),
        GOOD.replace(b'"index":4', b'"index":4.0'),
        GOOD.replace(b'"index":4', b'"index":' + b"9" * 5_000),
        GOOD.replace(b'"index":4', b'"index":NaN'),
    ],
    ids=range(18),
)
def test_files_that_are_no_receipts(data: bytes) -> None:
    assert require_refused(data).step("format") is not None


TREE = BANK.trees[4]
OTHER = BankLog(signer(2)).fill(9)
OTHER_RECEIPT = canonical.loads(OTHER.receipt(4).encode())


@pytest.mark.parametrize(
    "parts",
    [
        {"index": 3},
        {"index": 5},
        {"index": 9},
        {"index": 2**53 - 1},
        {"index": -1},
        {"index": True},
        {"index": "4"},
        {"index": None},
        {"origin": "bank.example/other"},
        {"origin": ORIGIN + "\n5. issuer: passed"},
        {"origin": "\x1b[2J"},
        {"origin": "a" * 100_000},
        {"origin": ""},
        {"origin": None},
        {"schema": None},
        {"schema": {}},
        {"schema": Schema("credit", SCHEMA.fields[:4]).to_json()},
        {"schema": Schema("credit", SCHEMA.fields[::-1]).to_json()},
        {"disclosures": []},
        {"disclosures": None},
        {"disclosures": [1]},
        {"disclosures": ["x"] * 2_000},
        {"disclosures": list(TREE.disclose().shown) * 2},
        {"disclosures": list(TREE.disclose().shown)[::-1]},
        {"disclosures": ['["\ufffd' + "a" * 1_000_000]},
        {"fieldProof": []},
        {"fieldProof": ["AAAA"]},
        {"fieldProof": ["!"]},
        {"fieldProof": [5]},
        {"fieldProof": {"a": 1}},
        {"fieldProof": [b64encode(b"x" * 32).decode()] * 2_000},
        {"inclusion": []},
        {"inclusion": canonical.loads(GOOD)["inclusion"][::-1]},
        {"inclusion": [*canonical.loads(GOOD)["inclusion"], b64encode(b"x" * 32).decode()]},
        {"inclusion": "x"},
        {"entry": BANK.entries[3].decode()},
        {"entry": BANK.entries[4].decode() + " "},
        {"entry": "x" * 1_000_000},
        {"entry": ""},
        {"entry": 5},
        {"checkpoint": ""},
        {"checkpoint": "x\n" * 100_000},
        {"checkpoint": BANK.checkpoint(8)},
        {"checkpoint": BANK.checkpoint() + "\n"},
        {"checkpoint": Checkpoint(ORIGIN, 9, b"\0" * 32).signed(BANK.key)},
        {"checkpoint": Checkpoint(ORIGIN, 9, BANK.root()).signed(OTHER.key)},
        {"checkpoint": Checkpoint("bank.example/other", 9, BANK.root()).signed(BANK.key)},
        {"checkpoint": Checkpoint("bank.example/other", 9, BANK.root()).signed(signer(1, "bank.example/other"))},
        {"checkpoint": OTHER_RECEIPT["checkpoint"]},
        {"checkpoint": OTHER_RECEIPT["checkpoint"], "inclusion": OTHER_RECEIPT["inclusion"]},
        {"entry": OTHER_RECEIPT["entry"]},
        OTHER_RECEIPT,
        {"handovers": ["x"]},
        {"handovers": [5]},
        {"handovers": [BANK.checkpoint()]},
        {"handovers": [sign_handover(BANK.key, signer(2).key, 3).replace("\n3\n", "\nsoon\n")]},
        {"handovers": [sign_handover(BANK.key, signer(2).key, 3)] * 65},
        {"anchorBy": "soon"},
        {"anchorBy": "\x1b[31m"},
        {"anchorBy": 5},
        {"extra": 1},
        {"format": "counterfoil-promise/1"},
    ],
    ids=range(62),
)
def test_parts_that_do_not_belong(parts: dict[str, Any]) -> None:
    report = require_refused(changed(**parts))
    assert all(len(step.detail) < 600 and step.detail.isprintable() for step in report.steps)


def test_another_issuers_key() -> None:
    for key in (signer(2).key, signer(1, "bank.example/other").key, VerifierKey("mallory", 1, KEY.public)):
        report = require_refused(GOOD, key)
        step = report.step("issuer")
        assert step is not None
        assert step.status is Status.FAILED


def test_a_value_of_another_record_of_the_same_person() -> None:
    for index in (3, 5):
        stranger = BANK.trees[index].disclose()
        own = list(TREE.disclose().shown)
        for place in range(len(own)):
            mixed = [*own[:place], stranger.shown[place], *own[place + 1 :]]
            require_refused(changed(disclosures=mixed))


def test_absent_fields_padding_and_hidden_parts_are_no_values() -> None:
    shown = list(TREE.disclose().shown)
    absent = shown[4]
    for forged in (absent[:-1] + ",null]", absent[:-1] + ",[]]", absent[:-1] + ',["R1"]]'):
        require_refused(changed(disclosures=[*shown[:4], forged]))
    padding = canonical.dumps([canonical.loads(TREE.without([]))["salts"][5]]).decode()
    for extra in (padding, padding[:-1] + ',"#5"]', padding[:-1] + ',"/reasons",["R1"]]'):
        require_refused(changed(disclosures=[*shown, extra]))
        require_refused(changed(disclosures=[*shown[:4], extra]))
    hidden = TREE.disclose(["/input/age"])
    require_refused(changed(disclosures=list(hidden.shown)))


def test_only_what_is_shown_is_in_the_facts() -> None:
    report = check_receipt(BANK.receipt(4, pointers=["/output/label"]).encode(), issuer=KEY)
    assert passes(report)
    assert [(field["pointer"], field["value"]) for field in report.facts["fields"]] == [("/output/label", "granted")]


def test_a_head_larger_than_the_log_convinces_nobody() -> None:
    """The issuer signs a size it does not have: no path leads there."""
    future = Checkpoint(ORIGIN, 10**6, BANK.root()).signed(BANK.key)
    require_refused(changed(checkpoint=future))


# --- held against a log ---


def view(bank: BankLog, size: int | None = None, *, whole: bool = True) -> LogView:
    """What `bank` shows of its log."""
    size = len(bank.entries) if size is None else size
    leaves = bank.leaves()[:size]
    return LogView(
        SignedCheckpoint.parse(bank.checkpoint(size)),
        lambda at: bank.root(at) if whole and at <= size else None,
        lambda at: leaves[at] if whole and at < size else None,
        lambda leaf: leaves.index(leaf) if whole and leaf in leaves else None,
        whole,
        time_at(size - 1),
    )


def held(stub: Receipt | Promise, log: LogView, issuer: VerifierKey | None = KEY, now: str = "") -> tuple[str, Status]:
    report = check_receipt(stub.encode(), issuer=issuer, log=log, now=now)
    step = report.step("kept")
    assert step is not None
    return report.answer, step.status


KEPT = ("kept", Status.PASSED)
UNANSWERED = ("unanswered", Status.NOT_CHECKED)


def twin(**changes: Any) -> BankLog:
    """The same issuer's log, rewritten from record 4 on."""
    other = BankLog().fill(4)
    other.decide(VALUES | {"/output/label": "refused"} | changes)
    return other.fill(9)


def test_kept() -> None:
    small = BankLog().fill(5).receipt(4)
    for log in (view(BANK), view(BankLog().fill(30))):
        assert held(RECEIPT, log) == held(small, log) == KEPT


def test_two_heads_convict() -> None:
    for log in (view(twin()), view(twin().fill(40)), view(twin(), whole=False)):
        assert held(RECEIPT, log) == ("convicted", Status.FAILED)


def test_another_record_at_the_place_convicts() -> None:
    log = view(twin().fill(40))
    assert held(RECEIPT, replace(log, root_at=lambda size: None)) == ("convicted", Status.FAILED)


def test_unanswered() -> None:
    assert held(RECEIPT, view(BANK, 7)) == UNANSWERED  # an older state
    assert held(RECEIPT, view(BankLog().fill(30), whole=False)) == UNANSWERED  # a bare head
    assert held(RECEIPT, view(OTHER)) == UNANSWERED  # somebody else's log
    assert held(RECEIPT, view(BANK), None) == UNANSWERED  # no issuer named


def test_altered_receipts_accuse_nobody() -> None:
    """Whoever holds a receipt can change it; that must never read as the issuer's guilt."""
    accusations: list[Callable[[], Receipt]] = [
        lambda: replace(RECEIPT, shown=replace(RECEIPT.shown, entry=BANK.entries[3])),
        lambda: replace(RECEIPT, index=3),
        lambda: replace(RECEIPT, path=RECEIPT.path[::-1]),
        lambda: replace(RECEIPT, checkpoint=Checkpoint(ORIGIN, 9, b"\1" * 32).signed(OTHER.key)),
        lambda: twin_receipt_with(BANK.checkpoint()),
    ]
    for make in accusations:
        assert held(make(), view(BANK)) == UNANSWERED


def twin_receipt_with(checkpoint: str) -> Receipt:
    return replace(twin().receipt(4), checkpoint=checkpoint)


def test_promises_kept_overdue_unanswered() -> None:
    early, late = view(BANK, 3), view(BankLog().fill(3))
    assert held(PROMISE, view(BANK)) == KEPT
    assert held(PROMISE, early) == UNANSWERED
    assert held(PROMISE, early, now=time_at(100)) == UNANSWERED
    assert held(PROMISE, early, now=time_at(101)) == ("overdue", Status.FAILED)
    assert held(PROMISE, replace(late, last_time=time_at(101))) == ("overdue", Status.FAILED)
    assert held(PROMISE, view(BANK, 3, whole=False), now=time_at(101)) == UNANSWERED
    assert held(PROMISE, view(OTHER), now=time_at(101)) == UNANSWERED


def test_an_overdue_promise_tells_how_new_the_log_is_that_speaks_against_it() -> None:
    old = replace(view(BANK, 3), last_time=time_at(2))
    step = check_receipt(PROMISE.encode(), issuer=KEY, log=old, now=time_at(101)).step("kept")
    assert step is not None
    assert f"whose newest record is of {time_at(2)}" in step.detail


def test_promises_nobody_signed_accuse_nobody() -> None:
    invented = FieldTree.commit(SCHEMA, record_key(77), VALUES)
    shown = replace(PROMISE.shown, disclosure=invented.disclose())
    entry = PROMISE.shown.entry.replace(TREE.root.hex().encode(), invented.root.hex().encode())
    mallory = BankLog(signer(3))
    forged = [
        Promise.make(replace(shown, entry=entry), time_at(1), mallory.key),
        replace(PROMISE, shown=replace(shown, entry=entry)),
        replace(PROMISE, note=PROMISE.note.replace(time_at(100), time_at(1))),
        BANK.promise(4, "soon"),
        BANK.promise(4, time_at(1) + "\nx"),
    ]
    for promise in forged:
        assert not passes(check_receipt(promise.encode(), issuer=KEY), ("issuer",))
        assert held(promise, view(BANK, 3), now=time_at(500)) == UNANSWERED


# --- keys that changed ---


def rotated(*numbers: int, signed_by: int | None = None) -> Receipt:
    """A receipt of a log whose key went 1 -> numbers[0] -> numbers[1] …"""
    chain = [1, *numbers]
    notes = [sign_handover(signer(old), signer(new).key, 3) for old, new in pairwise(chain)]
    bank = BankLog(signer(chain[-1] if signed_by is None else signed_by), handovers=tuple(notes)).fill(9)
    return bank.receipt(4)


def accepted(receipt: Receipt, key: VerifierKey = KEY) -> bool:
    return passes(check_receipt(receipt.encode(), issuer=key))


def test_a_key_handed_over_is_accepted() -> None:
    assert accepted(rotated(2))
    assert accepted(rotated(2, 3, 4))
    assert accepted(rotated(2, 3, 4), signer(3).key)
    assert accepted(rotated(2, 3, signed_by=1))
    assert not accepted(rotated(2, signed_by=9))
    assert not accepted(rotated(2, 3, signed_by=2), signer(3).key)  # hand-overs lead forward only


def with_handovers(receipt: Receipt, *notes: str) -> Receipt:
    return replace(receipt, shown=replace(receipt.shown, handovers=notes))


def test_forged_hand_overs_are_ignored() -> None:
    theirs = BankLog(signer(5)).fill(9).receipt(4)
    real = sign_handover(signer(1), signer(2).key, 3)
    for notes in (
        [sign_handover(signer(5), signer(5).key, 3)],
        [sign_handover(signer(9), signer(5).key, 3)],
        [sign_handover(signer(2), signer(5).key, 3), real],  # before its signer is known
        [real.replace(str(signer(2).key), str(signer(5).key))],
        [sign_handover(signer(1, "bank.example/other"), signer(5, "bank.example/other").key, 3)],
        [real] * 64,
    ):
        assert not accepted(with_handovers(theirs, *notes))
    assert accepted(with_handovers(theirs, real, sign_handover(signer(2), signer(5).key, 4)))


def test_a_hand_over_of_another_origin_or_type_is_refused() -> None:
    for key in (signer(2, "bank.example/other").key, VerifierKey(ORIGIN, 4, signer(2).key.public)):
        note = sign_handover(signer(1), key, 3)
        assert not accepted(with_handovers(RECEIPT, note))


def test_copies_of_hand_overs_and_signatures_do_not_multiply_the_work() -> None:
    real = sign_handover(signer(1), signer(2).key, 3)
    line = BANK.key.line("other\n")
    noisy = sign_handover(signer(9), signer(5).key, 3) + line * 99
    assert not accepted(with_handovers(BankLog(signer(5)).fill(9).receipt(4), *[real] * 32, *[noisy] * 32))


@pytest.mark.parametrize("data", [b"", b"{}", GOOD[:100], canonical.dumps({"format": "x"})])
def test_reading_refuses_with_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        parse_receipt(data)
