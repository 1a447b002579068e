"""The word by which the holder of an order's key is known."""

from __future__ import annotations

import pytest

from counterfoil.errors import NotSignedIn
from counterfoil.market.selling.challenges import TURN_S, Challenges, is_challenge_word

ORDER, OTHER = f"0x{'1' * 64}", f"0x{'2' * 64}"


def test_a_word_is_that_of_one_order_for_this_turn_and_the_next() -> None:
    now = [float(10 * TURN_S)]
    challenges = Challenges(b"k" * 32, lambda: now[0])
    word = challenges.word(ORDER)
    assert is_challenge_word(word)
    challenges.require(ORDER, word)
    now[0] += 2 * TURN_S - 1
    challenges.require(ORDER, word)
    now[0] += 1
    with pytest.raises(NotSignedIn):
        challenges.require(ORDER, word)


@pytest.mark.parametrize("word", ["", "0" * 64, "ö" * 64, "0" * 63], ids=["none", "zeros", "no ascii", "short"])
def test_any_other_word_is_refused_in_the_same_words(word: str) -> None:
    challenges = Challenges(b"k" * 32)
    other = Challenges(b"l" * 32).word(ORDER)
    told = set()
    for wrong in (word, challenges.word(OTHER), other):
        with pytest.raises(NotSignedIn) as refused:
            challenges.require(ORDER, wrong)
        told.add((refused.value.message, refused.value.hint))
    assert len(told) == 1


@pytest.mark.parametrize(
    "text",
    ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n"],
    ids=["empty", "short", "long", "capitals", "no digits", "with a line's end"],
)
def test_what_is_no_word_is_not_taken_for_one(text: str) -> None:
    assert not is_challenge_word(text)
