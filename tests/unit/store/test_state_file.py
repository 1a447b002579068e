"""State beside the truth: what counts once the block ends, and files that are none of ours."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, String, Table, select

from counterfoil.errors import HomeDamaged, NotSetUp
from counterfoil.store.state_file import StateFile

TABLES = MetaData()
THINGS = Table("things", TABLES, Column("name", String, primary_key=True))


def names(state: StateFile) -> list[str]:
    with state.reading() as connection:
        return list(connection.execute(select(THINGS.c.name)).scalars())


def add(state: StateFile, name: str) -> None:
    with state.writing() as connection:
        connection.execute(THINGS.insert().values(name=name))


def test_what_was_written_is_there_when_opened_again_and_the_secret_stays(tmp_path: Path) -> None:
    first = StateFile(tmp_path / "some.db", TABLES)
    add(first, "one")
    first.close()
    again = StateFile(tmp_path / "some.db", TABLES)
    assert (names(again), again.secret, len(again.secret)) == (["one"], first.secret, 32)
    assert (tmp_path / "some.db").stat().st_mode & 0o077 == 0
    again.close()


def test_a_block_that_fails_changes_nothing(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "some.db", TABLES)
    add(state, "one")
    with pytest.raises(KeyError), state.writing() as connection:
        connection.execute(THINGS.insert().returning(THINGS), [{"name": "two"}]).one()._mapping["no such column"]
    assert names(state) == ["one"]
    state.close()


def test_another_versions_file_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    StateFile(tmp_path / "some.db", TABLES).close()
    with sqlite3.connect(tmp_path / "some.db") as connection:
        connection.execute("update facts set value = ? where name = 'version'", (b"999",))
    connection.close()
    with pytest.raises(NotSetUp, match=r"some\.db was written by another version"):
        StateFile(tmp_path / "some.db", TABLES)
    (tmp_path / "torn.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(HomeDamaged, match=r"torn\.db is damaged"):
        StateFile(tmp_path / "torn.db", TABLES)
