"""Two checkers that share no code with ours judge anchors as ours does, on good and on tampered files.

The short one is examples/independent_anchor.py, level 2; the strict one tests/independent_checker.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, Literal

import pytest
from making import BankLog, Members
from making_anchors import FORKS, anchored, block_of, documented, with_example

from counterfoil.core import canonical
from counterfoil.core.anchor import Anchor, EventProof
from counterfoil.core.check_anchor import KNOWN_CODE, LedgerView, check_anchor
from counterfoil.core.checkpoint import Checkpoint
from counterfoil.core.keccak import keccak256
from counterfoil.core.note import VerifierKey
from counterfoil.core.rlp import encode
from counterfoil.core.steps import Status
from counterfoil.store.check_file import check_file

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAGE = ROOT / "docs" / "reference" / "anchor.md"
KINDS: list[Literal["event", "storage"]] = ["event", "storage"]
RECORDS = "records"
SAME = {"format": RECORDS, "record": RECORDS, "log": RECORDS}

Agree = Callable[[Path, bytes | None], int]


def _load(path: Path) -> Any:
    sys.path.insert(0, str(path.parent))
    try:
        spec = spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


SHORT: ModuleType = _load(EXAMPLES / "independent_anchor.py")
STRICT: ModuleType = _load(ROOT / "tests" / "independent_checker.py")


@pytest.fixture(autouse=True)
def _limits_of_a_process_of_its_own() -> Iterator[None]:
    """The script runs by itself: no package has raised the recursion limit, on which Python's JSON reader relies."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    yield
    sys.setrecursionlimit(before)


@pytest.fixture(scope="module")
def log() -> BankLog:
    return BankLog().fill(20)


def short(path: Path, issuer: VerifierKey, block: bytes) -> bool:
    """Whether the short one lets a file pass."""
    try:
        SHORT.main(path, str(issuer), "0x" + block.hex())
    except Exception:  # noqa: BLE001 - what the script itself catches
        return False
    return True


@pytest.fixture
def agree(log: BankLog, capsys: pytest.CaptureFixture[str]) -> Agree:
    """Returns the exit code on which ours and the strict one agree, step by step; holds the short one to it as well."""

    def run(path: Path, block: bytes | None) -> int:
        report = check_file(path, issuer=log.key.key, block=block)
        broken = next((step.id for step in report.steps if step.status is Status.FAILED), "")
        arguments = [str(path), "--issuer", str(log.key.key)] + (["--block", "0x" + block.hex()] if block else [])
        with pytest.raises(SystemExit) as ended:
            STRICT.main(arguments)
        text = capsys.readouterr().out
        found = re.search(r"^\d\. (\w+): failed", text, re.MULTILINE)
        theirs = found[1] if found else ""
        assert (report.exit_code(), SAME.get(broken, broken)) == (ended.value.code, SAME.get(theirs, theirs)), text
        step = report.step("anchor")
        if step is not None and not broken:
            assert f"anchor: {step.status}" in text
        if block is not None:
            has_passed = step is not None and step.status is Status.PASSED and report.exit_code() == 0
            assert short(path, log.key.key, block) == has_passed
            capsys.readouterr()
        return report.exit_code()

    return run


def receipt(log: BankLog, path: Path, anchor: Anchor | None, index: int = 2) -> Path:
    path.write_bytes(replace(log.receipt(index), anchor=anchor).encode())
    return path


def bundle(path: Path, members: Members, anchor: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in (members | {"anchor.json": anchor}).items():
            file.writestr(name, data)
    return path


def test_the_short_one_stays_short_and_needs_nothing_of_ours() -> None:
    texts = [(EXAMPLES / name).read_text("utf-8") for name in ("independent_check.py", "independent_anchor.py")]
    assert sum(len(text.splitlines()) for text in texts) <= 300
    needed = set(re.findall(r"^(?:import|from) ([a-z0-9_]+)", "\n".join(texts), re.MULTILINE))
    assert needed - set(sys.stdlib_module_names) == {"cryptography", "independent_check"}


def test_what_is_pinned_elsewhere_is_what_ours_pins() -> None:
    ((code, slot),) = KNOWN_CODE.items()
    assert (code.hex(), slot) == (SHORT.KNOWN_CODE, SHORT.HEADS_SLOT)
    assert f"`{code.hex()}`" in PAGE.read_text("utf-8")


def test_keccak_agrees() -> None:
    for size in (0, 1, 135, 136, 137, 300):
        assert SHORT.keccak256(bytes(range(size % 256))) == keccak256(bytes(range(size % 256)))


@pytest.mark.parametrize("kind", KINDS)
def test_good_ones_pass(kind: Literal["event", "storage"], log: BankLog, tmp_path: Path, agree: Agree) -> None:
    for size in (8, 13, 20):
        anchor = anchored(log, size, kind)
        path = receipt(log, tmp_path / "receipt.json", anchor)
        assert agree(path, anchor.block_hash) == agree(path, None) == 0
        for members in (log.range_bundle(), log.scattered_bundle([1, 2])):
            path = bundle(tmp_path / "bundle.zip", members, anchor.encode())
            assert agree(path, anchor.block_hash) == agree(path, None) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fork", FORKS)
def test_ledgers_of_all_rules(
    kind: Literal["event", "storage"], fork: str, log: BankLog, tmp_path: Path, agree: Agree
) -> None:
    for parts in ({"type": 0, "accounts": 60, "logs": 20}, {"transactions": 140, "place": 130}):
        anchor = anchored(log, 13, kind, fork=fork, **parts)
        assert agree(receipt(log, tmp_path / "receipt.json", anchor), anchor.block_hash) == 0


def test_records_after_the_anchor_and_files_without_one(log: BankLog, tmp_path: Path, agree: Agree) -> None:
    anchor = anchored(log, 13)
    assert agree(receipt(log, tmp_path / "late.json", anchor, 13), anchor.block_hash) == 0
    assert agree(receipt(log, tmp_path / "none.json", None), anchor.block_hash) == 0
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as file:
        for name, data in log.range_bundle().items():
            file.writestr(name, data)
    assert agree(tmp_path / "none.zip", anchor.block_hash) == 0


def test_another_block(log: BankLog, tmp_path: Path, agree: Agree) -> None:
    for kind in KINDS:
        path = receipt(log, tmp_path / "receipt.json", anchored(log, 13, kind))
        assert agree(path, b"\1" * 32) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_passes(kind: Literal["event", "storage"], log: BankLog, tmp_path: Path, agree: Agree) -> None:
    anchor, random = anchored(log, 13, kind), Random(3)
    data, members = anchor.encode(), log.scattered_bundle([2])
    untold = range(data.index(b"chainId") + 9, data.index(b',"consistency'))
    for place in range(0, len(data), 37):
        altered = data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]
        code = agree(bundle(tmp_path / "bundle.zip", members, altered), anchor.block_hash)
        assert code == 4 or place in untold


def test_parts_of_others(log: BankLog, tmp_path: Path, agree: Agree) -> None:
    assert isinstance(anchored(log, 13).proof, EventProof)
    for kind in KINDS:
        good = anchored(log, 13, kind)
        others = [
            anchored(log, 12, kind),
            anchored(log, 13, kind, log_id=b"\5" * 32),
            anchored(log, 13, kind, contract=b"\5" * 20),
            anchored(log, 13, kind, number=9, transactions=7, place=5, event=0, accounts=3),
        ]
        for other, name in ((other, name) for other in others for name in Anchor.__slots__):
            mixed = replace(good, **{name: getattr(other, name)})
            code = agree(receipt(log, tmp_path / "receipt.json", mixed), good.block_hash)
            assert code == (0 if mixed == good else 4), name


def test_contracts_transactions_and_events_of_another_kind(log: BankLog, tmp_path: Path, agree: Agree) -> None:
    parts: list[dict[str, Any]] = [
        {"code": keccak256(b"look-alike")},
        {"status": b""},
        {"topic": b"\1" * 32},
        {"status": b"\2"},
    ]
    for part in parts:
        anchor = anchored(log, 13, **part)
        assert agree(receipt(log, tmp_path / "receipt.json", anchor), anchor.block_hash) == 4
        assert agree(receipt(log, tmp_path / "receipt.json", anchor), None) == 4
    for wrong in (replace(block_of(log, 13), size=14), replace(block_of(log, 13), root=b"\1" * 32)):
        anchor = replace(wrong.anchor("storage", anchored(log, 13).consistency), size=13, root=log.root(13))
        assert agree(receipt(log, tmp_path / "receipt.json", anchor), anchor.block_hash) == 4


def test_forms_that_are_none(log: BankLog, tmp_path: Path, agree: Agree) -> None:
    anchor = anchored(log, 13)
    row, whole = anchor.to_json(), replace(log.receipt(2), anchor=anchor).encode()
    event, block = row["event"], row["block"]
    for parts in (
        {"chainId": 0},
        {"size": 0},
        {"contract": row["contract"].upper()},
        {"logId": row["logId"][2:]},
        {"header": row["header"] + "="},
        {"account": ["AA=="] * 66},
        {"account": None},
        {"event": event | {"log": -1}},
        {"event": event | {"log": True}},
        {"event": event | {"more": 1}},
        {"block": block | {"number": -1}},
        {"block": block | {"time": "soon"}},
        {"extra": 1},
        {"storage": {"head": [], "root": []}},
        {"header": "A" * 262_144},
    ):
        altered = canonical.dumps(row | parts)
        path = tmp_path / "receipt.json"
        path.write_bytes(whole.replace(anchor.encode(), altered))
        assert agree(path, anchor.block_hash) == 4, parts
        assert agree(bundle(tmp_path / "b.zip", log.scattered_bundle([2]), altered), anchor.block_hash) == 4


def test_the_example_of_the_page_is_up_to_date_and_passes() -> None:
    page = PAGE.read_text("utf-8")
    assert page == with_example(page), "run `python tests/making_anchors.py`"
    anchor = documented()
    first, second = anchor.root, anchor.consistency[0]
    receipt_page = (ROOT / "docs" / "reference" / "receipt.md").read_text("utf-8")
    assert second.hex() in receipt_page
    root = bytes.fromhex("25ab5d418fdb5f7826833295179a06c21860974b913d4200a2b5d1a7a6fcfb3a")
    assert root.hex() in receipt_page
    step = check_anchor(anchor, Checkpoint("bank.example/credit", 2, root), LedgerView(anchor.block_hash), 0)
    assert step.status is Status.PASSED
    said = SHORT.check_anchor(anchor.to_json(), (2, root), "0x" + anchor.block_hash.hex())
    assert said.startswith("the first 1 of 2 records")
    assert keccak256(encode(b"")).hex() in page
    assert first != root


def test_the_command_answers_with_numbers_and_no_traceback(log: BankLog, tmp_path: Path) -> None:
    anchor = anchored(log, 13)
    path = receipt(log, tmp_path / "receipt.json", anchor)
    key = tmp_path / "issuer.vkey"
    key.write_text(str(log.key.key) + "\n")

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        command = [sys.executable, EXAMPLES / "independent_anchor.py", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    code, out, err = run(path, key, "0x" + anchor.block_hash.hex())
    assert (code, err) == (0, "")
    assert "anchor: passed: the first 13 of 20 records" in out
    code, out, err = run(path, str(log.key.key), "0x" + "00" * 32)
    assert (code, err) == (4, "")
    assert out.splitlines()[-1] == "failed: not the block you named"
    assert run(path, key)[0] == run(tmp_path / "no.json", key, "0x00")[0] == 2
