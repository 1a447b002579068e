"""Pictures of lineage: what boxes and arrows say, what stands together, and what hostile names cannot do."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from counterfoil.provenance.lineage.graph import Edge, Graph, Node, Way
from counterfoil.provenance.lineage.picture.collapse import MOST_BOXES, OPENED_AT_ONCE, collapsed
from counterfoil.provenance.lineage.picture.picture import MOST_WIDTH, picture_of
from counterfoil.provenance.lineage.picture.picture_file import picture_file
from counterfoil.provenance.lineage.picture.tree import tree_lines, way_lines

HOSTILE = {
    "html": "</text><script>alert(1)</script>",
    "quotes": '"\'><a href="javascript:alert(1)">&amp;',
    "long": "a-name-that-goes-on-and-on" * 40,
    "right to left": "مجموعة بيانات التدريب الكبيرة جدا جدا",
    "override": "in\u202eecnaril",
    "emoji": "👩\u200d🔬📊" * 30,
    "wide": "訓練用データセット" * 9,
    "combining": "e\u0301" * 200,
    "spaces": "   ",
    "template": "{{ 7 * 7 }}{% raw %}",
}
SVG = "{http://www.w3.org/2000/svg}"


def chain(length: int, *, fan: int = 0) -> Graph:
    """A chain of datasets and runs by turns; `fan` more datasets go into its first run."""
    nodes = [Node(at, "run" if at % 2 else "dataset", f"step {at}", "" if at % 2 else "1") for at in range(length)]
    edges = [Edge(at, at + 1, at + (at + 1) % 2, "declared") for at in range(length - 1)]
    more = [Node(length + at, "dataset", f"source {at}", "1") for at in range(fan)]
    return Graph(tuple(nodes + more), tuple(edges + [Edge(each.index, 1, 1, "declared") for each in more]))


def test_boxes_and_arrows_say_what_they_are_in_words():
    nodes = (
        Node(1, "dataset", "raw", "3"),
        Node(2, "run", "fit", what="training"),
        Node(3, "model", "credit", "1"),
        Node(4, "deployment", "credit 1", decisions=1_234),
        Node(5, "policy", "loans", "2026.1"),
    )
    steps = ((1, 2, "rederived"), (2, 3, "differs"), (3, 4, "declared"), (5, 4, "declared"))
    graph = Graph(nodes, tuple(Edge(one, other, None, standing) for one, other, standing in steps))
    picture = picture_of(graph, 3)
    assert {(box.kind, box.title) for box in picture.boxes} == {
        ("dataset", "raw 3"),
        ("training run", "fit"),
        ("model", "credit 1"),
        ("deployment", "credit 1"),
        ("policy", "loans 2026.1"),
        ("made under it", "1,234 decisions"),
    }
    assert [box.id for box in picture.boxes if box.is_focus] == ["r3"]
    labels = {(arrow.parent, arrow.child): arrow.label for arrow in picture.arrows}
    assert labels == {
        ("r1", "r2"): "✓ re-derived",
        ("r2", "r3"): "✗ differs",
        ("r3", "r4"): "declared",
        ("r5", "r4"): "declared",
        ("r4", "d4"): "declared",
    }
    assert all(arrow.is_labelled for arrow in picture.arrows)
    assert picture.description == "5 records, 4 steps: 1 re-derived, 2 declared, 1 came out differently."


def test_versions_of_one_dataset_stand_together_and_open_a_portion_at_a_time():
    nodes = [Node(0, "run", "join"), *(Node(at, "dataset", "daily", str(at)) for at in range(1, 101))]
    graph = Graph(tuple(nodes), tuple(Edge(at, 0, 0, "rederived" if at < 4 else "declared") for at in range(1, 101)))
    picture = picture_of(graph, 0)
    assert [(box.kind, box.title, box.count, box.is_group) for box in picture.boxes] == [
        ("100 datasets", "daily, 100 versions", 100, True),
        ("run", "join", 1, False),
    ]
    assert [arrow.label for arrow in picture.arrows] == ["✓ 3, 97 declared"]
    assert [arrow.standing for arrow in picture.arrows] == ["declared"]
    opened = picture_of(graph, 0, opened=[1])
    assert sorted(box.count for box in opened.boxes) == [1] * (OPENED_AT_ONCE + 1) + [100 - OPENED_AT_ONCE]
    twice = picture_of(graph, 0, opened=[1, OPENED_AT_ONCE + 1])
    assert sorted(box.count for box in twice.boxes)[-1] == 100 - 2 * OPENED_AT_ONCE
    assert len(picture_of(graph, 0, opened=[1, 41, 81]).boxes) == 101


def test_an_arrow_for_many_says_when_one_of_them_differs():
    nodes = [Node(0, "run", "join"), *(Node(at, "dataset", "daily", str(at)) for at in range(1, 101))]
    graph = Graph(tuple(nodes), tuple(Edge(at, 0, 0, "differs" if at == 7 else "rederived") for at in range(1, 101)))
    (arrow,) = picture_of(graph, 0).arrows
    assert (arrow.standing, arrow.label, arrow.is_labelled) == ("differs", "✗ 1, ✓ 99", True)


@pytest.mark.parametrize("focus", [0, 250, 499])
def test_a_long_chain_shows_what_is_near_and_says_how_much_is_further(focus):
    few = collapsed(chain(500), focus)
    assert len(few.boxes) <= MOST_BOXES
    parts = {box.part: box for box in few.boxes if box.part != "record"}
    assert set(parts) == {0: {"later"}, 250: {"earlier", "later"}, 499: {"earlier"}}[focus]
    assert sum(len(box.nodes) for box in few.boxes) == 500
    picture = picture_of(chain(500), focus)
    near = {box.part: box.near for box in picture.boxes if box.part != "record"}
    shown = [box.index for box in picture.boxes if box.part == "record"]
    assert near.get("earlier", min(shown) - 1) == min(shown) - 1
    assert near.get("later", max(shown) + 1) == max(shown) + 1


def test_what_fits_stands_alone():
    graph = chain(20, fan=MOST_BOXES - 20)
    assert all(not box.is_group for box in collapsed(graph, 0).boxes)
    more = collapsed(chain(20, fan=MOST_BOXES - 19), 0)
    assert [len(box.nodes) for box in more.boxes if box.is_group] == [MOST_BOXES - 19]


def test_a_dense_graph_is_drawn_in_time_and_labels_do_not_cover_each_other():
    pairs = [(one, other) for one in range(40) for other in range(one + 1, 40)]
    graph = Graph(
        tuple(Node(at, "dataset", f"d{at}", "1") for at in range(40)),
        tuple(Edge(*pair, None, "declared") for pair in pairs),
    )
    picture = picture_of(graph, 0)
    assert len(picture.arrows) == len(pairs)
    shown = [(arrow.label_x, arrow.label_y) for arrow in picture.arrows if arrow.is_labelled]
    assert len(shown) == len(set(shown)) > 40


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_stays_in_its_box_and_is_only_text(name):
    graph = Graph((Node(1, "dataset", name, "1"), Node(2, "run", name, what=name[:31])), (Edge(1, 2, 2, "declared"),))
    picture = picture_of(graph, 1)
    assert all(box.width <= MOST_WIDTH for box in picture.boxes)
    root = ElementTree.fromstring(picture_file(picture))
    assert {each.tag.removeprefix(SVG) for each in root.iter()} == {
        *("svg", "style", "title", "desc", "defs", "marker", "path", "text", "g", "rect")
    }
    assert f"{name} 1" in [each.text for each in root.iter(f"{SVG}title")][1]
    cut = next(each.text or "" for each in root.iter(f"{SVG}text") if each.get("class") == "name")
    assert cut == f"{name} 1" or (cut.endswith("…") and name.startswith(cut[:-1].rstrip()))


def test_a_picture_in_a_file_brings_its_style_along():
    text = picture_file(picture_of(chain(4), 0)).decode()
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    used, defined = set(re.findall(r"var\((--[\w-]+)\)", style)), set(re.findall(r"(--[\w-]+):", style))
    assert used <= defined
    assert "prefers-color-scheme: dark" in style
    assert "href=" not in text
    assert text.startswith("<svg ")


def test_a_tree_tells_each_record_once_and_every_step_in_words():
    nodes = (
        Node(1, "dataset", "raw", "1"),
        Node(2, "run", "split", what="transformation"),
        Node(3, "dataset", "left", "1"),
        Node(4, "dataset", "right", "1"),
        Node(5, "run", "join", what="transformation"),
        Node(6, "deployment", "credit 1", decisions=2),
    )
    steps = (
        (1, 2, 2, "rederived"),
        (2, 3, 2, "rederived"),
        (2, 4, 2, "rederived"),
        (3, 5, 5, "differs"),
        (4, 5, 5, "differs"),
        (5, 6, None, "declared"),
    )
    graph = Graph(nodes, tuple(Edge(one, other, run, standing) for one, other, run, standing in steps))
    assert list(tree_lines(graph, 5, recalled={3})) == [
        "differs: transformation run join, record 5",
        "It came from:",
        "  dataset left 1, record 3, under recall",
        "    re-derived: transformation run split, record 2",
        "      dataset raw 1, record 1",
        "  dataset right 1, record 4",
        "    re-derived: transformation run split, record 2, as above",
        "It reached:",
        "  declared: deployment credit 1, record 6",
        "    declared: 2 decisions",
    ]
    assert list(tree_lines(Graph(nodes[:1], (), False), 1, forth=False)) == [
        "dataset raw 1, record 1",
        "It came from nothing on record.",
        "There is more; only the nearest is shown.",
    ]
    way = Way(nodes[:2], (Edge(1, 2, 2, "rederived"),))
    assert list(way_lines(way)) == ["dataset raw 1, record 1", "  re-derived: transformation run split, record 2"]


def test_what_is_under_recall_says_so_in_the_picture():
    nodes = (Node(1, "dataset", "raw", "1"), Node(2, "run", "split", what="transformation"))
    graph = Graph(nodes, (Edge(1, 2, 2, "declared"),))
    assert [box.kind for box in picture_of(graph, 1, recalled={1}).boxes] == [
        "dataset, under recall",
        "transformation run",
    ]


def test_a_tree_of_a_circle_ends():
    nodes = (Node(1, "dataset", "a", "1"), Node(2, "run", "r"))
    graph = Graph(nodes, (Edge(1, 2, 2, "declared"), Edge(2, 1, 2, "declared")))
    assert len(list(tree_lines(graph, 1))) == 7
