"""Values of a row are found wherever they stand and however they are written; numbers of another source are not."""

from __future__ import annotations

import json
from typing import Any

import making_gate as made
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.market.compute.gate.cells import Run, number_cells, numbers_in_texts, value_cells

ROWS = made.cancer().to_numpy()
TELLING = number_cells(ROWS).telling.reshape(ROWS.shape)
FEW = st.integers(0, len(ROWS) - 1).filter(lambda row: TELLING[row].sum() >= 6)


@settings(max_examples=60, deadline=None)
@given(FEW, st.randoms(use_true_random=False), st.integers(0, 25))
def test_three_telling_values_of_a_row_are_found_in_any_order(row: int, random: Any, apart: int) -> None:
    kept = made.index()
    telling = [value for value, is_telling in zip(ROWS[row], TELLING[row], strict=True) if is_telling]
    rare = [value for value in telling if number_cells([value]).keys[0] in kept._keys]
    random.shuffle(rare)
    values: list[float] = []
    for value in rare[:3]:
        values += [value, *([0.5] * apart)]
    found = [each.rule for each in kept.find([Run("a", value_cells(values))])]
    assert len(rare) < 3 or "cells" in found


@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False).map(lambda each: each + 0.123456789), max_size=200))
def test_numbers_of_another_source_are_not_taken_for_rows(numbers: list[float]) -> None:
    found = {each.rule for each in made.index().find([Run("a", number_cells(numbers))])}
    assert found <= {"values"}


@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53)))
def test_a_number_is_the_same_cell_however_it_is_written(number: float) -> None:
    key = value_cells([number, "text"]).keys[0]
    text = json.dumps(number)
    assert value_cells([text, "other"]).keys[0] == key
    assert numbers_in_texts([f"x={text};"]).keys.tolist() == [key]
