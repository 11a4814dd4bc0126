"""A graph as a picture: one self-contained SVG, without scripts, styles or foreign fonts. All text is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from runtime.graph import Graph, NodeId
from runtime.views.drawing import longest_path, plain
from runtime.views.geometry import (
    ID_SIZE,
    LABEL_SIZE,
    TYPE_SIZE,
    Box,
    Label,
    Line,
    Page,
    Point,
    label_of,
    page_of,
    shorten,
    text_width,
)

PAPER, INK, FAINT, LINE, FRAME = "#ffffff", "#1e293b", "#64748b", "#94a3b8", "#cbd5e1"
CRITICAL, CRITICAL_FILL, LOOP = "#c2410c", "#fff7ed", "#6d28d9"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
MARGIN, HEADER = 24.0, 44.0
NAME_SIZE, LONGEST_NAME = 15.0, 80


def render(graph: Graph) -> str:
    """The SVG document; the critical path stands out in colour and weight, loops are dashed. Raises Cycle."""
    page, path = page_of(graph), longest_path(graph)
    critical = set(path)
    name, told = shorten(plain(graph.name or "workflow"), LONGEST_NAME), _told(graph, path)
    left_top, size = _frame(page, max(text_width(name, NAME_SIZE), text_width(told, LABEL_SIZE) + 32))
    move = f"translate({_n(MARGIN - left_top.x)} {_n(MARGIN + HEADER - left_top.y)})"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(size.x)} {_n(size.y)}" width="{_n(size.x)}"'
            f' height="{_n(size.y)}" role="img" aria-label="{_text(f"{name}: {told}")}" font-family="{MONO}">',
            f"<title>{_text(name)}</title>",
            f"<desc>{_text(_described(graph, path))}</desc>",
            "<defs>",
            *(_arrow(kind, colour) for kind, colour in (("line", LINE), ("critical", CRITICAL), ("loop", LOOP))),
            "</defs>",
            f'<rect width="100%" height="100%" fill="{PAPER}"/>',
            *_header(name, told),
            f'<g transform="{move}">',
            *(_line(line) for line in page.lines),
            *(_label(label) for label in page.labels),
            *(line for box in page.boxes for line in _box(box, graph, box.step in critical)),
            "</g>",
            "</svg>",
        ]
    )


def _told(graph: Graph, path: list[NodeId]) -> str:
    return f"critical path: {len(path)} of {len(graph.steps)} steps"


def _described(graph: Graph, path: list[NodeId]) -> str:
    edges = (
        f"{edge.source} to {edge.target}" + (f" ({label_of([edge])})" if label_of([edge]) else "")
        for edge in graph.visible_edges
    )
    return f"Critical path: {', '.join(path)}. Edges: {'; '.join(edges) or 'none'}."


def _frame(page: Page, least_width: float) -> tuple[Point, Point]:
    """The upper left corner of what is drawn, and the size of the whole; a narrow drawing stands in the middle."""
    begin, end = page.corners
    width = max(end.x - begin.x, least_width)
    left = begin.x - (width - (end.x - begin.x)) / 2
    return Point(left, begin.y), Point(width + 2 * MARGIN, end.y - begin.y + HEADER + 2 * MARGIN)


def _header(name: str, told: str) -> Iterator[str]:
    yield f'<text x="{_n(MARGIN)}" y="34" font-size="{NAME_SIZE:g}" font-weight="600" fill="{INK}">{_text(name)}</text>'
    yield f'<path d="M{_n(MARGIN)} 50h20" stroke="{CRITICAL}" stroke-width="2.5"/>'
    yield f'<text x="{_n(MARGIN + 28)}" y="54" font-size="{LABEL_SIZE:g}" fill="{FAINT}">{_text(told)}</text>'


def _arrow(kind: str, colour: str) -> str:
    return (
        f'<marker id="plait-{kind}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9"'
        f' markerUnits="userSpaceOnUse" orient="auto"><path d="M0 1L10 5L0 9z" fill="{colour}"/></marker>'
    )


def _line(line: Line) -> str:
    kind, colour, weight = "line", LINE, "1.5"
    if line.back:
        kind, colour, weight = "loop", LOOP, '1.5" stroke-dasharray="5 4'
    elif line.critical:
        kind, colour, weight = "critical", CRITICAL, "2.5"
    ways = " ".join("C" + " ".join(_at(point) for point in curve[1:]) for curve in line.curves)
    return (
        f'<path d="M{_at(line.curves[0][0])} {ways}" fill="none" stroke="{colour}" stroke-width="{weight}"'
        f' marker-end="url(#plait-{kind})"/>'
    )


def _label(label: Label) -> str:
    corner = f'x="{_n(label.middle.x - label.width / 2)}" y="{_n(label.middle.y - label.height / 2)}"'
    return (
        f'<rect {corner} width="{_n(label.width)}" height="{_n(label.height)}" rx="4" fill="{PAPER}"/>'
        + f'<text x="{_n(label.middle.x)}" y="{_n(label.middle.y + 4)}" font-size="{LABEL_SIZE:g}" fill="{INK}"'
        f' text-anchor="middle">{_text(label.text)}</text>'
    )


def _box(box: Box, graph: Graph, critical: bool) -> Iterator[str]:
    node, x, y = graph.nodes[box.step], _n(box.middle.x), box.middle.y
    frame = (
        f'fill="{CRITICAL_FILL}" stroke="{CRITICAL}" stroke-width="2"'
        if critical
        else f'fill="{PAPER}" stroke="{FRAME}" stroke-width="1.5"'
    )
    corner = f'x="{_n(box.middle.x - box.width / 2)}" y="{_n(y - box.height / 2)}"'
    said = ": ".join(filter(None, (f"{node.id} ({node.type})", node.purpose)))
    yield f"<g><title>{_text(said)}</title>"
    yield f'<rect {corner} width="{_n(box.width)}" height="{_n(box.height)}" rx="8" {frame}/>'
    yield (
        f'<text x="{x}" y="{_n(y - 3)}" font-size="{ID_SIZE:g}" font-weight="600" fill="{INK}" text-anchor="middle">'
        f"{_text(shorten(plain(node.id)))}</text>"
    )
    yield (
        f'<text x="{x}" y="{_n(y + 13)}" font-size="{TYPE_SIZE:g}" fill="{FAINT}" text-anchor="middle">'
        f"{_text(shorten(plain(node.type)))}</text></g>"
    )


def _at(point: Point) -> str:
    return f"{_n(point.x)} {_n(point.y)}"


def _n(number: float) -> str:
    """A length with at most one decimal."""
    return f"{round(number, 1) + 0:g}" if abs(number) < 1e5 else f"{number:.1f}"


def _text(text: str) -> str:
    return escape(plain(text))
