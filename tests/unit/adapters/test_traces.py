"""Which records of a trace the next one builds on."""

from __future__ import annotations

from counterfoil.adapters.traces import MOST_BUILT_ON, Traces


def test_the_next_builds_on_all_that_nothing_was_built_on() -> None:
    traces = Traces()
    assert traces.newest("t") == ()
    for leaf in ("a", "b"):  # at the same time
        traces.add("t", leaf, [])
    assert traces.newest("t") == ("a", "b")
    traces.add("t", "c", ("a", "b"))
    assert traces.newest("t") == ("c",)
    assert traces.newest("other") == ()
    traces.end("t")
    traces.end("t")
    assert traces.newest("t") == ()


def test_what_one_record_cannot_build_on_is_left_for_the_next() -> None:
    traces = Traces()
    leaves = [str(number) for number in range(MOST_BUILT_ON + 5)]
    for leaf in leaves:
        traces.add("t", leaf, [])
    first = traces.newest("t")
    assert first == tuple(leaves[:MOST_BUILT_ON])
    traces.add("t", "next", first)
    assert traces.newest("t") == (*leaves[MOST_BUILT_ON:], "next")


def test_the_trace_unused_for_longest_is_forgotten_first() -> None:
    traces = Traces(most=2)
    for trace in ("a", "b", "a", "c"):
        traces.add(trace, f"leaf of {trace}", [])
    assert traces.newest("b") == ()
    assert traces.newest("a") == ("leaf of a", "leaf of a")
    assert traces.newest("c") == ("leaf of c",)
