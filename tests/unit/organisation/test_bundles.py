from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from organisations import ROW, Bank, bank, full_disk

from counterfoil.core.steps import Report
from counterfoil.errors import CounterfoilError, InvalidInput
from counterfoil.store.check_file import check_file


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path / "bank") as made:
        yield made


def status(report: Report, step: str) -> str:
    found = report.step(step)
    assert found is not None
    return str(found.status)


def test_a_range_of_everything_is_complete_and_counts_up_to_now(home: Bank, tmp_path: Path) -> None:
    home.loans.decide_many([ROW] * 300, subjects=[f"p{n}" for n in range(300)])
    home.clock.move(60)
    seen: list[tuple[int, int]] = []
    written = home.org.bundles.write_range(
        tmp_path / "b.zip", show="everything", progress=lambda done, total: seen.append((done, total))
    )
    assert written.records == home.org.archive.size
    assert seen[-1] == (written.records, written.records)
    assert home.org.archive.record(home.org.archive.size - 1).kind == "epoch"
    report = check_file(tmp_path / "b.zip", issuer=home.org.issuer)
    assert [status(report, step) for step in ("records", "log", "issuer", "complete", "fields")] == ["passed"] * 5
    assert report.facts["shown_fields"] >= 300 * 7


def test_a_part_in_the_middle_checks_and_says_what_it_cannot_show(home: Bank, tmp_path: Path) -> None:
    home.loans.decide_many([ROW] * 900)
    written = home.org.bundles.write_range(tmp_path / "b.zip", 300, 600)
    assert written.records == 512
    report = check_file(tmp_path / "b.zip", issuer=home.org.issuer)
    assert status(report, "complete") == "passed"
    assert "came before record 256" in report.step("complete").limit  # type: ignore[union-attr]
    assert status(report, "fields") == "not checked"


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (5, 4), (0, 10**9), (10**9, None)])
def test_ranges_that_are_not_in_the_log_are_refused(home: Bank, tmp_path: Path, start: int, end: int | None) -> None:
    with pytest.raises(InvalidInput):
        home.org.bundles.write_range(tmp_path / "b.zip", start, end)
    assert list(tmp_path.glob("b.zip*")) == []


def test_chosen_records_bring_along_what_they_build_on(home: Bank, tmp_path: Path) -> None:
    home.decide("anna")
    mine = home.decide("ben").index or 0
    decisions = home.org.decisions
    override = decisions.override(mine, label="decline", by="Bo", reason="r", saw=decisions.history(mine).state)
    written = home.org.bundles.write_records(tmp_path / "b.zip", [override.index], show=("/output", "/label"))
    report = check_file(tmp_path / "b.zip", issuer=home.org.issuer)
    assert report.facts["kinds"] == {"decision": 1, "deployment": 1, "model": 1, "override": 1, "policy": 1}
    assert written.records == 5
    assert status(report, "complete") == "not checked"
    assert report.facts["shown_fields"] == 4


def test_all_about_one_person(home: Bank, tmp_path: Path) -> None:
    mine = [home.decide("anna").index for _ in range(3)]
    home.decide("ben")
    found = [row["idx"] for row in home.org.decisions.search(subject="anna")]
    assert sorted(found) == mine
    home.org.bundles.write_records(tmp_path / "b.zip", found, show="everything")
    report = check_file(tmp_path / "b.zip", issuer=home.org.issuer)
    assert report.facts["kinds"]["decision"] == 3
    with zipfile.ZipFile(tmp_path / "b.zip") as file:
        shown = file.read("disclosures.ndjson").decode()
    assert shown.count('\\"anna\\"') == 3
    assert '\\"ben\\"' not in shown


def test_nothing_chosen_or_unknown_records_are_refused(home: Bank, tmp_path: Path) -> None:
    for chosen in ([], [10**9], [-1]):
        with pytest.raises(CounterfoilError):
            home.org.bundles.write_records(tmp_path / "b.zip", chosen)
    assert list(tmp_path.glob("b.zip*")) == []


def test_a_file_is_never_overwritten_and_a_failed_one_leaves_nothing(home: Bank, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("mine")
    with pytest.raises(InvalidInput, match="already exists"):
        home.org.bundles.write_range(tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_text() == "mine"
    with pytest.raises(InvalidInput, match="cannot be written"):
        home.org.bundles.write_range(tmp_path / "no such folder" / "b.zip")
    home.loans.decide_many([ROW] * 600)
    home.org.checkpoint()
    with full_disk(20_000), pytest.raises(CounterfoilError):
        home.org.bundles.write_records(tmp_path / "c.zip", range(6, 606), show="everything")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.zip", "bank"]


def test_the_same_records_give_the_same_bytes(home: Bank, tmp_path: Path) -> None:
    mine = home.decide("ben").index or 0
    for name in ("a.zip", "b.zip"):
        home.org.bundles.write_records(tmp_path / name, [mine], show="everything")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_deciding_goes_on_while_a_bundle_is_written(home: Bank, tmp_path: Path) -> None:
    home.loans.decide_many([ROW] * 600)
    decided = []
    home.org.bundles.write_range(
        tmp_path / "b.zip", show="everything", progress=lambda done, total: decided.append(home.decide("late"))
    )
    assert decided
    assert check_file(tmp_path / "b.zip", issuer=home.org.issuer).is_intact
