"""Whatever others tell of their runs, it is read or refused, and what is taken from it fits into a record."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core import canonical
from counterfoil.core.statement import Draft
from counterfoil.errors import InvalidInput
from counterfoil.provenance.lineage.openlineage import read_event
from counterfoil.provenance.lineage.openlineage.waiting import _from_json, _to_json
from counterfoil.provenance.lineage.telling import MOST_NAMES, few_names, fitting, is_parameter, plain_name

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=20,
)
DATASETS = st.lists(
    st.fixed_dictionaries(
        {"namespace": st.text(min_size=1, max_size=20) | VALUES, "name": st.text(min_size=1, max_size=20)},
        optional={"facets": st.dictionaries(st.sampled_from(["version", "symlinks"]), VALUES, max_size=2)},
    ),
    max_size=3,
)
EVENTS = st.fixed_dictionaries(
    {
        "eventTime": st.datetimes().map(lambda time: time.isoformat() + "Z") | VALUES,
        "run": st.fixed_dictionaries({"runId": st.uuids().map(str) | VALUES}) | VALUES,
        "job": st.fixed_dictionaries({"namespace": st.text(min_size=1), "name": st.text(min_size=1)}) | VALUES,
    },
    optional={
        "eventType": st.sampled_from(["START", "COMPLETE"]) | VALUES,
        "inputs": DATASETS | VALUES,
        "outputs": DATASETS | VALUES,
    },
)


@given(EVENTS | VALUES)
def test_an_event_is_read_or_refused(told: Any) -> None:
    try:
        event = read_event(told)
    except InvalidInput as error:
        assert error.message.isprintable()
        return
    if event is not None:
        try:
            kept = canonical.dumps(_to_json(event))
        except InvalidInput:  # halves of surrogate pairs, which no JSON from the wire holds
            return
        assert _from_json(json.loads(kept)) == replace(event, code="")


@given(st.text())
def test_any_name_fits_into_a_record(told: str) -> None:
    name = plain_name(told)
    Draft("run", "provenance", name).template("example.org+1a2b3c4d")
    assert plain_name(name) == name


@given(st.lists(st.text(max_size=300), max_size=MOST_NAMES * 2))
def test_names_are_few_and_each_is_there_once(told: list[str]) -> None:
    names = few_names(told)
    assert len(names) <= MOST_NAMES
    assert len(set(names)) == len(names)


@given(st.text(max_size=30), VALUES)
def test_what_is_a_parameter_is_short_json(name: str, value: Any) -> None:
    if is_parameter(name, value):
        assert len(canonical.dumps(value)) <= 1_000


@given(st.dictionaries(st.text(max_size=30), VALUES, max_size=40))
def test_what_fits_leaves_room_for_everything_else(told: dict[str, Any]) -> None:
    kept, others = fitting(told)
    assert len(canonical.dumps(kept)) <= 16_000
    assert len(kept) + len(others) == len(told)
