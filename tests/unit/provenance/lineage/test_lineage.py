"""Lineage is asked both ways: graphs, ways from one record to another, and the data that something came from."""

from __future__ import annotations

from itertools import pairwise

import pytest
from making_lineage import added, stand_ins, tell, write_runs
from organisations import ROW, bank

import counterfoil
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.lineage import Compared, Rederivation


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lineage")
    with bank(folder) as made:
        decided = made.loans.decide_many([ROW] * 3)
        yield made.org, tell(made.org, folder), decided


@pytest.fixture
def org(tmp_path):
    with counterfoil.create(tmp_path / "home", name="Example", origin="example.org/data") as made:
        yield made


def kinds(graph):
    return sorted(f"{node.what} {node.kind}".strip() for node in graph.nodes)


def test_the_chain_goes_from_data_to_decisions(told):
    org, story, decided = told
    graph = org.provenance.lineage.graph(story.raw.index, back=False)
    assert kinds(graph) == [
        "dataset",
        "dataset",
        "dataset",
        "deployment",
        "model",
        "policy",
        "training run",
        "transformation run",
        "transformation run",
    ]
    assert [node.decisions for node in graph.nodes if node.kind == "deployment"] == [len(decided)]
    assert {node.decisions for node in graph.nodes if node.kind != "deployment"} == {None}
    by_standing = {edge.run: edge.standing for edge in graph.edges}
    runs = {name: run.index for name, run in story.runs.items()}
    assert by_standing == {
        runs["clean"]: "rederived",
        runs["join"]: "rederived",
        runs["fit"]: "declared",
        None: "declared",
    }


def test_a_policy_reaches_its_deployments_with_their_model(told):
    org, story, _ = told
    policy = org.decisions.policies()[-1]
    graph = org.provenance.lineage.graph(policy.index)
    assert kinds(graph) == ["deployment", "model", "policy"]
    assert graph.nodes[0].title == story.model.record.name + " " + story.model.record.version
    assert {(edge.parent, edge.child) for edge in graph.edges} == {
        (policy.index, graph.nodes[-1].index),
        (story.model.index, graph.nodes[-1].index),
    }


def test_a_decision_leads_back_to_its_data_and_no_further(told):
    org, story, decided = told
    graph = org.provenance.lineage.graph(decided[1].index)
    assert [node.index for node in graph.nodes if node.kind == "decision"] == [decided[1].index]
    assert {story.raw.index, story.model.index} <= {node.index for node in graph.nodes}
    assert all(node.decisions is None for node in graph.nodes)
    assert org.provenance.lineage.graph(decided[1].index, depth=1).nodes[0].kind == "deployment"
    alone = org.provenance.lineage.graph(decided[1].index, back=False)
    assert ([node.kind for node in alone.nodes], alone.edges, alone.is_whole) == (["decision"], (), True)
    assert not org.provenance.lineage.graph(decided[1].index, depth=0).is_whole


def test_the_origin_of_a_decision_says_how_well_each_dataset_is_known(told):
    org, story, decided = told
    found = {each.dataset.name: (each.standing, each.steps) for each in org.provenance.lineage.origin(decided[0].index)}
    assert found == {
        "applications": ("declared", 8),  # the training run was not run again
        "applications-clean": ("declared", 6),
        "bureau-matched": ("declared", 6),
        "credit-bureau": ("differs", 8),
        "training-set": ("declared", 4),
    }
    before = {each.dataset.name: each.standing for each in org.provenance.lineage.origin(story.joined.index)}
    assert before == {
        "applications": "rederived",
        "applications-clean": "rederived",
        "bureau-matched": "rederived",
        "credit-bureau": "differs",
    }


def test_the_shortest_ways_lead_from_a_dataset_to_a_decision(told):
    org, story, decided = told
    lineage = org.provenance.lineage
    (way,) = lineage.paths(story.raw.index, decided[2].index)
    assert (way.nodes[0].index, way.nodes[-1].index) == (story.raw.index, decided[2].index)
    assert [edge.standing for edge in way.edges] == ["rederived"] * 4 + ["declared"] * 4
    assert [(edge.parent, edge.child) for edge in way.edges] == [
        (one.index, other.index) for one, other in pairwise(way.nodes)
    ]
    assert lineage.paths(decided[2].index, story.raw.index) == ()
    assert [len(each.edges) for each in lineage.paths(story.raw.index, story.raw.index)] == [0]
    for pair in ((story.raw.index, 10**9), (10**9, story.raw.index)):
        with pytest.raises(NotFound):
            lineage.paths(*pair)


def test_of_many_shortest_ways_only_so_many_are_told(org):
    (start, end), middles = stand_ins(org, ["start", "end"]), stand_ins(org, ["middle"] * 20)
    write_runs(org, [("out", [start], middles), *((f"in {n}", [each], [end]) for n, each in enumerate(middles))])
    ways = org.provenance.lineage.paths(start.index, end.index)
    assert [len(way.edges) for way in ways] == [4] * 10
    assert [way.nodes[2].index for way in ways] == [each.index for each in middles[:10]]
    assert len(org.provenance.lineage.paths(start.index, end.index, most=100)) == 20


def test_what_a_run_says_is_not_said_again_by_the_model_it_trained(org, tmp_path):
    from sklearn.linear_model import LogisticRegression

    data = added(org, tmp_path, "train")
    fitted = LogisticRegression().fit([[0.0], [1.0], [2.0]], [0, 0, 1])
    model = org.provenance.register_model(fitted, name="small", training=data, features=["a"])
    straight = org.provenance.lineage.graph(model.index, forth=False)
    assert [(edge.parent, edge.run) for edge in straight.edges] == [(data.index, None)]
    with org.provenance.run("fit", inputs=[data], kind="training") as fit:
        fit.model(model)
    run = fit.recorded
    assert [(each.parent, each.child) for each in org.provenance.lineage.graph(model.index, forth=False).edges] == [
        (data.index, run.index),
        (run.index, model.index),
    ]
    org.provenance.runs.rederived(run, Rederivation(run.leaf, (Compared("credit 1", "0" * 64, "0" * 64),), {}))
    assert [each.standing for each in org.provenance.lineage.origin(model.index)] == ["rederived"]


@pytest.mark.parametrize(
    ("limits", "nodes", "is_whole"),
    [
        ({}, 41, True),
        ({"depth": 1}, 3, False),
        ({"depth": 0}, 1, False),
        ({"depth": 20}, 41, True),
        ({"depth": 19}, 39, False),
        ({"most": 5}, 11, False),
        ({"most": 20}, 41, True),
        ({"forth": False, "depth": 2}, 3, False),
    ],
    ids=lambda value: str(value),
)
def test_a_graph_keeps_to_its_limits_and_says_so(org, limits, nodes, is_whole):
    chain = stand_ins(org, [f"step {number}" for number in range(21)])
    write_runs(org, [(f"run {n}", [one], [two]) for n, (one, two) in enumerate(pairwise(chain))])
    graph = org.provenance.lineage.graph(chain[10].index, **limits)
    assert (len(graph.nodes), graph.is_whole) == (nodes, is_whole)
    shown = {node.index for node in graph.nodes}
    assert chain[10].index in shown
    assert all({edge.parent, edge.child} <= shown for edge in graph.edges)


@pytest.mark.parametrize("limits", [{"depth": -1}, {"most": 0}], ids=["depth", "most"])
def test_limits_that_cannot_be_are_refused(org, limits):
    with pytest.raises(InvalidInput):
        org.provenance.lineage.graph(0, **limits)


def test_a_circle_in_a_forged_log_ends(org, tmp_path):
    one, two = added(org, tmp_path, "one"), added(org, tmp_path, "two")
    write_runs(org, [("there", [one], [two]), ("back", [two], [one]), ("itself", [one], [one])])
    lineage = org.provenance.lineage
    graph = lineage.graph(one.index)
    assert (len(graph.nodes), len(graph.edges)) == (5, 6)
    assert [each.dataset.name for each in lineage.origin(one.index)] == ["two"]
    assert [len(way.edges) for way in lineage.paths(one.index, two.index)] == [2]


def test_a_record_without_lineage_stands_alone(org):
    graph = org.provenance.lineage.graph(0)
    assert ([node.kind for node in graph.nodes], graph.edges) == (["identity"], ())
    assert org.provenance.lineage.origin(0) == ()
