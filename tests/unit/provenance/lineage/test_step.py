"""A decorated function works as before, and each of its calls is a run on record."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

import counterfoil
from counterfoil.errors import InvalidInput, NotFound, Recalled


@pytest.fixture
def org(tmp_path):
    with counterfoil.create(tmp_path / "home", name="Example", origin="example.org/data") as made:
        yield made


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "raw.csv"
    path.write_text("id,age\n1,30\n2,17\n")
    return path


def newest(org):
    return org.provenance.runs.all()[-1].record


def adults(source: Path, target: Path, least_age: int = 18) -> Path:
    """Keeps those who are of age."""
    head, *rows = source.read_text().splitlines()
    kept = [row for row in rows if int(row.split(",")[1]) >= least_age]
    target.write_text("\n".join([head, *kept]) + "\n")
    return target


def test_a_call_is_a_run_with_what_went_in_and_came_out(org, raw, tmp_path):
    before = org.provenance.register_dataset(raw)
    clean = org.provenance.step("adults only", seed=3)(adults)
    made = clean(raw, tmp_path / "adults.csv", least_age=21)
    assert made == tmp_path / "adults.csv"
    record = newest(org)
    after = org.provenance.find_dataset("adults")
    assert (record.name, record.inputs, record.outputs) == ("adults only", (before.leaf,), (after.leaf,))
    assert (record.parameters, record.seed, record.status) == ({"least_age": 21}, 3, "succeeded")
    assert record.code.name.endswith("adults")
    assert org.provenance.runs.kept(record.code.sha256).startswith(b"def adults(")
    assert record.unmapped == {"inputs": ("the argument target",), "outputs": (), "parameters": ()}


def test_steps_follow_one_another_by_what_they_return(org, raw, tmp_path):
    first = org.provenance.register_dataset(raw)
    step = org.provenance.step()(adults)
    one = step(raw, tmp_path / "one.csv")
    step(one, tmp_path / "two.csv", least_age=19)
    end = org.provenance.find_dataset("two")
    assert first.index in org.provenance.lineage.ancestors([end.index])


def test_datasets_and_models_among_the_arguments_are_inputs(org, raw):
    table = org.provenance.register_dataset(raw)

    @org.provenance.step(kind="training", inputs=["raw"], parameters={"why": "a trial"})
    def train(table: Any, *more: Any, penalty: float, **rest: Any) -> LogisticRegression:
        return LogisticRegression(C=penalty).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])

    made = train(table, [table], penalty=0.5, note="short")
    assert isinstance(made, LogisticRegression)
    model = org.provenance.find_model("train")
    record = newest(org)
    assert (record.inputs, record.outputs, record.kind) == ((table.leaf,), (model.leaf,), "training")
    assert record.parameters == {"note": "short", "penalty": 0.5, "why": "a trial"}
    assert model.record.training == table.leaf


def test_nothing_of_the_data_is_recorded(org, raw):
    held = [{"name": "Ada Lovelace", "age": 36}] * 50

    @org.provenance.step()
    def look(frame: Any, rows: Any, text: str, api_key: str, rate: float, login: Any, endless: Any) -> Any:
        return {"score": 0.5, "frame": frame}

    endless: list[Any] = []
    endless.append(endless)
    look(object(), held, "x" * 201, "s3cr3t-value", math.nan, {"password": "s3cr3t-value"}, endless)
    record = newest(org)
    assert record.parameters == {}
    assert record.unmapped["parameters"] == ("frame", "rows", "text", "api_key", "rate", "login", "endless")
    assert record.unmapped["outputs"] == ("the result score: float", "the result frame: object")
    entry = org.archive.entry(org.archive.size - 1)
    assert b"Ada" not in entry
    assert b"s3cr3t" not in entry
    assert b"xxx" not in entry
    assert b"object at 0x" not in entry


def test_what_it_raises_goes_on_and_the_failed_run_is_recorded(org, raw):
    org.provenance.register_dataset(raw)

    @org.provenance.step(inputs=["raw"])
    def clean() -> None:
        raise ZeroDivisionError("as before")

    with pytest.raises(ZeroDivisionError, match="as before"):
        clean()
    assert (newest(org).status, newest(org).outputs) == ("failed", ())


def test_an_interrupted_run_is_a_failed_one(org):
    @org.provenance.step()
    def work() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert newest(org).status == "failed"


def test_a_file_that_was_not_made_fails_the_run(org, tmp_path):
    @org.provenance.step()
    def work() -> Path:
        return tmp_path / "nothing.csv"

    with pytest.raises(NotFound, match="there is no file"):
        work()
    assert newest(org).status == "failed"


def test_a_failure_is_not_hidden_by_a_record_that_cannot_be_made(org, raw):
    table = org.provenance.register_dataset(raw)

    @org.provenance.step(inputs=["raw"])
    def circle() -> Any:
        return table

    with pytest.raises(InvalidInput, match="would come from itself"):
        circle()
    assert org.provenance.runs.all() == []
    run = org.provenance.run("circle", inputs=[table])
    run.output(table)
    with pytest.raises(ZeroDivisionError) as caught, run:
        _ = 1 / 0
    assert "the run is not on record" in caught.value.__notes__[0]


def test_wrong_arguments_are_refused_as_python_does(org):
    step = org.provenance.step()(adults)
    with pytest.raises(TypeError, match="missing a required argument"):
        step()
    assert org.provenance.runs.all() == []


async def later() -> None:
    """Is not done when it returns."""


def generate() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "words"),
    [(later, "not there when it returns"), (generate, "not there when it returns"), (len, "cannot be read")],
    ids=["coroutine", "generator", "builtin"],
)
def test_functions_that_cannot_be_recorded_are_refused_at_once(org, function, words):
    with pytest.raises(InvalidInput, match=words):
        org.provenance.step()(function)


def test_the_parentheses_are_asked_for(org):
    with pytest.raises(InvalidInput, match="has a name"):
        org.provenance.step(adults)


def test_results_are_numbers(org):
    with org.provenance.run("score") as run:
        run.result("auc", 0.75)
        run.result("rows", 12)
        run.result("loss", math.inf)
    assert newest(org).results == {"auc": 0.75, "loss": "Infinity", "rows": 12}
    with pytest.raises(InvalidInput, match="a result is a number"), org.provenance.run("score") as run:
        run.result("auc", "high")
    with pytest.raises(InvalidInput, match="cannot name a result"), org.provenance.run("score") as run:
        run.result('a"b', 1)


def test_nothing_is_run_on_what_was_recalled(org, raw, tmp_path):
    org.provenance.register_dataset(raw)
    org.recalls.open("raw", reason="wrong ages", by="Bo")
    with pytest.raises(Recalled):
        org.provenance.step()(adults)(raw, tmp_path / "adults.csv")
    assert not (tmp_path / "adults.csv").exists()
