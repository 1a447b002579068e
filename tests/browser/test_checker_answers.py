"""The page and core give the same answer to every file: good ones, altered ones, and those of tests/hostile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from browser.checker_pages import Checker, Compare, checker, compare, zipped
from hostile import test_anchors as anchors
from hostile import test_bundles as bundles
from hostile import test_receipts as receipts
from making import ORIGIN, VALUES, BankLog, Members, signer, time_at
from making_anchors import CONTRACT, LOG_ID, anchored
from playwright.sync_api import Error
from serving_witness import witness_signer

from counterfoil.core import canonical
from counterfoil.core.anchor import Anchor
from counterfoil.core.check_anchor import head_slots
from counterfoil.core.checkpoint import Checkpoint, SignedCheckpoint
from counterfoil.core.note import Signer, VerifierKey
from counterfoil.core.rlp import encode
from counterfoil.core.statement import Draft
from counterfoil.core.trust import sign_handover
from counterfoil.core.witness_policy import WitnessPolicy
from counterfoil.errors import CounterfoilError, InvalidInput

__all__ = ["checker", "compare"]

KEY = signer().key


def cases(test: Any) -> list[Any]:
    """The values of a test's first table."""
    return list(next(mark.args[1] for mark in test.pytestmark if mark.name == "parametrize"))


def flipped(data: bytes, every: int, bits: int = 1) -> Iterator[bytes]:
    for place in range(0, len(data), every):
        yield data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]


# --- receipts and promises ---

FULL = replace(receipts.RECEIPT, anchor=anchored(receipts.BANK, 6))
GOOD = [receipts.GOOD, receipts.PROMISE.encode(), FULL.encode()]


def test_good_receipts(compare: Compare) -> None:
    some = receipts.BANK.receipt(4, pointers=["/output/label", "/input/age"])
    none = receipts.BANK.receipt(4, pointers=[])
    due = replace(none, anchor_by="2026-11-24T00:00:00Z")
    files = [*GOOD, some.encode(), none.encode(), due.encode(), GOOD[0] + b" \n\t\r\n"]
    for issuer in (KEY, None, signer(2).key, signer(1, "bank.example/other").key):
        compare(files, issuer)
    assert all(report.is_intact for report in compare(files))


def test_values_of_every_type(compare: Compare) -> None:
    log = BankLog()
    for value in ("", "ä€😀\u2028\u202e", "<img src=x>", 'a\\b"c\x01\x7f', "x" * 5_000):
        log.decide(
            VALUES | {"/input/purpose": value, "/input/amount": -0.000001, "/reasons": [1, {"ü": [None, True]}, 1e21]}
        )
    log.decide(VALUES | {"/input/age": None, "/input/amount": 2**53 - 1, "/output/label": "\U0001f600"})
    log.append(
        Draft("model", "models/m", "no private fields", about={"z": 1, "a": {"€": 1.5, "\U00010000": [], "\uffff": {}}})
    )
    files = [log.receipt(index).encode() for index in range(6)]
    shown = replace(log.receipt(0), index=6, path=log.path(6, 7))
    public = replace(shown.shown, entry=log.entries[6], schema=None, disclosure=type(shown.shown.disclosure)((), ()))
    files.append(replace(shown, shown=public).encode())
    assert all(report.is_intact for report in compare(files))


@pytest.mark.parametrize("bits", [0x01, 0x20, 0x80])
def test_receipts_with_a_byte_flipped(compare: Compare, bits: int) -> None:
    for data in GOOD:
        assert not any(report.is_intact for report in compare(list(flipped(data, 23, bits))))


def test_receipts_cut_short(compare: Compare) -> None:
    for data in GOOD:
        compare([data[:length] for length in range(0, len(data), 97)])
        compare([data + b"}", data + data])


def test_hostile_receipts(compare: Compare) -> None:
    compare([data for data in cases(receipts.test_files_that_are_no_receipts) if len(data) < 10_000_000])
    reports = compare([receipts.changed(**parts) for parts in cases(receipts.test_parts_that_do_not_belong)])
    assert not any(report.is_intact for report in reports)


def test_a_receipt_beyond_the_limit(checker: Checker) -> None:
    (report,) = checker.reports([receipts.changed(extra="x" * 17_000_000)])
    assert [(step["id"], step["status"]) for step in report["steps"]] == [("format", "failed")]
    assert "larger than" in report["verdict"]


def test_keys_that_changed(compare: Compare) -> None:
    for numbers, signed_by in (((2,), None), ((2, 3, 4), None), ((2, 3), 1), ((2,), 9), ((2, 3), 2)):
        file = receipts.rotated(*numbers, signed_by=signed_by).encode()
        for issuer in (KEY, signer(3).key):
            compare([file], issuer)
    real = sign_handover(signer(1), signer(2).key, 3)
    theirs = BankLog(signer(5)).fill(9).receipt(4)
    for notes in (
        [sign_handover(signer(5), signer(5).key, 3)],
        [sign_handover(signer(2), signer(5).key, 3), real],
        [real.replace(str(signer(2).key), str(signer(5).key))],
        [sign_handover(signer(1), VerifierKey(ORIGIN, 4, signer(2).key.public), 3)],
        [real] * 64,
        [real] * 65,
        [real, sign_handover(signer(2), signer(5).key, 4)],
    ):
        compare([receipts.with_handovers(theirs, *notes).encode()])


def test_receipts_held_against_newer_files(compare: Compare) -> None:
    bank, more, twin = receipts.BANK, BankLog().fill(300), receipts.twin()
    mine, late = bank.receipt(4).encode(), more.receipt(280).encode()
    promise, overdue = bank.promise(4, time_at(100)).encode(), more.promise(280, time_at(200)).encode()
    liar = receipts.twin().fill(300)
    note = sign_handover(signer(1), signer(2).key, 9)
    successor = BankLog(signer(2), handovers=(note,)).fill(20)
    others = [
        bank.checkpoint().encode(),
        bank.checkpoint(7).encode(),
        twin.checkpoint().encode(),
        twin.receipt(4).encode(),
        more.receipt(4).encode(),
        liar.receipt(4).encode(),
        zipped(more.range_bundle()),
        zipped(more.range_bundle(256)),
        zipped(more.scattered_bundle([4, 280])),
        zipped(liar.range_bundle()),
        successor.receipt(4).encode(),
    ]
    answers = set()
    for other in others:
        for now in ("", time_at(150)):
            answers |= {report.answer for report in compare([mine, late, promise, overdue], other=other, now=now)}
        compare([mine], None, other=other)
    answers |= {
        report.answer
        for report in compare([overdue], other=zipped(BankLog().fill(270).range_bundle()), now=time_at(900))
    }
    assert answers == {"kept", "unanswered", "convicted", "overdue"}


def test_a_second_file_that_does_not_hold_by_itself_is_told(checker: Checker, compare: Compare) -> None:
    stranger = zipped(BankLog(signer(2)).fill(30).range_bundle())
    for other in (stranger, b"PK", b"{}", b"no head"):
        with pytest.raises(CounterfoilError) as expected:
            compare([receipts.GOOD], other=other)
        with pytest.raises(Error) as found:
            checker.reports([receipts.GOOD], issuer=KEY, other=other)
        assert "Malformed" in str(found.value)
        if other == stranger:
            assert expected.value.message in str(found.value)


# --- bundles ---


def test_good_bundles(compare: Compare) -> None:
    files = [zipped(make()) for make in bundles.MAKERS]
    files += [zipped(log.range_bundle(show=False)) for log in (BankLog(), BankLog().fill(1), bundles.bank(600))]
    with_anchor = Members(bundles.whole() | {"anchor.json": anchored(bundles.bank(), 5).encode()})
    for issuer in (KEY, None, signer(2).key):
        reports = compare([*files, zipped(with_anchor)], issuer)
    assert all(report.is_intact for report in compare(files))
    assert len(reports) == len(files) + 1


@pytest.mark.parametrize("make", bundles.MAKERS)
def test_bundles_with_every_region_altered(compare: Compare, make: Callable[[], Members]) -> None:
    good = make()
    files = []
    for name, data in good.items():
        for place in {0, 1, len(data) // 3, len(data) // 2, len(data) - 40, len(data) - 2} & set(range(len(data))):
            files.append(good | {name: data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]})
        files += [good | {name: data[: len(data) // 2]}, good | {name: data + b"x"}, good | {name: b""}]
        if name != "disclosures.ndjson":
            files.append({key: value for key, value in good.items() if key != name})
    for name in ("README.txt", "records/2.json", "tile/entries/001", "bundle.json.bak", "schemas/x.json"):
        files.append(good | {name: b"x"})
    reports = compare([zipped(members) for members in files])
    assert sum(report.is_intact for report in reports) <= 2  # a file without its disclosures shows less


def test_hostile_bundles(compare: Compare) -> None:
    whole, chosen = bundles.whole(), bundles.chosen()
    files = [bundles.altered(whole, change) for change in cases(bundles.test_records_swapped_doubled_removed)]
    files += [
        Members(whole | {"bundle.json": data}) for data in cases(bundles.test_manifests_that_promise_something_else)
    ]
    for indices in cases(bundles.test_scattered_lists_that_do_not_fit):
        parts = {"format": "counterfoil-bundle/1", "handovers": [], "indices": indices, "origin": ORIGIN}
        files.append(Members(chosen | {"bundle.json": canonical.dumps(parts)}))
    rows = bundles.lines(whole)
    files += [
        bundles.with_lines(*rows[::-1]),
        bundles.with_lines(rows[0], *rows),
        bundles.with_lines(*rows, rows[-1]),
        bundles.with_lines(*rows, bundles.shown(6, 2)),
        bundles.with_lines(*rows, bundles.shown(7, 2)),
        bundles.with_lines(bundles.shown(0, 1), *rows[1:]),
        bundles.with_lines(*rows[:2], b"\n", *rows[2:]),
        bundles.with_lines(rows[0].replace(b"41", b"42")),
        bundles.with_lines(rows[0].replace(b",41]", b"]")),
        bundles.with_lines(rows[0][:-1]),
    ]
    root = bundles.bank().root()
    for head in (
        Checkpoint(ORIGIN, 8, root).signed(signer()),
        Checkpoint(ORIGIN, 10**9, root).signed(signer()),
        Checkpoint(ORIGIN, 7, root).signed(signer(2)),
        Checkpoint("bank.example/other", 7, root).signed(signer()),
        "",
        "\n\n\n",
    ):
        files.append(Members(whole | {"checkpoint": head.encode()}))
    reports = compare([zipped(members) for members in files])
    assert not any(report.is_intact for report in reports)


def test_logs_that_leave_something_out(compare: Compare) -> None:
    gap, doubled, backwards, epochs, joined = (BankLog().fill(3) for _ in range(5))
    gap.decide(seq=4)
    doubled.decide(seq=2)
    backwards.decide(time=time_at(1))
    epochs.epoch(0, 2)
    epochs.epoch(5, 3)
    epochs.epoch(1, 2, "x\x1b[2J\n" * 100)
    joined.epoch(0, 3)
    joined.epoch(0, 0, "decisions/never")
    reports = compare([zipped(log.range_bundle()) for log in (gap, doubled, backwards, epochs, joined)])
    assert [report.is_intact for report in reports] == [False, False, False, False, True]


def test_bundles_that_extend_an_earlier_head(compare: Compare) -> None:
    log = bundles.bank(600)
    files = [zipped(log.range_bundle()), zipped(bundles.middle())]
    for size in (0, 1, 255, 256, 300, 512, 600):
        compare(files, other=log.checkpoint(size).encode())
    rewritten = receipts.twin().fill(600)
    for other in (
        rewritten.checkpoint(3).encode(),
        rewritten.receipt(4).encode(),
        zipped(rewritten.range_bundle()),
        Checkpoint(ORIGIN, 700, log.root()).signed(signer()).encode(),
        Checkpoint("bank.example/other", 3, log.root(3)).signed(signer()).encode(),
        Checkpoint(ORIGIN, 3, log.root(3)).signed(signer(2)).encode(),
    ):
        for issuer in (KEY, None):
            compare(files, issuer, other=other)


# --- anchors ---


def of_receipt(anchor: bytes | Anchor) -> bytes:
    data = anchor if isinstance(anchor, bytes) else anchor.encode()
    return replace(anchors.LOG.receipt(2), anchor=anchors.EVENT).encode().replace(anchors.EVENT.encode(), data)


@pytest.mark.parametrize("good", [anchors.EVENT, anchors.STORAGE], ids=["event", "storage"])
def test_good_anchors_and_what_the_checker_names(compare: Compare, good: Anchor) -> None:
    early, late = replace(anchors.LOG.receipt(2), anchor=good), replace(anchors.LOG.receipt(15), anchor=good)
    files = [early.encode(), late.encode()]
    for given in (
        {},
        {"block": good.block_hash},
        {"block": bytes(32)},
        {"block": good.block_hash, "contract": CONTRACT, "log_id": LOG_ID},
        {"block": good.block_hash, "contract": bytes(20)},
        {"log_id": bytes(32)},
    ):
        compare(files, **given)


@pytest.mark.parametrize("good", [anchors.EVENT, anchors.STORAGE], ids=["event", "storage"])
def test_anchors_with_bytes_altered(compare: Compare, good: Anchor) -> None:
    altered = [of_receipt(anchor) for anchor in list(anchors.flipped(good))[::29]]
    altered += [of_receipt(data) for data in flipped(good.encode(), 61)]
    compare(altered, block=good.block_hash)
    compare(altered[::5])


def test_hostile_anchors(compare: Compare) -> None:
    event, storage = anchors.EVENT, anchors.STORAGE
    made = [anchors.with_receipt(value) for value in cases(anchors.test_receipts_of_another_form)]
    made += [anchored(anchors.LOG, 13, status=status) for status in (b"", b"\2", bytes(32))]
    made += [anchored(anchors.LOG, 13, "storage", code=code) for code in (bytes(32), anchors.CODE[:31])]
    for value in cases(anchors.test_slots_of_another_form):
        made += [anchored(anchors.LOG, 13, "storage", stored={slot: value}) for slot in head_slots(LOG_ID, 0)]
    receipt_nodes = event.proof.nodes  # type: ignore[union-attr]
    for change in anchors.CHANGES:
        made += [replace(good, account=change(good.account, receipt_nodes)) for good in (event, storage)]
        made.append(replace(event, proof=replace(event.proof, nodes=change(receipt_nodes, event.account))))  # type: ignore[call-arg]
    path = event.consistency
    for wrong in ((), path[:-1], path[1:], path[::-1], (*path, path[-1]), (b"x" * 32,) * 63):
        made.append(replace(event, consistency=wrong))
    for other in (
        anchored(anchors.OTHER, 13),
        anchored(anchors.LOG, 12),
        anchored(anchors.LOG, 13, number=9, time_s=5),
    ):
        for before, after in pairwise(Anchor.__slots__):
            made.append(replace(event, **{name: getattr(other, name) for name in (before, after)}))
    compare([of_receipt(anchor) for anchor in made])
    rows = [anchors.row_with(**parts) for parts in ({"size": 0}, {"size": 2**48}, {"extra": 1}, {"format": "\x1b[2J"})]
    rows += [anchors.row_with(header="!"), anchors.row_with(account=["AA=="] * 66), anchors.row_with(contract="0xAB")]
    compare([of_receipt(row) for row in rows])
    deep = replace(event, header=encode([[b""] * 1_000] * 11))
    compare([of_receipt(deep), of_receipt(replace(event, header=b"\xc1" * 12_000 + b"\xc0"))])


# --- witnesses ---


def test_heads_that_witnesses_saw(compare: Compare) -> None:
    log = receipts.BANK
    seen = [witness_signer(number) for number in (1, 2, 3)]
    named = "".join(f"witness W{number} {each.key}\n" for number, each in enumerate(seen))
    line, head = f"log {KEY}\n", log.checkpoint()
    text = SignedCheckpoint.parse(head).note.text

    def signed(*witnesses: Signer, time_s: int = 1_795_000_000, over: str = text) -> str:
        return head + "".join(each.line(over, time_s=time_s) for each in witnesses)

    heads = [
        head,
        signed(seen[0]),
        signed(*seen),
        signed(*seen, over=text.replace("\n9\n", "\n8\n")),
        signed(*seen, time_s=2**62),
        signed(*seen, time_s=2**63),
        signed(seen[0], seen[0], seen[1]) + seen[1].line(text, time_s=1_795_000_001),
    ]
    files = [replace(receipts.RECEIPT, checkpoint=each).encode() for each in heads]
    files += [receipts.PROMISE.encode(), receipts.rotated(2).encode(), receipts.changed(checkpoint="")]
    files.append(zipped(Members(log.range_bundle() | {"checkpoint": heads[2].encode()})))
    quorums = ["quorum none\n", "quorum W1\n", "group g any W0 W1 W2\nquorum g\n"]
    quorums.append("group g 2 W0 W1\ngroup h all g W2\nquorum h\n")
    for rest in quorums:
        for logs in ("", line, f"log {signer(5, 'other.example').key}\n", f"log {signer(7).key}\n"):
            compare(files, witnesses=WitnessPolicy.parse(f"{logs}{named}{rest}".encode()))


def test_witness_policies_that_are_refused(checker: Checker) -> None:
    key, other = witness_signer(1).key, witness_signer(2).key
    texts = [
        *("", "quorum", "quorum x\n", "quorum none\nquorum none\n", "x\n", "log\n", f"log {key}\nquorum none\n"),
        *(f"witness A {KEY}\nquorum A\n", f"witness none {key}\nquorum none\n", "quorum none\x01\n", "# only\n"),
        f"witness A {key}\nwitness B {key}\nquorum A\n",
        f"witness A {key}\nwitness A {other}\nquorum A\n",
        *(f"witness A {key}\ngroup g {rule} A\nquorum g\n" for rule in ("0", "2", "01", "some", "-1")),
        f"witness A {key}\ngroup g 1 A A\nquorum g\n",
        f"witness A {key}\ngroup g 1 A\ngroup h 1 A\nquorum h\n",
        f"group g 1 A\nwitness A {key}\nquorum g\n",
        "quorum none\n#" + "x" * 65_536,
        "".join(f"log {signer(number).key}\n" for number in range(65)) + "quorum none\n",
    ]
    read = """(text) => {
      try {
        counterfoil.witness_policy.WitnessPolicy.parse(text);
        return "read";
      } catch (error) {
        return error instanceof counterfoil.words.Malformed ? error.message : `broken: ${error}`;
      }
    }"""
    for text in texts:
        with pytest.raises(InvalidInput) as refused:
            WitnessPolicy.parse(text.encode())
        told = str(checker.page.evaluate(read, text))
        assert told.partition(": it is of")[0] == refused.value.message.partition(": it is of")[0]
    good = f"# two\nlog {KEY} https://x\n\nwitness\tA  {key} https://a\nwitness B {other}\ngroup g all A B\nquorum g\n"
    WitnessPolicy.parse(good.encode())
    assert checker.page.evaluate(read, good) == "read"
