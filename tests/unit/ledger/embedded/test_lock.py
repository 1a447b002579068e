"""One process opens a ledger; others are told who, and where it is served."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.errors import LedgerBusy, LogUnavailable
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.embedded.lock import LOCK_NAME, LedgerLock, served_at

HOLD = """
import sys
from pathlib import Path
from counterfoil.ledger.embedded.lock import LedgerLock
lock = LedgerLock.take(Path(sys.argv[1]))
lock.announce(sys.argv[2] or None)
print("held", flush=True)
sys.stdin.read()
"""


def hold(folder: Path, url: str = "") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_second_opening_is_told_who(folder: Path, ledger: EmbeddedLedger) -> None:
    with pytest.raises(LedgerBusy, match=rf"this process \({os.getpid()}\) itself"):
        EmbeddedLedger.open(folder)
    with pytest.raises(LedgerBusy):
        EmbeddedLedger.create(folder)
    ledger.close()
    EmbeddedLedger.open(folder).close()


def test_another_process_is_named(folder: Path, ledger: EmbeddedLedger) -> None:
    ledger.close()
    process = hold(folder)
    try:
        with pytest.raises(LedgerBusy, match=f"is in use by process {process.pid}\n") as caught:
            EmbeddedLedger.open(folder)
        assert "close it there" in caught.value.hint
        assert served_at(folder) is None
    finally:
        end(process)
    EmbeddedLedger.open(folder).close()  # the kernel let go of it


def test_where_it_is_served_is_told_for_as_long_as_it_is(folder: Path, ledger: EmbeddedLedger) -> None:
    ledger.close()
    process = hold(folder, "http://127.0.0.1:9999")
    try:
        assert served_at(folder) == "http://127.0.0.1:9999"
        with pytest.raises(LedgerBusy, match="which serves it at http://127.0.0.1:9999") as caught:
            EmbeddedLedger.open(folder)
        assert "--rpc http://127.0.0.1:9999" in caught.value.hint
    finally:
        end(process)
    assert (folder / LOCK_NAME).read_text(encoding="ascii").endswith("9999\n")  # it had no time to tidy up
    assert served_at(folder) is None


def test_nobody_serves_what_is_not_there(tmp_path: Path) -> None:
    assert served_at(tmp_path) is None
    assert served_at(tmp_path / "nowhere") is None
    with LedgerLockOf(tmp_path) as lock:
        assert served_at(tmp_path) is None
        lock.announce("http://127.0.0.1:1")
        assert served_at(tmp_path) == "http://127.0.0.1:1"
        lock.announce(None)
        assert served_at(tmp_path) is None


@pytest.mark.parametrize("text", ["", "nonsense", "12 ftp://x", f"{'9' * 300} x", "7 http://a b", "\xff\xff"])
def test_a_lock_with_any_text_is_still_a_lock(tmp_path: Path, text: str) -> None:
    with LedgerLockOf(tmp_path):
        (tmp_path / LOCK_NAME).write_text(text, encoding="latin-1")
        assert served_at(tmp_path) is None
        with pytest.raises(LedgerBusy, match="is in use by"):
            LedgerLock.take(tmp_path)


def test_a_folder_that_cannot_be_locked(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).mkdir()
    with pytest.raises(LogUnavailable, match="cannot be locked"):
        LedgerLock.take(tmp_path)


class LedgerLockOf:
    """A lock for a block."""

    def __init__(self, folder: Path) -> None:
        self.lock = LedgerLock.take(folder)

    def __enter__(self) -> LedgerLock:
        return self.lock

    def __exit__(self, *_: object) -> None:
        self.lock.release()
