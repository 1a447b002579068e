"""Which deployment made which decisions."""

from __future__ import annotations

import pytest
from organisations import ROW, bank, policy

from counterfoil.decisions.made import Made
from counterfoil.decisions.tables import deployments


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with bank(tmp_path_factory.mktemp("bank")) as found:
        by_model = found.loans.decide_many([ROW] * 3)
        by_hand = found.org.decisions.decides(policy(), name="by hand")(lambda _: 0.9)(ROW)
        yield found.org, by_model, by_hand


def test_decisions_are_counted_and_found_by_their_deployment(made):
    org, by_model, by_hand = made
    first, second = (each.index for each in org.decisions.deployments())
    known = Made(org.views)
    assert known.made_by([first, second, 0, 10**9]) == {first: 3, second: 1}
    assert [known.deployment_of(each.index) for each in (*by_model, by_hand)] == [first] * 3 + [second]
    assert known.deployment_of(first) is None
    assert {row["idx"] for row in org.decisions.search(deployment=first)} == {each.index for each in by_model}
    assert [row["idx"] for row in org.decisions.search(deployment=second)] == [by_hand.index]
    assert org.decisions.search(deployment=0) == []


def test_a_deployment_that_decided_nothing_yet_counts_none(tmp_path):
    with bank(tmp_path) as found:
        (only,) = found.org.decisions.deployments()
        assert Made(found.org.views).made_by([only.index]) == {only.index: 0}


def test_more_deployments_than_one_query_names_are_counted(made):
    org, _, _ = made
    with org.views.engine.begin() as connection:
        rows = [{"idx": 10**6 + n, "leaf": f"{n:064x}", "model_idx": 0, "policy_idx": 0} for n in range(1_200)]
        connection.execute(deployments.insert(), rows)
    assert len(Made(org.views).made_by(range(10**6, 10**6 + 1_200))) == 1_200
