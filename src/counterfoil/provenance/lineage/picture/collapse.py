"""A graph as few enough boxes to be read: what is alike stands together, and is opened one by one.

Together stand, until few enough boxes are left, only records of one column and one kind: first those with the same
neighbours, then those of one name, then all of them; at last what lies far from the record that was asked
for. Arrows between columns go on going forward.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from counterfoil.provenance.lineage.graph import Graph, Node, Standing
from counterfoil.provenance.lineage.picture.layout import layers

__all__ = ["MOST_BOXES", "OPENED_AT_ONCE", "Box", "Collapsed", "Link", "Part", "collapsed"]

MOST_BOXES: Final = 60
"""Boxes that are shown unless somebody opens some."""

OPENED_AT_ONCE: Final = 40
"""Records that opening a box lays out; the others stay together, and can be opened in turn."""

Part: TypeAlias = Literal["record", "decisions", "earlier", "later"]
"""What a box stands for: records; decisions of deployments; all that lies further back, or further on."""


@dataclass(frozen=True, slots=True)
class Box:
    """One or several records that are shown as one.

    Attributes:
        id: Unique in its picture.
        part: What it stands for.
        nodes: The records, ascending; of `decisions` the deployments that made them.
    """

    id: str
    part: Part
    nodes: tuple[Node, ...]

    @property
    def is_group(self) -> bool:
        """Whether it stands for several records."""
        return len(self.nodes) > 1


@dataclass(frozen=True, slots=True)
class Link:
    """The steps from the records of one box to those of another, by standing."""

    parent: str
    child: str
    standings: Mapping[Standing, int]


@dataclass(frozen=True, slots=True)
class Collapsed:
    """Boxes and links, in the order of the records."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A record, or the decisions of a deployment."""

    id: str
    part: Part
    node: Node


Steps: TypeAlias = "dict[tuple[str, str], Counter[Standing]]"
Groups: TypeAlias = dict[str, str]
"""The first unit of its group, for each unit."""


def collapsed(graph: Graph, focus: int, *, opened: Collection[int] = (), most: int = MOST_BOXES) -> Collapsed:
    """Returns a graph as at most so many boxes, and what was opened of them.

    Args:
        graph: The graph.
        focus: Place of the record that was asked for; it stands alone.
        opened: Places of the first records of the boxes to be opened.
        most: Boxes at most; more than 10, so that there is room for each kind around the record.
    """
    units = {unit.id: unit for unit in _units(graph)}
    steps = _steps(graph)
    column = layers(list(units), steps)
    alone = f"r{focus}"
    groups: Groups = {each: each for each in units}
    for key in _keys(units, steps, column):
        groups = _joined(groups, key, alone, most)
    groups, freed = _opened(groups, {f"{kind}{place}" for kind in "rd" for place in opened})
    groups |= _beyond(groups, column, alone, most + freed)
    return _assembled(units, steps, groups)


def _units(graph: Graph) -> Iterator[_Unit]:
    for node in graph.nodes:
        yield _Unit(f"r{node.index}", "record", node)
        if node.decisions:
            yield _Unit(f"d{node.index}", "decisions", node)


def _steps(graph: Graph) -> Steps:
    """Returns the standings of the steps between units, by parent and child."""
    steps: Steps = {}
    for edge in graph.edges:
        steps.setdefault((f"r{edge.parent}", f"r{edge.child}"), Counter())[edge.standing] += 1
    for node in graph.nodes:
        if node.decisions:
            steps[(f"r{node.index}", f"d{node.index}")] = Counter({"declared": 1})
    return steps


def _keys(
    units: Mapping[str, _Unit], steps: Iterable[tuple[str, str]], column: Mapping[str, int]
) -> Iterator[Callable[[str], Hashable]]:
    """Yields by what units are put together, from what is most alike to what is least."""
    parents: dict[str, set[str]] = {}
    children: dict[str, set[str]] = {}
    for parent, child in steps:
        parents.setdefault(child, set()).add(parent)
        children.setdefault(parent, set()).add(child)

    def kind(each: str) -> tuple[Hashable, ...]:
        unit = units[each]
        return (column[each], unit.part, unit.node.kind, unit.node.what)

    def neighbours(each: str) -> tuple[Hashable, ...]:
        return (frozenset(parents.get(each, ())), frozenset(children.get(each, ())))

    yield lambda each: (*kind(each), *neighbours(each))
    yield lambda each: (*kind(each), units[each].node.name)
    yield kind


def _joined(groups: Groups, key: Callable[[str], Hashable], alone: str, most: int) -> Groups:
    """Puts together what has the same key, the largest first, until few enough groups are left."""
    alike: dict[Hashable, dict[str, None]] = {}
    for unit, first in groups.items():
        if unit != alone:
            alike.setdefault(key(unit), {})[first] = None
    left = len(set(groups.values()))
    to: Groups = {}
    for firsts in sorted(alike.values(), key=len, reverse=True):
        if left <= most or len(firsts) < 2:
            break
        ends = dict.fromkeys(_end(to, each) for each in firsts)
        kept = next(iter(ends))
        to |= {each: kept for each in ends if each != kept}
        left -= len(ends) - 1
    return {unit: _end(to, first) for unit, first in groups.items()}


def _end(to: Groups, first: str) -> str:
    while first in to:
        first = to[first]
    return first


def _opened(groups: Groups, opened: Collection[str]) -> tuple[Groups, int]:
    """Lays out the first records of the groups that were opened; returns how many boxes that makes more."""
    members: dict[str, list[str]] = {}
    for unit, first in groups.items():
        members.setdefault(first, []).append(unit)
    made, freed = dict(groups), 0
    for each in members.values():
        rest = each
        while len(rest) > 1 and rest[0] in opened:
            shown, rest = rest[:OPENED_AT_ONCE], rest[OPENED_AT_ONCE:]
            made |= {unit: unit for unit in shown} | dict.fromkeys(rest, rest[0] if rest else "")
            freed += len(shown)
    return made, freed


def _beyond(groups: Groups, column: Mapping[str, int], alone: str, most: int) -> Groups:
    """Returns what is too far from the record that was asked for, in columns at both ends."""
    boxes = Counter(column[first] for first in set(groups.values()))
    first = last = column[alone]
    left = most - boxes[first] - 2
    if boxes.total() <= most:
        return {}
    while True:
        before, after = boxes.get(first - 1, 0), boxes.get(last + 1, 0)
        if before and before <= left:
            first, left = first - 1, left - before
        elif not (after and after <= left):
            break
        if after and after <= left:
            last, left = last + 1, left - after
    ends = {each: "earlier" for each in groups if column[each] < first}
    return ends | {each: "later" for each in groups if column[each] > last}


def _assembled(units: Mapping[str, _Unit], steps: Steps, groups: Groups) -> Collapsed:
    members: dict[str, dict[int, Node]] = {}
    parts: dict[str, Part] = {}
    for each, unit in units.items():
        group = groups[each]
        members.setdefault(group, {})[unit.node.index] = unit.node
        parts[group] = "earlier" if group == "earlier" else "later" if group == "later" else unit.part
    boxes = tuple(Box(group, parts[group], tuple(nodes.values())) for group, nodes in members.items())
    between: Steps = {}
    for (parent, child), standings in steps.items():
        if groups[parent] != groups[child]:
            between.setdefault((groups[parent], groups[child]), Counter()).update(standings)
    return Collapsed(boxes, tuple(Link(*pair, dict(standings)) for pair, standings in between.items()))
