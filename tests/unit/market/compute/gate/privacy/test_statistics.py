"""What is private comes out near the truth and never as the truth.

OpenDP's samplers cannot be seeded, and should not be. A Laplace variable lies beyond 40 scales with a chance of e^-40,
so bounds of that width hold for ever; the spread is judged over many samples, ten standard errors wide or more.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import making_gate as made
import pytest

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.market.compute.gate.privacy import answer_statistics, read_statistics, total_epsilon
from counterfoil.market.compute.gate.privacy.noise import STEPS, add_gaussian, add_laplace, standard_deviation


def columns() -> dict[str, Any]:
    frame = made.cancer()
    return {name: frame[name].tolist() for name in ("mean radius", "target")}


def asked(**parts: Any) -> Any:
    return read_statistics([{"name": "a", "epsilon": 1.0} | parts])


def value(statistics: Any, given: Any = None, **more: Any) -> Any:
    [answer] = answer_statistics(statistics, given or columns(), **more)
    return answer.value


def test_each_kind_of_statistic_lies_near_the_truth() -> None:
    radius = made.cancer()["mean radius"]
    assert abs(value(asked(kind="count")) - 569) <= 40
    total = value(asked(kind="sum", column="mean radius", low=0, high=30))
    assert abs(total - radius.sum()) <= 40 * 30 + 1
    mean = value(asked(kind="mean", column="mean radius", low=0, high=30))
    assert abs(mean - radius.mean()) <= 40 * (30 + 30) / 480
    counts = value(asked(kind="histogram", column="target", values=["0", "1", "2"]))
    assert [abs(counts[name] - truth) <= 40 for name, truth in (("0", 212), ("1", 357), ("2", 0))] == [True] * 3
    near = value(asked(kind="quantile", column="mean radius", low=0, high=30, share=0.5, candidates=31))
    assert near in range(31)
    # 250 of 569 rows lie between the median and the bounds 8 and 19: that many scores would have to be wrong
    assert 8 <= near <= 19


def test_a_number_beyond_all_bounds_is_no_error_that_would_tell_of_it() -> None:
    given = {"x": [1.0] * 100 + [10**400, -(10**400), "1e999", "many", None]}
    for kind in ("sum", "mean"):
        assert isinstance(value(asked(kind=kind, column="x", low=0, high=2), given), float)


@pytest.mark.parametrize("high", [1e-320, 5e-324], ids=str)
def test_bounds_without_a_step_between_them_are_refused_before_anything_is_spent(high: float) -> None:
    with pytest.raises(InvalidInput, match="bounds of a"):
        asked(kind="sum", column="x", low=0, high=high)
    with pytest.raises(InvalidInput, match="bounds of a"):
        asked(kind="quantile", column="x", low=1.0, high=1.0000000000000002, share=0.5, candidates=3)


def test_noise_is_as_wide_as_it_says() -> None:
    noisy = add_laplace([0] * 20_000, 3, 0.5)
    assert noisy.scale == pytest.approx(6.0)
    spread = sqrt(sum(each * each for each in noisy.values) / len(noisy.values))
    assert abs(sum(noisy.values) / len(noisy.values)) < 0.6
    assert spread == pytest.approx(standard_deviation(noisy), rel=0.15)
    beyond = sum(abs(each) > 6 for each in noisy.values) / len(noisy.values)
    assert beyond == pytest.approx(0.3373, abs=0.05)  # 2 a^7 / (1 + a) with a = e^(-1/6)


def test_gaussian_noise_is_as_wide_as_it_says() -> None:
    noisy = add_gaussian([0] * 20_000, STEPS**2, 1.0, 1e-6)
    spread = sqrt(sum(each * each for each in noisy.values) / len(noisy.values))
    assert spread == pytest.approx(noisy.scale, rel=0.1)
    assert 4 < noisy.scale / STEPS < 6  # the analytic bound for zCDP at this delta is 5.3


def test_one_person_counts_for_so_many_rows_and_no_more() -> None:
    persons = ["a"] * 1_000 + ["b", "c"]
    given = {"who": persons, "x": [1.0] * 1_002}
    first = value(asked(kind="count"), given, person="who", rows_per_person=2)
    assert abs(first - 4) <= 80
    heavy = value(asked(kind="sum", column="x", low=0, high=1), given, person="who", rows_per_person=2)
    assert abs(heavy - 4) <= 81


def test_values_are_moved_into_the_bounds_and_others_do_not_count() -> None:
    given = {"x": [1e300, -1e300, float("nan"), float("inf"), None, "text", "", 0.5, True]}
    mean = value(asked(kind="mean", column="x", low=0, high=1, epsilon=20), given)
    assert 0 <= mean <= 1
    count = value(asked(kind="histogram", column="x", values=["text"], epsilon=20), given)
    assert abs(count["text"] - 1) <= 3


def test_an_answer_says_how_it_was_made() -> None:
    [answer] = answer_statistics(asked(kind="count", epsilon=0.5), columns())
    shown = answer.to_json()
    assert (shown["name"], shown["mechanism"]) == ("a", "discrete Laplace")
    assert shown["standardError"] == pytest.approx(2 * sqrt(2))


def test_epsilons_add_up() -> None:
    one = {"kind": "count", "epsilon": 0.25}
    assert total_epsilon(read_statistics([one | {"name": "a"}, one | {"name": "b"}])) == 0.5


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"kind": "median"}, "kind"),
        ({"kind": "count", "epsilon": 0}, "epsilon"),
        ({"kind": "count", "epsilon": 21}, "epsilon"),
        ({"kind": "count", "column": "a"}, "unknown key"),
        ({"kind": "mean", "column": "a", "low": 1, "high": 1}, "bounds"),
        ({"kind": "mean", "column": "a"}, "low"),
        ({"kind": "quantile", "column": "a", "low": 0, "high": 1, "share": 2, "candidates": 3}, "share"),
        ({"kind": "quantile", "column": "a", "low": 0, "high": 1, "share": 0.5, "candidates": 1}, "candidates"),
        ({"kind": "histogram", "column": "a", "values": []}, "empty"),
        ({"kind": "histogram", "column": "a", "values": [str(each) for each in range(1_001)]}, "1000 at most"),
    ],
    ids=lambda given: str(given)[-60:],
)
def test_statistics_that_cannot_be_meant_are_refused(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        asked(**parts)
    assert words in f"{caught.value} {caught.value.hint}"


def test_a_list_of_statistics_has_names_and_an_end() -> None:
    one = {"kind": "count", "epsilon": 0.1, "name": "a"}
    for many in ([], [one, one], [one | {"name": f"n{each}"} for each in range(51)]):
        with pytest.raises(InvalidInput):
            read_statistics(many)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match="income"):
        value(asked(kind="mean", column="income", low=0, high=1))
    with pytest.raises(NotFound, match="who"):
        value(asked(kind="count"), person="who")
    with pytest.raises(InvalidInput, match="rows_per_person"):
        value(asked(kind="count"), rows_per_person=2)


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 1e-6), (21.0, 1e-6), (1.0, 0.0), (1.0, 0.1)], ids=str)
def test_noise_that_protects_nobody_is_refused(epsilon: float, delta: float) -> None:
    with pytest.raises(InvalidInput):
        add_gaussian([0], 1, epsilon, delta)
