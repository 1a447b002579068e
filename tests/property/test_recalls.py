"""What a recall reaches is what a search through the whole log finds, whatever came from what."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from making_recalls import put_to_work, table
from organisations import ROW, Bank, bank

from counterfoil.core.statement import parse_record
from counterfoil.decisions import Deployment
from counterfoil.errors import Recalled
from counterfoil.provenance import Dataset
from counterfoil.provenance.lineage.records import RunRecord

DATASETS = 5
CONTENTS = 3  # so that some datasets have the same content

steps = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.sets(st.integers(0, DATASETS - 1), min_size=1, max_size=2), st.integers(0, 9)),
        st.tuples(st.just("train"), st.integers(0, DATASETS - 1), st.integers(0, 2)),
        st.tuples(st.just("decide"), st.integers(0, 9), st.sampled_from(["Ann", "Bob", "Cem", None])),
    ),
    max_size=12,
)


def came_from(bank: Bank, root: int) -> set[int]:
    """Searches the log for all that came from a record or its content, again and again until nothing is new."""
    records = [parse_record(entry) for entry in bank.org.archive.entries()]
    leaves = {bank.org.archive.leaf_hex(index): index for index in range(len(records))}
    steps: set[tuple[int, int]] = set()
    for index, record in enumerate(records):
        if record.kind == "run":
            run = RunRecord.read(record)
            steps |= {(leaves[leaf], index) for leaf in run.inputs} | {(index, leaves[leaf]) for leaf in run.outputs}
        elif record.kind in ("model", "deployment"):
            steps |= {(leaves[leaf], index) for leaf in record.builds_on}
        elif record.kind == "dataset":
            steps |= {
                (index, other)
                for other, its in enumerate(records)
                if its.kind == "dataset" and its.about["file"]["sha256"] == record.about["file"]["sha256"]
            }
    found = {root}
    while more := {child for parent, child in steps if parent in found} - found:
        found |= more
    return found - {root}


def work(bank: Bank, folder: Path, wanted: list[tuple[str, Any, Any]]) -> tuple[list[Dataset], list[Deployment]]:
    """Does what a list of steps says; a step that cannot be, such as data that comes from itself, is left out."""
    org = bank.org
    datasets = [
        org.provenance.register_dataset(table(folder, f"d{n}", f"a\n{n % CONTENTS}\n")) for n in range(DATASETS)
    ]
    deployments = [bank.loans]
    for kind, first, second in wanted:
        if kind == "run":
            inputs = [datasets[number] for number in sorted(first)]
            output = datasets[second % DATASETS]
            if output.index not in {each.index for each in inputs} | org.provenance.lineage.ancestors(
                each.index for each in inputs
            ):
                with org.provenance.run("step", inputs=inputs, code=folder / "d0.csv") as run:
                    run.output(output)
        elif kind == "train":
            deployments.append(put_to_work(org, f"model {second}", datasets[first]))
        else:
            deployments[first % len(deployments)].decide(ROW, subject=second)
    return datasets, deployments


@settings(max_examples=20)
@given(steps, st.integers(0, DATASETS - 1))
def test_it_reaches_what_a_search_through_the_log_finds(wanted, number):
    with tempfile.TemporaryDirectory() as folder, bank(Path(folder)) as made:
        datasets, deployments = work(made, Path(folder), wanted)
        root = datasets[number]
        reached = came_from(made, root.index)
        found = made.org.recalls.preview(root)
        assert {node.index for node in found.nodes} == reached
        leaves = {made.org.archive.leaf_hex(index) for index in reached}
        about = [
            (made.org.views.values_of(index) or {}).get("/subject")
            for index in made.org.decisions.places(before=made.org.archive.size)
            if leaves & set(made.org.archive.record(index).builds_on)
        ]
        assert (found.decisions, found.people) == (len(about), len(set(about) - {None}))
        assert found.unnamed == about.count(None)
        made.org.recalls.open(root, reason="doubled", by="Ada")
        for deployment in deployments:
            try:
                deployment.decide(ROW, subject="Dan")
            except Recalled:
                assert deployment.leaf in leaves
            else:
                assert deployment.leaf not in leaves
