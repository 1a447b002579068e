"""Offer sheets and reviews that somebody made to do harm, with a signature that holds."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making_offers import CHAIN, CREATED, KEY_NAME, MARKET, SECRET, sheet

from counterfoil.core import canonical
from counterfoil.core.signed_document import sign_document
from counterfoil.errors import CounterfoilError, MalformedEvidence
from counterfoil.market.catalogue.review import Review, read_review
from counterfoil.market.sheets.profile import ColumnProfile, Profile
from counterfoil.market.sheets.sample import Sample
from counterfoil.market.sheets.sheet import read_sheet

WHOLE = sheet(
    sample=Sample(("a", "b"), (("1", None), ("2", "x"))),
    profile=Profile(50, 10, (ColumnProfile("a", "number", 0, ((50, 1.5),)), ColumnProfile("b", "text", None))),
).to_json()
REVIEW = Review(CHAIN, MARKET, sheet().offer, "0x" + "b0" * 20, 3, "Fine.", CREATED).to_json()

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBER = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON: Any = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(TEXT, each, max_size=3),
    max_leaves=6,
)


def changed(data: st.DataObject, document: dict[str, Any]) -> dict[str, Any]:
    """Puts anything anywhere."""
    told: Any = deepcopy(document)
    place = told
    while True:
        step = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        if not isinstance(place[step], dict | list) or not place[step] or data.draw(st.booleans()):
            place[step] = data.draw(JSON)
            return told
        place = place[step]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_stands_wherever_a_sheet_reads_as_it_was_signed_or_is_refused(data: st.DataObject) -> None:
    told = changed(data, WHOLE)
    try:
        signed = sign_document(told, SECRET, KEY_NAME)
    except CounterfoilError:
        return  # no document at all
    try:
        found = read_sheet(canonical.dumps(signed))
    except MalformedEvidence:
        return
    assert found.sheet.to_json() == told


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_same_of_reviews(data: st.DataObject) -> None:
    told = changed(data, REVIEW)
    try:
        signed = sign_document(told, SECRET, KEY_NAME)
    except CounterfoilError:
        return
    try:
        assert read_review(canonical.dumps(signed)).review.to_json() == told
    except MalformedEvidence:
        return


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"document":{},"signature":{}}'])
def test_what_is_no_signed_document_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        read_sheet(data)
    with pytest.raises(MalformedEvidence):
        read_review(data)
