"""Runs are captured while they happen, and say what came from what."""

from __future__ import annotations

import pytest

import counterfoil
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.lineage.records import MOST_LINKS, Compared, Rederivation, RunRecord


@pytest.fixture
def org(tmp_path):
    with counterfoil.create(tmp_path / "home", name="Example", origin="example.org/data") as made:
        yield made


def table(folder, name, text="id,age\n1,30\n2,40\n"):
    path = folder / f"{name}.csv"
    path.write_text(text)
    return path


def test_a_run_names_what_went_in_and_what_came_out(org, tmp_path):
    raw = org.provenance.register_dataset(table(tmp_path, "raw"))
    with org.provenance.run("clean", inputs=["raw"], parameters={"least": 18}, seed=7) as run:
        clean = run.output(table(tmp_path, "clean", "age\n30\n40\n"))
    record = org.provenance.runs.at(run.recorded.index).record
    assert record == run.recorded.record
    assert (record.inputs, record.outputs) == ((raw.leaf,), (clean.leaf,))
    assert (record.parameters, record.seed, record.status) == ({"least": 18}, 7, "succeeded")
    assert record.code.name == "test_capture.py"
    assert b"def test_a_run_names" in org.provenance.runs.kept(record.code.sha256)
    assert b"cryptography==" in org.provenance.runs.kept(record.environment["packagesSha256"])


def test_lineage_goes_both_ways_through_runs(org, tmp_path):
    raw = org.provenance.register_dataset(table(tmp_path, "raw"))
    with org.provenance.run("one", inputs=[raw]) as one:
        middle = one.output(table(tmp_path, "middle", "a\n1\n"))
    with org.provenance.run("two", inputs=[middle]) as two:
        end = two.output(table(tmp_path, "end", "a\n2\n"))
    lineage = org.provenance.lineage
    assert lineage.descendants([raw.index]) == {one.recorded.index, middle.index, two.recorded.index, end.index}
    assert lineage.ancestors([end.index]) == {two.recorded.index, middle.index, one.recorded.index, raw.index}
    graph = lineage.graph(middle.index, forth=False)
    assert [node.kind for node in graph.nodes] == ["dataset", "dataset", "run"]
    assert {edge.standing for edge in graph.edges} == {"declared"}


def test_a_rederivation_shows_at_the_steps_of_its_run_only(org, tmp_path):
    raw = org.provenance.register_dataset(table(tmp_path, "raw"))
    with org.provenance.run("one", inputs=[raw]) as one:
        middle = one.output(table(tmp_path, "middle", "a\n1\n"))
    with org.provenance.run("two", inputs=[middle]) as two:
        two.output(table(tmp_path, "end", "a\n2\n"))
    for is_same, standing in ((True, "rederived"), (False, "differs")):
        digest = middle.record.sha256
        output = Compared("middle 1", digest, digest if is_same else "0" * 64)
        org.provenance.runs.rederived(one.recorded, Rederivation(one.recorded.leaf, (output,), {}))
        graph = org.provenance.lineage.graph(raw.index)
        assert {each.standing for each in graph.edges if each.run == one.recorded.index} == {standing}
        assert {each.standing for each in graph.edges if each.run == two.recorded.index} == {"declared"}


def test_a_failed_run_is_on_record(org, tmp_path):
    org.provenance.register_dataset(table(tmp_path, "raw"))
    with pytest.raises(ZeroDivisionError), org.provenance.run("clean", inputs=["raw"]) as run:
        _ = 1 / 0
    assert (run.recorded.record.status, run.recorded.record.outputs) == ("failed", ())


def test_nothing_comes_from_itself(org, tmp_path):
    raw = org.provenance.register_dataset(table(tmp_path, "raw"))
    with org.provenance.run("clean", inputs=[raw]) as run:
        clean = run.output(table(tmp_path, "clean", "a\n1\n"))
    with (
        pytest.raises(InvalidInput, match="would come from itself"),
        org.provenance.run("back", inputs=[clean]) as back,
    ):
        back.output(raw)
    assert len(org.provenance.runs.all()) == 1


def test_an_input_that_is_not_on_record_is_refused_before_the_work(org):
    with pytest.raises(NotFound, match="neither a dataset nor a model"):
        org.provenance.run("clean", inputs=["nobody"])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"parameters": {"api_key": "x"}}, "looks like a secret"),
        ({"parameters": {"rate": float("nan")}}, "nan"),
        ({"kind": "Training Run"}, "cannot name a kind"),
        ({"code": "no/such/file.py"}, "cannot be read"),
    ],
    ids=["secret", "nan", "kind", "code"],
)
def test_what_cannot_stand_in_a_record_is_refused_before_the_work(org, told, words):
    with pytest.raises((InvalidInput, NotFound), match=f"(?i){words}"):
        org.provenance.run("clean", **told)


def test_a_run_has_only_so_many_inputs():
    leaves = tuple(f"{number:064x}" for number in range(MOST_LINKS + 1))
    with pytest.raises(InvalidInput, match="128 is the limit"):
        RunRecord("join", "transformation", leaves, (), None, {}, {}, None, "", "").draft()


def test_rebuilt_tables_say_the_same(org, tmp_path):
    raw = org.provenance.register_dataset(table(tmp_path, "raw"))
    with org.provenance.run("clean", inputs=[raw]) as run:
        run.output(table(tmp_path, "clean", "a\n1\n"))
    before = org.provenance.lineage.graph(raw.index)
    org.rebuild()
    assert org.provenance.lineage.graph(raw.index) == before


def test_versions_of_a_dataset_are_found_by_number(org, tmp_path):
    path = table(tmp_path, "raw")
    first = org.provenance.register_dataset(path)
    path.write_text("id\n9\n")
    second = org.provenance.register_dataset(path)
    assert (first.record.version, second.record.version) == ("1", "2")
    assert org.provenance.find_dataset("raw") == second
    assert org.provenance.find_dataset("raw@1") == first
    assert org.provenance.dataset_with(first.record.sha256) == first


def test_a_folder_is_a_dataset(org, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.bin", "b.bin"):
        (folder / name).write_bytes(name.encode())
    found = org.provenance.register_dataset(folder)
    assert (found.record.files, found.record.rows, found.record.sha256) == (2, None, found.record.root)
    assert org.provenance.fingerprint(found) == counterfoil.fingerprint(folder)
