"""Charts: round ticks, places inside the sheet, and all numbers in the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.web.charts import BOTTOM, DIGIT, HEIGHT, LEFT, TOP, WIDTH, Series, bars, columns, lines, nice_ticks


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [(0, [0, 1]), (1, [0, 0.25, 0.5, 0.75, 1]), (22, [0, 10, 20, 30]), (1000, [0, 250, 500, 750, 1000])],
)
def test_ticks_are_round(highest, ticks):
    assert nice_ticks(highest) == pytest.approx(ticks)


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_ticks_begin_at_nothing_and_reach_the_highest(highest):
    ticks = nice_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-1] >= highest * (1 - 1e-6)
    assert len(ticks) <= 7


@given(st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=40))
def test_columns_stay_inside_the_sheet(values):
    chart = columns(
        "c", "t", "d", [str(n) for n in range(len(values))], [Series("a", values), Series("b", values)], what="x"
    )
    for mark in chart.marks:
        assert mark.x >= chart.left
        assert mark.x + mark.width <= WIDTH
        assert mark.y >= TOP - 0.1
        assert mark.y + mark.height <= HEIGHT - BOTTOM + 0.2
    assert [row[1:] for row in chart.rows] == [(f"{value:,}", f"{value:,}") for value in values]


def test_a_line_breaks_off_where_nothing_is_known():
    chart = lines(
        "c", "t", "d", ["a", "b", "c", "d"], [Series("s", [0.1, None, 0.5, 1.0])], what="x", highest=1.0, shown=str
    )
    assert len(chart.marks) == 2
    assert chart.rows[1] == ("b", "\N{EN DASH}")
    assert chart.legend == ()


@pytest.mark.parametrize(("highest", "longest"), [(900, "1,000"), (150_000, "150,000"), (1_000_000, "1,000,000")])
def test_the_longest_label_has_room_at_the_left(highest, longest):
    chart = columns("c", "t", "d", ["a"], [Series("a", [highest])], what="x")
    assert chart.y_ticks[-1].text == longest
    assert chart.left >= max(LEFT, len(longest) * DIGIT)
    assert all(tick.at > chart.left for tick in chart.x_ticks)


def test_lying_bars_follow_one_another_and_keep_their_names_short():
    long = "a column with a very long name"
    found = bars("b", "B", "b", [long, "x"], [Series("p", [1, 3]), Series("q", [1, None])], what="Column")
    assert [tick.text for tick in found.y_ticks] == [long[:19] + "…", "x"]
    first, second, third = found.marks
    assert (first.series, second.series, third.series) == (1, 2, 1)
    assert second.x == pytest.approx(first.x + first.width, abs=0.11)
    assert first.y == second.y < third.y
    assert third.width == pytest.approx(3 * first.width, abs=0.2)
    assert all(mark.x + mark.width <= WIDTH for mark in found.marks)
    assert found.rows == ((long, "1", "1"), ("x", "3", "\N{EN DASH}"))
    assert found.legend == ("p", "q")


def test_bars_without_a_value_are_an_empty_chart():
    assert bars("b", "B", "b", ["x"], [Series("p", [0])], what="Column").marks == ()
    assert bars("b", "B", "b", [], [Series("p", [])], what="Column").rows == ()
