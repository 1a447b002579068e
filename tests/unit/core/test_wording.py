from __future__ import annotations

import pytest

from counterfoil.core.wording import counted, with_article


@pytest.mark.parametrize(("number", "said"), [(0, "0 records"), (1, "1 record"), (1200, "1,200 records")])
def test_one_is_spoken_of_as_one(number, said):
    assert counted(number, "record") == said


@pytest.mark.parametrize(("number", "said"), [(0, "0 people"), (1, "1 person"), (1200, "1,200 people")])
def test_a_word_may_have_a_plural_of_its_own(number, said):
    assert counted(number, "person", "people") == said


@pytest.mark.parametrize("said", ["a receipt", "an execution receipt", "an offer sheet", "a bundle"])
def test_an_article_goes_by_the_sound_that_follows(said):
    assert with_article(said.split(maxsplit=1)[1]) == said
