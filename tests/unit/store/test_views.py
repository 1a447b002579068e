from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from organisations import ROW, Bank, bank, full_disk, table_rows
from sqlalchemy import text

from counterfoil.errors import LogUnavailable, NotFound
from counterfoil.store import views as views_module
from counterfoil.store.views import leaf8


@pytest.fixture
def home(tmp_path: Path, views_on: str) -> Iterator[Bank]:
    with bank(tmp_path) as made:
        yield made


@pytest.fixture
def in_file(tmp_path: Path) -> Iterator[Bank]:
    """A bank whose tables are in a file of the home."""
    with bank(tmp_path) as made:
        yield made


def test_tables_are_the_same_live_in_small_steps_and_remade(home: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    decisions = home.org.decisions
    for number in range(12):
        decision = home.decide(f"p{number % 5}", duration_in_month=number * 90)
        index = decision.index or 0
        if number % 3 == 0:
            saw = decisions.history(index).state
            decisions.override(index, label="approve", by="Bo", reason="r", saw=saw)
        if number % 4 == 0:
            decisions.outcome(index, outcome="default")
        if number % 5 == 4:
            home.org.erasures.erase_person("p1", basis="test")
            home.clock.move(4_000)
            home.reopen()
            decisions = home.org.decisions
    live = table_rows(home.org)
    assert len(live["decisions"]) == 12
    monkeypatch.setattr(views_module, "BATCH", 3)
    seen: list[tuple[int, int]] = []
    size = home.org.rebuild(lambda done, total: seen.append((done, total)))
    assert size == home.org.archive.size
    assert seen[-1] == (size, size)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert table_rows(home.org) == live


def test_records_are_found_by_their_leaf_hash(home: Bank) -> None:
    decision = home.decide("anna")
    assert home.org.views.index_of(decision.leaf) == decision.index
    for unknown in ("00" * 32, decision.leaf[:16] + "00" * 24):
        with pytest.raises(NotFound):
            home.org.views.index_of(unknown)


def test_leaf_numbers_keep_their_sign() -> None:
    assert leaf8(b"\xff" * 32) == -1
    assert leaf8(b"\x7f" + b"\xff" * 31) == 2**63 - 1


def test_a_step_that_fails_leaves_no_half_rows(in_file: Bank) -> None:
    in_file.org.decisions.search()
    before = table_rows(in_file.org)
    in_file.loans.decide_many([ROW] * 200)
    with full_disk(20_000), pytest.raises(LogUnavailable):
        in_file.org.decisions.search()
    after = table_rows(in_file.org)
    assert len(after["decisions"]) == len(before["decisions"]) + 200
    in_file.org.rebuild()
    assert table_rows(in_file.org) == after


def test_tables_remade_elsewhere_meanwhile_are_not_doubled(home: Bank) -> None:
    home.decide("anna")
    entries = list(enumerate(home.org.archive.entries()))
    home.org.views.catch_up()
    live = table_rows(home.org)
    home.org.views._fold(entries)  # a second reader that started earlier
    assert table_rows(home.org) == live


def test_no_value_of_a_person_is_in_the_tables_but_what_they_are_for(in_file: Bank) -> None:
    in_file.decide("Annabella Musterfrau", note="a secret")
    in_file.org.decisions.search()
    with in_file.org.views.reading() as connection:
        connection.execute(text("SELECT 1"))
    in_file.org.close()
    data = b"".join(path.read_bytes() for path in in_file.folder.glob("views.db*"))
    for value in (b"Annabella", b"a secret"):
        assert value not in data
    assert b"approve" in data
