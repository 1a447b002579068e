"""Pictures of lineage: boxes never overlap, arrows go forward, and the same graph gives the same picture."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.provenance.lineage.graph import Edge, Graph, Node
from counterfoil.provenance.lineage.picture.collapse import MOST_BOXES, OPENED_AT_ONCE, collapsed
from counterfoil.provenance.lineage.picture.layout import BOX_GAP, COLUMN_GAP, layered
from counterfoil.provenance.lineage.picture.picture import picture_of

KINDS = ("dataset", "run", "model", "policy", "deployment")


@st.composite
def links(draw, *, most: int = 30, may_circle: bool = False) -> tuple[int, list[tuple[int, int]]]:
    count = draw(st.integers(1, most))
    pairs = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=2 * count))
    if may_circle:
        return count, pairs
    return count, [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]


@st.composite
def graphs(draw) -> Graph:
    count, pairs = draw(links(most=200))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=count, max_size=count))
    nodes = [
        Node(place, kind, f"{kind} {place % 7}", str(place), decisions=place if kind == "deployment" else None)
        for place, kind in enumerate(kinds)
    ]
    standings = ("declared", "rederived", "differs")
    return Graph(tuple(nodes), tuple(Edge(*pair, None, standings[sum(pair) % 3]) for pair in sorted(set(pairs))))


def require_no_overlap(boxes) -> None:
    for one, other in combinations(boxes, 2):
        beside = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert beside or one.y + one.height <= other.y or other.y + other.height <= one.y, (one, other)


@given(links(), st.integers(20, 200))
def test_no_boxes_overlap_and_every_arrow_goes_forward(found, width):
    count, pairs = found
    laid = layered({each: (width + each, 30.0 + each % 5) for each in range(count)}, pairs)
    assert set(laid.routes) == set(pairs)
    require_no_overlap(laid.places.values())
    for (parent, child), route in laid.routes.items():
        assert not route.is_back
        ends = [x for x, _ in route.points]
        assert ends == sorted(ends)
        assert laid.places[child].x - laid.places[parent].x - laid.places[parent].width >= COLUMN_GAP - 0.2
    for place in laid.places.values():
        assert 0 <= place.x <= place.x + place.width <= laid.width + 0.2
        assert 0 <= place.y <= place.y + place.height <= laid.height + 0.2


@given(links())
def test_no_arrow_goes_through_a_box(found):
    count, pairs = found
    laid = layered(dict.fromkeys(range(count), (50.0, 30.0)), pairs)
    for route in laid.routes.values():
        for (left, y), (right, same) in zip(route.points[1:-1:2], route.points[2:-1:2], strict=True):
            assert y == same
            for box in laid.places.values():
                crosses = left < box.x + box.width and box.x < right
                assert not crosses or abs(box.middle - y) >= box.height / 2 + BOX_GAP - 0.2


@given(links(may_circle=True))
def test_circles_end_and_only_what_closes_one_goes_back(found):
    count, pairs = found
    laid = layered(dict.fromkeys(range(count), (50.0, 30.0)), pairs)
    require_no_overlap(laid.places.values())
    for (parent, child), route in laid.routes.items():
        is_forward = laid.places[parent].x < laid.places[child].x
        assert is_forward or route.is_back


@settings(max_examples=40, deadline=None)
@given(graphs(), st.data())
def test_a_picture_is_the_same_each_time_and_few_boxes_stand_for_every_record(graph, data):
    focus = data.draw(st.sampled_from(graph.nodes)).index
    opened = data.draw(st.sets(st.sampled_from([node.index for node in graph.nodes]), max_size=2))
    few = collapsed(graph, focus, opened=opened)
    assert len(few.boxes) <= MOST_BOXES + len(opened) * 2 * OPENED_AT_ONCE
    assert {node.index for box in few.boxes for node in box.nodes} == {node.index for node in graph.nodes}
    assert next(box for box in few.boxes if box.id == f"r{focus}").nodes == (
        next(node for node in graph.nodes if node.index == focus),
    )
    picture = picture_of(graph, focus, opened=opened)
    assert picture == picture_of(graph, focus, opened=opened)
    require_no_overlap(picture.boxes)
    at = {box.id: box for box in picture.boxes}
    for arrow in picture.arrows:
        assert at[arrow.parent].x + at[arrow.parent].width <= at[arrow.child].x
