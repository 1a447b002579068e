"""Recalls with the searchable tables in a file and in PostgreSQL: the same answers."""

from __future__ import annotations

import json

import pytest
from making_recalls import trained
from organisations import table_rows

from counterfoil.errors import Recalled


@pytest.fixture
def home(tmp_path, views_on):
    with trained(tmp_path) as made:
        yield made


def test_counts_the_list_and_what_is_held_back_are_the_same(home, tmp_path):
    for subject in ("Ann", "Bob", "Ann", None, "Cem"):
        home.decide(subject)
    home.bank.decide("Dan")
    home.org.erasures.erase_person("Cem", basis="GDPR Art. 17")
    opened = home.org.recalls.open("raw", reason="a column was doubled", by="Ada")
    reached = opened.recall.record.reached
    assert (reached.decisions, reached.people, reached.unnamed, reached.erased) == (5, 2, 1, 1)
    assert sum(each.decisions for each in opened.reach.deployments) == 5
    with pytest.raises(Recalled):
        home.decide("Ann")
    home.org.recalls.notices(opened.recall, tmp_path / "people.ndjson", by="Ada")
    lines = [json.loads(line) for line in (tmp_path / "people.ndjson").read_text().splitlines()]
    assert sorted((line["person"], len(line["decisions"])) for line in lines) == [("Ann", 2), ("Bob", 1)]
    home.reopen()
    with pytest.raises(Recalled):
        home.decide("Ann")
    before = table_rows(home.org)
    home.org.rebuild()
    assert table_rows(home.org) == before
    assert home.org.recalls.at(opened.recall.index) == opened.recall
    home.org.recalls.end(opened.recall.index, reason="mended", by="Bo")
    assert home.decide("Ann").index is not None
