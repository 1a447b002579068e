"""Small plots of columns: where their marks lie, and that nothing is drawn which was not told."""

from __future__ import annotations

from counterfoil.market.catalogue.column_plots import WIDTH, column_plots
from counterfoil.market.sheets.profile import ColumnProfile, Profile


def plot(column: ColumnProfile, rows: int = 100):
    (made,) = column_plots(Profile(rows, 10, (column,)))
    return made


def test_numbers_lie_between_their_outer_quantiles() -> None:
    made = plot(ColumnProfile("age", "number", 10, ((5, 0.0), (25, 25.0), (50, 40.0), (75, 75.0), (95, 100.0))))
    assert made.whisker == (4.0, WIDTH - 4)
    assert made.box == (52.0, 148.0)
    assert made.middle == 80.8
    assert made.missing == 0.1
    assert made.values[1] == ("a quarter below", "25")


def test_quantiles_that_are_not_told_are_not_drawn() -> None:
    made = plot(ColumnProfile("age", "number", None, ((50, 1234.5),)))
    assert (made.whisker, made.box, made.missing) == (None, None, None)
    assert made.middle == 4.0
    assert made.values == (("half below", "1234.5"),)


def test_all_numbers_alike_are_no_division_by_nothing() -> None:
    made = plot(ColumnProfile("one", "number", 0, ((25, 7.0), (50, 7.0), (75, 7.0))))
    assert made.box == (4.0, 4.0)


def test_the_most_frequent_values_are_bars_and_the_rest_is_counted() -> None:
    values = (*((f"v{each}", 70 - 10 * each) for each in range(6)), ("", 10))
    made = plot(ColumnProfile("word", "text", 0, (), values, 5), 300)
    assert [width for _, width in made.marks] == [200.0, 171.4, 142.9, 114.3, 85.7]
    assert made.other_rows == 5 + 20 + 10
    assert made.height == 70.0


def test_a_column_of_which_nothing_is_told_has_no_marks() -> None:
    made = plot(ColumnProfile("name", "text", None, (), (), 100))
    assert (made.marks, made.values, made.other_rows) == ((), (), 100)
