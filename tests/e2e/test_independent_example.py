"""The short checker in examples/ agrees with ours on the files it reads, good and tampered."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random
from typing import Any

import pytest
from making import BankLog, Members

from counterfoil.core.statement import Draft
from counterfoil.store.check_file import check_file

SCRIPT = Path(__file__).parents[2] / "examples" / "independent_check.py"


def _load() -> Any:
    spec = spec_from_file_location("independent_example", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLE = _load()


def bank(count: int) -> BankLog:
    log = BankLog()
    log.append(Draft("identity", "identity", "bank.example", about={"legalName": "Bank für Beispiele"}))
    while len(log.entries) < count:
        log.decide()
    return log


@pytest.fixture(autouse=True)
def _limits_of_a_process_of_its_own() -> Iterator[None]:
    """The script runs by itself: no package has raised the recursion limit, on which Python's JSON reader relies."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    yield
    sys.setrecursionlimit(before)


@pytest.fixture(scope="module")
def few() -> BankLog:
    return bank(20)


def judged(path: Path, key: str) -> bool:
    """Whether the example lets a file pass."""
    try:
        check = EXAMPLE.check_bundle if zipfile.is_zipfile(path) else EXAMPLE.check_receipt
        return str(EXAMPLE.judge_issuer(check(path)[0], key)).startswith("passed")
    except Exception:  # noqa: BLE001 - what the script itself catches
        return False


def write(path: Path, members: Members | dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def require_agreement(path: Path, log: BankLog) -> bool:
    expected = check_file(path, issuer=log.key.key).exit_code(["issuer"] if judged(path, str(log.key.key)) else []) == 0
    assert judged(path, str(log.key.key)) == expected
    return expected


def test_it_stays_short_and_needs_nothing_of_ours() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert "import counterfoil" not in text
    assert "from counterfoil" not in text


@pytest.mark.parametrize("count", [1, 2, 3, 255, 256, 257, 600])
def test_whole_logs_pass(count: int, tmp_path: Path) -> None:
    log = bank(count)
    assert require_agreement(write(tmp_path / "bundle.zip", log.range_bundle()), log)


def test_single_records_and_receipts_pass(few: BankLog, tmp_path: Path) -> None:
    assert require_agreement(write(tmp_path / "bundle.zip", few.scattered_bundle([0, 3, 19])), few)
    path = tmp_path / "receipt.json"
    for index in (1, 7, 19):
        path.write_bytes(few.receipt(index, pointers=None).encode() + b"\n")
        assert require_agreement(path, few)


@pytest.mark.parametrize("kind", ["whole", "single"])
def test_no_flipped_bit_of_any_member_passes(kind: str, few: BankLog, tmp_path: Path) -> None:
    members = dict((few.range_bundle() if kind == "whole" else few.scattered_bundle([2, 5, 11])).items())
    random = Random(5)
    for name, data in members.items():
        for _ in range(30):
            place = random.randrange(len(data))
            flipped = data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]
            path = write(tmp_path / "bundle.zip", members | {name: flipped})
            assert not require_agreement(path, few), (name, place)


def test_no_flipped_bit_of_a_receipt_passes(few: BankLog, tmp_path: Path) -> None:
    data = few.receipt(4, pointers=["/input/age"]).encode()
    path = tmp_path / "receipt.json"
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        assert not require_agreement(path, few), place


def test_swapped_missing_doubled_and_foreign_records_fail(few: BankLog, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    for entries in (
        [*few.entries[:4], few.entries[5], few.entries[4], *few.entries[6:]],
        [*few.entries[:4], *few.entries[5:]],
        [*few.entries[:5], *few.entries[4:]],
    ):
        other = BankLog()
        other.entries = list(entries)
        assert not judged(write(path, other.range_bundle()), str(few.key.key))
    stranger = bank(3)
    assert not judged(write(path, few.range_bundle()), str(stranger.key.key).replace("+", "x+", 1))


def test_cut_files_fail(few: BankLog, tmp_path: Path) -> None:
    path = write(tmp_path / "bundle.zip", few.range_bundle())
    data = path.read_bytes()
    for size in range(0, len(data), 97):
        path.write_bytes(data[:size])
        assert not judged(path, str(few.key.key))


def test_the_command_answers_with_4_and_no_traceback(few: BankLog, tmp_path: Path) -> None:
    path = write(tmp_path / "bundle.zip", few.range_bundle())
    good = subprocess.run([sys.executable, SCRIPT, path, str(few.key.key)], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    assert "issuer: passed" in good.stdout
    path.write_bytes(path.read_bytes()[:-30])
    bad = subprocess.run([sys.executable, SCRIPT, path, str(few.key.key)], capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stderr) == (4, "")
