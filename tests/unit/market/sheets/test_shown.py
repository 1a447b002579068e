"""What an owner shows of a table: sample rows, profiles, and the warnings before."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from making_offers import TABLE, signed, table, wares

from counterfoil.errors import InvalidInput
from counterfoil.market.sheets.figures import quality_figures
from counterfoil.market.sheets.profile import Profile, take_profile
from counterfoil.market.sheets.sample import MOST_CELL, take_sample
from counterfoil.market.sheets.sheet import read_sheet
from counterfoil.market.sheets.warnings import columns_to_mind
from counterfoil.provenance.quality.check import check_quality
from counterfoil.provenance.text_table import text_table


def test_a_sample_has_the_first_rows_of_the_chosen_columns(tmp_path: Path) -> None:
    made = take_sample(text_table(table(tmp_path)), ["town", "score"], 3)
    assert made.columns == ("town", "score")
    assert made.rows == (("Bodø", None), ("Oslo", "1.5"), ("Oslo", "3.0"))
    assert read_sheet(signed(sample=made).data).sheet.wares.sample == made


def test_long_cells_are_cut_and_unprintable_signs_replaced(tmp_path: Path) -> None:
    made = take_sample(text_table(table(tmp_path, f'a\n"{"x" * 500}"\n"b\tc"\n')), ["a"])
    assert made.rows == (("x" * (MOST_CELL - 1) + "…",), ("b\ufffdc",))


@pytest.mark.parametrize(
    ("columns", "rows", "says"),
    [
        pytest.param(["town", "town"], 3, "twice", id="column twice"),
        pytest.param([], 3, "no column", id="no column"),
        pytest.param(["street"], 3, "no column 'street'", id="column that is not there"),
        pytest.param(["town"], 0, "0 rows", id="no rows"),
        pytest.param(["town"], 51, "51 rows", id="too many rows"),
    ],
)
def test_a_sample_that_cannot_be_shown_is_refused(tmp_path: Path, columns: list[str], rows: int, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        take_sample(text_table(table(tmp_path)), columns, rows)


def test_an_empty_table_has_no_sample(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no rows"):
        take_sample(text_table(table(tmp_path, "a,b\n")), ["a"])


def test_a_profile_tells_what_many_rows_share(tmp_path: Path) -> None:
    made = take_profile(text_table(table(tmp_path)), ["town", "age", "score"])
    towns = Counter(line.split(",")[2] for line in TABLE.splitlines()[1:])
    assert dict(made.columns[0].values) == towns
    assert (made.columns[0].other_rows, made.columns[0].missing) == (0, 0)
    assert [at for at, _ in made.columns[1].quantiles] == [5, 25, 50, 75, 95]
    assert made.columns[2].missing == 20
    assert read_sheet(signed(profile=made).data).sheet.wares.profile == made


def _profile(folder: Path, values: list[str], least: int = 10) -> Profile:
    return take_profile(text_table(table(folder, "a,b\n" + "".join(f"{each},x\n" for each in values))), ["a"], least)


def test_a_value_that_few_rows_have_is_not_named_and_cannot_be_worked_out(tmp_path: Path) -> None:
    few = _profile(tmp_path, ["red"] * 50 + ["blue"] * 12 + ["one of a kind"] * 3).columns[0]
    assert few.values == (("red", 50),)
    assert few.other_rows == 15  # with the rare value alone it would be 3
    many = _profile(tmp_path, ["red"] * 50 + ["blue"] * 9 + ["green"] * 9).columns[0]
    assert (many.values, many.other_rows) == ((("red", 50),), 18)
    none = _profile(tmp_path, [f"v{place}" for place in range(40)]).columns[0]
    assert (none.values, none.other_rows) == ((), 40)


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        pytest.param(0, 0, id="none"),
        pytest.param(9, None, id="few"),
        pytest.param(10, 10, id="enough"),
        pytest.param(41, None, id="few that do not"),
        pytest.param(50, 50, id="all"),
    ],
)
def test_how_many_lack_a_value_is_told_where_it_is_many_and_many_do_not(
    tmp_path: Path, lacking: int, told: int | None
) -> None:
    found = _profile(tmp_path, [""] * lacking + ["red"] * (50 - lacking)).columns[0]
    assert found.missing == told
    if told is None:
        assert (found.values, found.other_rows) == ((), 0)


def test_no_quantile_is_told_beyond_which_few_rows_lie(tmp_path: Path) -> None:
    found = _profile(tmp_path, [str(place * 1.234567) for place in range(100)]).columns[0]
    assert [at for at, _ in found.quantiles] == [25, 50, 75]
    assert dict(found.quantiles)[50] == 60.5  # 49 * 1.234567, with three digits
    assert not _profile(tmp_path, [str(place) for place in range(20)]).columns[0].quantiles


def test_a_small_least_group_or_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="9 rows"):
        _profile(tmp_path, ["1"] * 50, 9)
    with pytest.raises(InvalidInput, match="fewer than"):
        _profile(tmp_path, ["1"] * 5)


def test_columns_that_look_like_persons_are_named_before_they_are_shown(tmp_path: Path) -> None:
    found = columns_to_mind(text_table(table(tmp_path)), ["email", "town", "score"])
    assert {each.column for each in found.findings} == {"email", "town"}
    lines = list(found.lines())
    assert "400 rows look like e-mail addresses" in lines[0]
    assert "its name says" in lines[1]
    assert not list(columns_to_mind(text_table(table(tmp_path)), ["score"]).lines())


def test_figures_of_a_quality_report_are_rounded_up(tmp_path: Path) -> None:
    path = table(tmp_path, "a,b\n1,\n1,\n2,x\n")
    made = quality_figures(check_quality(path), "ab" * 32)
    assert (made.rows, made.columns, made.missing_micro, made.duplicates_micro) == (3, 2, 666_667, 333_334)
    assert read_sheet(signed(quality=made).data).sheet.wares == wares(quality=made)
    with pytest.raises(InvalidInput, match="without rows"):
        quality_figures(check_quality(table(tmp_path, "a,b\n")))
