"""A whole second checker, written from the documents alone, judges as ours does on good and on bad files."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random
from typing import Any

import pytest
from making import SCHEMA, STREAM, BankLog, Members, signer

from counterfoil.core.note import VerifierKey
from counterfoil.core.statement import Draft
from counterfoil.core.trust import sign_handover
from counterfoil.store.check_file import check_file

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "independent_checker.py"
RECORDS = "records"
"""Where a scattered record or a tile is at fault, checkers may name one of three steps."""
SAME = {"format": RECORDS, "record": RECORDS, "log": RECORDS}

Judge = Callable[[Path, str | None], tuple[int, str, str]]


def _load() -> Any:
    spec = spec_from_file_location("independent_check", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INDEPENDENT = _load()


@pytest.fixture(autouse=True)
def _limits_of_a_process_of_its_own() -> Iterator[None]:
    """The script runs by itself: no package has raised the recursion limit, on which Python's JSON reader relies."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    yield
    sys.setrecursionlimit(before)


@pytest.fixture
def judge(capsys: pytest.CaptureFixture[str]) -> Judge:
    """Returns exit code, first failed step and all that was printed, of the independent checker."""

    def run(path: Path, issuer: str | None) -> tuple[int, str, str]:
        arguments = [str(path)] + (["--issuer", issuer] if issuer else [])
        with pytest.raises(SystemExit) as ended:
            INDEPENDENT.main(arguments)
        text = capsys.readouterr().out
        broken = re.search(r"^\d\. (\w+): failed", text, re.MULTILINE)
        assert isinstance(ended.value.code, int)
        return ended.value.code, broken[1] if broken else "", text

    return run


def ours(path: Path, issuer: VerifierKey | None) -> tuple[int, str]:
    """Returns exit code and first failed step of our own checker."""
    report = check_file(path, issuer=issuer)
    return report.exit_code(), next((step.id for step in report.steps if step.status == "failed"), "")


def agree(path: Path, issuer: VerifierKey | None, judge: Judge) -> int:
    """Returns the exit code on which both checkers agree."""
    code, step = ours(path, issuer)
    other_code, other_step, text = judge(path, str(issuer) if issuer else None)
    assert (code, SAME.get(step, step)) == (other_code, SAME.get(other_step, other_step)), (path.name, step, text)
    return code


def write(path: Path, members: Members | dict[str, bytes]) -> Path:
    """Writes members as a bundle file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def bank(count: int) -> BankLog:
    """Returns a log with epochs, an open body and decisions."""
    log = BankLog()
    log.append(Draft("identity", "identity", "bank.example", about={"legalName": "Bank für Beispiele", "n": [1e-7, 2]}))
    while len(log.entries) < count:
        if len(log.entries) % 100 == 50:
            following = log.seqs[STREAM]
            log.epoch(log.seqs.get("counted", 0), following)
            log.seqs["counted"] = following
        else:
            log.decide()
    return log


@pytest.fixture(scope="module")
def thousand() -> BankLog:
    return bank(1000)


@pytest.fixture(scope="module")
def few() -> BankLog:
    return bank(70)


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 1000])
def test_whole_ranges_pass(count: int, tmp_path: Path, judge: Judge) -> None:
    log = bank(count)
    path = write(tmp_path / "bundle.zip", log.range_bundle())
    assert agree(path, log.key.key, judge) == 0
    assert agree(path, None, judge) == 0
    assert "not checked" not in judge(path, str(log.key.key))[2].split("6. fields")[0]


@pytest.mark.parametrize(("start", "end"), [(0, 256), (0, 512), (256, 512), (256, 1000), (512, 768), (768, 1000)])
def test_parts_of_a_log_pass(start: int, end: int, thousand: BankLog, tmp_path: Path, judge: Judge) -> None:
    path = write(tmp_path / "bundle.zip", thousand.range_bundle(start, end))
    assert agree(path, thousand.key.key, judge) == 0


def test_scattered_records_pass(thousand: BankLog, tmp_path: Path, judge: Judge) -> None:
    path = write(tmp_path / "bundle.zip", thousand.scattered_bundle([0, 1, 49, 255, 256, 511, 512, 767, 998, 999]))
    assert agree(path, thousand.key.key, judge) == 0


def test_receipts_and_promises_pass(few: BankLog, tmp_path: Path, judge: Judge) -> None:
    path = tmp_path / "receipt.json"
    choices: list[list[str] | None] = [None, [], ["/reasons"], ["/input/age", "/output/label"]]
    for index, pointers in [(i, p) for i in (1, 31, 32, 69) for p in choices]:
        path.write_bytes(few.receipt(index, pointers=pointers).encode() + b"\n")
        assert agree(path, few.key.key, judge) == 0
    path.write_bytes(few.promise(3, "2026-11-23T23:00:00Z").encode())
    assert agree(path, few.key.key, judge) == 0
    assert agree(path, signer(2).key, judge) == 4


def test_successors_of_the_key_are_followed(few: BankLog, tmp_path: Path, judge: Judge) -> None:
    first, second, stranger = signer(7), signer(8), signer(9)
    path = tmp_path / "receipt.json"
    for handovers, expected in [
        ((sign_handover(first, second.key, 3), sign_handover(second, few.key.key, 9)), 0),
        ((sign_handover(second, few.key.key, 9), sign_handover(first, second.key, 3)), 4),
        ((sign_handover(stranger, few.key.key, 9),), 4),
        (("no note",), 4),
    ]:
        few.handovers = handovers
        path.write_bytes(few.receipt(5).encode())
        assert agree(path, first.key, judge) == expected
        path = write(tmp_path / "bundle.zip", few.range_bundle())
        assert agree(path, first.key, judge) == expected
        path = tmp_path / "receipt.json"
    few.handovers = ()


def flips(data: bytes, count: int, random: Random) -> Iterator[bytes]:
    """Yields copies with one bit turned over, spread over all regions of the data."""
    for number in range(count):
        place = min(len(data) - 1, number * len(data) // count + random.randrange(1 + len(data) // count))
        altered = bytearray(data)
        altered[place] ^= 1 << random.randrange(8)
        yield bytes(altered)


@pytest.mark.parametrize("kind", ["range", "middle", "scattered"])
def test_altered_members_fail_alike(kind: str, thousand: BankLog, few: BankLog, tmp_path: Path, judge: Judge) -> None:
    random, path = Random(kind), tmp_path / "bundle.zip"
    log = thousand if kind == "middle" else few
    members = {
        "range": lambda: few.range_bundle(),
        "middle": lambda: thousand.range_bundle(512, 768, show=False),
        "scattered": lambda: few.scattered_bundle([2, 50, 69]),
    }[kind]()
    for name, data in members.items():
        for altered in flips(data, 12 if kind == "middle" else 24, random):
            assert agree(write(path, {**members, name: altered}), log.key.key, judge) == 4


def test_altered_receipts_fail_alike(few: BankLog, tmp_path: Path, judge: Judge) -> None:
    random, path = Random(5), tmp_path / "receipt.json"
    for data in (few.receipt(5, pointers=["/input/age"]).encode(), few.promise(5, "2026-11-23T23:00:00Z").encode()):
        for altered in flips(data, 300, random):
            path.write_bytes(altered)
            assert agree(path, few.key.key, judge) == 4
        for end in range(0, len(data), 97):
            path.write_bytes(data[:end])
            assert agree(path, few.key.key, judge) == 4


def test_cut_and_flipped_zip_files_fail_alike(few: BankLog, tmp_path: Path, judge: Judge) -> None:
    random = Random(6)
    whole = write(tmp_path / "bundle.zip", few.scattered_bundle([2, 50])).read_bytes()
    path = tmp_path / "altered.zip"
    for altered in [whole[: len(whole) * part // 20] for part in range(20)] + list(flips(whole, 200, random)):
        path.write_bytes(altered)
        agree(path, few.key.key, judge)


def rebuilt(log: BankLog, entries: list[bytes]) -> Members:
    """Returns a bundle of other records under a head the issuer really signed."""
    return BankLog(key=log.key, entries=entries).range_bundle(show=False)


@pytest.mark.parametrize("change", ["swapped", "missing", "doubled", "first missing", "last missing"])
def test_records_out_of_order_fail_alike(change: str, few: BankLog, tmp_path: Path, judge: Judge) -> None:
    entries = list(few.entries)
    if change == "swapped":
        entries[10], entries[11] = entries[11], entries[10]
    elif change == "doubled":
        entries.insert(10, entries[10])
    else:
        del entries[{"missing": 10, "first missing": 1, "last missing": -1}[change]]
    signed = rebuilt(few, entries)
    code = agree(write(tmp_path / "signed.zip", signed), few.key.key, judge)
    assert code == (0 if change == "last missing" else 4)
    unsigned = signed | {"checkpoint": few.range_bundle()["checkpoint"]}
    assert agree(write(tmp_path / "unsigned.zip", Members(unsigned)), few.key.key, judge) == 4


def lie(log: BankLog, name: str) -> None:
    """Lets the issuer itself write something untrue into the log."""
    following = log.seqs[STREAM]
    counted = log.seqs["counted"]
    bodies: dict[str, dict[str, Any]] = {
        "epoch counts less": {"first": counted, "next": following - 1, "stream": STREAM},
        "epoch skips": {"first": counted + 1, "next": following, "stream": STREAM},
        "epoch of nothing": {"first": 0, "next": 4, "stream": "decisions/none"},
        "epoch backwards": {"first": following, "next": counted, "stream": STREAM},
        "epoch says true": {"first": counted, "next": True, "stream": STREAM},
        "epoch says nothing": {"stream": STREAM},
    }
    if name in bodies:
        log.append(Draft("epoch", "epochs", "epoch", about=bodies[name]))
    elif name == "time goes back":
        log.decide(time="2026-11-23T19:00:00Z")
    elif name == "number left out":
        log.decide(seq=following + 1)
    else:
        log.decide(seq=following - 1)


@pytest.mark.parametrize(
    "name",
    [
        "epoch counts less",
        "epoch skips",
        "epoch of nothing",
        "epoch backwards",
        "epoch says true",
        "epoch says nothing",
        "time goes back",
        "number left out",
        "number twice",
    ],
)
def test_an_issuer_that_lies_about_counts_fails_alike(name: str, tmp_path: Path, judge: Judge) -> None:
    log = bank(60)
    lie(log, name)
    assert agree(write(tmp_path / "bundle.zip", log.range_bundle()), log.key.key, judge) == 4


def test_an_epoch_in_the_middle_of_a_log_fixes_the_next_number(tmp_path: Path, judge: Judge) -> None:
    log = bank(256)
    log.append(Draft("epoch", "epochs", "epoch", about={"first": 0, "next": 9, "stream": "appeals"}))
    log.append(Draft("appeal", "appeals", "appeal", about={"a": 1}), seq=9)
    assert agree(write(tmp_path / "good.zip", log.range_bundle(256)), log.key.key, judge) == 0
    log.append(Draft("epoch", "epochs", "epoch", about={"first": 0, "next": 9, "stream": "outcomes"}))
    log.append(Draft("outcome", "outcomes", "outcome", about={"a": 1}), seq=10)
    assert agree(write(tmp_path / "bad.zip", log.range_bundle(256)), log.key.key, judge) == 4


def _line(text: str) -> bytes:
    return text.encode() + b"\n"


def test_disclosures_that_do_not_fit_fail_alike(few: BankLog, tmp_path: Path, judge: Judge) -> None:
    members = few.scattered_bundle([2, 3, 4])
    name = "disclosures.ndjson"
    lines = members[name].splitlines(keepends=True)
    two = lines[0].replace(b'"index":2', b'"index":3')
    schema = f"schemas/{SCHEMA.digest}.json"
    for number, altered in enumerate(
        [
            {name: lines[0] + lines[0] + lines[1]},
            {name: lines[1] + lines[0]},
            {name: lines[0] + two},
            {name: lines[0].replace(b'"index":2', b'"index":7')},
            {name: lines[0].replace(b"41]", b"42]")},
            {name: lines[0].replace(b"41]", b"41.0]")},
            {name: lines[0].replace(b",41]", b',"41"]')},
            {name: lines[0].replace(b",41]", b", 41]")},
            {name: lines[0].replace(b",41]", b"]")},
            {name: lines[0].replace(b'"shown"', b'"shown":[],"shown"')},
            {name: lines[0].replace(b",41]", b"," + b"[" * 90 + b"]" * 90 + b"]")},
            {name: lines[0].replace(b",41]", b"," + b"[" * 9000 + b"]" * 9000 + b"]")},
            {name: b"\n".join(lines)},
            {name: b"[" * 100_000},
            {schema: members[schema] + b" "},
            {schema: members[schema].replace(b"Age", b"age")},
            {"bundle.json": members["bundle.json"].replace(b"2,3,4", b"3,2,4")},
            {"bundle.json": members["bundle.json"].replace(b"2,3,4", b"2,2,3,4")},
            {"bundle.json": members["bundle.json"].replace(b"2,3,4", b"2,3,4,1e99")},
            {"bundle.json": members["bundle.json"].replace(b"2,3,4", b"2,3,Infinity")},
            {"bundle.json": members["bundle.json"].replace(b"2,3,4", b"2,3,true")},
            {"stranger.json": b"{}"},
            {"../up.json": b"{}"},
            {"bundle.json": b"{}" + b" " * 5_000_000},
        ]
    ):
        path = write(tmp_path / f"{number}.zip", {**members, **altered})
        assert agree(path, few.key.key, judge) == 4, altered


def test_a_name_that_stands_twice_fails_alike(few: BankLog, tmp_path: Path, judge: Judge) -> None:
    path = write(tmp_path / "bundle.zip", few.range_bundle())
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("checkpoint", few.checkpoint())
    assert agree(path, few.key.key, judge) == 4


def test_another_log_and_another_issuer_fail_alike(few: BankLog, tmp_path: Path, judge: Judge) -> None:
    members, other = few.range_bundle(), BankLog(key=signer(3)).fill(70).range_bundle()
    path = write(tmp_path / "bundle.zip", members)
    assert agree(path, signer(3).key, judge) == 4
    assert agree(path, signer(1, "other.example").key, judge) == 4
    path = write(tmp_path / "mixed.zip", {**members, "checkpoint": other["checkpoint"]})
    assert agree(path, signer(3).key, judge) == 4
    assert agree(path, None, judge) == 4


def test_the_example_of_the_documents_passes(tmp_path: Path, judge: Judge) -> None:
    page = (ROOT / "docs" / "reference" / "receipt.md").read_text()
    key = re.search(r"`(bank\.example/credit\+[0-9a-f]{8}\+[^`]+)`", page)
    receipt = next(block for block in re.findall(r"```json\n(.*?)\n```", page, re.DOTALL) if "fieldProof" in block)
    assert key is not None
    path = tmp_path / "receipt.json"
    path.write_text(receipt)
    assert agree(path, VerifierKey.parse(key[1]), judge) == 0


def test_the_command_prints_steps_and_never_a_traceback(few: BankLog, tmp_path: Path) -> None:
    good, bad, key = tmp_path / "good.zip", tmp_path / "bad.zip", str(few.key.key)
    write(good, few.range_bundle())
    bad.write_bytes(good.read_bytes()[:-30])
    for path, code in [(good, 0), (bad, 4)]:
        command = [sys.executable, str(SCRIPT), str(path), "--issuer", key]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (code, "")
        assert len(ended.stdout.splitlines()) >= 7
