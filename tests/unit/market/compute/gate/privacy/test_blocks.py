from __future__ import annotations

from typing import Any

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.market.compute.gate.privacy import Output, aggregate, split
from counterfoil.market.compute.gate.privacy.blocks import _steps
from counterfoil.market.compute.gate.privacy.noise import STEPS

SEED = b"s" * 32
MEAN = Output("mean", 0.0, 10.0)


@pytest.mark.parametrize("persons", [None, [f"p{row % 37}" for row in range(100)]], ids=["rows", "persons"])
def test_every_row_is_in_one_block_and_the_seed_says_in_which(persons: Any) -> None:
    made = split(SEED, 100, 7, persons)
    assert sorted(row for block in made for row in block) == list(range(100))
    assert made == split(SEED, 100, 7, persons)
    assert made != split(b"t" * 32, 100, 7, persons)
    assert all(block == sorted(block) for block in made)


def test_blocks_of_rows_are_of_one_size() -> None:
    assert sorted(map(len, split(SEED, 100, 7))) == [14, 14, 14, 14, 14, 15, 15]


def test_all_rows_of_a_person_are_in_one_block_whoever_else_is_there() -> None:
    """On this the guarantee rests: adding or removing one person changes one block."""
    persons = [f"p{row % 37}" for row in range(100)]
    without = [who for who in persons if who != "p5"]
    of = {
        who: number
        for number, block in enumerate(split(SEED, 100, 7, persons))
        for who in (persons[row] for row in block)
    }
    after = split(SEED, len(without), 7, without)
    for number, block in enumerate(after):
        assert all(of[without[row]] == number for row in block)
    rows_of = [[row for row in block if persons[row] == "p5"] for block in split(SEED, 100, 7, persons)]
    assert sum(bool(rows) for rows in rows_of) == 1


@pytest.mark.parametrize(
    ("seed", "rows", "blocks", "persons"),
    [
        (b"short", 10, 2, None),
        (SEED, 10, 1, None),
        (SEED, 10, 11, None),
        (SEED, 10, 2, ["a"]),
        (SEED, 20_000, 10_001, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_blocks_that_cannot_be_are_refused(seed: bytes, rows: int, blocks: int, persons: Any) -> None:
    with pytest.raises(InvalidInput):
        split(seed, rows, blocks, persons)


def test_the_mean_of_the_blocks_comes_out_with_little_noise_over_many() -> None:
    answers = [{"mean": 4.0 + (block % 3 - 1) * 0.5, "rows": [1, 2, 3]} for block in range(300)]
    found = aggregate(answers, [MEAN], 1.0)
    # 40 scales of 10 / 300
    assert abs(found.values["mean"] - 4.0) < 40 * 10 / 300 + 0.01
    assert list(found.values) == ["mean"]
    assert found.standard_errors["mean"] == pytest.approx(2**0.5 * 10 / 300)
    assert (found.epsilon, found.delta, found.blocks, found.mechanism) == (1.0, 0.0, 300, "discrete Laplace")


def test_gaussian_noise_is_less_where_many_numbers_leave() -> None:
    outputs = [Output(f"w{number}", -1.0, 1.0) for number in range(40)]
    answers = [{each.name: 0.25 for each in outputs}] * 200
    plain = aggregate(answers, outputs, 1.0)
    better = aggregate(answers, outputs, 1.0, delta=1e-6)
    assert better.standard_errors["w0"] < plain.standard_errors["w0"]
    assert better.to_json()["delta"] == 1e-6


@pytest.mark.parametrize(
    "answer",
    [None, {}, {"mean": None}, {"mean": "text"}, {"mean": float("nan")}, {"mean": True}, {"mean": [1]}],
    ids=str,
)
def test_a_block_without_a_number_counts_as_the_middle(answer: Any) -> None:
    assert _steps(answer, MEAN) == STEPS // 2


@pytest.mark.parametrize(
    ("value", "steps"),
    [(0, 0), (10, STEPS), (1e308, STEPS), (-1e308, 0), (float("inf"), STEPS), (2**80, STEPS), (5.0, STEPS // 2)],
    ids=str,
)
def test_no_block_counts_beyond_its_range(value: Any, steps: int) -> None:
    assert _steps({"mean": value}, MEAN) == steps


def test_outputs_have_a_range_and_a_name() -> None:
    for low, high in ((1.0, 1.0), (0.0, float("inf")), (float("nan"), 1.0)):
        with pytest.raises(InvalidInput, match="range"):
            Output("a", low, high)
    for answers, outputs in (([{}], [MEAN]), ([{}, {}], []), ([{}, {}], [MEAN, MEAN])):
        with pytest.raises(InvalidInput):
            aggregate(answers, outputs, 1.0)
