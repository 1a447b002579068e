"""A graph as a picture: boxes with words in them, arrows with labels; drawn by templates/picture.html."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from unicodedata import combining, east_asian_width

from counterfoil.core.wording import counted
from counterfoil.provenance.lineage.graph import STANDING_WORDS, Graph, Node, Standing
from counterfoil.provenance.lineage.origins import worst
from counterfoil.provenance.lineage.picture.collapse import Box, Link, Part, collapsed
from counterfoil.provenance.lineage.picture.layout import Layout, Route, layered

__all__ = ["Arrow", "Drawn", "Picture", "kind_words", "picture_of"]

Look: TypeAlias = Literal["dataset", "run", "model", "policy", "deployment", "decisions", "other"]

HEIGHT: Final = 50.0
LEAST_WIDTH: Final = 104.0
MOST_WIDTH: Final = 204.0
PADDING: Final = 30.0
CHAR: Final = 7.6
"""About as wide is a character of a box's title, 13 units high."""
MARGIN: Final = 14.0
LABEL_HEIGHT: Final = 15.0
LABEL_CHAR: Final = 5.9
_ALONG: Final = (0.5, 0.38, 0.62, 0.28, 0.72, 0.2, 0.8)
"""Where on its bend a label may stand; the first place that is free is taken."""
_SIGNS: Final[Mapping[Standing, str]] = {"rederived": "\N{CHECK MARK} ", "differs": "\N{BALLOT X} ", "declared": ""}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A box as it is drawn.

    Attributes:
        id: Unique in the picture.
        x: Of its upper left corner.
        y: Of its upper left corner.
        width: In units of the picture.
        height: In units of the picture.
        look: By which it is drawn.
        kind: Its first line: what it is.
        title: Its second line, cut to fit.
        full_title: The same in full.
        whole: Both lines in full, for its tooltip and for whoever listens.
        node: The record; of a group, the first.
        near: Place of the record of a group that is nearest to the one that was asked for.
        count: Records that it stands for.
        part: As of `Box`.
        is_focus: Whether it is the record that was asked for.
    """

    id: str
    x: float
    y: float
    width: float
    height: float
    look: Look
    kind: str
    title: str
    full_title: str
    whole: str
    node: Node
    near: int
    count: int
    part: Part
    is_focus: bool

    @property
    def index(self) -> int:
        """Place of the record; of a group, of the first."""
        return self.node.index

    @property
    def is_group(self) -> bool:
        """Whether it can be opened."""
        return self.part in ("record", "decisions") and self.count > 1


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow as it is drawn.

    Attributes:
        parent: Id of the box it leaves.
        child: Id of the box it leads to.
        path: Of the line, as SVG has it.
        standing: The least of those it stands for.
        label: That in words, with its sign.
        label_x: Where the middle of the label stands.
        label_y: Where the label's line stands.
        is_labelled: Whether there was room for the label.
    """

    parent: str
    child: str
    path: str
    standing: Standing
    label: str
    label_x: float
    label_y: float
    is_labelled: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """A graph ready to be drawn.

    Attributes:
        title: What is shown.
        description: The same in a sentence, with what stands out.
        boxes: Boxes, from left to right.
        arrows: Arrows between them.
        width: In units; a title is 13 of them high.
        height: In units.
        records: Records that it stands for.
    """

    title: str
    description: str
    boxes: tuple[Drawn, ...]
    arrows: tuple[Arrow, ...]
    width: float
    height: float
    records: int


def picture_of(graph: Graph, focus: int, *, opened: Collection[int] = (), recalled: Collection[int] = ()) -> Picture:
    """Returns a graph as a picture around a record.

    Args:
        graph: What is drawn.
        focus: Place of the record that was asked for.
        opened: As in `collapsed`.
        recalled: Places of what is under recall.
    """
    few = collapsed(graph, focus, opened=opened)
    words = {box.id: _words(box, recalled) for box in few.boxes}
    sizes = {each: (_width(*said), HEIGHT) for each, said in words.items()}
    laid = layered(sizes, [(link.parent, link.child) for link in few.links])
    boxes = sorted((_drawn(box, words[box.id], laid, focus) for box in few.boxes), key=lambda each: (each.x, each.y))
    node = next(node for node in graph.nodes if node.index == focus)
    return Picture(
        f"Lineage of {kind_words(node)} {node.title}",
        _description(graph, few.boxes),
        tuple(boxes),
        tuple(_arrows(few.links, laid.routes)),
        laid.width + 2 * MARGIN,
        laid.height + 2 * MARGIN,
        len(graph.nodes),
    )


def kind_words(node: Node) -> str:
    """Returns what a record is, in a word or two: `training run`, `dataset`."""
    return f"{node.what} run" if node.kind == "run" and node.what else node.kind


def _drawn(box: Box, words: tuple[str, str], laid: Layout[str], focus: int) -> Drawn:
    place, first = laid.places[box.id], box.nodes[0]
    kind, title = words
    whole = f"{kind}: {title}" if kind else title
    if box.part == "record" and not box.is_group:
        whole = f"{kind} {title}, record {first.index:,}"
    return Drawn(
        box.id,
        place.x + MARGIN,
        place.y + MARGIN,
        place.width,
        place.height,
        _look(box),
        kind,
        _cut(title, (place.width - PADDING) / CHAR + 0.1),
        title,
        whole,
        first,
        box.nodes[-1 if box.part == "earlier" else 0].index,
        len(box.nodes),
        box.part,
        box.part == "record" and not box.is_group and first.index == focus,
    )


def _look(box: Box) -> Look:
    if box.part == "decisions" or box.nodes[0].kind == "decision":
        return "decisions"
    kind = box.nodes[0].kind
    if box.part == "record" and kind in ("dataset", "run", "model", "policy", "deployment"):
        return kind  # type: ignore[return-value]  # one of the literals, as the line above says
    return "other"


def _words(box: Box, recalled: Collection[int]) -> tuple[str, str]:
    """Returns the two lines of a box."""
    kind, title = _kind_and_title(box)
    held = sum(node.index in recalled for node in box.nodes)
    if held:
        kind += ", under recall" if held == len(box.nodes) else f", {held:,} under recall"
    return kind, title


def _kind_and_title(box: Box) -> tuple[str, str]:
    first, count = box.nodes[0], len(box.nodes)
    if box.part == "decisions":
        made = counted(sum(node.decisions or 0 for node in box.nodes), "decision")
        return (f"of {counted(count, 'deployment')}", made) if box.is_group else ("made under it", made)
    if box.part in ("earlier", "later"):
        return ("further back" if box.part == "earlier" else "further on", counted(count, f"{box.part} record"))
    if not box.is_group:
        return kind_words(first), first.title
    noun = f"{count:,} {first.what} runs" if first.kind == "run" and first.what else _plural(count, first.kind)
    names = {node.name for node in box.nodes}
    return noun, f"{first.name}, {count} versions" if len(names) == 1 and first.version else _names(box.nodes)


def _plural(count: int, kind: str) -> str:
    return f"{count:,} policies" if kind == "policy" else counted(count, kind)


def _names(nodes: Iterable[Node]) -> str:
    names = list(dict.fromkeys(node.name for node in nodes))
    return f"{names[0]}, …" if len(names) > 1 else names[0]


def _width(kind: str, title: str) -> float:
    wanted = PADDING + max(_chars(title) * CHAR, _chars(kind) * CHAR * 0.85)
    return min(max(wanted, LEAST_WIDTH), MOST_WIDTH)


def _chars(text: str) -> float:
    return sum(_char(each) for each in text)


def _char(char: str) -> float:
    """Returns how wide a character is, in those of a usual one."""
    if combining(char):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1.25 if char.isupper() else 1


def _cut(text: str, most: float) -> str:
    """Returns the beginning of a text that is as wide as so many characters at most."""
    if _chars(text) <= most:
        return text
    width, kept = 1.0, ""
    for char in text:
        width += _char(char)
        if width > most:
            break
        kept += char
    return kept.rstrip() + "…"


def _arrows(links: Iterable[Link], routes: Mapping[tuple[str, str], Route]) -> list[Arrow]:
    arrows, taken = [], list[tuple[float, float, float]]()
    for link in sorted(links, key=lambda each: "differs" not in each.standings):  # what differs is labelled first
        route = routes[(link.parent, link.child)]
        standing, label = worst(*link.standings), _label(link.standings)
        x, y, is_free = _label_place(route, label, taken)
        if is_free or standing == "differs":
            taken.append((x, y, _label_width(label)))
        path = _path(route)
        arrows.append(Arrow(link.parent, link.child, path, standing, label, x, y, is_free or standing == "differs"))
    return arrows


def _label(standings: Mapping[Standing, int]) -> str:
    """Returns in words how well the steps of an arrow are known; of several, how many of each."""
    if len(standings) == 1:
        standing, count = next(iter(standings.items()))
        words = _SIGNS[standing] + STANDING_WORDS[standing]
        return words if count == 1 else f"{words} \N{MULTIPLICATION SIGN}{count:,}"
    ordered: tuple[Standing, ...] = ("differs", "rederived", "declared")
    told = [(_SIGNS[each], standings[each]) for each in ordered if each in standings]
    return ", ".join(f"{sign}{count:,}" if sign else f"{count:,} declared" for sign, count in told)


def _label_width(label: str) -> float:
    return len(label) * LABEL_CHAR


def _label_place(route: Route, label: str, taken: Iterable[tuple[float, float, float]]) -> tuple[float, float, bool]:
    """Returns where a label stands on the first or the last bend of its arrow, and whether nothing else is there."""
    bends = [route.points[each : each + 2] for each in range(0, len(route.points), 2)]
    width = _label_width(label)
    for bend in (bends[-1], bends[0]):
        for along in _ALONG:
            x, y = _on(bend, along)
            if all(abs(x - at) * 2 >= width + wide or abs(y - down) >= LABEL_HEIGHT for at, down, wide in taken):
                return x, y, True
    return (*_on(bends[-1], 0.5), False)


def _on(bend: tuple[tuple[float, float], ...], along: float) -> tuple[float, float]:
    """Returns a point of the curve that `_path` draws."""
    (x0, y0), (x1, y1) = bend
    back = 1 - along
    middle = (x0 + x1) / 2
    x = back**3 * x0 + 3 * back**2 * along * middle + 3 * back * along**2 * middle + along**3 * x1
    y = (back**3 + 3 * back**2 * along) * y0 + (3 * back * along**2 + along**3) * y1
    return round(x + MARGIN, 1), round(y + MARGIN, 1)


def _path(route: Route) -> str:
    points = [(round(x + MARGIN, 1), round(y + MARGIN, 1)) for x, y in route.points]
    path = f"M{points[0][0]} {points[0][1]}"
    for place in range(0, len(points), 2):
        (x0, y0), (x1, y1) = points[place : place + 2]
        if place:
            path += f"H{x0}"
        middle = round((x0 + x1) / 2, 1)
        path += f"C{middle} {y0} {middle} {y1} {x1} {y1}"
    return path


def _description(graph: Graph, boxes: Collection[Box]) -> str:
    counts = {standing: sum(edge.standing == standing for edge in graph.edges) for standing in STANDING_WORDS}
    told = [f"{counts['rederived']:,} re-derived", f"{counts['declared']:,} declared"]
    told += [f"{counts['differs']:,} came out differently"] if counts["differs"] else []
    said = f"{counted(len(graph.nodes), 'record')}, {counted(len(graph.edges), 'step')}: {', '.join(told)}."
    if not graph.is_whole:
        said += " There is more; only the nearest is shown."
    if any(box.is_group or box.part in ("earlier", "later") for box in boxes):
        said += " What is alike stands together in one box."
    return said
