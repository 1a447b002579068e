"""k, l and t agree with another program's answers, and with the papers' formulas written out."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from math import ceil, exp, log
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfoil.data import german_credit_csv
from counterfoil.provenance.groups import group_rows
from counterfoil.provenance.privacy.check import check_privacy
from counterfoil.provenance.privacy.measures import diversity_of
from counterfoil.provenance.text_table import coded_columns, text_table

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "anonymity.json").read_text(encoding="utf-8"))


def measured(path, quasi, sensitive):
    columns = coded_columns(text_table(path), (*quasi, sensitive))
    places, sizes = group_rows([each.codes for each in columns[:-1]], len(columns[-1].codes))
    return int(sizes.min()), diversity_of(columns[-1], places)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_answers_are_those_of_pycanon(case, tmp_path):
    path = german_credit_csv()
    if case["table"] != path.name:
        path = tmp_path / "table.csv"
        path.write_text(case["table"], encoding="utf-8")
    k, found = measured(path, case["quasi"], case["sensitive"])
    assert (k, found.distinct_l) == (case["k"], case["distinctL"])
    assert found.t_micro == ceil(case["t"] * 1e6 - 1e-3)
    # pycanon cuts entropy l to a whole number, and e to the power of ln 3 is 2.999…: to 2.
    assert found.entropy_l_micro // 1_000_000 - case["entropyL"] in (0, 1)
    assert found.entropy_l_micro >= case["entropyL"] * 1_000_000


def test_the_example_of_the_paper_on_t_closeness():
    """Li 2007, section 4.1: the distance of the salaries 3k, 4k, 5k is 0.375."""
    case = next(each for each in VECTORS["cases"] if each["name"] == "Li 2007, table 3, salary")
    assert case["t"] == pytest.approx(0.375)


@pytest.mark.parametrize(
    ("groups", "distinct", "entropy", "c"),
    [
        ([["a"] * 4 + ["b"] * 2 + ["c"]], 3, exp(-(4 / 7 * log(4 / 7) + 2 / 7 * log(2 / 7) + 1 / 7 * log(1 / 7))), 4.0),
        ([["a", "b"], ["a", "a", "b", "b", "c"]], 2, 2.0, 1.0),
        ([["a", "a"], ["a", "b"]], 1, 1.0, None),
    ],
    ids=["one", "two", "alike"],
)
def test_the_diversities_are_those_of_their_definitions(tmp_path, groups, distinct, entropy, c):
    path = tmp_path / "table.csv"
    path.write_text("q,s\n" + "".join(f"{number},{value}\n" for number, each in enumerate(groups) for value in each))
    _, found = measured(path, ["q"], "s")
    assert found.distinct_l == distinct
    assert found.entropy_l_micro == pytest.approx(entropy * 1e6, abs=1)
    assert found.c_micro == (None if c is None else pytest.approx(c * 1e6, abs=1))


def test_recursive_diversity_compares_the_most_frequent_value_with_the_rare_ones():
    """Machanavajjhala 2007, definition 4.2: r_1 is the most frequent; pycanon 1.3.6 takes the least frequent."""
    frame = defaultdict(list)
    import csv

    with german_credit_csv().open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            frame[row["housing"]].append(row["purpose"])
    _, found = measured(german_credit_csv(), ["housing"], "purpose")
    ratios = []
    for values in frame.values():
        counts = sorted(Counter(values).values(), reverse=True)
        ratios.append(counts[0] / sum(counts[found.distinct_l - 1 :]))
    assert found.c_micro == ceil(max(ratios) * 1e6)


def test_missing_values_hide_nothing(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("q,s\n1,a\n1,\n1,\n2,\n2,\n,b\n,b\n")
    report = check_privacy(path, quasi=["q"], sensitive=["s"])
    assert (report.groups.k, report.groups.groups) == (2, 3)
    (found,) = report.groups.diversity
    assert (found.distinct_l, found.entropy_l_micro, found.c_micro, found.missing) == (0, 0, None, 4)


@pytest.mark.parametrize("dictionary", [False, True], ids=["plain", "dictionary"])
@pytest.mark.parametrize(
    ("kind", "values"),
    [("string", ["", None, "a"]), ("float64", [float("nan"), None, 1.0])],
    ids=["empty text", "NaN"],
)
def test_what_a_file_tells_apart_is_no_group_together(tmp_path, kind, values, dictionary):
    """One row holds the blank, three hold null: whoever has the file finds the one."""
    column = pa.array([values[0], *[values[1]] * 3, *[values[2]] * 4], kind)
    path = tmp_path / "table.parquet"
    stored = column.dictionary_encode() if dictionary else column
    pq.write_table(pa.table({"q": stored, "r": stored, "s": stored}), path)
    report = check_privacy(path, quasi=["q"], sensitive=["s"])
    assert (report.groups.k, report.groups.groups, report.groups.unique_rows) == (1, 3, 1)
    assert (report.groups.diversity[0].missing, report.groups.diversity[0].distinct_l) == (4, 0)
