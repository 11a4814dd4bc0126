"""Where a graph's boxes, lines and labels stand on a page, in pixels. Says nothing of how they look. Pure.

Worked out in two directions: `along` the flow and `across` it. A graph too wide to read from top to bottom flows from
left to right. Lines bend between two layers alone, and a loop goes around its layers, so that none runs through a box.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple, TypeAlias

from runtime.graph import Edge, Graph, Node, NodeId, adjacency
from runtime.views.drawing import critical_edges, label, plain
from runtime.views.layout import BEND, GAP, Bend, Layout, Place, lay_out

ID_SIZE, TYPE_SIZE, LABEL_SIZE = 13.0, 11.0, 11.0
LONGEST_TEXT = 36
BOX_HEIGHT, LEAST_WIDTH, PADDING = 46.0, 84.0, 14.0
WIDEST_DOWNWARD = 1100.0
LEAST_GAP, WIDEST_GAP, LABEL_HEIGHT, ARCH = 48.0, 90.0, 17.0, 30.0


class Point(NamedTuple):
    x: float
    y: float


Curve: TypeAlias = tuple[Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Box:
    """A step's rectangle: its middle and its size."""

    step: NodeId
    middle: Point
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """All edges from one step to another as one line: Bézier curves of four points each, end to end."""

    edges: tuple[Edge, ...]
    curves: tuple[Curve, ...]
    critical: bool

    @property
    def back(self) -> bool:
        return self.edges[0].back


@dataclass(frozen=True, slots=True)
class Label:
    text: str
    middle: Point
    width: float
    height: float = LABEL_HEIGHT

    def touches(self, other: Label) -> bool:
        apart_x = abs(self.middle.x - other.middle.x) - (self.width + other.width) / 2
        apart_y = abs(self.middle.y - other.middle.y) - (self.height + other.height) / 2
        return apart_x < 2 and apart_y < 1


@dataclass(frozen=True)
class Page:
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]

    @cached_property
    def corners(self) -> tuple[Point, Point]:
        """The upper left and the lower right corner of all there is."""
        around = [(box.middle, box.width, box.height) for box in self.boxes]
        around += [(label.middle, label.width, label.height) for label in self.labels]
        around += [(point, 2, 2) for line in self.lines for curve in line.curves for point in curve]
        xs = [at.x + side * width / 2 for at, width, _ in around for side in (-1, 1)] or [0.0]
        ys = [at.y + side * height / 2 for at, _, height in around for side in (-1, 1)] or [0.0]
        return Point(min(xs), min(ys)), Point(max(xs), max(ys))


def text_width(text: str, size: float) -> float:
    """About the width in pixels of text in a monospaced font; East Asian wide characters count twice."""
    return 0.61 * size * sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def shorten(text: str, most: int = LONGEST_TEXT) -> str:
    """Text of at most so many characters (an even number), the middle left out."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[1 - most // 2 :]}"


def label_of(edges: Sequence[Edge]) -> str:
    """The actions of edges between the same two steps; nothing for the default one alone."""
    said = [label(edge) for edge in edges]
    return ", ".join(each or "default" for each in said) if any(said) else ""


def page_of(graph: Graph) -> Page:
    """Everything's place on the page; its upper left corner may be anywhere. Raises Cycle."""
    forward = ((edge.source, edge.target) for edge in graph.visible_edges if not edge.back)
    links = adjacency([step.id for step in graph.steps], forward)
    widths = {step.id: _box_width(step) for step in graph.steps}
    layout = lay_out(links, widths.__getitem__)
    down = all(_breadth(layer, widths) <= WIDEST_DOWNWARD for layer in layout.layers)
    if not down:
        layout = lay_out(links, lambda _: BOX_HEIGHT, gap=GAP / 2)
    grid = _Grid(graph, layout, widths, down)
    lines = tuple(sorted(grid.lines(), key=lambda line: line.critical))
    return Page(tuple(grid.boxes()), lines, tuple(_labels(lines)))


def _box_width(step: Node) -> float:
    texts = ((step.id, ID_SIZE), (step.type, TYPE_SIZE))
    return max(LEAST_WIDTH, *(text_width(shorten(plain(text)), size) + 2 * PADDING for text, size in texts))


def _label_width(text: str) -> float:
    return text_width(shorten(text), LABEL_SIZE) + 8


def _breadth(layer: Sequence[Place[NodeId]], widths: Mapping[NodeId, float]) -> float:
    return sum(BEND if isinstance(place, Bend) else widths[place] + GAP for place in layer)


class _Grid:
    """The layout with a depth for each layer. A spot (across, along) becomes a point of the page at the end."""

    def __init__(self, graph: Graph, layout: Layout[NodeId], widths: Mapping[NodeId, float], down: bool) -> None:
        self.layout, self.widths, self.down = layout, widths, down
        self.critical = critical_edges(graph)
        self.edges: dict[tuple[NodeId, NodeId, bool], list[Edge]] = {}
        for edge in graph.visible_edges:
            self.edges.setdefault((edge.source, edge.target, edge.back), []).append(edge)
        self.level = {place: at for at, layer in enumerate(layout.layers) for place in layer}
        depths = [self.depth(layer) for layer in layout.layers]
        rooms = [depth + gap for depth, gap in zip(depths, self.gaps(), strict=True)]
        self.begins = [end - room for end, room in zip(accumulate(rooms), rooms, strict=True)]
        self.ends = [begin + depth for begin, depth in zip(self.begins, depths, strict=True)]
        self.sides = [max(layout.across[place] + self.breadth(place) / 2 for place in layer) for layer in layout.layers]

    def breadth(self, place: Place[NodeId]) -> float:
        if isinstance(place, Bend):
            return BEND
        return self.widths[place] if self.down else BOX_HEIGHT

    def depth(self, layer: Sequence[Place[NodeId]]) -> float:
        return BOX_HEIGHT if self.down else max(self.widths[place] for place in layer if not isinstance(place, Bend))

    def gaps(self) -> list[float]:
        """The room after each layer: more where lines go far to the side or bear labels."""
        far, said = ([0.0] * len(self.layout.layers) for _ in range(2))
        for way in self.layout.ways.values():
            for one, other in pairwise(way):
                at, aside = self.level[one], abs(self.layout.across[one] - self.layout.across[other])
                far[at] = max(far[at], aside)
        for (source, _, back), edges in self.edges.items():
            if (text := label_of(edges)) and not back:
                at, room = self.level[source], LABEL_HEIGHT if self.down else _label_width(text)
                said[at] = max(said[at], room)
        return [LEAST_GAP + min(aside * 0.08, WIDEST_GAP) + room for aside, room in zip(far, said, strict=True)]

    def point(self, across: float, along: float) -> Point:
        return Point(across, along) if self.down else Point(along, across)

    def boxes(self) -> Iterator[Box]:
        for at, layer in enumerate(self.layout.layers):
            for place in layer:
                if not isinstance(place, Bend):
                    middle = self.point(self.layout.across[place], (self.begins[at] + self.ends[at]) / 2)
                    yield Box(place, middle, self.widths[place] if self.down else self.depth(layer), BOX_HEIGHT)

    def lines(self) -> Iterator[Line]:
        for (source, target, back), edges in self.edges.items():
            curves = self.around(source, target, label_of(edges)) if back else self.through(source, target)
            yield Line(tuple(edges), tuple(curves), not self.critical.isdisjoint(edges))

    def through(self, source: NodeId, target: NodeId) -> Iterator[Curve]:
        """From layer to layer, straight where a bend passes one."""
        for one, other in pairwise(self.layout.ways[source, target]):
            left, right = self.layout.across[one], self.layout.across[other]
            begin, end = self.ends[self.level[one]], self.begins[self.level[other]]
            yield self.curve((left, begin), (left, (begin + end) / 2), (right, (begin + end) / 2), (right, end))
            if isinstance(other, Bend):
                yield self.straight(right, end, self.ends[other.layer])

    def around(self, source: NodeId, target: NodeId, text: str) -> Iterator[Curve]:
        """Out of the end of a step, beside all layers back, and in where the other begins."""
        first, last = sorted((self.level[source], self.level[target]))
        half = 7 + (_label_width(text) if self.down else LABEL_HEIGHT) / 2
        lane = max(self.sides[first : last + 1]) + half
        self.sides[first : last + 1] = [lane + half] * (last + 1 - first)
        leave, enter = (self.layout.across[step] + self.breadth(step) / 4 for step in (source, target))
        low, high = self.ends[self.level[source]], self.begins[self.level[target]]
        yield self.curve((leave, low), (leave, low + ARCH), (lane, low + ARCH), (lane, low))
        yield self.straight(lane, low, high)
        yield self.curve((lane, high), (lane, high - ARCH), (enter, high - ARCH), (enter, high))

    def curve(self, *spots: tuple[float, float]) -> Curve:
        one, two, three, four = (self.point(*spot) for spot in spots)
        return one, two, three, four

    def straight(self, across: float, begin: float, end: float) -> Curve:
        return self.curve((across, begin), (across, begin), (across, end), (across, end))


def _labels(lines: Sequence[Line]) -> Iterator[Label]:
    """Each label on its line, at the first spot where none stands yet, else in the middle."""
    taken = list[Label]()
    for line in lines:
        if text := shorten(label_of(line.edges)):
            curve = line.curves[1 if line.back else 0]
            free = [Label(text, on_curve(curve, at), _label_width(text)) for at in (0.5, 0.8, 0.2, 0.65, 0.35)]
            taken.append(next((one for one in free if not any(map(one.touches, taken))), free[0]))
    yield from taken


def on_curve(curve: Curve, at: float) -> Point:
    """The point of a Bézier curve at a share of its way."""
    shares = ((1 - at) ** 3, 3 * at * (1 - at) ** 2, 3 * at**2 * (1 - at), at**3)
    return Point(*(sum(share * spot[axis] for share, spot in zip(shares, curve, strict=True)) for axis in (0, 1)))
