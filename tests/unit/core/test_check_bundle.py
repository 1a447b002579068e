"""What the steps of a bundle say; refusals are in tests/hostile/test_bundles.py."""

from __future__ import annotations

import pytest
from making import BankLog

from counterfoil.core.check_bundle import Watch, check_bundle, view_of_bundle
from counterfoil.core.merkle import leaf_hash

STEPS = ["format", "records", "log", "issuer", "complete", "fields", "earlier", "anchor", "witnesses"]
LOG = BankLog().fill(300)
KEY = LOG.key.key


def test_the_steps_in_order() -> None:
    for members in (LOG.range_bundle(), LOG.scattered_bundle([3, 299])):
        report = check_bundle(members, issuer=KEY)
        assert [step.id for step in report.steps] == STEPS
        assert report.verdict == "intact, and signed by the issuer you named"


def test_facts() -> None:
    facts = check_bundle(LOG.range_bundle(256, 300)).facts
    assert (facts["start"], facts["end"], facts["records"], facts["size"]) == (256, 300, 44, 300)
    assert facts["root"] == LOG.root().hex()
    scattered = check_bundle(LOG.scattered_bundle([3, 299])).facts
    assert (scattered["start"], scattered["end"], scattered["records"]) == (None, None, 2)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 299, 300])
def test_a_watch_sees_sizes_places_and_leaves(size: int) -> None:
    leaf = leaf_hash(LOG.entries[size - 1])
    watch = Watch(frozenset({size}), frozenset({size - 1}), frozenset({leaf, b"x" * 32}))
    members = LOG.range_bundle()
    view = view_of_bundle(members, watch, check_bundle(members, watch=watch))
    assert (view.root_at(size), view.leaf_at(size - 1), view.find(leaf)) == (LOG.root(size), leaf, size - 1)
    assert (view.find(b"x" * 32), view.is_whole) == (None, True)
    assert view.last_time == "2026-11-23T19:04:59Z"


def test_a_part_is_not_the_whole() -> None:
    for members in (LOG.range_bundle(256), LOG.range_bundle(0, 256), LOG.scattered_bundle([0])):
        assert not view_of_bundle(members, Watch(), check_bundle(members)).is_whole
