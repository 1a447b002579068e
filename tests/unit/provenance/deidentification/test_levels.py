"""How values become coarser, and what cannot."""

from __future__ import annotations

import pytest

from counterfoil.provenance.deidentification.levels import read_level, small_places


@pytest.mark.parametrize(
    ("level", "value", "coarser"),
    [
        ({"width": 5}, "23", "[20,25)"),
        ({"width": 5}, "25", "[25,30)"),
        ({"width": 5}, "-3", "[-5,0)"),
        ({"width": 5}, "-0.0", "[0,5)"),
        ({"width": 0.1}, "0.3", "[0.3,0.4)"),
        ({"width": 5, "top": 90}, "89.9", "[85,90)"),
        ({"width": 5, "top": 90}, "107", "90+"),
        ({"width": 7, "top": 90}, "88", "[84,90)"),
        ({"edges": [18, 65]}, "17.5", "<18"),
        ({"edges": [18, 65]}, "18", "[18,65)"),
        ({"edges": [18, 65]}, "65", "65+"),
        ({"width": 5}, "unknown", None),
        ({"width": 5}, "nan", None),
        ({"width": 5}, "inf", None),
        ({"width": 5}, "1e999999", None),
        ({"width": 5}, "1e-999999", None),
        ({"keep": 3}, "90210", "902"),
        ({"keep": 3, "rare": ["036"], "rare_as": "000"}, "03601", "000"),
        ({"keep": 3, "rare": "us-zip3-2000"}, "89301", "000"),
        ({"period": "month"}, "2026-11-25T10:00:00Z", "2026-11"),
        ({"period": "quarter"}, "2026-11-25", "2026-Q4"),
        ({"period": "year"}, "2026-11-25 10:00", "2026"),
        ({"period": "decade"}, "2026-11", "2020s"),
        ({"period": "year"}, "25.11.2026", None),
        ({"period": "year"}, "2026-13-01", None),
        ({"groups": {"Bern": "west"}}, "Bern", "west"),
        ({"groups": {"Bern": "west"}}, "Chur", None),
        ({"groups": {"Bern": "west"}, "others": "east"}, "Chur", "east"),
    ],
    ids=str,
)
def test_a_value_becomes_coarser_or_nothing(level, value, coarser):
    assert read_level(level, "here")(value) == coarser


def test_the_places_with_few_people_are_those_of_the_guidance():
    assert len(small_places("us-zip3-2000")) == 17
