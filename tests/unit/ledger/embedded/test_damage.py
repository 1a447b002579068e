"""A file that was torn, altered, or is another one: always told, never a crash, never less than was acknowledged."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from small_ledger import CHAIN_ID, Clock, Contracts, Purse, words

from counterfoil.errors import CounterfoilError, HomeDamaged, LogUnavailable, NotSetUp
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.embedded.ledger_file import FILE_NAME, HEAD_NAME
from counterfoil.ledger.rpc.hexadecimal import data, quantity

BLOCKS = 40


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, int]]:
    """A closed ledger of some forty blocks, each with a transfer, a call and an event; and its accounts' nonces."""
    folder, purse = tmp_path_factory.mktemp("template") / "ledger", Purse()
    with EmbeddedLedger.create(folder, chain_id=CHAIN_ID, funded=purse.funded, now=Clock()) as ledger:
        contracts = Contracts.deploy(ledger, purse)
        for number in range(BLOCKS):
            ledger.send(
                [
                    purse.sign(0, bytes([number]) * 20, value=1),
                    purse.sign(1, contracts.store, words(number + 1, number)),
                    purse.sign(2, contracts.tell, words(number, 1)),
                ]
            )
    return folder, purse.nonces


@pytest.fixture
def whole(template: tuple[Path, dict[int, int]], folder: Path, purse: Purse) -> Path:
    """A copy of it, to damage."""
    shutil.copytree(template[0], folder)
    purse.nonces.update(template[1])
    return folder


def alter(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        changed = db.execute(statement, values).rowcount
        db.commit()
        assert changed != 0


def use(folder: Path) -> list[Any]:
    """Opens a ledger, checks it, and returns all that is in it."""
    with EmbeddedLedger.open(folder) as ledger:
        numbers = [quantity(number) for number in range(ledger.head.number + 1)]
        answers = [ledger.call("eth_getBlockByNumber", number, True) for number in numbers]
        answers += [ledger.call("eth_getBlockReceipts", number) for number in numbers]
        answers += [ledger.call("eth_getLogs", {"fromBlock": "0x0"})]
        answers += [ledger.call("eth_getBalance", data(bytes([who]) * 20), numbers[-1]) for who in range(BLOCKS)]
        answers += [
            ledger.call("eth_getTransactionReceipt", block["transactions"][0]["hash"]) for block in answers[1:9]
        ]
        ledger.check()
    return answers


def test_a_whole_file_is_fine(whole: Path) -> None:
    seen: list[tuple[int, int]] = []
    with EmbeddedLedger.open(whole) as ledger:
        assert ledger.check(lambda done, total: seen.append((done, total))) == BLOCKS + 2
    assert seen[-1] == (BLOCKS + 2, BLOCKS + 2)
    use(whole)


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_torn_file_is_told(whole: Path, keep: float) -> None:
    path = whole / FILE_NAME
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(int(size * keep))
    with pytest.raises(HomeDamaged) as caught:
        EmbeddedLedger.open(whole)
    assert "backup" in caught.value.hint
    assert path.stat().st_size == int(size * keep)  # left as it was
    with pytest.raises(HomeDamaged):  # and the lock was let go
        EmbeddedLedger.open(whole)


def test_pages_of_nonsense_are_told_or_do_no_harm(whole: Path, tmp_path: Path) -> None:
    """Every page in turn: whatever SQLite makes of it, nobody gets a wrong answer or a Python error."""
    page_bytes, told, right = 4096, 0, use(whole)
    pages = (whole / FILE_NAME).stat().st_size // page_bytes
    chance = random.Random(7)
    for page in range(pages):
        copy = tmp_path / f"copy {page}"
        shutil.copytree(whole, copy)
        with (copy / FILE_NAME).open("r+b") as file:
            file.seek(page * page_bytes + chance.choice([0, 0, 8, 100, 2048]))
            file.write(chance.choice([bytes(512), chance.randbytes(512), b"\xff" * 64]))
        try:
            assert use(copy) == right
        except CounterfoilError as error:
            assert isinstance(error, HomeDamaged | LogUnavailable), error
            told += 1
        shutil.rmtree(copy)
    assert told > pages * 0.6


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE block SET header = substr(header, 1, length(header) - 1) || x'00' WHERE number = 20",
        "UPDATE block SET header = x'c0' WHERE number = 20",
        "UPDATE block SET header = (SELECT header FROM block WHERE number = 19) WHERE number = 20",
        "DELETE FROM block WHERE number = 20",
        "UPDATE mined SET gas_used = gas_used + 1 WHERE id >> 20 = 20",
        "UPDATE mined SET is_success = 0 WHERE id >> 20 = 20",
        "UPDATE mined SET raw = raw || x'00' WHERE id >> 20 = 20",
        "UPDATE mined SET gas_used = -5 WHERE id >> 20 = 20",
        "UPDATE mined SET raw = 'text' WHERE id >> 20 = 20",
        "UPDATE mined SET raw = (SELECT raw FROM mined WHERE id = 7 << 20) WHERE id = 20 << 20",
        "DELETE FROM mined WHERE id = (20 << 20) + 1",
        "INSERT INTO mined SELECT id + 9, key, is_success, gas_used, raw FROM mined WHERE id = 20 << 20",
        "UPDATE event SET topic1 = zeroblob(32) WHERE id >> 20 = 20",
        "UPDATE event SET data = x'01' WHERE id >> 20 = 20",
        "UPDATE event SET place = 0 WHERE id >> 20 = 20",
        "DELETE FROM event WHERE id >> 20 = 20",
        "UPDATE node SET body = zeroblob(length(body))",
        "UPDATE node SET body = substr(body, 2) WHERE id = (SELECT max(id) FROM node)",
        "DELETE FROM node WHERE id % 7 = 0",
        "DELETE FROM node WHERE id = (SELECT max(id) FROM node)",
    ],
)
def test_rows_that_were_altered_are_found(whole: Path, statement: str) -> None:
    alter(whole, statement)
    with pytest.raises(HomeDamaged):
        use(whole)


def test_altered_state_is_never_answered(whole: Path) -> None:
    alter(whole, "UPDATE node SET body = substr(body, 1, length(body) - 1) || x'7f' WHERE id > 3")
    with pytest.raises(HomeDamaged, match="altered"):
        EmbeddedLedger.open(whole)


def test_missing_state_stops_a_transaction_and_nothing_else(whole: Path, purse: Purse) -> None:
    """The root is there, so that it opens; what is below it is gone."""
    with closing(sqlite3.connect(whole / FILE_NAME)) as db:
        root = max(row for (row,) in db.execute("SELECT id FROM node WHERE length(body) > 500"))
        db.execute("DELETE FROM node WHERE id != ?", (root,))
        db.commit()
    with EmbeddedLedger.open(whole) as ledger:
        head = ledger.head
        for _ in range(2):
            with pytest.raises(HomeDamaged, match="missing"):
                ledger.send([purse.sign(0)])
            with pytest.raises(HomeDamaged, match="missing"):
                ledger.call("eth_getBalance", data(purse.address(0)), "latest")
            with pytest.raises(HomeDamaged, match="missing"):
                ledger.call("eth_getProof", data(purse.address(0)), [], "latest")
        assert ledger.head == head
        assert ledger.call("eth_getBlockByNumber", "latest", False)["hash"] == data(head.hash)


def test_the_newest_blocks_cannot_get_lost_silently(whole: Path, purse: Purse) -> None:
    """The write-ahead file is taken away after a kill; the file alone is whole, and too old."""
    ledger = EmbeddedLedger.open(whole)
    ledger.send([purse.sign(0) for _ in range(3)])
    for name in (FILE_NAME, HEAD_NAME):
        shutil.copy(whole / name, whole / f"{name}.kept")
    ledger.close()
    for name in (FILE_NAME, HEAD_NAME):
        (whole / f"{name}.kept").rename(whole / name)
    with pytest.raises(HomeDamaged, match=f"lost its blocks {BLOCKS + 2} to {BLOCKS + 2}") as caught:
        EmbeddedLedger.open(whole)
    assert HEAD_NAME in caught.value.hint
    (whole / HEAD_NAME).unlink()  # as the hint says
    with EmbeddedLedger.open(whole) as ledger:
        assert ledger.check() == BLOCKS + 2


@pytest.mark.parametrize("text", [b"nonsense", b"7 x", b"\xff" * 80, b"00000000000000000003 " + b"a" * 64])
def test_an_altered_head_is_told(whole: Path, text: bytes) -> None:
    (whole / HEAD_NAME).write_bytes(text)
    with pytest.raises(HomeDamaged):
        EmbeddedLedger.open(whole)


def set_version(folder: Path) -> None:
    alter(folder, "PRAGMA user_version = 2")


def write_text(folder: Path) -> None:
    (folder / FILE_NAME).write_text("not a database" * 1000, encoding="utf-8")


def other_database(folder: Path) -> None:
    (folder / FILE_NAME).unlink()
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        db.execute("CREATE TABLE block (number)")


@pytest.mark.parametrize(
    ("change", "error", "words_"),
    [
        (set_version, NotSetUp, "version 2, and this program reads version 1"),
        (write_text, HomeDamaged, "not an embedded ledger"),
        (other_database, HomeDamaged, "not an embedded ledger"),
    ],
)
def test_other_files_are_refused(
    whole: Path, change: Callable[[Path], None], error: type[CounterfoilError], words_: str
) -> None:
    (whole / HEAD_NAME).unlink()
    change(whole)
    with pytest.raises(error, match=words_) as caught:
        EmbeddedLedger.open(whole)
    assert caught.value.hint


def test_a_half_made_ledger_is_made_anew(folder: Path, purse: Purse) -> None:
    folder.mkdir()
    (folder / "ledger.db.new").write_bytes(b"interrupted")
    with EmbeddedLedger.create(folder, funded=purse.funded) as ledger:
        assert ledger.head.number == 0
    assert not (folder / "ledger.db.new").exists()


def test_a_commit_that_fails_is_told_and_nothing_more_is_taken(whole: Path, purse: Purse) -> None:
    """Another program holds the file, as a full disk would."""
    with EmbeddedLedger.open(whole) as ledger:
        head = ledger.head
        with closing(sqlite3.connect(whole / FILE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(CounterfoilError, match="could not commit a block"):
                ledger.send([purse.sign(0)])
            other.execute("ROLLBACK")
        assert ledger.head == head
        with pytest.raises(LogUnavailable, match="takes nothing more"):
            ledger.send([purse.sign(1)])
        assert ledger.call("eth_blockNumber") == quantity(head.number)
    with EmbeddedLedger.open(whole) as ledger:
        ledger.send([purse.sign(2)])
        assert ledger.check() == BLOCKS + 3
