"""Where boxes and arrows of a picture lie: in columns from left to right, every arrow going forward.

The steps are those of layered drawing (Sugiyama, Tagawa, Toda, "Methods for visual understanding of
hierarchical system structures", 1981): 1. what closes a circle is set aside; 2. each box stands one column
right of the last that it came from; 3. an arrow over several columns gets a slot in each; 4. columns are
put in an order with few crossings, by the mean place of neighbours; 5. heights follow the neighbours as far
as the order and the gaps allow. The same input gives the same picture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

__all__ = ["Layout", "Place", "Route", "layered", "layers"]

Id = TypeVar("Id", bound=Hashable)
Slot = Hashable

COLUMN_GAP: Final = 110.0
"""Between columns: room for an arrow and its label."""
BOX_GAP: Final = 22.0
"""Between boxes of a column, and between a box and an arrow that passes it."""
PASSING: Final = 8.0
"""Height of the slot in which an arrow passes a column."""
SWEEPS: Final = 6


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box lies: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Half way down."""
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Route:
    """How an arrow goes: (x, y) in pairs, each pair a bend over a gap. `is_back`: it closes a circle."""

    points: tuple[tuple[float, float], ...]
    is_back: bool


@dataclass(frozen=True, slots=True)
class Layout(Generic[Id]):
    """A picture: boxes by id, arrows by (parent, child), and its size."""

    places: Mapping[Id, Place]
    routes: Mapping[tuple[Id, Id], Route]
    width: float
    height: float


def layered(sizes: Mapping[Id, tuple[float, float]], links: Iterable[tuple[Id, Id]]) -> Layout[Id]:
    """Lays out boxes of these sizes (width, height) in the order given, and the arrows between them."""
    pairs = [pair for pair in dict.fromkeys(links) if pair[0] != pair[1]]
    forward, back = _without_circles(list(sizes), pairs)
    column_of = _layers(list(sizes), forward)
    columns, after = _slots(column_of, forward)
    before: dict[Slot, list[Slot]] = {}
    for slot, following in after.items():
        for each in following:
            before.setdefault(each, []).append(slot)
    _order(columns, before, after)
    heights: dict[Slot, float] = {slot: PASSING for column in columns for slot in column}
    heights |= {box: size[1] for box, size in sizes.items()}
    middles = _middles(columns, before, after, heights)
    top = min((middles[slot] - heights[slot] / 2 for slot in middles), default=0.0)
    widths = [0.0] * len(columns)
    for box, size in sizes.items():
        widths[column_of[box]] = max(widths[column_of[box]], size[0])
    lefts = [sum(widths[:each]) + COLUMN_GAP * each for each in range(len(columns))]
    places = {
        box: Place(
            _r(lefts[column_of[box]] + (widths[column_of[box]] - width) / 2),
            _r(middles[box] - top - height / 2),
            width,
            height,
        )
        for box, (width, height) in sizes.items()
    }
    routes = {}
    for parent, child in forward:
        passed = [
            (lefts[each], widths[each], middles[(parent, child, each)] - top)
            for each in range(column_of[parent] + 1, column_of[child])
        ]
        routes[(parent, child)] = Route(_points(places[parent], passed, places[child]), False)
    for parent, child in back:
        routes[(parent, child)] = Route(_points(places[parent], [], places[child]), True)
    bottom = max((middles[slot] - top + heights[slot] / 2 for slot in middles), default=0.0)
    return Layout(places, routes, _r(lefts[-1] + widths[-1]) if lefts else 0.0, _r(bottom))


def layers(boxes: Sequence[Id], links: Iterable[tuple[Id, Id]]) -> dict[Id, int]:
    """Returns the column of each box, from 0; a link goes to a higher one, unless it closes a circle."""
    pairs = [pair for pair in dict.fromkeys(links) if pair[0] != pair[1]]
    return _layers(boxes, _without_circles(boxes, pairs)[0])


def _without_circles(
    boxes: Sequence[Id], links: Sequence[tuple[Id, Id]]
) -> tuple[list[tuple[Id, Id]], list[tuple[Id, Id]]]:
    """Returns the links that make no circle, and those that would close one; depth first, in the order given."""
    out: dict[Id, list[Id]] = {box: [] for box in boxes}
    for parent, child in links:
        out[parent].append(child)
    open_now: set[Id] = set()
    done: set[Id] = set()
    back: set[tuple[Id, Id]] = set()
    for root in boxes:
        trail = [(root, out[root][::-1])] if root not in done else []
        open_now |= {root} if trail else set()
        while trail:
            at, rest = trail[-1]
            if not rest:
                trail.pop()
                open_now.discard(at)
                done.add(at)
                continue
            child = rest.pop()
            if child in open_now:
                back.add((at, child))
            elif child not in done:
                open_now.add(child)
                trail.append((child, out[child][::-1]))
    return [pair for pair in links if pair not in back], [pair for pair in links if pair in back]


def _layers(boxes: Sequence[Id], forward: Sequence[tuple[Id, Id]]) -> dict[Id, int]:
    """Returns columns by the longest way; what came from nothing stands close to what came from it."""
    out: dict[Id, list[Id]] = {box: [] for box in boxes}
    missing = dict.fromkeys(boxes, 0)
    for parent, child in forward:
        out[parent].append(child)
        missing[child] += 1
    roots = [box for box in boxes if not missing[box]]
    column = dict.fromkeys(boxes, 0)
    ready = deque(roots)
    while ready:
        at = ready.popleft()
        for child in out[at]:
            column[child] = max(column[child], column[at] + 1)
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    for root in roots:
        if out[root]:
            column[root] = min(column[child] for child in out[root]) - 1
    least = min(column.values(), default=0)
    return {box: each - least for box, each in column.items()}


def _slots(
    column_of: Mapping[Id, int], forward: Sequence[tuple[Id, Id]]
) -> tuple[list[list[Slot]], dict[Slot, list[Slot]]]:
    """Returns what stands in each column, boxes and passing arrows, and what each leads to in the next one."""
    columns: list[list[Slot]] = [[] for _ in range(max(column_of.values(), default=-1) + 1)]
    after: dict[Slot, list[Slot]] = {}
    for box, column in column_of.items():
        columns[column].append(box)
    for parent, child in forward:
        at: Slot = parent
        for column in range(column_of[parent] + 1, column_of[child]):
            passing = (parent, child, column)
            columns[column].append(passing)
            after.setdefault(at, []).append(passing)
            at = passing
        after.setdefault(at, []).append(child)
    return columns, after


def _order(columns: list[list[Slot]], before: Mapping[Slot, list[Slot]], after: Mapping[Slot, list[Slot]]) -> None:
    """Puts each column in the order of its neighbours' mean places, from the left and from the right in turns."""
    for sweep in range(SWEEPS):
        is_forth = sweep % 2 == 0
        neighbours = before if is_forth else after
        for index in range(1, len(columns)) if is_forth else range(len(columns) - 2, -1, -1):
            beside = {slot: place for place, slot in enumerate(columns[index - 1 if is_forth else index + 1])}
            wanted = {
                slot: _mean([beside[each] for each in neighbours.get(slot, ())], place)
                for place, slot in enumerate(columns[index])
            }
            columns[index].sort(key=wanted.__getitem__)


def _middles(
    columns: Sequence[Sequence[Slot]],
    before: Mapping[Slot, list[Slot]],
    after: Mapping[Slot, list[Slot]],
    heights: Mapping[Slot, float],
) -> dict[Slot, float]:
    """Returns how far down the middle of each slot is, as near to its neighbours as the order allows."""
    middles: dict[Slot, float] = {}
    for column in columns:
        middles |= _spread(column, dict.fromkeys(column, 0.0), heights)
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = {}
            for slot in column:
                beside = before.get(slot, []) if sweep % 2 == 0 else after.get(slot, [])
                wanted[slot] = _mean([middles[each] for each in beside], middles[slot])
            middles |= _spread(column, wanted, heights)
    return middles


def _spread(column: Sequence[Slot], wanted: Mapping[Slot, float], heights: Mapping[Slot, float]) -> dict[Slot, float]:
    """Returns middles in this order and without overlaps whose squared distance to those wanted is least.

    Shifted by the room that the slots above need, the middles may only grow: isotonic regression, solved by
    pooling neighbours that are in the wrong order.
    """
    shift, shifts = 0.0, []
    for place, slot in enumerate(column):
        if place:
            shift += (heights[column[place - 1]] + heights[slot]) / 2 + BOX_GAP
        shifts.append(shift)
    pools: list[tuple[float, int]] = []
    for slot, shift in zip(column, shifts, strict=True):
        total, count = wanted[slot] - shift, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / count:
            more, number = pools.pop()
            total, count = total + more, count + number
        pools.append((total, count))
    levels = [total / count for total, count in pools for _ in range(count)]
    return {slot: level + shift for slot, level, shift in zip(column, levels, shifts, strict=True)}


def _points(
    parent: Place, passed: Sequence[tuple[float, float, float]], child: Place
) -> tuple[tuple[float, float], ...]:
    """Returns the ends of each bend; between two bends an arrow goes straight through a column."""
    points = [(parent.x + parent.width, parent.middle)]
    for left, width, middle in passed:
        points += [(left, middle), (left + width, middle)]
    points.append((child.x, child.middle))
    return tuple((_r(x), _r(y)) for x, y in points)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _r(value: float) -> float:
    return round(value, 1)
