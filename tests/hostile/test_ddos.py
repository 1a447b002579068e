"""Descriptions of assets that somebody made to do harm."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making_ddos import ddo_4, ddo_5

from counterfoil.core import canonical
from counterfoil.errors import CounterfoilError, MalformedEvidence
from counterfoil.market.ocean import import_ddo
from counterfoil.market.ocean.fields import MOST_FIELDS
from counterfoil.market.ocean.importing import MOST_DDO_BYTES
from counterfoil.market.sheets.toml_draft import draft_toml, read_draft

SAID = canonical.dumps(ddo_4())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "cannot be read", id="nothing"),
        pytest.param(b"eyJhbGciOiJFUzI1NiJ9.e30.x", "cannot be read", id="a token"),
        pytest.param(b'"0x04ab"', "no object", id="encrypted"),
        pytest.param(b"[" * 100_000, "cannot be read", id="deep"),
        pytest.param(SAID.replace(b'"version"', b'"version":"4.1.0","version"'), "cannot be read", id="a member twice"),
        pytest.param(SAID.replace(b"137", b"NaN"), "cannot be read", id="no number"),
        pytest.param(SAID + b" " * MOST_DDO_BYTES, "too large", id="large"),
        pytest.param(canonical.dumps(ddo_4("9.9.9")), "version 9.9.9", id="unknown version"),
        pytest.param(canonical.dumps(ddo_4() | {"version": ["4.7.0"]}), "version", id="version in a list"),
        pytest.param(canonical.dumps(ddo_4() | {"metadata": "encrypted"}), "no metadata", id="metadata as text"),
        pytest.param(canonical.dumps(ddo_4() | {"services": {}}), "no metadata", id="services as an object"),
        pytest.param(canonical.dumps(ddo_4() | {"x": [0] * MOST_FIELDS}), "fields", id="many fields"),
    ],
)
def test_what_is_no_ddo_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(MalformedEvidence, match=says):
        import_ddo(data)


def test_signs_that_cannot_be_printed_reach_no_draft_and_no_list() -> None:
    told = ddo_4()
    told["metadata"] |= {"name": "a\u202eb\x00c", "author": "\x1b[31mred", "description": "d\u2028\x07e"}
    told["\x1b[2J\u202e"] = "\x1b]0;title\x07"
    found = import_ddo(told)
    texts = [draft.told[key] for draft in found.drafts for key in ("title",)]
    texts += [draft.told["seller"]["name"] for draft in found.drafts]
    texts += [text for each in found.unmapped for text in each.to_json().values()]
    assert all(text.isprintable() for text in texts)
    assert found.drafts[1].told["description"].isprintable()


def test_a_thousand_services_become_drafts_in_bounds() -> None:
    told = ddo_4()
    told["services"] = [{"type": "access", "timeout": 0}] * 1_000
    found = import_ddo(told)
    assert len(found.drafts) == 64
    assert len({each.field for each in found.unmapped}) == len(found.unmapped)


def test_prices_and_addresses_are_never_taken_into_a_draft() -> None:
    text = "".join(draft_toml(each.told) for each in import_ddo(ddo_4()).drafts)
    assert "0x" not in text
    assert "ocean.harbour.example" not in text


TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBER = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON: Any = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(TEXT, each, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_stands_wherever_it_reads_in_bounds_or_is_refused(data: st.DataObject) -> None:
    told: Any = deepcopy(data.draw(st.sampled_from([ddo_4(), ddo_5()])))
    place = told
    while True:
        steps = list(place) if isinstance(place, dict) else list(range(len(place)))
        step = data.draw(st.sampled_from(steps))
        if not isinstance(place[step], dict | list) or not place[step] or data.draw(st.booleans()):
            place[step] = data.draw(JSON)
            break
        place = place[step]
    try:
        found = import_ddo(told)
    except MalformedEvidence:
        return
    for draft in found.drafts:
        text = draft_toml(draft.told)
        assert len(text) < 200_000
        try:
            read_draft(text.encode())
        except CounterfoilError as error:
            assert "no TOML" not in error.message  # it lacks what a person adds, and can be read
