"""Bundles in hostile hands: altered, cut, swapped, mixed, incomplete."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from making import ORIGIN, SCHEMA, VALUES, BankLog, Members, signer, time_at

from counterfoil.core import canonical
from counterfoil.core.bundle import ShownLine
from counterfoil.core.check_bundle import Watch, check_bundle, view_of_bundle
from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.checkpoint import Checkpoint, SignedCheckpoint
from counterfoil.core.fields import Disclosure
from counterfoil.core.note import VerifierKey
from counterfoil.core.schema import Schema
from counterfoil.core.statement import Draft
from counterfoil.core.steps import EXIT_MISMATCH, Report, Status
from counterfoil.core.tiles import decode_bundle, encode_bundle
from counterfoil.core.trust import sign_handover
from counterfoil.errors import MalformedEvidence

KEY = signer().key
RANGE = ("format", "records", "log", "issuer", "complete", "fields")
SCATTERED = ("format", "records", "log", "issuer", "fields")


@cache
def bank(size: int = 7, number: int = 1) -> BankLog:
    """A log of decisions; read only."""
    log = BankLog(signer(number)).fill(size - 1)
    log.epoch(0, size - 1)
    return log


def whole() -> Members:
    return bank().range_bundle()


def middle() -> Members:
    """The second of three tiles, with hashes for the rest."""
    return Members(_middle())


@cache
def _middle() -> Members:
    return bank(600).range_bundle(256, 512)


def chosen() -> Members:
    return bank().scattered_bundle([1, 4])


def passes(report: Report, steps: tuple[str, ...]) -> bool:
    found = [report.step(step) for step in steps]
    return report.is_intact and all(step is not None and step.status is Status.PASSED for step in found)


def require_refused(members: Members, issuer: VerifierKey | None = KEY) -> Report:
    report = check_bundle(members, issuer=issuer)
    assert not report.is_intact
    assert report.exit_code() == report.exit_code(RANGE) == EXIT_MISMATCH
    assert all(len(step.detail) < 600 and step.detail.isprintable() for step in report.steps)
    json.dumps(report.to_json())
    return report


MAKERS: list[Callable[[], Members]] = [whole, middle, chosen]


def test_the_good_ones_pass() -> None:
    assert passes(check_bundle(whole(), issuer=KEY), RANGE)
    assert passes(check_bundle(middle(), issuer=KEY), RANGE)
    assert passes(check_bundle(chosen(), issuer=KEY), SCATTERED)
    assert passes(check_bundle(bank().range_bundle(show=False), issuer=KEY), RANGE[:-1])
    assert passes(check_bundle(BankLog().range_bundle(), issuer=KEY), RANGE[:-1])
    assert check_bundle(whole()).verdict == "intact, issuer unknown"


def test_what_a_bundle_cannot_show_is_said() -> None:
    scattered, part = check_bundle(chosen(), issuer=KEY), check_bundle(middle(), issuer=KEY)
    step = scattered.step("complete")
    assert step is not None
    assert step.status is Status.NOT_CHECKED
    step = part.step("complete")
    assert step is not None
    assert "before record 256" in step.limit
    assert "after record 511" in step.limit


@pytest.mark.parametrize("make", [whole, chosen])
@pytest.mark.parametrize("bits", [0x01, 0x20, 0xFF])
def test_every_byte_flipped(make: Callable[[], Members], bits: int) -> None:
    good = make()
    for name, data in good.items():
        for place in range(0, len(data), 1 if len(data) < 1_000 else 7):
            members = Members(good)
            members[name] = data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]
            require_refused(members)


def test_every_region_of_a_large_bundle_flipped() -> None:
    good = middle()
    for name, data in good.items():
        for place in {0, 1, len(data) // 3, len(data) // 2, len(data) - 40, len(data) - 2} & set(range(len(data))):
            members = Members(good)
            members[name] = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            require_refused(members)


@pytest.mark.parametrize("make", [whole, chosen])
def test_every_member_cut_or_lengthened(make: Callable[[], Members]) -> None:
    good = make()
    for name, data in good.items():
        whole_lines = {0} | {i + 1 for i, byte in enumerate(data) if byte == 10} if name.endswith("ndjson") else set()
        for length in {*range(0, len(data), 11), *range(max(0, len(data) - 20), len(data))}:
            report = check_bundle(Members(good | {name: data[:length]}), issuer=KEY)
            if length in whole_lines or length + 1 in whole_lines:
                continue  # fewer fields are shown, which anybody may do
            assert not report.is_intact, (name, length)
        require_refused(Members(good | {name: data + b"x"}))
        require_refused(Members(good | {name: data + data}))


@pytest.mark.parametrize("make", MAKERS)
def test_members_missing_or_added(make: Callable[[], Members]) -> None:
    good = make()
    for name in good:
        if name != "disclosures.ndjson":
            require_refused(Members({key: data for key, data in good.items() if key != name}))
    for name in ("README.txt", "records/2.json", "tile/entries/001", "tile/0/009", "bundle.json.bak", "schemas/x.json"):
        require_refused(Members(good | {name: b"x"}))


def altered(members: Members, change: Callable[[list[bytes]], object], name: str = "tile/entries/000.p/7") -> Members:
    entries = decode_bundle(members[name])
    change(entries)
    return Members(members | {name: encode_bundle(entries)})


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: entries.reverse(),
        lambda entries: entries.insert(2, entries.pop(3)),
        lambda entries: entries.pop(),
        lambda entries: entries.pop(0),
        lambda entries: entries.append(entries[-1]),
        lambda entries: entries.__setitem__(3, entries[2]),
        lambda entries: entries.__setitem__(3, bank(7, 2).entries[3]),
        lambda entries: entries.__setitem__(3, entries[3].replace(b"19:00:03", b"19:00:04")),
        lambda entries: entries.__setitem__(3, b""),
        lambda entries: entries.__setitem__(3, b"x" * 65_535),
        lambda entries: entries.clear(),
        lambda entries: entries.extend([b""] * 100_000),
    ],
    ids=range(12),
)
def test_records_swapped_doubled_removed(change: Callable[[list[bytes]], object]) -> None:
    require_refused(altered(whole(), change))


def manifest(**parts: Any) -> bytes:
    return canonical.dumps(canonical.loads(whole()["bundle.json"]) | parts)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        manifest(format="counterfoil-bundle/2"),
        manifest(origin="bank.example/other"),
        manifest(origin="x\x1b[2J"),
        manifest(origin="a" * 10_000),
        manifest(origin=None),
        manifest(start=1),
        manifest(start=-256),
        manifest(start=256),
        manifest(start=2**40, end=2**50),
        manifest(start=True),
        manifest(start=256.5),
        manifest(end=6),
        manifest(end=8),
        manifest(end=256),
        manifest(end=2**53 - 1),
        manifest(end=-1),
        manifest(end="7"),
        manifest(indices=[1]),
        manifest(extra=1),
        manifest(handovers=None),
        manifest(handovers=[1]),
        manifest(handovers=["x"]),
        manifest(handovers=[sign_handover(signer(), signer(2).key, 1)] * 65),
    ],
    ids=range(28),
)
def test_manifests_that_promise_something_else(data: bytes) -> None:
    require_refused(Members(whole() | {"bundle.json": data}))


@pytest.mark.parametrize(
    "indices",
    [
        [],
        [1],
        [4, 1],
        [1, 1, 4],
        [1, 4, 5],
        [1, 7],
        [1, 2**53 - 1],
        [1, -4],
        [1, True],
        [1, "4"],
        [1, 4.5],
        [[]],
        None,
        list(range(100_001)),
    ],
    ids=range(14),
)
def test_scattered_lists_that_do_not_fit(indices: Any) -> None:
    parts = {"format": "counterfoil-bundle/1", "handovers": [], "indices": indices, "origin": ORIGIN}
    require_refused(Members(chosen() | {"bundle.json": canonical.dumps(parts)}))


def test_range_and_scattered_cannot_stand_in_for_each_other() -> None:
    require_refused(Members(whole() | {"bundle.json": chosen()["bundle.json"]}))
    require_refused(Members(chosen() | {"bundle.json": whole()["bundle.json"]}))
    require_refused(Members(chosen() | whole()))
    require_refused(Members(whole() | chosen()))


def test_proofs_of_another_place_or_log() -> None:
    good, other = chosen(), bank(7, 2).scattered_bundle([1, 4])
    one, four = "proofs/1.tlog-proof", "proofs/4.tlog-proof"
    for changes in (
        {one: good[four]},
        {one: good[four], four: good[one]},
        {"records/1.json": good["records/4.json"]},
        {"records/1.json": good["records/4.json"], "records/4.json": good["records/1.json"]},
        {one: other[one]},
        {"records/1.json": other["records/1.json"], one: other[one]},
        {"checkpoint": other["checkpoint"]},
        {one: bank(8).scattered_bundle([1, 4])[one]},
        {one: good[one].replace(b"index 1\n", b"index 01\n")},
        {one: b"\xff" * 1_000},
        {one: b"c2sp.org/tlog-proof@v1\n" * 1_000},
    ):
        require_refused(Members(good | changes))


def test_another_issuers_key() -> None:
    for make in MAKERS:
        for key in (signer(2).key, signer(1, "bank.example/other").key):
            step = require_refused(make(), key).step("issuer")
            assert step is not None
            assert step.status is Status.FAILED


def test_heads_that_do_not_fit() -> None:
    root = bank().root()
    for head in (
        Checkpoint(ORIGIN, 8, root).signed(signer()),  # larger than the records
        Checkpoint(ORIGIN, 6, root).signed(signer()),
        Checkpoint(ORIGIN, 10**9, root).signed(signer()),
        Checkpoint(ORIGIN, 7, root).signed(signer(2)),
        Checkpoint(ORIGIN, 7, bank(7, 2).root()).signed(signer()),
        Checkpoint("bank.example/other", 7, root).signed(signer()),
        bank(8).checkpoint(),
        "",
        "\n\n\n",
        "x" * 100_000,
    ):
        require_refused(Members(whole() | {"checkpoint": head.encode()}))
    require_refused(Members(whole() | {"checkpoint": b"\xff"}))


def test_hash_tiles_of_another_log() -> None:
    good, other = middle(), bank(600, 2).range_bundle(256, 512)
    tiles = [name for name in good if name.startswith("tile/0") or name.startswith("tile/1")]
    assert tiles
    for name in tiles:
        require_refused(Members(good | {name: other[name]}))
        require_refused(Members(good | {name: good[name][:-32]}))
        require_refused(Members(good | {name: good[name] + b"x" * 32}))


# --- fields ---


def lines(members: Members) -> list[bytes]:
    return members["disclosures.ndjson"].splitlines(keepends=True)


def with_lines(*rows: bytes) -> Members:
    return Members(whole() | {"disclosures.ndjson": b"".join(rows)})


def shown(index: int, of: int) -> bytes:
    return ShownLine(index, bank().trees[of].disclose()).encode()


def test_disclosures_out_of_place() -> None:
    rows = lines(whole())
    for bad in (
        with_lines(*rows[::-1]),
        with_lines(rows[0], *rows),
        with_lines(*rows, rows[-1]),
        with_lines(*rows, shown(6, 2)),  # the epoch record has no fields
        with_lines(*rows, shown(7, 2)),  # no such record
        with_lines(*rows, shown(2**53 - 1, 2)),
        with_lines(shown(0, 1), *rows[1:]),
        with_lines(shown(1, 0), *rows[2:]),
        with_lines(*rows[:2], b"\n", *rows[2:]),
        with_lines(b"{}\n"),
        with_lines(b"[" * 50_000 + b"\n"),
        with_lines(rows[0].replace(b'"index":0', b'"index":0,"index":0')),
        with_lines(rows[0].replace(b'"index":0', b'"index":-0')),
        with_lines(rows[0].replace(b"41", b"42")),
        with_lines(rows[0].replace(b",41]", b"]")),
    ):
        require_refused(bad)


def test_counts_and_positions_against_the_schema() -> None:
    tree = bank().trees[0]
    full = tree.disclose()
    for disclosure in (
        Disclosure(full.shown[:-1], full.proof),
        Disclosure(full.shown, ()),
        Disclosure(full.shown, full.proof * 2),
        Disclosure(full.shown[::-1], full.proof),
        Disclosure((*full.shown, full.shown[-1]), full.proof),
        Disclosure((full.shown[0],) * 1_000, full.proof),
        Disclosure((), ()),
    ):
        require_refused(with_lines(ShownLine(0, disclosure).encode()))


def test_schemas_that_are_not_the_ones_named() -> None:
    name = f"schemas/{SCHEMA.digest}.json"
    other = Schema("credit", SCHEMA.fields[:4])
    for changes in (
        {name: other.encoded},
        {name: b"{}"},
        {name: SCHEMA.encoded + b" " * 2_000_000},
        {f"schemas/{other.digest}.json": other.encoded, name: b"[]"},
        {f"schemas/{n}.json": b"{}" for n in range(1_001)},
    ):
        require_refused(Members(whole() | changes))
    missing = whole()
    del missing[name]
    step = require_refused(missing).step("fields")
    assert step is not None
    assert step.status is Status.FAILED


def test_schemas_together_have_a_limit() -> None:
    members = whole()
    for number in range(30):
        schema = Schema(f"{number}" + "n" * 1_000_000, SCHEMA.fields)
        members[f"schemas/{schema.digest}.json"] = schema.encoded
    require_refused(members)


# --- nothing missing, nothing doubled ---


def complete(log: BankLog, start: int = 0) -> tuple[Status, str]:
    report = check_bundle(log.range_bundle(start), issuer=KEY)
    step = report.step("complete")
    assert step is not None
    return step.status, step.detail


def test_an_issuer_that_left_something_out_is_found() -> None:
    gap, doubled, late, backwards = (BankLog().fill(3) for _ in range(4))
    gap.decide(seq=4)
    doubled.decide(seq=2)
    late.append(Draft("model", "models", "m"), seq=1)
    backwards.decide(time=time_at(1))
    for log, word in ((gap, "missing"), (doubled, "appears again"), (late, "missing"), (backwards, "time goes back")):
        status, detail = complete(log)
        assert status is Status.FAILED
        assert word in detail


@pytest.mark.parametrize(
    ("first", "following"), [(0, 2), (0, 4), (1, 3), (3, 3), (5, 3), (0, True), (0, "3"), (None, 3)], ids=range(8)
)
def test_epochs_that_count_something_else(first: Any, following: Any) -> None:
    log = BankLog().fill(3)
    log.epoch(first, following)
    assert complete(log)[0] is Status.FAILED


def test_epochs_that_join_up() -> None:
    log = BankLog().fill(3)
    log.epoch(0, 3)
    log.epoch(3, 3)
    log.decide()
    log.epoch(3, 4)
    log.epoch(0, 0, "decisions/never")
    assert complete(log)[0] is Status.PASSED
    log.epoch(3, 4)
    assert complete(log)[0] is Status.FAILED


def test_free_text_of_an_epoch_does_not_reach_the_terminal() -> None:
    log = BankLog().fill(3)
    log.epoch(1, 2, "x\x1b[2J\n" * 100)
    require_refused(log.range_bundle())


# --- an earlier head, and receipts held against a bundle ---


def earlier(head: str, members: Members | None = None) -> Status:
    report = check_bundle(members or whole(), issuer=KEY, earlier=SignedCheckpoint.parse(head))
    step = report.step("earlier")
    assert step is not None
    return step.status


def test_the_log_extends_an_earlier_head() -> None:
    for size in range(8):
        assert earlier(bank().checkpoint(size)) is Status.PASSED
    log = bank(600)
    for size in (0, 1, 255, 256, 300, 511, 512, 600):
        assert earlier(log.checkpoint(size), log.range_bundle()) is Status.PASSED
    assert earlier(log.checkpoint(300), middle()) is Status.PASSED
    assert earlier(log.checkpoint(256), middle()) is Status.PASSED
    assert earlier(log.checkpoint(100), middle()) is Status.NOT_CHECKED


def test_a_rewritten_log_does_not_extend_an_earlier_head() -> None:
    other = BankLog().fill(2)
    other.decide(VALUES | {"/output/label": "refused"})
    other.fill(6)
    for head in (
        other.checkpoint(3),
        other.checkpoint(6),
        Checkpoint(ORIGIN, 0, b"\1" * 32).signed(signer()),
        Checkpoint(ORIGIN, 7, b"\1" * 32).signed(signer()),
        bank(8).checkpoint(8),
        Checkpoint("bank.example/other", 3, bank().root(3)).signed(signer()),
        Checkpoint(ORIGIN, 3, bank().root(3)).signed(signer(2)),
    ):
        assert earlier(head) is Status.FAILED
    assert earlier(bank().checkpoint(2)) is Status.PASSED


def answer(log: BankLog, receipt: bytes, watch: Watch, members: Members) -> str:
    report = check_bundle(members, issuer=KEY, watch=watch)
    view = view_of_bundle(members, watch, report)
    return check_receipt(receipt, issuer=KEY, log=view, now=time_at(500)).answer


def watch_for(log: BankLog, index: int, size: int) -> Watch:
    return Watch(frozenset({size}), frozenset({index}), frozenset({log.leaves()[index]}))


def test_receipts_against_bundles() -> None:
    mine = BankLog().fill(300)
    receipt = mine.receipt(280).encode()
    honest, liar = BankLog().fill(600), BankLog().fill(280)
    liar.decide(VALUES | {"/output/label": "refused"})
    liar.fill(600)
    for start, end in ((0, 600), (256, 512), (256, 600)):
        assert answer(honest, receipt, watch_for(mine, 280, 300), honest.range_bundle(start, end)) == "kept"
        assert answer(liar, receipt, watch_for(mine, 280, 300), liar.range_bundle(start, end)) == "convicted"
    assert answer(honest, receipt, watch_for(mine, 280, 300), honest.range_bundle(512, 600)) == "unanswered"
    assert answer(honest, receipt, watch_for(mine, 280, 300), honest.scattered_bundle([280])) == "unanswered"


def test_promises_against_bundles() -> None:
    log = BankLog().fill(300)
    promise = log.promise(280, time_at(400)).encode()
    short, full, part = BankLog().fill(270), log.range_bundle(), BankLog().fill(600).range_bundle(0, 256)
    assert answer(log, promise, watch_for(log, 280, 300), full) == "kept"
    assert answer(log, promise, watch_for(log, 280, 300), short.range_bundle()) == "overdue"
    assert answer(log, promise, watch_for(log, 280, 300), part) == "unanswered"


def test_a_log_that_does_not_hold_by_itself_answers_nothing() -> None:
    members, watch = altered(whole(), lambda entries: entries.reverse()), Watch()
    with pytest.raises(MalformedEvidence):
        view_of_bundle(members, watch, check_bundle(members, issuer=KEY, watch=watch))


def test_a_rotated_key() -> None:
    note = sign_handover(signer(1), signer(2).key, 0)
    log = BankLog(signer(2), handovers=(note,)).fill(4)
    assert passes(check_bundle(log.range_bundle(), issuer=KEY), RANGE)
    forged = BankLog(signer(2), handovers=(sign_handover(signer(2), signer(2).key, 0),)).fill(4)
    require_refused(forged.range_bundle())


def test_progress_and_facts() -> None:
    seen: list[tuple[int, int]] = []
    report = check_bundle(middle(), issuer=KEY, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(256, 256)]
    assert (report.facts["records"], report.facts["kinds"]) == (256, {"decision": 256})
    assert report.facts["shown_fields"] == 256 * len(SCHEMA.fields)
