"""Lineage among 100,000 steps: the graph of one record, its ways, its origin and its picture.

The log holds families of runs beside each other, each a fan of datasets that are joined, and one dataset that
tens of thousands of runs have read. What is measured goes the way that users' questions go, through
`org.provenance.lineage`; the log and the tables are filled before and are not measured.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bank
from measure import Figure, Run, spending, start

from counterfoil.organisation import Organisation
from counterfoil.provenance.lineage.graph import Graph
from counterfoil.provenance.lineage.picture.picture import picture_of

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from making_lineage import many, stand_ins, write_runs

EDGES = 100_000
FAMILY = 480
"""Records that one family's middle reaches; fewer than 500, as a target says."""
LOOKS = 40
GRAPH_MS = 100

FIGURES = (
    Figure("edges", "steps", "Steps between records in the log", "higher"),
    Figure("reached", "records", "Records in the graph that is asked for", "higher"),
    Figure(
        "graph_ms", "milliseconds", "The graph of one record that reaches fewer than 500, median", "lower", GRAPH_MS
    ),
    Figure("graph_cpu_ms", "milliseconds of CPU", "The same, processor time, mean", "lower"),
    Figure("graph_slowest_ms", "milliseconds", "The same, slowest of the tries", "lower"),
    Figure("hub_graph_ms", "milliseconds", "The nearest 5,000 of a dataset that half of all runs have read", "lower"),
    Figure("hub_depth_ms", "milliseconds", "The same dataset back only, one step", "lower"),
    Figure("paths_ms", "milliseconds", "The shortest ways through a family, four steps", "lower"),
    Figure("origin_ms", "milliseconds", "All datasets that a record came from", "lower"),
    Figure("picture_ms", "milliseconds", "Those records laid out as a picture of at most 60 boxes", "lower"),
)


def main() -> None:
    run = start("lineage", __doc__, FIGURES)
    with run.folder() as folder, bank.home(folder) as org:
        middles, hub, count = _filled(run, org)
        run.add("edges", count)
        for _ in range(run.repeat):
            _measure(run, org, middles, hub)
    run.finish()


def _filled(run: Run, org: Organisation) -> tuple[list[int], int, int]:
    """Returns the middle of each family, the dataset that many read, and the number of steps."""
    edges, done, middles = run.count(EDGES, least=2_000), 0, list[int]()
    while done < edges // 2:
        middles.append(many(org, FAMILY).index)
        done += len(org.provenance.lineage.graph(middles[-1]).edges)
        run.say(f"{done:,} of {edges:,} steps")
    (hub,) = stand_ins(org, ["hub"])
    while done < edges:
        some = min(2_000, (edges - done + 1) // 2)
        write_runs(org, [(f"read {done + n}", [hub], [each]) for n, each in enumerate(stand_ins(org, ["out"] * some))])
        done += 2 * some
        run.say(f"{done:,} of {edges:,} steps")
    org.views.catch_up()
    return middles, hub.index, done


def _measure(run: Run, org: Organisation, middles: list[int], hub: int) -> None:
    lineage, step = org.provenance.lineage, max(1, len(middles) // LOOKS)
    asked = middles[::step][:LOOKS]
    graphs: list[Graph] = []
    with spending() as spent:
        times = [_ms(lambda place=place: graphs.append(lineage.graph(place))) for place in asked]
    run.add("graph_ms", statistics.median(times))
    run.add("graph_cpu_ms", spent.cpu_s * 1_000 / len(asked))
    run.add("graph_slowest_ms", max(times))
    run.add("reached", max(len(graph.nodes) for graph in graphs))
    run.add("hub_graph_ms", _ms(lambda: lineage.graph(hub)))
    run.add("hub_depth_ms", _ms(lambda: lineage.graph(hub, forth=False, depth=1)))
    first = min(node.index for node in graphs[0].nodes)
    run.add("paths_ms", _ms(lambda: lineage.paths(first, asked[0])))
    run.add("origin_ms", _ms(lambda: lineage.origin(asked[0])))
    run.add("picture_ms", _ms(lambda: picture_of(graphs[0], asked[0])))


def _ms(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1_000


if __name__ == "__main__":
    main()
