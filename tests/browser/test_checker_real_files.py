"""The page and core agree on files of a home and a ledger that run, and on zip files made to trick a reader."""

from __future__ import annotations

import random
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser.checker_pages import Checker, Compare, checker, compare, core
from hostile.test_zip_files import packed, unpacked, written
from live_anchors import LiveLog
from making import BankLog
from making_anchors import path_of
from organisations import bank, full_log

from counterfoil.core.note import VerifierKey
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.chain import Chain

__all__ = ["checker", "compare", "written"]

Written = tuple[dict[str, bytes], VerifierKey]
SECRET = b"\7" * 32
NOT_EVIDENCE = {"format"}
"""Steps at which the page may refuse what core takes: dates, flags and names in a zip's directory prove nothing."""


def test_what_a_home_hands_out(compare: Compare, tmp_path: Path) -> None:
    with bank(tmp_path) as home:
        made = home.decide("A-0001", credit_amount=15_000, duration_in_month=48, note="ä€😀")
        org = home.org
        old = org.issuer
        seen = org.decisions.history(made.index).state
        org.decisions.override(made.index, label="approve", by="Ada", reason="known", saw=seen)
        appeal = org.decisions.appeal(made.index, text="It is wrong.\nAll of it.", by="Bo")
        org.rotate_log_key()
        files = [org.decisions.receipt(index).encode() for index in (made.index, appeal.index)]
        files.append(org.decisions.receipt(made.index, ["/output/label", "/reasons"]).encode())
        org.bundles.write_range(tmp_path / "all.zip", show="everything")
        files.append((tmp_path / "all.zip").read_bytes())
    reports = compare(files, old)
    assert all(report.exit_code(["format", "fields", "log", "issuer"]) == 0 for report in reports)


def test_promises_of_a_home_that_could_not_record(compare: Compare, tmp_path: Path) -> None:
    with bank(tmp_path, on_log_failure="spool") as home:
        with full_log(home.org):
            promise = home.decide("A-0002").promise
        assert promise is not None
        assert compare([promise.encode()], home.org.issuer)[0].exit_code(["fields", "issuer"]) == 0


def test_anchors_on_a_ledger_that_runs(compare: Compare, tmp_path: Path) -> None:
    log = BankLog().fill(24)
    funded = {LocalAccount(SECRET).address: 10**24}
    with EmbeddedLedger.create(tmp_path / "ledger", funded=funded) as ledger:
        live = LiveLog(Chain.connect(ledger), SECRET, log)
        for size in (3, 17):
            live.anchor(size)
        anchors = [live.event_proof(0), live.event_proof(), live.storage_proof()]
    for anchor in anchors:
        whole = replace(anchor, consistency=path_of(log, anchor.size))
        file = replace(log.receipt(1), anchor=whole).encode()
        (report,) = compare([file], block=anchor.block_hash, contract=anchor.contract, log_id=anchor.log_id)
        assert report.exit_code(["anchor"]) == 0
        compare([file], block=bytes(32))


# --- zip files ---


@pytest.fixture(params=["range", "chosen"])
def good(request: pytest.FixtureRequest, written: Written) -> bytes:
    return written[0][request.param]


@pytest.fixture
def judge(checker: Checker, written: Written, tmp_path: Path) -> Callable[[list[bytes]], list[dict[str, Any]]]:
    """Holds that the page passes nothing that core refuses, and returns what it found."""

    def judged(files: list[bytes]) -> list[dict[str, Any]]:
        found = checker.reports(files, issuer=written[1])
        for number, (data, report) in enumerate(zip(files, found, strict=True)):
            path = tmp_path / "file"
            path.write_bytes(data)
            mine = core(path, written[1])
            broken = [step for step in report["steps"] if step["status"] == "failed"]
            # The browser's unpacking notices damage that Python's passes over; then only the packing may be at fault.
            is_packing = all(each["id"] in NOT_EVIDENCE or "is damaged: " in each["detail"] for each in broken)
            assert report["isIntact"] == mine.is_intact or (mine.is_intact and is_packing), number
        return found

    return judged


def test_zip_files_as_they_are_written(good: bytes, compare: Compare, written: Written) -> None:
    assert all(report.is_intact for report in compare([good, packed(unpacked(good))], written[1]))
    stored = packed([(name, data) for name, data in unpacked(good)], zipfile.ZIP_STORED)
    assert compare([stored], written[1])[0].is_intact


def test_zip_files_cut_and_altered(good: bytes, judge: Callable[[list[bytes]], list[dict[str, Any]]]) -> None:
    chance = random.Random(7)
    cut = [good[:length] for length in (*range(2, 64, 5), *range(len(good) - 40, len(good), 3), len(good) // 2)]
    assert not any(report["isIntact"] for report in judge(cut))
    altered = []
    for place in chance.sample(range(len(good)), 60):
        changed = bytearray(good)
        changed[place] ^= 1 << chance.randrange(8)
        altered.append(bytes(changed))
    assert sum(report["isIntact"] for report in judge(altered)) < 30


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zip_files_made_to_trick_a_reader(good: bytes, judge: Callable[[list[bytes]], list[dict[str, Any]]]) -> None:
    members = unpacked(good)
    hidden, lying, encrypted = bytearray(good), bytearray(good), bytearray(good)
    struct.pack_into("<H", hidden, good.index(b"PK\x01\x02") + 32, 0xFFF)
    struct.pack_into("<I", lying, good.rindex(b"PK\x01\x02", 0, good.rindex(b"checkpoint")) + 24, 1)
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = -1
        while (place := good.find(mark, place + 1)) >= 0:
            encrypted[place + offset] |= 1
    names = ("../evil", "/etc/evil", "a/../../evil", "..", "c:\\evil", "C:evil", "evil\0")
    files = [packed([*members, (name, b"x")]) for name in names]
    files += [
        packed([*members, members[0]]),
        packed(members, zipfile.ZIP_LZMA),
        packed([]),
        packed([("bundle.zip", good)]),
    ]
    files += [bytes(hidden), bytes(lying), bytes(encrypted), good + b"more", b"more" + good, b"PK" + bytes(100)]
    bombs = [(name, bytes(20_000_000)) for name in ("bundle.json", "checkpoint", "disclosures.ndjson")]
    files += [packed([*(each for each in members if each[0] != name), (name, zeros)]) for name, zeros in bombs]
    assert not any(report["isIntact"] for report in judge(files))
