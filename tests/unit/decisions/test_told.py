"""How decisions are told to people: which scores get which label, and how far a label goes against the person."""

from __future__ import annotations

from itertools import pairwise

from counterfoil.data import german_credit_policy
from counterfoil.decisions import Policy
from counterfoil.decisions.told import bands_of, tones_of

TEXT = german_credit_policy()
POLICY = Policy.from_toml(TEXT)


def test_every_score_lies_in_one_band() -> None:
    bands = bands_of(POLICY)
    assert [(each.label, each.place) for each in bands] == [("approve", 1), ("refer", 2), ("decline", 3)]
    assert [(each.from_micro, each.below_micro) for each in bands] == [
        (620_000, None),
        (500_000, 620_000),
        (None, 500_000),
    ]
    assert bands[0].right == 390
    assert bands[-1].left == 10
    assert all(upper.left == lower.right for upper, lower in pairwise(bands))


def test_no_policy_draws_no_band() -> None:
    assert bands_of(None) == []


def test_labels_against_the_person_differ_among_each_other() -> None:
    assert tones_of([POLICY]) == {"refer": "between", "decline": "adverse"}


def test_a_label_that_some_policy_has_in_favour_has_no_tone() -> None:
    kinder = Policy.from_toml(TEXT.replace("adverse = true", "adverse = false", 1))
    assert tones_of([POLICY, kinder]) == {"decline": "adverse"}
    assert tones_of([]) == {}
