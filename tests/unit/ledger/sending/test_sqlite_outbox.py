"""The outbox's file: whole or refused, and never touched when it is torn."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from counter import GENEROUS

from counterfoil.errors import CounterfoilError, HomeDamaged, LogUnavailable, NotAllowed, NotSetUp
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.rpc.chain import Chain, FeePolicy, Finality
from counterfoil.ledger.rpc.endpoint import Endpoint
from counterfoil.ledger.sending.outbox import Outbox
from counterfoil.ledger.sending.sqlite_outbox import SqliteOutbox

ACCOUNT = LocalAccount(b"\x01" * 32)
ROWS = 80


def opened(path: Path) -> Outbox:
    """An outbox whose ledger is never asked."""
    chain = Chain(Endpoint("http://127.0.0.1:1"), 1, Finality(), FeePolicy())
    return Outbox(SqliteOutbox(path), chain, ACCOUNT, limits=GENEROUS)


@pytest.fixture(scope="module")
def full_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("full") / "outbox.db"
    with opened(path) as outbox:
        for number in range(ROWS):
            outbox.submit(bytes(20), number.to_bytes(1_000, "big"), purpose="count", key=str(number))
    return path


@pytest.fixture
def path(full_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(full_file, tmp_path))


def require_damaged(path: Path, kind: type[CounterfoilError] = HomeDamaged) -> str:
    before = {each.name: each.read_bytes() for each in path.parent.iterdir() if "lock" not in each.name}
    with pytest.raises(kind) as caught:
        opened(path)
    after = {each.name: each.read_bytes() for each in path.parent.iterdir() if "lock" not in each.name}
    assert {name: after.get(name) for name in before if not name.endswith("-shm")} == {
        name: data for name, data in before.items() if not name.endswith("-shm")
    }
    assert caught.value.hint
    return caught.value.message


def test_the_file_is_private_and_whole_from_the_start(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    assert not path.with_name("outbox.db.new").exists()
    with opened(path) as outbox:
        assert len(outbox.rows()) == ROWS


def test_a_file_cut_anywhere_is_refused_and_left_alone(path: Path) -> None:
    whole = path.read_bytes()
    for size in (0, 1, 15, 16, 100, 4095, 4096, 8192, len(whole) // 2, len(whole) - 4096, len(whole) - 1):
        path.write_bytes(whole[:size])
        require_damaged(path)
    path.write_bytes(whole)
    with opened(path) as outbox:
        assert len(outbox.rows()) == ROWS


def test_a_page_of_something_else_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for page in range(len(whole) // 4096):
        torn = whole[: page * 4096] + os.urandom(4096) + whole[(page + 1) * 4096 :]
        path.write_bytes(torn)
        require_damaged(path)


def test_another_kind_of_file_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database, but somebody's notes\n" * 300)
    require_damaged(path)
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE outbox_meta (name TEXT, value TEXT)")
    other.close()
    assert "does not name its version" in require_damaged(path)


def test_a_write_ahead_file_without_its_file_is_refused(path: Path) -> None:
    path.unlink()
    Path(f"{path}-wal").write_bytes(b"what was written last")
    require_damaged(path)


def test_what_was_written_last_before_a_kill_is_there(tmp_path: Path) -> None:
    path, copy = tmp_path / "outbox.db", tmp_path / "killed"
    copy.mkdir()
    with opened(path) as outbox:
        outbox.submit(bytes(20), b"", purpose="count", key="a")
        for name in ("outbox.db", "outbox.db-wal"):  # as they lie there when the process is killed now
            (copy / name).write_bytes((tmp_path / name).read_bytes())
    with opened(copy / "outbox.db") as outbox:
        assert outbox.row_of("a").purpose == "count"


def test_a_half_made_file_of_an_earlier_start_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "outbox.db.new").write_bytes(b"half")
    with opened(tmp_path / "outbox.db") as outbox:
        assert outbox.rows() == []
    assert not (tmp_path / "outbox.db.new").exists()


@pytest.mark.parametrize(("version", "who"), [("2", "newer"), ("0", "older")])
def test_another_version_is_refused(version: str, who: str, path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE outbox_meta SET value = ? WHERE name = 'version'", (version,))
    database.close()
    assert who in require_damaged(path, NotSetUp)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailable):
        opened(tmp_path / "nowhere" / "outbox.db")


def test_amounts_beyond_what_a_database_calls_an_integer(tmp_path: Path) -> None:
    with opened(tmp_path / "outbox.db") as outbox:
        row_id = outbox.submit(bytes(20), b"", value_wei=2**66, purpose="a lot")
        assert outbox.row(row_id).value_wei == 2**66


def test_a_file_that_names_no_account_is_nobodys(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM outbox_meta WHERE name = 'account'")
    database.close()
    with pytest.raises(NotAllowed):
        opened(path)


def test_a_table_that_is_missing_is_damage(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE spent")
    database.close()
    with opened(path) as outbox, pytest.raises(HomeDamaged, match="no such table"):
        outbox.submit(bytes(20), b"", purpose="count")
